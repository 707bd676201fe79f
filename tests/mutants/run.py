"""`make mutants`: plants each fault in a copy of the checkout and tells which test catches it.

    python -m tests.mutants.run [WORD ...]          only faults with one of these words in area, file or name

Exit status 1: one was not caught, does not fit the sources any more, or its tests are red without it.
docs/mutants.md has more.
"""

import json
import os
import queue
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from host_tools.output import report, say
from host_tools.setup.paths import REPOSITORY
from tests.mutants.ground import Ground, Verdict
from tests.mutants.planted import Fault, Rotten, check, read

BELOW = REPOSITORY / "build" / "mutants"
OUT = REPOSITORY / "build" / "mutants.json"
TIMEOUT_S = 150.0
"""For the tests of one entry. The longest take half of that on two cores."""
GOOD = ("caught",)
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Row:
    """What became of one planted fault: `caught`, `survived`, `rotten`, `endless` or `unsure`."""

    area: str
    name: str
    file: str
    what: str
    by: str
    seconds: float

    def line(self) -> str:
        place = self.file.removeprefix("firmware/").removeprefix("sportbox/")
        return f"{self.what:8}  {self.seconds:5.1f} s  {place}: {self.name}\n{'':19}{self.by or 'by no test'}"


def try_one(ground: Ground, fault: Fault) -> Row:
    begin = time.monotonic()

    def row(what: str, by: str) -> Row:
        return Row(fault.area, fault.name, fault.file, what, by, round(time.monotonic() - begin, 1))

    try:
        with ground.planted(fault):
            for entry in fault.tests:
                verdict = ground.run(entry, TIMEOUT_S)
                if verdict.what == "red" or (verdict.what == "endless" and fault.may_hang):
                    return row("caught", verdict.by if verdict.what == "red" else f"{entry}: timeout")
                if verdict.what != "green":
                    return row(verdict.what, f"{entry}: {verdict.by}\n{verdict.said[-2000:]}")
    except Rotten as error:
        return row("rotten", str(error))
    return row("survived", "")


def on_grounds(grounds: Sequence[Ground], work: Callable[[Ground, T], R], items: Sequence[T]) -> list[R]:
    """Each item on a copy that is free."""
    free: queue.Queue[Ground] = queue.Queue()
    for ground in grounds:
        free.put(ground)

    def one(item: T) -> R:
        ground = free.get()
        try:
            return work(ground, item)
        finally:
            free.put(ground)

    with ThreadPoolExecutor(len(grounds)) as pool:
        return list(pool.map(one, items))


def green_at_last(ground: Ground, entry: str) -> Verdict:
    """Where others share the machine, a test of times may be red once."""
    first = ground.run(entry, TIMEOUT_S)
    return first if first.what == "green" else ground.run(entry, TIMEOUT_S)


def without_faults(grounds: Sequence[Ground], faults: Sequence[Fault]) -> list[tuple[str, Verdict]]:
    """The test entries that are not green as the sources are: they would prove nothing."""
    entries = sorted({entry for fault in faults for entry in fault.tests})
    say(f"{len(entries)} choices of tests without a fault")
    verdicts = on_grounds(grounds, green_at_last, entries)
    return [(entry, one) for entry, one in zip(entries, verdicts, strict=True) if one.what != "green"]


def chosen(words: Sequence[str], faults: Sequence[Fault]) -> list[Fault]:
    if not words:
        return list(faults)
    return [fault for fault in faults if any(w in f"{fault.area} {fault.file} {fault.name}" for w in words)]


def told(ground: Ground, fault: Fault) -> Row:
    row = try_one(ground, fault)
    print(row.line(), flush=True)
    return row


def main(words: Sequence[str], jobs: int) -> int:
    try:
        faults = chosen(words, read())
        for fault in faults:
            check(fault)
    except Rotten as error:
        report(str(error), "bring the planted fault up to date: docs/mutants.md")
        return 1
    if not faults:
        report("no planted fault has one of these words")
        return 2
    begin = time.monotonic()
    grounds = [Ground(number, BELOW) for number in range(1, jobs + 1)]
    red = without_faults(grounds, faults)
    if red:
        entries = [f"{entry}: {verdict.what} {verdict.by}\n{verdict.said[-2000:]}" for entry, verdict in red]
        report("tests are red without a planted fault", "mend them first", entries)
        return 1
    say(f"{len(faults)} planted faults, {jobs} at a time")
    rows = on_grounds(grounds, told, faults)
    return end(rows, time.monotonic() - begin)


def end(rows: Sequence[Row], seconds: float, out: Path = OUT) -> int:
    """The table's last line, and the file."""
    bad = [row for row in rows if row.what not in GOOD]
    out.parent.mkdir(exist_ok=True)
    content = {
        "planted": len(rows),
        "caught": len(rows) - len(bad),
        "seconds": round(seconds, 1),
        "faults": [asdict(row) for row in rows],
    }
    out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    say(f"{len(rows) - len(bad)} of {len(rows)} planted faults were caught in {seconds:.0f} s")
    for row in bad:
        say(f"{row.what}: {row.file}: {row.name}")
    if bad:
        report("not every planted fault was caught", "a survivor is a hole in the tests: docs/mutants.md")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], max(1, int(os.environ.get("JOBS") or 1))))
