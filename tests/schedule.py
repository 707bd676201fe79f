"""A pytest plugin: the longest test files begin first, so that none is left alone at the end of a run.

tests/schedule.txt has them with their seconds, as `make test PYTEST_ARGS=--weigh` wrote it. At its end
a run names long files that are missing there.
"""

from collections import defaultdict
from pathlib import Path

import pytest

RECORD = Path(__file__).with_suffix(".txt")
LEAST_S = 2.0
"""What takes less is not recorded: short files fill the end of a run."""
LONG_S = 15.0
HOW = "make test PYTEST_ARGS=--weigh"
OPTION = "--weigh"


def read(text: str) -> dict[str, float]:
    """Seconds by file, from lines such as `47 tests/faults/test_rotation.py`."""
    pairs = (line.split(maxsplit=1) for line in text.splitlines() if not line.startswith("#"))
    return {path: float(seconds) for seconds, path in pairs}


def written(seconds: dict[str, float]) -> str:
    """The longest first."""
    found = sorted(((-round(s), path) for path, s in seconds.items() if s >= LEAST_S))
    return "".join(
        [
            "# seconds of test files; `make test PYTEST_ARGS=--weigh` writes this\n",
            *(f"{-s} {p}\n" for s, p in found),
        ]
    )


def file_of(nodeid: str) -> str:
    return nodeid.partition("::")[0]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(OPTION, action="store_true", help=f"write {RECORD.name}: how long each test file takes")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # workers report to the process that started them
        config.pluginmanager.register(Scales(config.getoption(OPTION)), "scales")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    known = read(RECORD.read_text(encoding="utf-8"))
    items.sort(key=lambda item: -known.get(file_of(item.nodeid), 0.0))


class Scales:
    """What each file took in this run."""

    def __init__(self, writes: bool) -> None:
        self._writes = writes
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._seconds[file_of(report.nodeid)] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._writes:
            RECORD.write_text(written(self._seconds), encoding="utf-8")
            return
        known = read(RECORD.read_text(encoding="utf-8"))
        for path, seconds in self._seconds.items():
            if seconds >= LONG_S and path not in known:
                terminalreporter.line(
                    f"{path} takes {seconds:.0f} s: `make test PYTEST_ARGS=--weigh` lets it begin early"
                )
