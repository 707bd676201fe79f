"""One run played twice: whether it is the same both times, and what is broken in it."""

from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from host_tools.storm.case import Case
from host_tools.storm.crew import Crew, Fallen, scratch
from host_tools.storm.result import Result
from host_tools.storm.storm import limit_s
from host_tools.storm.trace import HEAP_FREE

SHOWN_MAX = 400
NOTHING = "(no more)"


@dataclass(frozen=True)
class Replay:
    case: Case
    first: Result
    second: Result
    trace: Path
    second_trace: Path
    """Kept only where it is another one."""

    @property
    def error(self) -> str:
        return self.first.error or self.second.error

    @property
    def is_same(self) -> bool:
        return not self.error and self.first.digest == self.second.digest

    @property
    def ok(self) -> bool:
        return self.is_same and self.first.ok

    def difference(self) -> tuple[int, str, str]:
        """Number and texts of the first line in which the two traces differ."""
        with self.trace.open(encoding="utf-8") as one, self.second_trace.open(encoding="utf-8") as other:
            for number, (left, right) in enumerate(zip_longest(one, other, fillvalue=NOTHING), 1):
                if HEAP_FREE.sub("", left) != HEAP_FREE.sub("", right):
                    return number, left.strip()[:SHOWN_MAX], right.strip()[:SHOWN_MAX]
        return 0, "", ""


def replay(case: Case, engine: str, folder: Path) -> Replay:
    """In two processes at once: neither what one remembers nor how busy the machine is may matter."""
    traces = folder / f"{case.name}.jsonl", folder / f"{case.name}.second.jsonl"
    results: dict[int, Result] = {}
    with (
        scratch() as work,
        Crew(engine, len(traces), Path(work), limit_s) as crew,
    ):
        for number, trace in enumerate(traces):
            crew.add({"case": case.json(), "number": number, "trace": str(trace.resolve())})
        for job, answer in crew.answers():
            if isinstance(answer, Fallen):
                results[job["number"]] = Result(case, error=answer.message)
            else:
                results[job["number"]] = Result.from_json(answer)
    found = Replay(case, results[0], results[1], *traces)
    if found.is_same:
        found.second_trace.unlink()
    return found
