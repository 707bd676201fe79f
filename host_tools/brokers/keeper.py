"""Run a broker, and run it again when somebody ends it in order, to take over its configuration anew.

    python -I -S keeper.py PARENT_PID COMMAND ARGUMENT ...

Ends with the process that started it, however that happens (Linux; elsewhere only in order), and ends the
broker before that, in order, so that it keeps what it has to. A broker that fails is not started again: its
exit status is this program's.
"""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1
STARTS_MAX = 20
WITHIN_S = 60.0
STOP_S = 5


def signal_with_parent(number: signal.Signals) -> None:
    """That one comes when the parent has ended; not to a program that changes its user after this."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)


def die() -> None:
    signal_with_parent(signal.SIGKILL)


class Keeper:
    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False

    def stop(self, *_: object) -> None:
        self._stopping = True
        if self._child is not None:
            self._child.terminate()
            self._child.send_signal(signal.SIGCONT)  # a frozen one could not hear it
            signal.alarm(STOP_S)

    def kill(self, *_: object) -> None:
        if self._child is not None:
            self._child.kill()

    def run(self) -> int:
        starts: list[float] = []
        while True:
            now = time.monotonic()
            starts = [*(at for at in starts if now - at < WITHIN_S), now]
            if len(starts) > STARTS_MAX:
                print("the broker was ended too often; not started again", file=sys.stderr)
                return 1
            self._child = subprocess.Popen(self._command, preexec_fn=die)
            if self._stopping:
                self.stop()
            status = self._child.wait()
            if self._stopping or status:
                return status if status >= 0 else 128 - status


def main() -> int:
    parent = int(sys.argv[1])
    keeper = Keeper(sys.argv[2:])
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, keeper.stop)
    signal.signal(signal.SIGALRM, keeper.kill)
    signal_with_parent(signal.SIGTERM)
    if sys.platform == "linux" and os.getppid() != parent:
        sys.exit("the parent has gone already")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return keeper.run()


if __name__ == "__main__":
    sys.exit(main())
