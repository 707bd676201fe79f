"""Planted faults: each is a small patch that breaks a promise, and names the tests that must turn red.

They are data, in the .toml files beside this one, one file an area:

    [[fault]]
    name = "a signature is compared by its first half only"
    file = "firmware/sportbox/core/token.py"
    old = "..."              must stand in the file exactly once
    new = "..."
    tests = ["tests/core/test_token.py", "tests/firmware/test_app.py -k token"]     cheap ones first
    may_hang = true          optional: tests that do not end have caught it
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from host_tools.setup.paths import REPOSITORY

HERE = Path(__file__).parent
CHOICE = " -k "
"""Between a test file and the words that choose among its tests."""


class Rotten(Exception):
    """A planted fault that does not fit the sources any more, or is none; the text says which, and why."""


@dataclass(frozen=True)
class Fault:
    area: str
    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    may_hang: bool = False

    def planted(self, text: str) -> str:
        """The file's text with the fault in it. Raises Rotten."""
        count = text.count(self.old)
        if count != 1:
            raise Rotten(f"{self.where}: what is to be replaced stands {count} times in {self.file}")
        patched = text.replace(self.old, self.new)
        if self.file.endswith(".py"):
            try:
                compile(patched, self.file, "exec", dont_inherit=True)
            except SyntaxError as error:
                raise Rotten(f"{self.where}: {self.file} would not compile: {error}") from error
        return patched

    @property
    def where(self) -> str:
        return f"{self.area}.toml: {self.name}"


def read(folder: Path = HERE) -> list[Fault]:
    """All of them, in the order of the files. Raises Rotten."""
    found: list[Fault] = []
    for path in sorted(folder.glob("*.toml")):
        found += _of_area(path)
    names = [fault.name for fault in found]
    doubled = {name for name in names if names.count(name) > 1}
    if doubled:
        raise Rotten(f"planted twice: {', '.join(sorted(doubled))}")
    return found


def _of_area(path: Path) -> list[Fault]:
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["fault"]
        return [Fault(**{"area": path.stem, **entry, "tests": tuple(entry["tests"])}) for entry in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise Rotten(f"{path.name}: {error}") from error


def check(fault: Fault, root: Path = REPOSITORY) -> None:
    """Raises Rotten unless it can be planted and its tests are there."""
    if not fault.tests or fault.old == fault.new:
        raise Rotten(f"{fault.where}: without tests, or without a change")
    for entry in fault.tests:
        if not (root / test_file(entry)).is_file():
            raise Rotten(f"{fault.where}: there is no {test_file(entry)}")
    source = root / fault.file
    if not source.is_file():
        raise Rotten(f"{fault.where}: there is no {fault.file}")
    fault.planted(source.read_text(encoding="utf-8"))


def test_file(entry: str) -> str:
    return entry.partition(CHOICE)[0]


def arguments(entry: str) -> list[str]:
    """For pytest."""
    file, _, words = entry.partition(CHOICE)
    return [file, "-k", words] if words else [file]
