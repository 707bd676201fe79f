"""`sportbox bridge`: from a real broker to the platforms, once each, whatever is killed or fails."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from host_tools.broker import BrokerProcess
from host_tools.cli import main
from host_tools.collect import Message
from tests.brokers import wait_until
from tests.data.broker_ld import BrokerLd
from tests.data.played import PlayedBoard, site_file
from tests.data.service import Service
from tests.data.things import Things
from tests.vaults import cheap_vault, passphrase_file

TIME = "2026-05-28T20:00:00Z"
GATE = "urn:ngsi-ld:CrowdFlowObserved:ground:box-1:gate-1:inbound"
SECRETS = {"things": "secret-of-things", "entities": "secret-of-entities"}


class Ground:
    """A site with both outputs, its broker, and the platforms."""

    def __init__(self, folder: Path, broker: BrokerProcess, secret: bool = False) -> None:
        self.things = Things()
        self.entities = BrokerLd()
        self.services = [Service(self.things), Service(self.entities)]
        url = f"mqtt://{broker.host}:{broker.port}"
        secrets = [f", secret: {name}" if secret else "" for name in SECRETS]
        self.file = site_file(
            folder,
            f"outputs:\n  sensorthings: {{url: '{self.services[0].url}/v1.1'{secrets[0]}}}\n"
            f"  ngsi_ld: {{url: '{self.services[1].url}'{secrets[1]}}}\n",
        )
        self.arguments = ["bridge", str(self.file), "--broker", url]
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()

    def run(self, *more: str) -> int:
        return main([*self.arguments, *more])

    def publish(self, *messages: Message) -> None:
        for message in messages:
            self.client.publish(message.topic, message.payload, 1, message.retained).wait_for_publish(10)

    def start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "host_tools.cli", *self.arguments]
        environment = {**os.environ, "COVERAGE_PROCESS_START": ""}
        return subprocess.Popen(command, stderr=subprocess.PIPE, env=environment)

    def ids(self, stream: str) -> list[str]:
        """Of a snapshot: the service goes on."""
        with self.services[0].lock:
            return [one["parameters"]["id"] for one in self.things.observations(f"ground/{stream}")]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        for service in self.services:
            service.close()


@pytest.fixture
def ground(tmp_path: Path, mosquitto: BrokerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.chdir(tmp_path)  # no simulation there
    monkeypatch.setattr("host_tools.data.bridge.run.QUIET_S", 0.3)
    found = Ground(tmp_path, mosquitto)
    yield found
    found.close()


def passages(box: PlayedBoard, count: int) -> list[Message]:
    return [box.event("gate-1", "gate.passed", {"direction": "in", "count": 1}, TIME) for _ in range(count)]


def test_once(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    assert ground.run("--once", "--json") == 0  # now the broker keeps what comes
    box = PlayedBoard("box-1")
    ground.publish(*passages(box, 3), box.message("availability", "online", retained=True))
    capsys.readouterr()
    assert ground.run("--once", "--json") == 0
    things, entities, taken = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (things["output"], things["sent"], things["waiting"]) == ("sensorthings", 4, 0)
    assert (entities["output"], entities["sent"], entities["problem"]) == ("ngsi_ld", 4, None)
    assert taken["events"] == 3 and taken["duplicates"] == 0
    assert ground.ids("box-1/gate-1/in") == box.said
    assert ground.entities.now(GATE)["peopleCount"] == 3
    assert ground.things.wrong == ground.entities.wrong == []


def test_once_ends_where_boards_never_rest(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("host_tools.data.bridge.run.QUIET_S", 3_600.0)
    monkeypatch.setattr("host_tools.data.bridge.run.KEPT_MAX_S", 0.3)
    assert ground.run("--once") == 0


def test_one_platform_is_away(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    ground.run("--once")
    box = PlayedBoard("box-1")
    ground.publish(*passages(box, 2))
    ground.services[0].down = True
    assert ground.run("--once") == 3
    assert ground.entities.now(GATE)["peopleCount"] == 2
    ground.services[0].down = False
    assert ground.run("--once") == 0
    assert ground.ids("box-1/gate-1/in") == box.said
    capsys.readouterr()
    assert main(["bridge", str(ground.file), "--status"]) == 0
    assert "sensorthings: 2 sent, 0 waiting" in capsys.readouterr().out


def test_put_aside_shown_and_tried_again(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    ground.run("--once")
    box = PlayedBoard("box-1")
    ground.publish(*passages(box, 2))
    ground.services[0].fail(status=400)
    assert ground.run("--once") == 0
    out = capsys.readouterr().out
    assert "1 aside" in out and f"not taken by sensorthings: {box.said[0]}" in out and "400" in out
    assert ground.run("--once", "--retry") == 0
    assert "0 aside" in capsys.readouterr().out
    assert sorted(ground.ids("box-1/gate-1/in")) == box.said


def test_dry_run_sends_nothing_and_loses_nothing(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    ground.run("--once")
    asked = [len(service.asked) for service in ground.services]
    box = PlayedBoard("box-1")
    ground.publish(*passages(box, 2))
    capsys.readouterr()
    assert ground.run("--dry-run") == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sum("/Observations" in one["url"] for one in shown) == 6  # event, count, in
    people = [one["body"] for one in shown if one["url"].endswith("/upsert")]
    assert people[-1][0]["peopleCount"]["value"] == 2
    assert [len(service.asked) for service in ground.services] == asked
    assert ground.run("--once") == 0
    assert ground.ids("box-1/gate-1/in") == box.said


def test_killed_again_and_again(ground: Ground) -> None:
    """Every event is there once in the end, whatever was under way when the program was killed."""
    assert ground.run("--once") == 0
    luck = random.Random(5)
    box = PlayedBoard("box-1")
    for _ in range(3):
        for service in ground.services:
            for _ in range(2):
                service.fail(**luck.choice([{"lose": True}, {"cut": True}, {"status": 503}]))
        before = len(ground.ids("box-1/gate-1/in"))
        running = ground.start()
        ground.publish(*passages(box, 20))
        some = before + luck.randint(1, 15)
        wait_until(lambda some=some: len(ground.ids("box-1/gate-1/in")) >= some, "some observations", 20)
        running.send_signal(signal.SIGKILL)
        running.communicate()
    running = ground.start()
    wait_until(lambda: len(ground.ids("box-1/gate-1/event")) >= len(box.said), "all observations", 20)
    wait_until(lambda: GATE in ground.entities.entities, "the count", 20)
    wait_until(lambda: ground.entities.entities[GATE]["peopleCount"]["value"] >= len(box.said), "all", 20)
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 0, said.decode()
    for stream in ("event", "in", "count"):
        assert sorted(ground.ids(f"box-1/gate-1/{stream}")) == sorted(box.said)
    assert ground.ids("box-1/gate-1/event") == box.said  # and in order
    assert ground.entities.now(GATE)["peopleCount"] == len(box.said)
    assert ground.things.wrong == ground.entities.wrong == []


def test_two_at_once(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    running = ground.start()
    wait_until(lambda: bool(ground.services[0].asked), "it has begun", 20)
    assert ground.run("--once") == 1
    assert "runs already" in capsys.readouterr().err
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=20)


def test_a_broker_that_is_not_there(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bridge", str(ground.file), "--broker", "mqtt://127.0.0.1:1", "--once"]) == 3
    assert main(["bridge", str(ground.file), "--broker", "mqtt://127.0.0.1:1"]) == 3
    assert "hint:" in capsys.readouterr().err


def test_secrets_come_from_the_vault(
    tmp_path: Path,
    mosquitto: BrokerProcess,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("host_tools.data.bridge.run.QUIET_S", 0.3)
    ground = Ground(tmp_path, mosquitto, secret=True)
    vault = cheap_vault(ground.file, wifi=None)
    key = str(passphrase_file(tmp_path))
    assert ground.run("--once", "--passphrase-file", key) == 2
    assert "set-secret" in capfd.readouterr().err
    for name, secret in SECRETS.items():
        vault.set_secret(name, secret)
    ground.publish(PlayedBoard("box-1").message("availability", "online", retained=True))
    ground.services[0].fail(status=401)
    assert ground.run("--once", "--passphrase-file", key) == 3
    assert ground.run("--once", "--passphrase-file", key) == 0
    for service, secret in zip(ground.services, SECRETS.values(), strict=True):
        assert service.asked[-1].headers["authorization"] == f"Bearer {secret}"
    captured = capfd.readouterr()
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("ground.bridge.db*"))
    for secret in SECRETS.values():
        assert secret not in captured.out + captured.err and secret.encode() not in kept
    ground.close()


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        ("", "no output for a platform"),
        ("outputs: {sensorthings: {url: 'https://frost.example/v1.1'}}\n", "where the site is"),
    ],
)
def test_what_the_site_file_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], outputs: str, told: str
) -> None:
    path = site_file(tmp_path, outputs)
    path.write_text("".join(line for line in path.open() if not line.startswith("position:")))
    assert main(["bridge", str(path), "--once"]) == 2
    said = capsys.readouterr().err
    assert told in said and "hint:" in said


def test_nothing_has_run_yet(ground: Ground, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bridge", str(ground.file), "--status"]) == 2
    assert main(["bridge", str(ground.file), "--status", "--once"]) == 2
    assert "no bridge has run yet" in capsys.readouterr().err
