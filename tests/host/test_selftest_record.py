"""The acceptance record: whole or not there, never over another, nothing of a stranger's runs in it."""

import os
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from host_tools import words
from host_tools.errors import BadInput, ToolError
from host_tools.port import record as module
from host_tools.port.record import Record, Result, read_record, records_folder, write_record
from host_tools.port.record_page import page

BAD = "<script>alert(1)</script>"


def result(**changes: Any) -> Result:
    facts = {"check": "door", "component": "door-1", "ok": True, "at": "2026-11-24T16:00:00Z", "seconds": 1.5}
    return Result(**{**facts, **changes})


def record(*results: Result, **changes: Any) -> Record:
    facts = {
        "verdict": "failed" if any(one.ok is False for one in results) else "passed",
        "begun": "2026-11-24T15:59:00Z",
        "ended": "2026-11-24T16:01:00Z",
        "language": "en",
        "with_hardware": True,
        "skipped": [],
        "site": "hafen",
        "site_title": "Hafen",
        "device": "box-1",
        "device_title": None,
        "board": "box-esp32s3",
        "chip": "esp32s3",
        "mac": "24:dc:c3:00:00:01",
        "port": "/dev/ttyUSB0",
        "serial_number": "A50285BI",
        "firmware": "0.1.0",
        "micropython": "1.29.0",
        "tool": "0.1.0",
        "config_hash": "abc",
        "key_version": 3,
        "results": list(results),
    }
    return Record(**{**facts, **changes})


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [name for name, _ in attrs if name in ("src", "href")]


def test_never_over_another_one(run_dir: Path) -> None:
    first = write_record(record(result()), run_dir)
    before = first[0].read_bytes()
    second = write_record(record(result(ok=False, why="never_opened")), run_dir)
    assert first[0].name == "box-1-20261124T155900Z.json" and first[1].name == "box-1-20261124T155900Z.html"
    assert second[0].name == "box-1-20261124T155900Z-2.json"
    assert first[0].read_bytes() == before
    assert read_record(second[0]).verdict == "failed"
    assert len(list(run_dir.iterdir())) == 4, "no draft is left"


def test_whole_or_not_at_all(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ToolError, match="the disk is full") as caught:
        write_record(record(result()), run_dir)
    assert "-o DIR" in str(caught.value.hint)
    assert list(run_dir.iterdir()) == []


def test_without_links(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT on a technician's USB stick knows none."""

    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    first = write_record(record(result()), run_dir)
    second = write_record(record(result()), run_dir)
    assert first[0] != second[0] and read_record(first[0]) == read_record(second[0])


def test_a_folder_that_is_a_file(run_dir: Path) -> None:
    (run_dir / "x").write_text("")
    with pytest.raises(ToolError):
        write_record(record(), run_dir / "x")


def test_what_is_no_record(run_dir: Path) -> None:
    path = run_dir / "r.json"
    for content in ("", "{}", record().model_dump_json().replace('"version":1', '"version":2')):
        path.write_text(content)
        with pytest.raises(BadInput):
            read_record(path)


def test_a_page_of_its_own_and_nothing_of_strangers_runs() -> None:
    bad = result(component=f"door-{BAD}", ok=False, text=BAD, cure=BAD, value={BAD: [BAD]})
    text = page(record(bad, site_title=BAD, device_title=BAD, port=BAD, firmware=BAD, skipped=[BAD]))
    tags = Tags(text)
    assert "script" not in tags.tags and tags.links == [] and "&lt;script&gt;" in text
    assert not {"link", "img", "iframe"} & set(tags.tags)


def test_the_page_says_it_all() -> None:
    shown = page(
        record(result(), result(component="lock-1", check="lock", ok=False, text="is jammed", cure="oil"))
    )
    for part in (
        "FAILED: lock 1",
        "is jammed",
        "oil",
        "24:dc:c3:00:00:01",
        "A50285BI",
        "signature",
        "16:00:00",
    ):
        assert part in shown
    untold = page(record(result(), result(component="led", check="led", ok=None)))
    assert "PASSED; not tested: status lamp" in untold
    assert "PASSED (without" in page(record(result(), with_hardware=False))


def test_the_largest_box_fits_one_sheet() -> None:
    """49 rows: A4 has 277 mm between its margins, a dense row takes 7 pt x 1.15 and 0.4 mm."""
    shown = page(record(*[result(component=f"door-{n}") for n in range(49)]))
    assert '<body class="dense">' in shown
    row_mm = 7 * 0.3528 * 1.15 + 0.4 + 0.1
    assert 49 * row_mm + 100 < 277


def test_german() -> None:
    words.choose("de")
    try:
        shown = page(record(result(ok=False), language="de"))
    finally:
        words.choose("en")
    assert '<html lang="de">' in shown and "NICHT BESTANDEN: Tür 1" in shown and "Unterschrift" in shown


def test_where_it_goes() -> None:
    assert records_folder(Path("sites/hafen.yaml")) == Path("sites/hafen.records")
    assert records_folder(None) == Path()
    assert module.VERSION == 1
