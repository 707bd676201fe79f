"""Right site files: what `site check` says of them, and the documents made from the same models."""

import json
from pathlib import Path

import pytest

from host_tools.cli import main
from host_tools.site import reference
from host_tools.site.kinds import KINDS
from host_tools.site.load import load_site
from host_tools.site.models import Site
from host_tools.site.schema import site_schema
from tests.host.helpers import NEWEST as GOOD
from tests.host.helpers import ROSTOCK, STRALSUND, WARNEMUENDE, changed, write


@pytest.mark.parametrize("path", [ROSTOCK, STRALSUND, WARNEMUENDE])
def test_the_sample_sites_are_right(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["site", "check", str(path)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith(f"ok: {path}: site {path.stem}")
    assert captured.err == ""


def test_the_sample_site_is_what_the_documents_promise() -> None:
    site = load_site(ROSTOCK)
    assert {name: list(device.components) for name, device in site.devices.items()} == {
        "box-1": [
            *["lock-1", "door-1", "lock-2", "door-2", "lock-3", "door-3", "gate-1", "tamper-1"],
            "keypad-1",
        ],
        "court-1": ["court-1"],
        "court-2": ["court-2"],
        "court-3": ["court-3"],
    }


def test_summary_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["site", "check", str(ROSTOCK), "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {
        "ok": True,
        "file": str(ROSTOCK),
        "site": "hafensport-rostock",
        "boards": 4,
        "components": 12,
        "notes": [],
    }


@pytest.mark.parametrize(("ordinary", "reserve"), [(393_216, 131_072), (262_144, 262_144)])
def test_an_outbox_that_a_small_flash_has_room_for(tmp_path: Path, ordinary: int, reserve: int) -> None:
    text = changed("telemetry_s: 30", f"ordinary_bytes: {ordinary}\n  reserve_bytes: {reserve}", GOOD)
    assert load_site(write(tmp_path, text)).defaults.ordinary_bytes == ordinary


def test_an_outbox_that_a_small_flash_has_no_room_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = changed("telemetry_s: 30", "ordinary_bytes: 1048576", GOOD)
    assert main(["site", "check", str(write(tmp_path, text))]) == 2
    told = capsys.readouterr().err
    assert "defaults.ordinary_bytes: the flash of board `" in told
    assert "4 MiB, has no room for an outbox of 1064960 bytes" in told
    assert "together may be 524288" in told

    own = "board: field-esp32c3\n    settings: {ordinary_bytes: 1048576}"
    assert main(["site", "check", str(write(tmp_path, changed("board: field-esp32c3", own, GOOD)))]) == 2
    assert "devices.court-1.settings.ordinary_bytes: the flash of board `" in capsys.readouterr().err
    own = "board: box-esp32s3\n    settings: {ordinary_bytes: 1048576}"
    assert main(["site", "check", str(write(tmp_path, changed("board: box-esp32s3", own, GOOD)))]) == 0


def test_words_are_not_turned_into_booleans_or_octals(tmp_path: Path) -> None:
    text = changed("site: test-site", "site: no", GOOD)
    text = changed("telemetry_s: 30", "telemetry_s: 030", text)
    site = load_site(write(tmp_path, text))
    assert site.site == "no"
    assert site.defaults.telemetry_s == 30


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()
    assert load_site(write(tmp_path, content)).site == "test-site"


def test_fields_in_the_document_are_those_of_the_models() -> None:
    text = reference.DOCUMENT.read_text(encoding="utf-8")
    assert text == reference.filled(text), "run: python -m host_tools.site.reference"
    for name in reference.TABLES:
        assert f"<!-- fields: {name} -->" in text


def test_the_example_in_the_document_is_a_right_site_file(tmp_path: Path) -> None:
    text = reference.DOCUMENT.read_text(encoding="utf-8")
    example = text.split("```yaml\n")[1].split("```")[0]
    assert load_site(write(tmp_path, example)).site == "stralsund-sundpark"


def test_the_excerpt_in_the_document_is_right_too(tmp_path: Path) -> None:
    text = reference.DOCUMENT.read_text(encoding="utf-8")
    excerpt = text.split("```yaml\n")[2].split("```")[0]
    site = load_site(write(tmp_path, f"version: 2\nsite: excerpt\ndevices:\n{excerpt}"))
    assert "keypad-1" in site.devices["box-1"].components


def test_every_kind_has_its_chapter_in_the_document() -> None:
    text = reference.DOCUMENT.read_text(encoding="utf-8")
    for prefix, kind in KINDS.items():
        assert f"\n### {kind.heading} (`{prefix}-N`)\n<!-- fields: {prefix} -->" in text


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["site", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert set(schema["properties"]) == set(Site.model_fields)
    assert schema["additionalProperties"] is False
    components = schema["$defs"]["Device"]["properties"]["components"]
    assert list(components["patternProperties"]) == [
        f"^{kind}-[1-9][0-9]?$"
        for kind in ("lock", "door", "release", "inside", "tamper", "keypad", "gate", "court")
    ]
    assert schema["$defs"]["Lock"]["properties"]["release_ms"]["maximum"] == 10_000


def test_schema_of_components_is_that_of_their_kinds() -> None:
    schema = site_schema()
    kinds = schema["$defs"]["Device"]["properties"]["components"]["patternProperties"]
    for prefix, kind in KINDS.items():
        name = kinds[f"^{prefix}-[1-9][0-9]?$"]["anyOf"][0]["$ref"].rpartition("/")[2]
        assert set(schema["$defs"][name]["properties"]) == set(kind.model.model_fields)
    pin = schema["$defs"]["Door"]["properties"]["pin"]["anyOf"]
    assert {"type": "string", "pattern": "^GP[AB][0-7]$"} in pin


NOTES = [
    (
        "    board: field-esp32c3\n    components:\n      court-1: {hold_ms: 5000}",
        "    board: field-esp32c3-battery\n    components:\n      court-1: {sensors: [court-1, radar-1]}",
        18,
        "devices.court-1.components.court-1.sensors.1",
        "`radar-1` sees nobody while the board sleeps; only the motion sensor wakes it",
    ),
    ("      gate-1:", "      lock-2: {supply: side}\n      door-2:", 0, "", ""),
    (
        "tls: false}",
        "tls: false, bridge: {host: c}}",
        5,
        "broker.bridge",
        "nothing bridges: that takes a broker that is set up from here, `kind: mosquitto` and `tls: true`",
    ),
    (
        "tls: false}",
        "tls: false, kind: rabbitmq}",
        5,
        "broker.kind",
        "one of kind `rabbitmq` is yours to set up: `site apply` only looks at what it keeps",
    ),
    (
        "{release_ms: 5000}",
        "{release_ms: 5000, supply: side}",
        12,
        "devices.box-1.components.lock-1.supply",
        "is needless: all locks of this board have the same supply",
    ),
    (
        "      court-1: {hold_ms: 5000}",
        "      lock-1: {pin: 4}\n      door-1: {pin: 5}\n      keypad-1: {opens: [lock-1], d0: 6, d1: 7}",
        20,
        "devices.court-1.components.keypad-1",
        "works only once the board has network time: its board has no clock chip ([rtc])",
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "field", "words"), NOTES)
def test_what_may_not_be_meant_is_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, line: int, field: str, words: str
) -> None:
    path = write(tmp_path, changed(old, new, GOOD))
    assert main(["site", "check", str(path)]) == 0
    told = f"note: {path}:{line}: {field}: {words}\n" if words else ""
    assert capsys.readouterr().err == told
    assert main(["site", "check", str(path), "--json"]) == 0
    notes = json.loads(capsys.readouterr().out)["notes"]
    assert [(note["line"], note["field"]) for note in notes] == ([(line, field)] if words else [])
