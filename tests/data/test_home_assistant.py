"""Home Assistant's discovery: what its documentation asks of each platform; plan and apply at a broker."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from host_tools.broker import BrokerProcess
from host_tools.data.home_assistant import BINARY, TITLES, HomeAssistant, wanted
from host_tools.data.messages import STATES
from host_tools.data.topics import topic_of
from host_tools.errors import Unreachable
from host_tools.mqtt import Address
from host_tools.setup.paths import REPOSITORY
from host_tools.site.load import load_site
from host_tools.site.models import Site
from host_tools.site.sections import HomeAssistant as Output
from host_tools.site.sections import Outputs

SITES = sorted((REPOSITORY / "sites").glob("*.yaml"))
# www.home-assistant.io/integrations/binary_sensor.mqtt and sensor.mqtt, "configuration variables"
REQUIRED = {"binary_sensor": {"state_topic"}, "sensor": {"state_topic"}}
KNOWN = {
    *("name", "state_topic", "value_template", "device_class", "unique_id", "device", "origin"),
    *("availability", "qos", "entity_category", "unit_of_measurement", "state_class", "options"),
}
CLASSES = {
    "binary_sensor": {"lock", "door", "occupancy", "tamper", "problem"},
    "sensor": {"enum", "signal_strength", "voltage"},
}
UNITS = {"signal_strength": {"dB", "dBm"}, "voltage": {"V", "mV", "µV", "kV", "MV"}}


def with_output(site: Site, prefix: str = "homeassistant") -> Site:
    return site.model_copy(update={"outputs": Outputs(home_assistant=Output(prefix=prefix))})


def load(name: str = "hafensport-rostock") -> Site:
    return with_output(load_site(REPOSITORY / "sites" / f"{name}.yaml"))


@pytest.mark.parametrize("path", SITES, ids=lambda path: path.stem)
def test_what_the_documentation_asks_for(path: Path) -> None:
    site = load(path.stem)
    found = wanted(site, "homeassistant", lambda device: True)
    ids = [payload["unique_id"] for payload in found.values()]
    assert len(set(ids)) == len(ids)
    for topic, payload in found.items():
        prefix, platform, node, object_, last = topic.split("/")
        assert (prefix, last) == ("homeassistant", "config")
        assert re.fullmatch("[A-Za-z0-9_-]+", node) and re.fullmatch("[A-Za-z0-9_-]+", object_)
        assert REQUIRED[platform] <= set(payload) <= KNOWN
        assert payload["device"]["identifiers"] == [node]
        assert payload["origin"]["name"]
        class_ = payload.get("device_class")
        assert class_ is None or class_ in CLASSES[platform]
        assert payload.get("unit_of_measurement") in UNITS.get(
            class_ or "", {payload.get("unit_of_measurement")}
        )
        if class_ == "enum":
            assert payload["options"] and not {"state_class", "unit_of_measurement"} & set(payload)
        for each in payload.get("availability", []):
            assert topic_of(each["topic"]) is not None
        assert topic_of(payload["state_topic"]) is not None, "no topic of ours"


def test_every_kind_and_state_has_a_meaning() -> None:
    assert set(TITLES) == set(BINARY) == set(STATES)
    for kind, model in STATES.items():
        schema = model.model_json_schema()["properties"]["state"]["enum"]
        _, on, off = BINARY[kind]
        assert set(on) | set(off) <= set(schema)
        assert not set(on) & set(off)
        assert set(schema) - set(on) - set(off) <= {"unknown", "jammed", "fault"}


def shown(payload: dict[str, Any], state: str) -> str:
    """What the template makes of a state: it is a Python dictionary's get, too."""
    expression = payload["value_template"].strip("{} ")
    words, _, rest = expression.partition("}.get(")
    return json.loads("{" + words + "}").get(state, re.findall("'([^']+)'", rest)[0])  # type: ignore[no-any-return]


def test_doors_and_locks() -> None:
    found = wanted(load(), "homeassistant", lambda device: False)
    (door,) = [each for topic, each in found.items() if topic.endswith("_box-1/door-1_on/config")]
    assert [shown(door, state) for state in ("open", "ajar", "forced", "closed", "unknown")] == [
        "ON",
        "ON",
        "ON",
        "OFF",
        "None",
    ]
    (lock,) = [each for topic, each in found.items() if topic.endswith("_box-1/lock-1_on/config")]
    assert [shown(lock, state) for state in ("unlocked", "locked", "jammed")] == ["ON", "OFF", "None"]
    assert not [topic for topic in found if "battery" in topic]
    assert "nonce" not in json.dumps(found)


class Keeper:
    """Reads and writes retained messages as another client would."""

    def __init__(self, broker: BrokerProcess) -> None:
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.connect(broker.host, broker.port)
        self.client.loop_start()

    def keep(self, topic: str, payload: bytes) -> None:
        self.client.publish(topic, payload, 1, retain=True).wait_for_publish(10)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def keeper(mosquitto: BrokerProcess) -> Iterator[Keeper]:
    found = Keeper(mosquitto)
    yield found
    found.close()


def provider(site: Site, broker: BrokerProcess) -> HomeAssistant:
    return HomeAssistant(site, Address(broker.host, broker.port), lambda device: False)


def apply(found: HomeAssistant) -> list[str]:
    return found.apply(found.changes(), lambda text: None)


def test_plan_and_apply(mosquitto: BrokerProcess, keeper: Keeper) -> None:
    site = load()
    first = provider(site, mosquitto)
    planned = first.changes()
    assert {(each.name, each.what) for each in planned} == {(name, "add") for name in site.devices}
    assert first.apply(planned, lambda text: None) == []
    assert first.changes() == []
    keeper.keep(
        "homeassistant/sensor/other_box/x/config", b"{}"
    )  # a neighbour's, and a site with a longer name
    keeper.keep(f"homeassistant/sensor/sportbox_{site.site}-2_box-1/x/config", b"{}")
    assert provider(site, mosquitto).changes() == []

    name = sorted(site.devices)[0]
    topic = f"homeassistant/sensor/sportbox_{site.site}_{name}/device_rssi/config"
    keeper.keep(topic, b"no json")
    renamed = {**site.devices, name: site.devices[name].model_copy(update={"title": "New name"})}
    gone = sorted(site.devices)[-1]
    del renamed[gone]
    other = provider(site.model_copy(update={"devices": renamed}), mosquitto)
    planned = other.changes()
    assert [(each.name, each.what) for each in planned] == [(name, "change"), (gone, "remove")]
    assert any("New name" in line for line in planned[0].diff)
    assert other.apply(planned, lambda text: None) == []
    assert other.changes() == []
    assert {each.name for each in provider(site, mosquitto).changes()} == {name, gone}


def test_a_large_site(mosquitto: BrokerProcess) -> None:
    """More retained messages than Mosquitto queues for a client by default."""
    site = load()
    device = site.devices["box-1"]
    large = site.model_copy(update={"devices": {f"box-{n}": device for n in range(1, 151)}})
    found = provider(large, mosquitto)
    assert len(found._wanted) > 1_100
    assert apply(found) == []
    assert provider(large, mosquitto).changes() == []


def test_a_broker_that_is_not_there(mosquitto: BrokerProcess) -> None:
    site = load()
    with pytest.raises(Unreachable):
        HomeAssistant(site, Address("127.0.0.1", 1), lambda device: False).changes()
