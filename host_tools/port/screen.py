"""What a person sees while boards are worked on: a bar a port on a terminal, plain lines elsewhere."""

import sys
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol

from host_tools.output import printable, say
from host_tools.port.ports import Port
from host_tools.words import tr


class Screen(Protocol):
    def step(self, port: Port, text: str, total: int | None) -> None: ...

    def advance(self, port: Port, n: int) -> None: ...

    def talk(self, port: Port, text: str) -> None: ...

    def done(self, port: Port, ok: bool, text: str) -> None: ...

    def __enter__(self) -> "Screen": ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


def screen_for(ports: Sequence[Port], plain: bool) -> Screen:
    return Lines() if plain or not sys.stderr.isatty() else Bars(ports)


class Lines:
    """`PORT: step`, once a step."""

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def step(self, port: Port, text: str, total: int | None) -> None:
        self.talk(port, text)

    def advance(self, port: Port, n: int) -> None:
        return None

    def talk(self, port: Port, text: str) -> None:
        say(f"{printable(port.device)}: {text}")

    def done(self, port: Port, ok: bool, text: str) -> None:
        self.talk(port, text)


class Bars:
    """A bar a port. What is said meanwhile (rich redirects it) stands above them. A bar may be too
    short for what came of it: with several ports a table tells it below, with one port it is said here."""

    def __init__(self, ports: Sequence[Port]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        rest = Column(no_wrap=True, overflow="ellipsis", ratio=1)
        self._progress = Progress(
            TextColumn("{task.fields[port]}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.description}", markup=False, table_column=rest),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            expand=True,
        )
        self._lock = threading.Lock()
        self._came = ""
        self._tasks: dict[str, Any] = {
            port.device: self._progress.add_task("", total=None, start=False, port=printable(port.device))
            for port in ports
        }

    def __enter__(self) -> Screen:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        if self._came:
            say(self._came)

    def step(self, port: Port, text: str, total: int | None) -> None:
        task = self._tasks[port.device]
        with self._lock:
            self._progress.start_task(task)
            self._progress.update(task, description=text, total=total, completed=0)

    def advance(self, port: Port, n: int) -> None:
        self._progress.advance(self._tasks[port.device], n)

    def talk(self, port: Port, text: str) -> None:
        say(f"{printable(port.device)}: {text}")

    def done(self, port: Port, ok: bool, text: str) -> None:
        task = self._tasks[port.device]
        if len(self._tasks) == 1:
            self._came = text if ok else ""
            text = tr("done") if ok else tr("failed")
        with self._lock:
            self._progress.start_task(task)
            self._progress.update(task, description=text, total=1, completed=1 if ok else 0)
            self._progress.stop_task(task)
