"""What a suite is given: a folder, a broker, and rounds in which the contestants take turns."""

import contextlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from host_tools.broker import BrokerProcess, find_mosquitto
from host_tools.errors import ToolError
from tests.bench.figure import FAILED

ROUNDS = 7
QUICK_ROUNDS = 3
NO_MOSQUITTO = "Mosquitto is not installed"


class Unmeasured(ToolError):
    """A contestant could not be measured; the text says why."""


class Bench:
    """`failures` has a line for each contestant and round that failed, and for what is not there."""

    def __init__(
        self, folder: Path, console: Console, rounds: int | None = None, quick: bool = False
    ) -> None:
        self.rounds = rounds or (QUICK_ROUNDS if quick else ROUNDS)
        self.quick = quick
        self.folder = folder
        self.failures: list[str] = []
        self._console = console
        self._brokers = 0
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)

    def say(self, text: str) -> None:
        self._console.print(f"  {text}", style="dim", markup=False, highlight=False)

    def failed(self, text: str) -> None:
        """Tells of something that was not measured: in the report, too."""
        self.failures.append(text)
        self._console.print(f"  failed: {text}", style="red", markup=False, highlight=False)

    @contextlib.contextmanager
    def mosquitto(self) -> Iterator[tuple[str, int]]:
        """A fresh broker for one stretch of work."""
        if find_mosquitto() is None:
            raise ToolError(NO_MOSQUITTO, hint="sudo apt install mosquitto")
        self._brokers += 1
        folder = self.folder / f"broker-{self._brokers}"
        with BrokerProcess.start("mosquitto", state_dir=folder) as broker:
            yield broker.host, broker.port

    def interleave(
        self, contestants: dict[str, Callable[[], float]], rounds: int | None = None
    ) -> dict[str, list[float]]:
        """One value a contestant and round; `rounds` is for what is counted and hardly differs. Each round
        begins with another contestant, so that nobody always has the place after the heaviest. One that
        fails is told of, and its round counts as failed."""
        found: dict[str, list[float]] = {name: [] for name in contestants}
        names = list(contestants)
        for number in range(rounds or self.rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                found[name].append(self._one(name, number, contestants[name]))
        return found

    def _one(self, name: str, number: int, measure: Callable[[], float]) -> float:
        try:
            return float(measure())
        except (ToolError, OSError, TimeoutError, subprocess.SubprocessError) as error:
            self.failed(f"{name}, round {number + 1}: {type(error).__name__}: {error}")
            return FAILED
