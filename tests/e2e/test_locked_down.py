"""A locked-down site from nothing to the next change, through the real commands: its own Mosquitto with TLS,
boards with certificates."""

import contextlib
import json
import queue
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from host_tools.broker import find_mosquitto, free_port
from host_tools.site.load import load_site
from host_tools.site.vault import open_vault
from tests.e2e.commands import Json, SimUp, json_lines, sportbox, start
from tests.leaks import Leaks
from tests.vaults import PASSPHRASE, WIFI_PASSWORD

pytestmark = pytest.mark.skipif(find_mosquitto() is None, reason="Mosquitto is not installed")

READY_S = 60.0


class Hall:
    """Made with `site new` and brought up with `sim up --vault`, which makes the vault."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "hall.yaml"
        self.state = folder / "state"
        self.said = ""
        self.sportbox("site", "new", self.file, "--template", "laptop")
        self.write(
            'host: "127.0.0.1"', f'host: "127.0.0.1", port: {free_port()}, services_port: {free_port()}'
        )
        self.write("port: 12300", f"port: {free_port()}")

    def write(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert old in text
        self.file.write_text(text.replace(old, new))

    def sportbox(self, *words: object, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = sportbox(*words, state=self.state, status=status)
        self.said += done.stderr + done.stdout
        return done

    def site(self, command: str, *words: object, status: int = 0) -> subprocess.CompletedProcess[str]:
        return self.sportbox("site", command, self.file, *words, status=status)

    @contextlib.contextmanager
    def up(self) -> Iterator[SimUp]:
        running = SimUp(self.file, "--vault", state=self.state)
        try:
            running.wait_ready(READY_S)
            yield running
        finally:
            running.kill()

    def files(self) -> dict[str, int]:
        """What the broker was given, with the times."""
        directory = self.folder / "hall.broker"
        return {
            path.name: path.stat().st_mtime_ns for path in directory.glob("[!.]*") if path.suffix != ".log"
        }

    def boards(self) -> dict[str, Json]:
        """What `site status` tells of each, the broker left out."""
        broker, *rows = json_lines(self.site("status", "--json").stdout)
        assert (broker["part"], broker["answers"]) == ("broker", True)
        return {row["name"]: row for row in rows if row["part"] == "boards"}

    def history(self) -> list[str]:
        return self.sportbox("inventory", self.file, "--history", "--json").stdout.splitlines()


@pytest.fixture
def hall(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Hall:
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("SPORTBOX_WIFI_PASSWORD", WIFI_PASSWORD)
    return Hall(run_dir)


@pytest.mark.timeout(400)  # fifty seconds of a machine that has nothing else to do
def test_from_nothing_to_the_next_change(hall: Hall) -> None:
    with hall.up() as up:
        check_children_know_no_passphrase(up)
        check_applied_twice_changes_nothing(hall)
        check_a_change_comes_over_the_air(hall)
        check_cut_off_is_finished(hall)
        check_an_order(hall)
        check_a_second_output(hall)
    hall.site("plan", status=3)
    with hall.up():
        hall.site("plan")
        check_no_secret(hall)


def check_children_know_no_passphrase(up: SimUp) -> None:
    others = up.processes() - {up.process.pid}
    assert len(others) >= 5
    for pid in others:
        variables = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"PATH=" in variables
        assert PASSPHRASE.encode() not in variables and WIFI_PASSWORD.encode() not in variables


def check_applied_twice_changes_nothing(hall: Hall) -> None:
    assert hall.site("plan").stdout == "nothing would change\n"
    before = hall.files(), hall.history()
    for _ in range(2):
        done = hall.site("apply")
        assert done.stdout == "all is as declared\n"
        said = done.stderr.splitlines()
        assert said[0] == "broker: nothing to do" and said[-1] == "boards: nothing to do"
        assert said[1].startswith("delivery: proven with ")
    assert (hall.files(), hall.history()) == before


def check_a_change_comes_over_the_air(hall: Hall) -> None:
    hall.write("{title: Court 1}", "{title: Court 1, hold_ms: 9000}")
    hall.write("lock-1: {", 'lock-1: {opening: [{from: "08:00", to: "22:00"}], ')
    (box, court) = json_lines(hall.site("plan", "--json", status=4).stdout)
    assert (box["name"], court["name"]) == ("box-1", "court-1")
    assert "+components.lock-1.opening: 0" in box["diff"]
    assert court["diff"][2:] == ["-components.court-1.hold_ms: 5000", "+components.court-1.hold_ms: 9000"]
    before = hall.boards()
    assert before["court-1"]["config"] is False and before["court-2"]["config"] is True
    hall.site("apply")
    assert hall.site("plan").stdout == "nothing would change\n"
    for name, row in hall.boards().items():
        assert (row["state"], row["clock"], row["differs"]) == ("online", "ntp", None), name
        assert row["certificate_until"] == before[name]["certificate_until"]


def check_cut_off_is_finished(hall: Hall) -> None:
    """Killed as soon as a board tries what it got: that one finishes by itself, others get theirs later."""
    hall.write("devices:", "defaults: {telemetry_s: 45}\n\ndevices:")
    applying = start("site", "apply", hall.file, state=hall.state)
    assert applying.stderr is not None
    with applying.stderr as said:
        assert any("and tries them" in line for line in said)
        applying.kill()
    applying.wait()
    hall.site("apply")
    assert hall.site("plan").stdout == "nothing would change\n"


def check_an_order(hall: Hall) -> None:
    """Of a booking service that has what `site login` and `key` give out, and nothing else. `grant` takes the
    vault's keys though a state directory is named: the simulation that runs there has these."""
    file = hall.folder / "booking.json"
    hall.site("login", "booking", "--out", file)
    login = json.loads(file.read_text())
    token = hall.sportbox("grant", hall.file, "box-1", "lock-2").stdout.strip()
    hall.sportbox("sim", "set", "box-1", "door-2", "open")
    answers: queue.Queue[str] = queue.Queue()
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.username_pw_set(login["user"], login["password"])
    client.tls_set_context(ssl.create_default_context(cadata=login["ca"]))
    client.on_message = lambda _client, _data, message: answers.put(json.loads(message.payload)["result"])
    client.on_subscribe = lambda *_: client.publish("sportbox/v1/hall/box-1/cmd", token, 1)
    client.on_connect = lambda *_: client.subscribe("sportbox/v1/hall/+/ack", 1)
    client.connect(login["host"], login["port"])
    client.loop_start()
    try:
        assert [answers.get(timeout=20) for _ in range(2)] == ["accepted", "done"]
    finally:
        client.disconnect()
        client.loop_stop()


