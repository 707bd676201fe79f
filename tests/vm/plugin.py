"""A pytest plugin: each unittest file below tests/core, tests/firmware and tests/fuzz runs on MicroPython
once more.

Its tests appear beside those of CPython as `FILE::[micropython] Class::method`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools.setup.paths import REPOSITORY
from tests.vm import machine, source

FOLDERS = tuple(REPOSITORY / "tests" / name for name in ("core", "firmware", "fuzz"))
PREFIX = "[micropython] "


class VmFailure(Exception):
    """A test failed inside the VM; the text is the VM's own."""


class NotOnCPython(pytest.Module):
    """In place of a file that only MicroPython can import."""

    def collect(self) -> list[pytest.Item | pytest.Collector]:
        return []


class VmFile(pytest.File):
    """A test file as MicroPython sees it. The VM starts once, when the first of its tests is due."""

    source: source.Source
    outcomes: dict[str, machine.Outcome] | None = None

    def collect(self) -> Iterator["VmTest"]:
        for label in self.source.tests:
            yield VmTest.from_parent(self, name=PREFIX + label)

    def outcome(self, label: str) -> machine.Outcome:
        if self.outcomes is None:
            chosen = [
                item.label for item in self.session.items if isinstance(item, VmTest) and item.parent is self
            ]
            self.outcomes = machine.run_file(self.path, chosen, self.source.heap, self.source.timeout_s)
        return self.outcomes[label]


class VmTest(pytest.Item):
    """One test method inside the VM."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.label = self.name.removeprefix(PREFIX)

    def runtest(self) -> None:
        assert isinstance(self.parent, VmFile)
        outcome = self.parent.outcome(self.label)
        self.user_properties += outcome.properties
        if outcome.result == "skipped":
            pytest.skip(outcome.text)
        if outcome.result != "passed":
            raise VmFailure(outcome.text)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, VmFailure):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


def is_vm_file(path: Path) -> bool:
    return (
        path.suffix == ".py"
        and path.name.startswith("test_")
        and any(path.is_relative_to(f) for f in FOLDERS)
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if not is_vm_file(file_path):
        return None
    found = source.read(file_path)
    if not found.on_micropython:
        return None
    collector: VmFile = VmFile.from_parent(parent, path=file_path)
    collector.source = found
    return collector


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if is_vm_file(module_path) and not source.read(module_path).on_cpython:
        empty: pytest.Module = NotOnCPython.from_parent(parent, path=module_path)
        return empty
    return None
