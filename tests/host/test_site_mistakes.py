"""Every mistake in a site file is told with line and field, and what would be right."""

import json
import os
from pathlib import Path

import pytest

from host_tools.cli import main
from host_tools.site.load import SiteFileError, load_site
from tests.host.helpers import NEWEST as GOOD
from tests.host.helpers import changed as changed_in
from tests.host.helpers import write


def changed(old: str, new: str, text: str = GOOD) -> str:
    return changed_in(old, new, text)


# what is changed, into what, the line and field that must be named, words of the message
MISTAKES: list[tuple[str, str, int, str, list[str]]] = [
    ("version: 2", "version: 3", 1, "version", ["newer (3)", "reads 1, 2", "update sportbox"]),
    ("version: 2", "version: 0", 1, "version", ["one of 1, 2", "got 0"]),
    ("version: 2", 'version: "2"', 1, "version", ["must be 2", '"2"']),
    ("version: 2\n", "", 1, "version", ["is required"]),
    ("site: test-site", "site: Test_Site", 2, "site", ["a name", "a-z", '"Test_Site"']),
    ("site: test-site", f"site: {'x' * 33}", 2, "site", ["1 to 32"]),
    ("site: test-site\n", "", 1, "site", ["is required"]),
    ("Europe/Berlin", "Europe/Berlim", 3, "time_zone", ["did you mean `Europe/Berlin`?"]),
    ("Europe/Berlin", "../../etc/passwd", 3, "time_zone", ["no such time zone"]),
    ("[de]", "[de, xx]", 4, "languages.1", ["`de`, `en`", '"xx"']),
    ("[de]", "[dee]", 4, "languages.0", ["did you mean `de`?"]),
    ("[de]", "[]", 4, "languages", ["1 to 2", "got 0"]),
    ("host: 127.0.0.1", 'host: "a b"', 5, "broker.host", ["host name"]),
    ("port: 1883", "port: 0", 5, "broker.port", ["between 1 and 65535", "got 0"]),
    ("port: 1883", 'port: "1883"', 5, "broker.port", ["a whole number", 'got "1883"']),
    ("port: 1883", "port: 1883.5", 5, "broker.port", ["a whole number", "got 1883.5"]),
    (
        "broker: {host: 127.0.0.1, port: 1883, tls: false}",
        "broker: local",
        5,
        "broker",
        ["a mapping", '"local"'],
    ),
    ("  telemetry_s: 30", "  telemetry: 30", 7, "defaults.telemetry", ["unknown", "`telemetry_s`", "window"]),
    ("  telemetry_s: 30", "  telemetry_s: 0", 7, "defaults.telemetry_s", ["between 1 and 86400", "got 0"]),
    ("  telemetry_s: 30", "  telemetry_s: yes", 7, "defaults.telemetry_s", ["a whole number", '"yes"']),
    ("  telemetry_s: 30", "  telemetry_s: true", 7, "defaults.telemetry_s", ["a whole number", "got true"]),
    ("  telemetry_s: 30", "  telemetry_s:", 7, "defaults.telemetry_s", ["between", "got nothing"]),
    ("  box-1:", "  Box_1:", 9, "devices.Box_1", ["is no name"]),
    ("box-esp32s3", "box-esp32s4", 10, "devices.box-1.board", ["did you mean `box-esp32s3`?", "sim"]),
    ("box-esp32s3", "../boards/sim", 10, "devices.box-1.board", ["a name"]),
    ("    board: box-esp32s3\n", "", 9, "devices.box-1.board", ["is required"]),
    ("      gate-1:", "      fence-1:", 14, "devices.box-1.components.fence-1", ["lock-N", "gate-N"]),
    ("      gate-1:", "      dor-2:", 14, "devices.box-1.components.dor-2", ["did you mean `door-2`?"]),
    ("      gate-1:", "      gate-0:", 14, "devices.box-1.components.gate-0", ["from 1 to 99"]),
    ("      gate-1:", "      gate-1: 7", 14, "devices.box-1.components.gate-1", ["a mapping", "got 7"]),
    ("gate-1:", "gate-1: {pins: [9]}", 14, "devices.box-1.components.gate-1.pins", ["2 entries", "got 1"]),
    ("gate-1:", "gate-1: {pins: [9, 99]}", 14, "devices.box-1.components.gate-1.pins.1", ["0 and 63", "99"]),
    (
        "release_ms: 5000",
        "release_ms: 99999",
        12,
        "devices.box-1.components.lock-1.release_ms",
        ["must be between 100 and 10000 (got 99999)"],
    ),
    ("release_ms", "relase_ms", 12, "devices.box-1.components.lock-1.relase_ms", ["`release_ms`", "duty_ms"]),
    ("hold_ms: 5000", "ajar_ms: 5", 18, "devices.court-1.components.court-1.ajar_ms", ["unknown field"]),
    # against the board and its chip
    ("      door-1: {ajar_ms: 60000}\n", "", 12, "devices.box-1.components.lock-1", ["needs", "`door-1`"]),
    ("gate-1:", "court-1:", 14, "devices.box-1.components.court-1", ["no socket", "it has: none", "`pin`"]),
    ("gate-1:", "gate-2:", 14, "devices.box-1.components.gate-2", ["it has: gate-1"]),
    ("gate-1:", "gate-1: {role: gat-1}", 14, "devices.box-1.components.gate-1.role", ["mean `gate-1`?"]),
    (
        "gate-1:",
        "keypad-1: {opens: [lok-1]}",
        14,
        "devices.box-1.components.keypad-1.opens.0",
        ["mean `lock-1`?"],
    ),
    ("gate-1:", "gate-1: {role: gate-7}", 14, "devices.box-1.components.gate-1.role", ["gate-7", "gate-1"]),
    ("gate-1:", "door-2: {role: lock-2}", 14, "devices.box-1.components.door-2.role", ["door-2", "lock-2"]),
    (
        "gate-1:",
        "door-2: {role: door-1}",
        14,
        "devices.box-1.components.door-2.role",
        ["socket `door-1` is already used by `door-1`"],
    ),
    ("gate-1:", "door-2: {pin: 4}", 14, "devices.box-1.components.door-2.pin", ["GPIO 4", "`lock-1`"]),
    ("gate-1:", "door-2: {pin: 21}", 14, "devices.box-1.components.door-2.pin", ["the status LED"]),
    ("gate-1:", "door-2: {pin: 22}", 14, "devices.box-1.components.door-2.pin", ["has no GPIO 22"]),
    ("gate-1:", "door-2: {pin: 27}", 14, "devices.box-1.components.door-2.pin", ["flash memory"]),
    ("gate-1:", "door-2: {pin: 0}", 14, "devices.box-1.components.door-2.pin", ["strapping"]),
    ("gate-1:", "door-2: {pin: 19}", 14, "devices.box-1.components.door-2.pin", ["USB"]),
    ("gate-1:", "door-2: {pin: 44}", 14, "devices.box-1.components.door-2.pin", ["console"]),
    ("gate-1:", "gate-1: {pins: [9, 9]}", 14, "devices.box-1.components.gate-1.pins", ["already used"]),
    (
        "gate-1:",
        "gate-1: {pins: [9, 10], role: gate-1}",
        14,
        "devices.box-1.components.gate-1.role",
        ["`role` or `pins`, not both"],
    ),
    (
        "release_ms: 5000",
        "release_ms: 5000, duty_ms: 4000",
        12,
        "devices.box-1.components.lock-1.release_ms",
        ["must not exceed duty_ms (4000)"],
    ),
    (
        "release_ms: 5000",
        "duty_ms: 70000",
        12,
        "devices.box-1.components.lock-1.duty_ms",
        ["must not exceed duty_window_ms (60000)"],
    ),
    (
        "hold_ms: 5000",
        "hold_ms: 20000, stuck_ms: 20000",
        18,
        "devices.court-1.components.court-1.hold_ms",
        ["less than stuck_ms"],
    ),
]