def check_no_secret(hall: Hall) -> None:
    """In what was said, in logs, site file and inventory, and in what everybody may read of the broker."""
    vault = open_vault(hall.file, load_site(hall.file), create=False)
    leaks = Leaks(
        {
            "passphrase": PASSPHRASE.encode(),
            "Wi-Fi password": WIFI_PASSWORD.encode(),
            "master secret": vault.master,
            "key of the CA": vault.ca.key_der(),
            **{user: vault.password(user).encode() for user in vault.password_users},
        }
    )
    leaks.look("what was said", hall.said.encode())
    looked = [
        path for path in hall.folder.rglob("*") if path.suffix in (".log", ".txt", ".yaml", ".db", ".pem")
    ]
    for path in [
        *looked,
        *(hall.folder / "hall.broker").glob("*.acl"),
        hall.folder / "hall.broker/passwords",
    ]:
        leaks.look(path.name, path.read_bytes())
    assert len(looked) >= 8 and leaks.found == []


def check_a_second_output(hall: Hall) -> None:
    """The broker's rights come first, then what needs them."""
    hall.write("devices:", "outputs: {home_assistant: {}}\n\ndevices:")
    planned = json_lines(hall.site("plan", "--json", status=4).stdout)
    assert [(line["part"], line["name"]) for line in planned] == [
        ("broker", "services.acl"),
        ("home_assistant", "all boards"),
    ]
    done = hall.site("apply")
    assert "broker: it has read its files again" in done.stderr
    assert "Home Assistant: 3 boards announced" in done.stderr
    assert hall.site("plan").stdout == "nothing would change\n"
