"""The file of a run: read again for the page and for comparisons, and refused when it is something else."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host_tools.errors import BadInput
from tests.bench.figure import Figure

VERSION = 1


@dataclass
class Suite:
    name: str
    tells: str
    seconds: float
    failures: list[str]
    figures: list[Figure]

    def plain(self) -> dict[str, Any]:
        return {
            "suite": self.name,
            "tells": self.tells,
            "seconds": self.seconds,
            "failures": self.failures,
            "figures": [figure.plain() for figure in self.figures],
        }


@dataclass
class Record:
    machine: dict[str, str]
    suites: list[Suite]

    def figures(self) -> dict[str, Figure]:
        return {figure.name: figure for suite in self.suites for figure in suite.figures}

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        suites = [suite.plain() for suite in self.suites]
        plain = {"version": VERSION, "machine": self.machine, "suites": suites}
        path.write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Record:
    hint = "make bench writes one to build/bench.json, and keeps the one before as build/bench-before.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror or error}", hint=hint) from error
    except ValueError as error:
        raise BadInput(f"{path}: no JSON: {error}", hint=hint) from error
    try:
        if data["version"] != VERSION:
            raise BadInput(f"{path}: version {data['version']}, this reads {VERSION}", hint=hint)
        suites = [
            Suite(
                s["suite"],
                s["tells"],
                s["seconds"],
                s["failures"],
                [Figure.from_plain(f) for f in s["figures"]],
            )
            for s in data["suites"]
        ]
        return Record(data["machine"], suites)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        text = f"{path}: no file of a benchmark: {type(error).__name__} {error}"
        raise BadInput(text, hint=hint) from error