@pytest.mark.parametrize(("old", "new", "line", "field", "words"), MISTAKES)
def test_one_mistake(tmp_path: Path, old: str, new: str, line: int, field: str, words: list[str]) -> None:
    path = write(tmp_path, changed(old, new))
    with pytest.raises(SiteFileError) as caught:
        load_site(path)
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (line, field)
    assert str(problem).startswith(f"{path}:{line}: {field}: ")
    for word in words:
        assert word in problem.message


NOT_A_SITE: list[tuple[str | bytes, int, str]] = [
    (b"", 1, "empty"),
    (b"# a comment\n", 1, "empty"),
    (b"null\n", 1, "empty"),
    (b"hello\n", 1, "mapping"),
    (b"- version: 1\n", 1, "mapping"),
    (b"version: 1\nsite: \xff\n", 2, "UTF-8"),
    ("version: 1\n".encode("utf-16"), 1, "UTF-8"),
    (b"version: 1\nsite: [a\n", 3, "not YAML"),
    (b"version: 1\nsite: a: b\n", 2, "not YAML"),
    (b"devices:\n\tbox-1: {}\n", 2, "tab"),
    (b"site: a\x07\n", 1, "control character"),
    (b"site: 'a\n", 2, "not YAML"),
    (b"site: a\nversion: 1\nsite: b\n", 3, "second time (first in line 1)"),
    (b"devices:\n  a: {}\n  b: {}\n  a: {}\n", 4, "second time (first in line 2)"),
    (b"site: &a test\ntitle: *a\n", 1, "anchors"),
    (b"title: *a\n", 1, "aliases"),
    (b"a: &a [x]\nb: &b [*a, *a, *a, *a]\nc: [*b, *b, *b, *b]\n", 1, "anchors"),
    (b"<<: {a: 1}\n", 1, "<<: unknown field"),
    (b"site: !!python/object/apply:os.system ['true']\n", 1, "tags"),
    (b"? [a, b]\n: c\n", 1, "name of a field"),
    (b"site: a\n---\nsite: b\n", 2, "one document"),
    (b"a: " + b"[" * 100_000, 1, "nested deeper"),
    (b"a: " + b"{b: " * 100_000, 1, "nested deeper"),
    ("".join(f"{' ' * level}a:\n" for level in range(300)), 17, "nested deeper"),
]


