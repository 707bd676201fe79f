"""Run a command that ends when the process that started it ends, however that happens.

    python -I -S die_with_parent.py PARENT_PID COMMAND ARGUMENT ...

Replaces itself by the command, so the process id stays. Linux only; elsewhere the command just runs. It also
raises the limit of open files, for a broker with a thousand boards.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent = int(sys.argv[1])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit("the parent has gone already")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.execv(sys.argv[2], sys.argv[2:])


if __name__ == "__main__":
    main()
