"""A chip in download mode behind a pty, for tests of esptool's side of a simulated chip alone."""

import contextlib
import os
import pty
import select
import threading
import tty

from host_tools.sim.chip.rom import Rom

READ_BYTES = 0x10000
JOIN_S = 10


class RomPort:
    """Serves `rom` on the pty `device` until the `with` ends; `left` is why it was left, if it was."""

    def __init__(self, rom: Rom) -> None:
        self.rom = rom
        self._master, self._slave = pty.openpty()  # the slave stays open, so that the pty outlives its users
        tty.setraw(self._slave)
        self.device = os.ttyname(self._slave)
        self._stop, self._stopping = os.pipe()
        self._thread = threading.Thread(target=self._serve, name=f"rom {self.device}")

    def __enter__(self) -> "RomPort":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._stopping)
        self._thread.join(JOIN_S)
        for fd in (self._stop, self._master, self._slave):
            os.close(fd)
        assert not self._thread.is_alive()

    def _serve(self) -> None:
        os.set_blocking(self._master, False)
        unsent = b""
        while True:
            readers, writers, _ = select.select(
                [self._stop, self._master], [self._master] if unsent else [], []
            )
            if self._stop in readers:
                return
            if self._master in readers:
                unsent += self.rom.feed(os.read(self._master, READ_BYTES))
            if writers:
                with contextlib.suppress(BlockingIOError):
                    unsent = unsent[os.write(self._master, unsent) :]
