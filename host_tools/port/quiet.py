"""esptool's logger, silenced: it is one for the whole process, but each thread has a board of its own.

What esptool says goes nowhere; how far it has come goes to the `Progress` of the thread that asked.
"""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from esp_pylib.logger import EspLog, EspLogBase

from host_tools.port.jobs import Progress

_own = threading.local()


class _Task:
    """What esptool's `log.progress` gives."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress

    def update(self, advance: int = 1, description: str | None = None) -> None:
        if self._progress is not None:
            self._progress.advance(advance)


class Quiet(EspLogBase):
    def print(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: so do all below."""

    def err(self, *args: Any, suggestion: str | None = None) -> None: ...

    def warn(self, *args: Any, suggestion: str | None = None) -> None: ...

    def error(self, *args: Any, suggestion: str | None = None) -> None: ...

    def warning(self, *args: Any, suggestion: str | None = None) -> None: ...

    def note(self, *args: Any) -> None: ...

    def hint(self, *args: Any) -> None: ...

    def debug(self, *args: Any) -> None: ...

    def set_verbosity(self, mode: int | str) -> None: ...

    def progress_bar(
        self, cur_iter: int, total_iters: int, prefix: str = "", suffix: str = "", bar_length: int = 30
    ) -> None: ...

    @contextmanager
    def progress(  # type: ignore[override]  # of what esptool gets it calls `update` alone
        self, total: int, *args: Any, **kwargs: Any
    ) -> Generator[_Task, None, None]:
        yield _Task(getattr(_own, "progress", None))


@contextmanager
def heard_by(progress: Progress | None) -> Generator[None, None, None]:
    """In this thread, esptool's progress goes to `progress`."""
    before = getattr(_own, "progress", None)
    _own.progress = progress
    try:
        yield
    finally:
        _own.progress = before


EspLog.instance = Quiet()  # before esptool is imported: some of its classes keep what they find then
