"""The image of a boot: a VM that has loaded the shims and what each boot of a board imports from its flash,
and then stands still. Lives are forked from it, and differ from others only in that they need not load that.

The code is the shipped one: a life is only made of the image while all that the flash has of it is byte for
byte what the image was made from (`fits`). What a boot imports is what another one noted (vm/_image.py).

It is a process of its own (womb.py), for a fork costs what the process holds.
"""

import json
import mmap
import os
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

from host_tools.environment import without_secrets
from host_tools.setup.paths import REPOSITORY
from host_tools.sim.flash import Template
from host_tools.sim.world import LOG_FILE
from host_tools.storm.machine import life, womb
from host_tools.storm.machine.clocks import Clocks
from host_tools.storm.machine.life import Birth


class Image:
    def __init__(self, folder: Path, shims: Path, clocks: Clocks, template: Template, imports: str) -> None:
        """`folder` has world and flash of such a board as it comes from the cable, and may go when this is
        made. `imports`: what boots import, by line. Raises ChildProcessError."""
        self._code = template.code()
        (folder / womb.IMPORTS_FILE).write_text(imports, encoding="utf-8")
        self._end, theirs = socket.socketpair()
        clocks.begin(0, 0, 0, False)
        with theirs:
            self._process = subprocess.Popen(
                womb.command(folder, shims, clocks.fd, theirs.fileno()),
                stdin=subprocess.DEVNULL,
                pass_fds=(clocks.fd, theirs.fileno()),
                env={**without_secrets(), "PYTHONPATH": str(REPOSITORY)},
            )
        try:
            self._read_pid()
        except ChildProcessError as error:
            said = (folder / LOG_FILE).read_text(encoding="utf-8", errors="replace")
            raise ChildProcessError(f"{error}: {said}") from None

    def fits(self, flash: bytes | mmap.mmap) -> bool:
        """Whether a board with this flash would load what the image has. The first two blocks, where the
        filesystem begins, are not looked at: a boot reads them itself."""
        return all(flash[at : at + len(content)] == content for at, content in self._code)

    def begin(self, birth: Birth) -> tuple[int, socket.socket]:
        """As life.begin()."""
        life.set_clock(birth)
        ours, theirs = socket.socketpair()
        order = {"folder": str(birth.folder.absolute()), "seed": birth.seed, "number": birth.number}
        socket.send_fds(self._end, [json.dumps(order).encode()], [theirs.fileno()])
        theirs.close()
        pid = self._read_pid()
        with suppress(ProcessLookupError):  # it has ended
            os.sched_setaffinity(pid, os.sched_getaffinity(0))  # the image was made before (core.py)
        return pid, ours

    def end(self) -> None:
        self._end.close()
        self._process.kill()
        self._process.wait()

    def _read_pid(self) -> int:
        answer = self._end.recv(womb.PID_BYTES)
        if len(answer) < womb.PID_BYTES:
            raise ChildProcessError("the image of a boot has ended")
        return int.from_bytes(answer, "little")
