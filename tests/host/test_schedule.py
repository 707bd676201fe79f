"""In which order test files run."""

from typing import Any

import pytest

from tests.host.helpers import ROOT
from tests.schedule import RECORD, pytest_collection_modifyitems, read, written


class Item:
    def __init__(self, nodeid: str) -> None:
        self.nodeid = nodeid


def test_what_is_written_is_read_and_short_files_are_left_out() -> None:
    text = written({"tests/a.py": 3.4, "tests/b.py": 40.2, "tests/c.py": 0.5})
    assert read(text) == {"tests/b.py": 40.0, "tests/a.py": 3.0}
    assert text.splitlines()[1:] == ["40 tests/b.py", "3 tests/a.py"]


def test_long_files_come_first_and_stay_whole_and_in_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    record = tmp_path / "schedule.txt"
    record.write_text(written({"tests/b.py": 9, "tests/d.py": 30}))
    monkeypatch.setattr("tests.schedule.RECORD", record)
    names = ["a.py::x", "b.py::two", "b.py::[micropython] one", "c.py::y", "d.py::z"]
    items: Any = [Item(f"tests/{name}") for name in names]
    pytest_collection_modifyitems(items)
    assert [item.nodeid.removeprefix("tests/") for item in items] == [
        "d.py::z",
        "b.py::two",
        "b.py::[micropython] one",
        "a.py::x",
        "c.py::y",
    ]


def test_the_record_names_files_that_there_are() -> None:
    known = read(RECORD.read_text())
    assert known
    assert [path for path in known if not (ROOT / path).is_file()] == []
