"""Older site files say what they said, and their mistakes are told where the file has them."""

from pathlib import Path

import pytest

from host_tools.cli import main
from host_tools.site.load import SiteFileError, load_site, read_site
from host_tools.site.migrations import STEPS, migrated
from host_tools.site.models import FILE_VERSION
from tests.host.helpers import GOOD, NEWEST, changed, write

WIFI = "wifi: {ssid: net, password_secret: wifi-main}\n"
OLD = changed("defaults:\n", WIFI + "defaults:\n")


def test_an_old_file_reads_as_the_newest_does(tmp_path: Path) -> None:
    wifi = WIFI.replace("wifi: ", "wifi: {main: ").replace("}", "}}")
    new = changed("defaults:\n", wifi + "defaults:\n", NEWEST)
    assert load_site(write(tmp_path, OLD)) == load_site(write(tmp_path, new))


def test_without_a_broker_it_stays_open(tmp_path: Path) -> None:
    broker = "broker: {host: 127.0.0.1, port: 1883}\n"
    site = load_site(write(tmp_path, changed(broker, "")))
    assert (site.version, site.broker.tls, site.broker.boards_port) == (FILE_VERSION, False, 1883)
    newest = changed("version: 1", "version: 2", changed(broker, ""))
    site = load_site(write(tmp_path, newest))
    assert (site.broker.tls, site.broker.boards_port) == (True, 8883)


def test_what_it_says_of_tls_counts(tmp_path: Path) -> None:
    site = load_site(write(tmp_path, changed("port: 1883", "tls: true")))
    assert (site.broker.tls, site.broker.boards_port) == (True, 8883)


def test_a_step_for_each_version() -> None:
    assert list(STEPS) == list(range(1, FILE_VERSION))


def test_steps_leave_what_they_are_given_alone() -> None:
    data = {"version": 1, "broker": {"port": 1}, "wifi": {"ssid": "a"}}
    migrated(data)
    assert data == {"version": 1, "broker": {"port": 1}, "wifi": {"ssid": "a"}}


def test_a_note_tells_how_to_renew_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, OLD)
    assert main(["site", "check", str(path)]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("ok: ")
    (note,) = captured.err.splitlines()
    assert note.startswith(f"note: {path}:1: version: ")
    assert "sportbox site migrate" in note


@pytest.mark.parametrize(
    ("text", "line", "field", "word"),
    [
        (changed("ssid: net", "ssid: ''", OLD), 6, "wifi.ssid", "1 to 32"),
        (changed("ssid: net", "sid: net", OLD), 6, "wifi.sid", "did you mean `ssid`?"),
        (changed("{ssid: net, password_secret: wifi-main}", "net", OLD), 6, "wifi", "a mapping"),
        (changed("port: 1883", "port: 0", OLD), 5, "broker.port", "between 1 and 65535"),
        (changed("port: 1883", "tls: 1", OLD), 5, "broker.tls", "true or false"),
        (changed("{host: 127.0.0.1, port: 1883}", "here", OLD), 5, "broker", "a mapping"),
        (
            changed("    board: f", "    wifi: side\n    board: f", OLD),
            17,
            "devices.court-1.wifi",
            "main",
        ),
    ],
)
def test_mistakes_are_told_where_the_file_has_them(
    tmp_path: Path, text: str, line: int, field: str, word: str
) -> None:
    with pytest.raises(SiteFileError) as caught:
        load_site(write(tmp_path, text))
    (problem,) = caught.value.problems
    assert (problem.line, problem.field) == (line, field)
    assert word in problem.message


def test_a_newer_file_has_that_one_mistake(tmp_path: Path) -> None:
    path = write(tmp_path, changed("version: 1", "version: 9", GOOD) + "colour: red\n")
    with pytest.raises(SiteFileError) as caught:
        load_site(path)
    (problem,) = caught.value.problems
    assert "update sportbox" in problem.message


def test_an_open_broker_that_others_can_reach_is_noted(tmp_path: Path) -> None:
    path = write(tmp_path, changed("127.0.0.1", "192.0.2.10", NEWEST))
    notes = read_site(path)[1]
    assert [(note.line, note.field) for note in notes] == [(5, "broker.tls")]
    assert "open" in notes[0].message
