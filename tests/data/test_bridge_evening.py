"""An evening of simulated boards through the bridge: what real firmware says fits both platforms."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from host_tools.sim.board import SimBoard
from tests.brokers import wait_until
from tests.data.broker_ld import BrokerLd
from tests.data.service import Service
from tests.data.things import Things
from tests.e2e.commands import SimUp, sim_up, sportbox, start

SITE = """\
version: 2
site: evening
position: {{latitude: 54.09, longitude: 12.14}}
broker: {{tls: false}}
outputs:
  sensorthings: {{url: '{things}/v1.1'}}
  ngsi_ld: {{url: '{entities}'}}
devices:
  box-1:
    board: box-esp32s3
    components:
      lock-2: {{}}
      door-2: {{}}
      gate-1: {{}}
      tamper-1: {{}}
  court-1:
    board: field-esp32c3
    components:
      court-1: {{hold_ms: 1000}}
"""
GATE = "urn:ngsi-ld:CrowdFlowObserved:evening:box-1:gate-1"


class Witness:
    """Hears what the bridge hears."""

    def __init__(self, up: SimUp) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.changes = threading.Event()
        subscribed = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = self._heard
        self.client.on_subscribe = lambda *_: subscribed.set()
        self.client.connect(*up.broker)
        self.client.loop_start()
        self.client.subscribe("sportbox/v1/evening/+/event", 1)
        assert subscribed.wait(10)

    def _heard(self, _client: Any, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        event = json.loads(message.payload)
        self.events[event["id"]] = event
        self.changes.set()

    def passed(self, way: str) -> int:
        """How many have gone that way."""
        gone = [one for one in list(self.events.values()) if one["type"] == "sportbox.gate.passed"]
        return sum(one["data"]["direction"] == way for one in gone)

    def has(self, kind: str) -> bool:
        return any(one["type"] == f"sportbox.{kind}" for one in list(self.events.values()))

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def play(up: SimUp, witness: Witness, file: Path) -> None:
    box, court = (SimBoard(up.state / "boards" / name) for name in ("box-1", "court-1"))
    token = sportbox("grant", file, "box-1", "lock-2", state=up.state).stdout.strip()
    order = start("send", file, "box-1", "-", state=up.state, stdin=-1)
    assert order.stdin is not None
    order.stdin.write(token)
    order.stdin.close()
    wait_until(lambda: witness.has("lock.unlocked"), "the lock", 20)
    box.set("door-2", "pull")
    wait_until(lambda: witness.has("door.opened"), "the door", 20)
    box.set("door-2", "closed")
    order.wait(20)
    for way in ("in", "out"):
        while not witness.passed(way):  # a busy computer can stretch a step so far that it is none
            box.set("gate-1", way)
            witness.changes.wait(2)
            witness.changes.clear()
    court.set("court-1", "occupied")
    wait_until(lambda: witness.has("occupancy.changed"), "the court", 20)
    box.set("tamper-1", "open")
    wait_until(lambda: witness.has("device.tamper"), "the housing", 20)
    sportbox("sim", "cut", "box-1", state=up.state)
    sportbox("sim", "boot", "box-1", state=up.state)
    wait_until(lambda: witness.has("device.booted"), "the box is back", 30)


@pytest.fixture
def platforms() -> Iterator[tuple[Service, Service]]:
    found = Service(Things()), Service(BrokerLd())
    yield found
    for service in found:
        service.close()


def test_an_evening(run_dir: Path, platforms: tuple[Service, Service]) -> None:
    things, entities = platforms[0].application, platforms[1].application
    assert isinstance(things, Things) and isinstance(entities, BrokerLd)
    file, state = run_dir / "evening.yaml", run_dir / "state"
    file.write_text(SITE.format(things=platforms[0].url, entities=platforms[1].url))
    with sim_up(file, state=state) as up:
        bridge = start("bridge", file, state=state)
        witness = None
        try:
            assert bridge.stderr is not None
            assert "connected to" in bridge.stderr.readline()
            witness = Witness(up)
            play(up, witness, file)
            wait_until(lambda: set(witness.events) <= set(arrived(platforms[0])), "all events", 20)
            wait_until(lambda: f"{GATE}:outbound" in entities.entities, "the passages", 20)
        finally:
            bridge.terminate()
            _, talk = bridge.communicate(timeout=20)
            if witness is not None:
                witness.close()
        assert bridge.returncode == 0, talk
    ids = arrived(platforms[0])
    assert len(set(ids)) == len(ids)
    assert things.wrong == entities.wrong == []
    assert counted(entities, f"{GATE}:inbound") == witness.passed("in")
    assert counted(entities, f"{GATE}:outbound") == witness.passed("out")
    assert things.observations("evening/box-1/door-2/state")[0]["result"] == "open"
    said = json.dumps([things.sets, entities.entities])
    for event in witness.events.values():
        for name in ("jti", "sub"):
            assert not event["data"].get(name) or event["data"][name] not in said
    assert (state / "bridge.db").exists() and not file.with_suffix(".bridge.db").exists()


def counted(entities: BrokerLd, id_: str) -> int:
    """Of all hours: an evening may see two."""
    said = [one for one in entities.history if one["id"] == id_]
    return sum({one["dateObservedFrom"]: one["peopleCount"] for one in said}.values())


def arrived(service: Service) -> list[str]:
    """The ids of the events that are there."""
    assert isinstance(service.application, Things)
    with service.lock:
        found = service.application.observations()
    return [one["parameters"]["id"] for one in found if isinstance(one["result"], dict)]
