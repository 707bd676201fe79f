"""Starting and ending the VM of a chip."""

from collections.abc import Callable
from pathlib import Path

from host_tools.sim.host import ZygoteHost


class Power:
    """The zygote for a board: after each call the events that came with the answer are looked at."""

    def __init__(self, zygote: ZygoteHost, called: Callable[[], None]) -> None:
        self._zygote = zygote
        self._called = called

    def boot(self, board: str, folder: Path, tty: str, raw: bool, cause: int) -> int:
        self._called()
        return self._zygote.boot(board, folder, tty=tty, raw=raw, cause=cause)

    def cut(self, board: str) -> int:
        self._called()
        return self._zygote.cut(board)

    def forget(self, board: str) -> int:
        self._called()
        return self._zygote.forget(board)
