"""The host's side of the zygote: start it, boot and cut boards, hear what they do by themselves."""

import json
import os
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any

from host_tools.environment import without_secrets
from host_tools.errors import ToolError
from host_tools.setup.paths import REPOSITORY
from host_tools.sim.shims import shim_folder

ANSWER_S = 30
STOP_S = 3

Json = dict[str, Any]


class ZygoteHost:
    """Calls block until the zygote has done it (a fork is a millisecond). Not for several threads."""

    def __init__(self, log: Path | None = None) -> None:
        ours, theirs = socket.socketpair()
        ours.settimeout(ANSWER_S)
        self._socket = ours
        self._received = b""
        self._events: deque[Json] = deque()
        self._last_id = 0
        command = [sys.executable, "-m", "host_tools.sim.zygote", str(theirs.fileno()), str(shim_folder())]
        environment = {**without_secrets(), "PYTHONPATH": str(REPOSITORY)}
        with (log or Path(os.devnull)).open("ab") as out, theirs:
            # a session of its own: Ctrl-C is for `sim up`, which then ends the boards in order
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out if log else None,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                env=environment,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def fileno(self) -> int:
        """Readable when there are events: for an event loop."""
        return self._socket.fileno()

    def boot(self, board: str, folder: Path, **how: Any) -> int:
        """Switch a board on; answers the pid of its VM. `how`: tty, raw and cause as zygote.py says."""
        return self._ask({"cmd": "boot", "board": board, "folder": str(folder.resolve()), **how})

    def cut(self, board: str) -> int:
        """Take a board's power away; it is dead when this returns."""
        return self._ask({"cmd": "cut", "board": board})

    def brownout(self, board: str) -> int:
        """Let a board's supply sag: it resets itself, and the register of the reset cause says so."""
        return self._ask({"cmd": "brownout", "board": board})

    def forget(self, board: str) -> int:
        """Take a board's power away and drop what is known of it."""
        return self._ask({"cmd": "forget", "board": board})

    def events(self) -> list[Json]:
        """What boards did since the last call: resets, ends, crashes. Does not wait."""
        self._socket.settimeout(0)
        try:
            while self._read():
                pass
        except BlockingIOError:
            pass
        finally:
            self._socket.settimeout(ANSWER_S)
        found = list(self._events)
        self._events.clear()
        return found

    def wait_event(self, timeout_s: float = ANSWER_S) -> Json:
        """The next event; TimeoutError when there is none in time."""
        self._socket.settimeout(timeout_s)
        try:
            while not self._events:
                self._read()
        finally:
            self._socket.settimeout(ANSWER_S)
        return self._events.popleft()

    def stop(self) -> None:
        """End the zygote and with it all boards."""
        self._socket.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> "ZygoteHost":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _read(self) -> list[Json]:
        """One read: answers are returned, events kept."""
        data = self._socket.recv(65536)
        if not data:
            raise ToolError("the process of the simulated boards has ended")
        *lines, self._received = (self._received + data).split(b"\n")
        answers = []
        for line in lines:
            message = json.loads(line)
            if "event" in message:
                self._events.append(message)
            else:
                answers.append(message)
        return answers

    def _ask(self, request: Json) -> int:
        self._last_id += 1
        request["id"] = self._last_id
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while True:
            for answer in self._read():
                if answer["id"] == self._last_id:
                    if "error" in answer:
                        raise ToolError(f"{request['board']}: {answer['error']}")
                    return int(answer["pid"])
