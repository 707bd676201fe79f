"""`make bench`: runs the suites and writes what they found.

.venv/bin/python -m tests.bench.run --only publish --rounds 5
"""

import argparse
import importlib
import sys
import time
from pathlib import Path

from rich.console import Console

from host_tools.errors import ToolError
from host_tools.setup.paths import REPOSITORY
from tests.bench import machine, table
from tests.bench.bench import Bench
from tests.bench.figure import Figure
from tests.bench.page import page
from tests.bench.record import Record, Suite

SUITES = ("publish", "idle", "orders", "edges", "outages", "flash", "heap", "fleet", "tools")
OUT = REPOSITORY / "build" / "bench.json"
FOLDER = REPOSITORY / "build" / "bench"


def found() -> list[str]:
    """The suites that are there."""
    here = Path(__file__).parent
    return [name for name in SUITES if (here / f"{name}.py").exists()]


def play(name: str, console: Console, rounds: int | None, quick: bool) -> Suite:
    """One suite, as it stands in the file. A suite that breaks is told of, and the next one follows."""
    suite = importlib.import_module(f"tests.bench.{name}")
    console.print(f"{suite.NAME}: {suite.TELLS}", markup=False, highlight=False)
    bench = Bench(FOLDER / name, console, rounds, quick)
    begin_s = time.monotonic()
    figures: list[Figure] = []
    try:
        figures = suite.measure(bench)
    except (ToolError, OSError) as error:
        bench.failed(f"the suite {name}: {type(error).__name__}: {error}")
    return Suite(suite.NAME, suite.TELLS, round(time.monotonic() - begin_s, 1), bench.failures, figures)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=found(), metavar="SUITE", help="of " + ", ".join(found())
    )
    parser.add_argument("--rounds", type=int, help="how often each contestant is measured")
    parser.add_argument("--quick", action="store_true", help="few rounds, short ones")
    parser.add_argument("--out", type=Path, default=OUT)
    asked = parser.parse_args(words)
    if asked.rounds is not None and asked.rounds < 1:
        parser.error("--rounds: at least 1")
    try:  # before the minutes that it takes
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.touch()
    except OSError as error:
        parser.error(f"--out: {error}")
    console = Console()
    described = machine.described()
    suites = [play(name, console, asked.rounds, asked.quick) for name in asked.only or found()]
    record = Record(described, suites)
    record.write(asked.out)
    asked.out.with_suffix(".html").write_text(page(record), encoding="utf-8")
    table.show(record, console)
    told = f"written: {asked.out} and {asked.out.with_suffix('.html')}"
    console.print(told, markup=False, highlight=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
