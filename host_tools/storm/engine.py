"""What a storm asks of the simulator: boards, a plan, one run of it, and the oracle's judgement.

ENGINE names the real one. Tests name another: it is a text, because each worker process loads its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from host_tools.storm.case import Case
from host_tools.storm.oracle.broken import Broken

Record = dict[str, Any]

ENGINE = "host_tools.storm.real:Real"


@dataclass(frozen=True)
class Planned:
    """A fault of a plan, or what a person does."""

    number: int
    at_us: int
    lasts_us: int
    what: str
    args: dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One run, from begin to end."""

    records: Sequence[Record]
    config: dict[str, Any]
    digest: str
    virtual_s: float
    cpu_s: float
    violations: Sequence[Broken]


class Engine(Protocol):
    def prepare(self) -> None:
        """Comes first in a process that is to run something; it may begin the process anew."""
        ...

    def boards(self, count: int) -> list[str]:
        """So many names."""
        ...

    def faults(self, case: Case) -> list[Planned]:
        """What is planned for it and left of that."""
        ...

    def acts(self, case: Case) -> list[Planned]: ...

    def run(self, case: Case, folder: Path) -> Run:
        """Its world lies in `folder`, which is empty."""
        ...


def load(name: str) -> Engine:
    module, _, attribute = name.partition(":")
    engine: Engine = getattr(import_module(module), attribute)()
    return engine
