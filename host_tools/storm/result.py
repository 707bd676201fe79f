"""How a run ended, as a worker tells it to the storm: one JSON object."""

import json
import tempfile
import traceback
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from host_tools.site.atomic import replace_file
from host_tools.storm.case import Case
from host_tools.storm.engine import Engine, Run
from host_tools.storm.oracle.broken import Broken
from host_tools.storm.shown.picture import Picture, picture_of

FILE_MODE = 0o644
VIOLATIONS_MAX = 20


@dataclass(frozen=True)
class Result:
    """`error`: the simulator itself, or its worker, fell; nothing else is known then."""

    case: Case
    kind: str = ""
    digest: str = ""
    virtual_s: float = 0.0
    cpu_s: float = 0.0
    violations: tuple[Broken, ...] = ()
    error: str = ""
    details: str = ""
    """The traceback of an error."""
    picture: Picture = field(default_factory=Picture)

    @property
    def ok(self) -> bool:
        return not self.violations and not self.error

    @property
    def invariants(self) -> tuple[str, ...]:
        """In the order in which they broke."""
        return tuple(dict.fromkeys(violation.invariant for violation in self.violations))

    def json(self) -> dict[str, Any]:
        return {**asdict(self), "case": self.case.json(), "picture": self.picture.json()}

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> "Result":
        return cls(
            Case.from_json(facts["case"]),
            facts["kind"],
            facts["digest"],
            facts["virtual_s"],
            facts["cpu_s"],
            tuple(Broken(one["invariant"], one["us"], one["text"]) for one in facts["violations"]),
            facts["error"],
            facts["details"],
            Picture.from_json(facts["picture"]),
        )


def kind_of(config: dict[str, Any]) -> str:
    """`box` or `field`: what the name of its kind of board begins with."""
    return str(config["board"]).partition("-")[0]


def tried(engine: Engine, case: Case, scratch: Path, trace_file: Path | None = None) -> Result:
    """One run and what came of it. An error of the simulator is a result, too."""
    try:
        with tempfile.TemporaryDirectory(prefix="run-", dir=scratch) as folder:
            run = engine.run(case, Path(folder))
        if trace_file is not None:
            write_trace(trace_file, run)
        return _result(case, run)
    except Exception as error:
        return failed(case, error)


def _result(case: Case, run: Run) -> Result:
    broken = sorted(run.violations, key=lambda violation: (violation.us, violation.invariant))
    kept: list[Broken] = []
    for violation in broken:  # the first of each kind stays, however many there are of another
        if len(kept) < VIOLATIONS_MAX or all(violation.invariant != one.invariant for one in kept):
            kept.append(replace(violation, records=()))  # messages stay in the trace
    return Result(
        case,
        kind_of(run.config),
        run.digest,
        round(run.virtual_s, 3),
        round(run.cpu_s, 3),
        tuple(kept),
        picture=picture_of(run.records),
    )


def failed(case: Case, error: Exception) -> Result:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    details = "".join(traceback.format_exception(error))[-8_000:]
    return Result(case, error=text + place, details=details)


def short(result: Result) -> Result:
    """Without its picture, which is large."""
    return replace(result, picture=replace(Picture(), by_fault=result.picture.by_fault))


def write_trace(path: Path, run: Run) -> None:
    """As `Trace.lines` has it."""
    lines = (json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n" for record in run.records)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, "".join(lines).encode(), FILE_MODE)
