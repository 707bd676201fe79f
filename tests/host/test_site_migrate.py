"""`site migrate`: the newest version, with what people wrote beside it; or the file as it was."""

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_tools.cli import main
from host_tools.site import yamlfile
from host_tools.site.load import load_site, site_of
from host_tools.site.migrate import rewritten
from host_tools.site.models import FILE_VERSION
from tests.host.helpers import GOOD, NEWEST, changed, write

OLD = """\
# The ground at the harbour
version: 1  # of the format
site: "test-site"
languages: [de,   en]
broker: {host: 127.0.0.1}  # in the cellar
wifi: {ssid: 'net', password_secret: wifi-main}
defaults:
    telemetry_s: 030
devices:
    # behind the clubhouse
    box-1:
        board: box-esp32s3
        components:
            lock-1:   # front
            door-1: {ajar_ms: 60000}
# end
"""
NEW = """\
# The ground at the harbour
version: 2  # of the format
site: "test-site"
languages: [de, en]
broker: {host: 127.0.0.1, tls: false} # in the cellar
wifi: {main: {ssid: 'net', password_secret: wifi-main}}
defaults:
    telemetry_s: 030
devices:
    # behind the clubhouse
    box-1:
        board: box-esp32s3
        components:
            lock-1:   # front
            door-1: {ajar_ms: 60000}
# end
"""


def test_comments_order_and_quotes_stay(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, OLD)
    path.chmod(0o640)
    before = load_site(path)
    assert main(["site", "migrate", str(path)]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{path}: version 1 became 2\n"
    assert "its broker is open" in captured.err
    assert path.read_text() == NEW
    assert load_site(path) == before
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [found.name for found in tmp_path.iterdir()] == ["site.yaml"]
    assert main(["site", "check", str(path)]) == 0
    assert capsys.readouterr().err == ""


def test_a_second_time_nothing_happens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, NEWEST)
    assert main(["site", "migrate", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(path), "from": 2, "to": 2, "tls": False}
    assert path.read_text() == NEWEST


def test_blocks_windows_line_ends_and_no_broker(tmp_path: Path) -> None:
    text = changed("broker: {host: 127.0.0.1, port: 1883}\n", "wifi:\n  ssid: net # here\n# next\n")
    path = write(tmp_path, b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    before = load_site(path)
    result = rewritten(path, path.read_bytes())
    assert result.startswith(b"\xef\xbb\xbf")
    assert result.count(b"\n") == result.count(b"\r\n")
    assert b"ssid: net # here" in result
    path.write_bytes(result)
    assert load_site(path) == before
    assert before.broker.tls is False


def test_a_wrong_file_is_told_and_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = changed("port: 1883", "port: 0")
    path = write(tmp_path, text)
    assert main(["site", "migrate", str(path)]) == 2
    assert f"{path}:5: broker.port" in capsys.readouterr().err
    assert path.read_text() == text


def test_what_would_say_something_else_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, OLD)
    monkeypatch.setattr("host_tools.site.migrate._STEPS", {1: lambda data: data["broker"].update(port=1)})
    assert main(["site", "migrate", str(path)]) == 2
    assert "without changing what it says" in capsys.readouterr().err
    assert path.read_text() == OLD


WIFI = ["", "wifi: {ssid: a b}\n", "wifi:\n  # x\n  ssid: 'no'\n\n", "wifi:\n    password_secret: a\n"]
BROKER = ["", "broker: {tls: true}\n", "broker:\n  port: 1\n", "broker:\n\n  host: '::1' # y\n"]
TITLE = ["", "title: 'a: b'\n", 'title: "\\u00e4 #"\n', "title: >-\n  long\n  one\n", "title: yes\n"]


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(WIFI), st.sampled_from(BROKER), st.sampled_from(TITLE), st.permutations(range(3)))
def test_any_old_file_says_the_same_afterwards(wifi: str, broker: str, title: str, order: list[int]) -> None:
    parts = [wifi, broker, title]
    text = "version: 1\nsite: a\n" + "".join(parts[index] for index in order) + GOOD[GOOD.index("devices") :]
    result = rewritten(Path("x.yaml"), text.encode())
    after = yamlfile.parse(result).data
    assert after["version"] == FILE_VERSION
    assert site_of(after) == site_of(yamlfile.parse(text.encode()).data)
    assert result.count(b"#") == text.count("#")
