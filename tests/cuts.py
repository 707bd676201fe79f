"""A pytest plugin: how often the tests cut the power, family by family.

A test tells it with a property: ("cuts", (family, operations, cuts, pairs)). Every run says the sum at its
end. `make cuts` runs these tests alone and prints the table. A run of all of them fails if a family shrank.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple, cast

import pytest

OPTION = "--cuts"
PROPERTY = "cuts"


class Count(NamedTuple):
    """Flash operations of the lives that were played, cuts at them, and cuts of what followed a cut."""

    operations: int = 0
    cuts: int = 0
    pairs: int = 0

    def plus(self, operations: int, cuts: int, pairs: int) -> "Count":
        return Count(self.operations + operations, self.cuts + cuts, self.pairs + pairs)


LEAST = {
    "outbox": Count(2_500, 7_500, 1_900),
    "replay log": Count(2_400, 2_800, 3_500),
    "configure": Count(280, 850, 700),
    "renewal": Count(500, 1_550, 900),
    "provisioning": Count(500, 1_250, 700),
    "updates": Count(800, 2_300, 800),
    "records": Count(390, 1_150, 250),
    "log": Count(1_400, 1_400, 0),
    "notes": Count(220, 670, 700),
}
"""What each family must not fall below in the suite: about what it had when this was written."""


def shrunk(found: Mapping[str, Count]) -> list[str]:
    """The families that are smaller than they must be, and those that nobody knows."""
    few = [
        f"{family}: {number:,} {what}, of {least:,} at least"
        for family, counts in LEAST.items()
        for what, number, least in zip(Count._fields, found.get(family, Count()), counts, strict=True)
        if number < least
    ]
    return few + [f"{family}: is not in {__name__}.LEAST" for family in found if family not in LEAST]


def total(found: Mapping[str, Count]) -> Count:
    return Count(*(sum(column) for column in zip(*found.values(), strict=True)))


def table(found: Mapping[str, Count]) -> list[str]:
    rows = [(family, *(f"{number:,}" for number in count)) for family, count in sorted(found.items())]
    rows = [("family", *Count._fields), *rows, ("all", *(f"{number:,}" for number in total(found)))]
    return [f"{name:<14}{operations:>12}{cuts:>12}{pairs:>12}" for name, operations, cuts, pairs in rows]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        OPTION, action="store_true", help="print the table of power cuts, and hold it to its least"
    )


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # workers report to the process that started them
        config.pluginmanager.register(Ledger(config), "cuts-ledger")


def is_whole(config: pytest.Config) -> bool:
    """Whether nobody chose among the tests."""
    chosen = [getattr(config.option, name, None) for name in ("keyword", "lf", "deselect", "ignore")]
    marks = config.option.markexpr == "not hardware"
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and marks and not any(chosen)


class Ledger:
    """What this run has cut."""

    def __init__(self, config: pytest.Config) -> None:
        self._tables = bool(config.getoption(OPTION))
        self._holds = self._tables or is_whole(config)
        self._found: defaultdict[str, Count] = defaultdict(Count)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not self._tables:
            self._holds = False  # no VM here
        if report.when == "call":
            for name, value in report.user_properties:
                if name == PROPERTY:
                    self._add(*cast(tuple[str, int, int, int], value))

    def _add(self, family: str, *numbers: int) -> None:
        self._found[family] = self._found[family].plus(*numbers)

    def _short(self, status: int) -> list[str]:
        return shrunk(self._found) if self._holds and status == pytest.ExitCode.OK else []

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if not session.config.option.collectonly and self._short(exitstatus):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
        if not self._found:
            return
        if self._tables:
            terminalreporter.section("power cuts")
            for line in table(self._found):
                terminalreporter.line(line)
        else:
            sums = total(self._found)
            terminalreporter.line(
                f"power cuts: {sums.cuts:,} at {sums.operations:,} flash operations, {sums.pairs:,} pairs"
            )
        for line in self._short(exitstatus):
            terminalreporter.line(f"power cuts have shrunk: {line}", red=True)