@pytest.mark.parametrize(("content", "line", "words"), NOT_A_SITE)
def test_what_is_no_site_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | bytes, line: int, words: str
) -> None:
    path = write(tmp_path, content)
    assert main(["site", "check", str(path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    told = [text for text in captured.err.splitlines() if text.startswith(f"{path}:{line}: ")]
    assert any(words in text for text in told)


def test_all_mistakes_at_once_in_the_order_of_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = changed("port: 1883", "port: 0")
    text = changed("release_ms: 5000", "release_ms: 1", text)
    text = changed("    board: field-esp32c3", "    board: field-esp32c4", text)
    text = changed("hold_ms: 5000", "pin: 9", text)
    path = write(tmp_path, text)
    assert main(["site", "check", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(": ")[0] for line in lines[:3]] == [f"{path}:{number}" for number in (5, 12, 16)]
    assert lines[3] == f"error: 3 mistakes in {path}"
    assert lines[4].startswith("hint: ")


def test_too_many_locks_for_the_chip(tmp_path: Path) -> None:
    extra = "".join(f"      lock-{n}: {{pin: {n + 33}}}\n      door-{n}: {{pin: 4{n - 5}}}\n" for n in (5, 6))
    more = "".join(f"      lock-{n}:\n      door-{n}:\n" for n in (2, 3, 4))
    path = write(tmp_path, changed("      gate-1:\n", more + extra))
    with pytest.raises(SiteFileError) as caught:
        load_site(path)
    told = {problem.field: problem.message for problem in caught.value.problems}
    assert "too many locks" in told["devices.box-1.components.lock-5"]
    assert "4 RMT channels" in told["devices.box-1.components.lock-6"]


def test_mistakes_as_json_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, changed("port: 1883", "prt: 1883"))
    assert main(["site", "check", str(path), "--json"]) == 2
    captured = capsys.readouterr()
    (line,) = [json.loads(text) for text in captured.out.splitlines()]
    assert line["ok"] is False
    assert (line["file"], line["line"], line["field"]) == (str(path), 5, "broker.prt")
    assert line["column"] == 27
    assert "did you mean `port`?" in line["message"]


def test_a_value_with_escape_sequences_is_shown_harmlessly(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, changed("host: 127.0.0.1", 'host: "\\e[2J\\u202Eevil"'))
    assert main(["site", "check", str(path)]) == 2
    err = capsys.readouterr().err
    assert "\x1b" not in err
    assert "\u202e" not in err
    assert "\\x1b[2J" in err


def test_very_many_mistakes_are_cut_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, GOOD + "".join(f"field-{number}: 1\n" for number in range(500)))
    assert main(["site", "check", str(path)]) == 2
    err = capsys.readouterr().err.splitlines()
    assert len(err) < 110
    assert any("and 400 more" in line for line in err)


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert main(["site", "check", str(tmp_path / name)]) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert str(tmp_path) in err


def test_a_huge_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, "#" * (1 << 20) + "\n" + GOOD)
    assert main(["site", "check", str(path)]) == 2
    err = capsys.readouterr().err
    assert "larger than" in err
    assert "hint: " in err


def test_a_folder_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["site", "check", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "is a directory" in err
    assert "hint: " in err


def test_nobody_waits_at_a_pipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "site.yaml")
    assert main(["site", "check", str(tmp_path / "site.yaml")]) == 2
    err = capsys.readouterr().err
    assert "is a pipe, not a site file" in err
    assert "hint: " in err


def test_a_pipe_of_the_shell_is_read(capsys: pytest.CaptureFixture[str]) -> None:
    read, write_to = os.pipe()
    os.write(write_to, GOOD.encode())
    os.close(write_to)
    assert main(["site", "check", f"/dev/fd/{read}"]) == 0
    os.close(read)
