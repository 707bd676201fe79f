"""Rules for all tests. Fixtures: `run_dir`, `seed` in run_dirs.py; `broker`, `mosquitto` in brokers.py.
In which order files run: schedule.py.
How often the power is cut: cuts.py. How late the machine is, which no bound may count: lateness.py."""

import os
from collections.abc import Generator

import pytest

os.environ["SPORTBOX_LANG"] = "en"  # what tests read, whatever the locale of the machine

pytest_plugins = ["tests.vm.plugin", "tests.run_dirs", "tests.brokers", "tests.schedule", "tests.cuts"]


def in_ci() -> bool:
    return os.environ.get("CI") == "true"


def skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI nothing may stay untested unnoticed: there, a skip is a failure that gives its reason."""
    report = yield
    if report.skipped and in_ci() and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which is a failure in CI: {skip_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for whole files."""
    report = yield
    if report.skipped and in_ci():
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, which is a failure in CI: {skip_reason(report)}"
    return report
