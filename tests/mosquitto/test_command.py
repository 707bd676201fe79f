"""`sportbox broker`: run on this computer, and files for another one."""

import contextlib
import json
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools import cli
from host_tools.broker import find_mosquitto, free_port
from host_tools.brokers import running
from host_tools.brokers.boards import as_board
from host_tools.brokers.foreground import must_be_here
from host_tools.brokers.prove import prove_delivery
from host_tools.brokers.wire import Line, service
from host_tools.errors import BadInput
from host_tools.site.load import load_site
from host_tools.site.login import login_of
from tests.brokers import wait_until
from tests.mosquitto.bench import SITE
from tests.vaults import cheap_vault, passphrase_file, reopened


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A site file with its vault, and a file with the passphrase."""
    site_file = tmp_path / "mole.yaml"
    site_file.write_text(SITE.format(name="mole", port=free_port(), services=free_port()))
    cheap_vault(site_file)
    passphrase_file(tmp_path)
    return site_file


def words(place: Path, what: str, *more: str) -> list[str]:
    return ["broker", what, str(place), "--passphrase-file", str(place.parent / "passphrase"), *more]


@contextlib.contextmanager
def runs(place: Path) -> Iterator[subprocess.Popen[str]]:
    if find_mosquitto() is None:
        pytest.skip("Mosquitto is not installed: sudo apt install mosquitto")
    with subprocess.Popen(
        [sys.executable, "-m", "host_tools.cli", *words(place, "run", "--json")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def told_by(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    found: dict[str, Any] = json.loads(process.stdout.readline())
    return found


def test_killed_it_takes_the_broker_along(place: Path) -> None:
    """In order: what was retained is there next time."""
    site, vault = load_site(place), reopened(place, place.parent)
    topic = "sportbox/v1/mole/box-1/lock-1/state"
    with runs(place) as process:
        directory = Path(told_by(process)["directory"])
        board = as_board(site, vault, "box-1")
        with Line("127.0.0.1", site.broker.boards_port, board) as line:
            line.publish(topic, b"locked", retain=True)
        process.kill()
    wait_until(lambda: running.pid_of(directory) is None, "the end of the broker")
    with runs(place) as process:
        told_by(process)
        login = login_of(site, vault, "recorder")
        with Line("127.0.0.1", site.broker.services_port, service(login, "x")) as line:
            line.subscribe(topic)
            line.get(b"locked")
        process.terminate()
        assert process.wait(15) == 0


def test_run_until_ctrl_c(place: Path) -> None:
    with runs(place) as process:
        told = told_by(process)
        site = load_site(place)
        assert told["boards_port"] == site.broker.boards_port
        assert told["services_port"] == site.broker.services_port
        assert prove_delivery(site, reopened(place, place.parent), lambda _: None) == []
        directory = Path(told["directory"])
        assert running.pid_of(directory) is not None
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0
    assert running.pid_of(directory) is None


def test_config_writes_secrets_for_the_owner_alone(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = place.parent / "out"
    assert cli.main(words(place, "config", "-o", str(folder), "--json")) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["at"] == "/var/lib/sportbox/mole"
    for one in told["files"]:
        assert stat.S_IMODE((folder / one["name"]).stat().st_mode) == int(one["mode"], 8)
        assert one["written"] is True
    modes = {one["name"]: one["mode"] for one in told["files"]}
    assert modes["broker.key"] == modes["passwords"] == "0600"
    conf = (folder / "mosquitto.conf").read_text()
    assert "keyfile /var/lib/sportbox/mole/broker.key\n" in conf
    assert "user mosquitto\n" in conf
    assert str(place.parent) not in conf
    assert cli.main(words(place, "config", "-o", str(folder), "--json")) == 0
    assert not any(one["written"] for one in json.loads(capsys.readouterr().out)["files"])


def test_config_for_another_place_and_user(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = place.parent / "out"
    more = ("-o", str(folder), "--at", "/srv/broker", "--user", "mqtt")
    assert cli.main(words(place, "config", *more)) == 0
    assert "broker.key" in capsys.readouterr().out
    conf = (folder / "mosquitto.conf").read_text()
    assert "user mqtt\n" in conf and "pid_file /srv/broker/mosquitto.pid\n" in conf
    assert cli.main(words(place, "config", "-o", str(folder), "--at", "relative")) == 2


def test_another_sites_folder_is_left_alone(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = place.parent / "out"
    folder.mkdir()
    (folder / "mosquitto.conf").write_text("# Written by `sportbox site apply` of `other`: ...\n")
    assert cli.main(words(place, "config", "-o", str(folder))) == 2
    assert "another site" in capsys.readouterr().err
    assert [one.name for one in folder.iterdir()] == ["mosquitto.conf"]


@pytest.mark.parametrize("what", ["run", "config"])
@pytest.mark.parametrize(
    ("broker", "says"),
    [
        ("kind: rabbitmq", "of kind `rabbitmq`"),
        ("kind: embedded, tls: false", "of kind `embedded`"),
        ("tls: false", "has no TLS"),
    ],
)
def test_other_brokers_are_told(
    place: Path, what: str, broker: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = place.read_text().replace("tls: true", broker)
    place.write_text(text.replace("version: 1", "version: 2"))
    more = ("-o", str(place.parent / "out")) if what == "config" else ()
    assert cli.main(words(place, what, *more)) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "hint: " in said
    assert not (place.parent / "out").exists()


def test_a_port_in_use_is_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if find_mosquitto() is None:
        pytest.skip("Mosquitto is not installed: sudo apt install mosquitto")
    port = load_site(place).broker.services_port
    with socket.create_server(("127.0.0.1", port)):
        assert cli.main(words(place, "run")) == 1
    assert f"port {port} is in use" in capsys.readouterr().err


def test_no_mosquitto_is_told(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host_tools.brokers.foreground.find_mosquitto", lambda: None)
    assert cli.main(words(place, "run")) == 1
    assert "hint: sudo apt install mosquitto" in capsys.readouterr().err


def test_a_broker_elsewhere_is_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place.write_text(place.read_text().replace("host: 127.0.0.1", "host: 192.0.2.7"))
    assert cli.main(words(place, "run")) == 2
    assert "192.0.2.7, which is not this computer" in capsys.readouterr().err
    with pytest.raises(BadInput, match="is not known"):
        must_be_here("no-such-name.invalid")
    must_be_here("localhost")


def test_a_wrong_passphrase_is_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place.parent / "passphrase").write_text("quite another one\n")
    assert cli.main(words(place, "config", "-o", str(place.parent / "out"))) != 0
    assert not (place.parent / "out").exists()
    assert "passphrase" in capsys.readouterr().err
