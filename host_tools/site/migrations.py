"""From older versions of the site file to the newest, one pure function a step, on the data as parsed.

Findings in what a step has moved are told at the place that the file itself has: `in_file` leads back.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from host_tools.site.expected import Loc
from host_tools.site.explain import Explained
from host_tools.site.models import FILE_VERSION
from host_tools.site.sections import FIRST_NETWORK

Data = dict[str, Any]
Moves = tuple[tuple[Loc, Loc], ...]
"""What stands where now, and where it stood before the step."""


@dataclass(frozen=True)
class Migrated:
    """The data as the newest version has it. `version`: what the file is; `wrong`: it cannot be read."""

    data: Data
    version: int
    moves: tuple[Moves, ...] = ()
    wrong: Explained | None = None

    @property
    def is_old(self) -> bool:
        return self.version < FILE_VERSION

    def in_file(self, loc: Loc) -> Loc:
        """The place in the file of a place in the data."""
        for step in reversed(self.moves):
            for now, before in step:
                if loc[: len(now)] == now:
                    loc = before + loc[len(now) :]
                    break
        return loc


def migrated(data: Mapping[str, Any]) -> Migrated:
    """What a file of any version says, in the words of the newest."""
    found, version = dict(data), data.get("version")
    if type(version) is not int:
        return Migrated(found, FILE_VERSION)  # the model tells that it is missing, or no number
    if not 1 <= version <= FILE_VERSION:
        return Migrated(found, FILE_VERSION, wrong=Explained(("version",), _unknown(version)))
    moves: list[Moves] = []
    for step in range(version, FILE_VERSION):
        found, moved = STEPS[step](found)
        moves.append(moved)
    return Migrated({**found, "version": FILE_VERSION}, version, tuple(moves))


def _unknown(version: int) -> str:
    known = ", ".join(str(number) for number in range(1, FILE_VERSION + 1))
    if version > FILE_VERSION:
        return f"the file is newer ({version}) than this sportbox, which reads {known}: update sportbox"
    return f"must be one of {known} (got {version})"


def one_to_two(data: Data) -> tuple[Data, Moves]:
    """A broker without `tls` was open, and is locked from version 2 on; Wi-Fi networks got names."""
    changed = dict(data)
    broker = data.get("broker", {})
    if isinstance(broker, dict):
        changed["broker"] = {**broker, "tls": broker.get("tls", False)}
    wifi = data.get("wifi")
    if not isinstance(wifi, dict):
        return changed, ()
    changed["wifi"] = {FIRST_NETWORK: wifi}
    return changed, ((("wifi", FIRST_NETWORK), ("wifi",)),)


STEPS: dict[int, Callable[[Data], tuple[Data, Moves]]] = {1: one_to_two}
"""By the version that a step begins with."""
