"""What Home Assistant discovers: a device a board, entities for what its components say.

MQTT discovery of single components: one retained message an entity at
`<prefix>/<platform>/<node>/<object>/config`; an empty retained one takes it back
(www.home-assistant.io/integrations/mqtt, "MQTT discovery"). Doors and locks are binary sensors: a lock entity
sends fixed payloads, and an order to a board is a token that is used once.

`Provider` compares what the broker keeps with what the site file asks for.
"""

import asyncio
import difflib
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from host_tools.data.messages import STATES
from host_tools.errors import ToolError, Unreachable
from host_tools.mqtt import ROOT, Address, connected, subscribe, unreachable
from host_tools.site.plan import Change, What
from host_tools.strangers import read_json

if TYPE_CHECKING:
    from host_tools.site.models import Device, Site

Payload = dict[str, Any]

PART = "home_assistant"
WAIT_S = 10.0
OWN = "sportbox"
UNKNOWN = "None"
"""A state that Home Assistant shows as unknown."""
PRESENCE = ("online", "offline", "sleeping")
TITLES = {
    "lock": "Lock",
    "door": "Door",
    "release": "Inside release",
    "inside": "Inside",
    "tamper": "Housing",
    "court": "Court",
    "gate": "Gate",
    "keypad": "Keypad",
}
# device class, and the states that are on and off; all others are unknown
BINARY: dict[str, tuple[str | None, tuple[str, ...], tuple[str, ...]]] = {
    "lock": ("lock", ("unlocked", "unlocking", "locking"), ("locked",)),  # on: unlocked
    "door": ("door", ("open", "ajar", "forced"), ("closed",)),
    "release": (None, ("pressed",), ("clear",)),
    "inside": ("occupancy", ("occupied",), ("free",)),
    "tamper": ("tamper", ("open",), ("closed",)),
    "court": ("occupancy", ("occupied",), ("free",)),
    "gate": ("occupancy", ("occupied",), ("free",)),
    "keypad": ("problem", ("locked", "no_clock"), ("ready",)),
}
IN_WORDS = ("lock", "door", "keypad")
"""Kinds with more to say than on and off."""
COUNTED = ("court", "gate")
SURE = ("court", "gate", "inside")


@dataclass(frozen=True)
class Entity:
    """`what` is its name within the component, and stays: Home Assistant knows it by that."""

    platform: str
    component: str  # `device`: the board itself
    what: str
    fields: Payload


def entities(site: "Site", name: str, device: "Device", on_battery: bool) -> Iterator[Entity]:
    base = f"{ROOT}/{site.site}/{name}"
    for component in device.components:
        yield from _of_component(component, f"{base}/{component}/state")
    telemetry = {"state_topic": f"{base}/telemetry", "state_class": "measurement"}
    diagnostic = {"entity_category": "diagnostic"}
    yield Entity(
        "sensor",
        "device",
        "rssi",
        {
            "name": "Wi-Fi signal",
            "device_class": "signal_strength",
            "unit_of_measurement": "dBm",
            "value_template": "{{ value_json.rssi }}",
            **telemetry,
            **diagnostic,
        },
    )
    if on_battery:
        yield Entity(
            "sensor",
            "device",
            "battery",
            {
                "name": "Battery",
                "device_class": "voltage",
                "unit_of_measurement": "mV",
                "value_template": "{{ value_json.battery }}",
                **telemetry,
                **diagnostic,
            },
        )
    yield Entity(
        "sensor",
        "device",
        "presence",
        {
            "name": "Connection",
            "device_class": "enum",
            "options": [*PRESENCE],
            "state_topic": f"{base}/availability",
            **diagnostic,
        },
    )


def _of_component(component: str, topic: str) -> Iterator[Entity]:
    kind, _, number = component.rpartition("-")
    title = f"{TITLES[kind]} {number}"
    at = {"state_topic": topic}
    class_, on, off = BINARY[kind]
    words = {**dict.fromkeys(on, "ON"), **dict.fromkeys(off, "OFF")}
    template = f"{{{{ {json.dumps(words)}.get(value_json.state, '{UNKNOWN}') }}}}"
    classed = {"device_class": class_} if class_ is not None else {}
    yield Entity(
        "binary_sensor", component, "on", {"name": title, "value_template": template, **classed, **at}
    )
    if kind in IN_WORDS:
        options = list(get_args(STATES[kind].model_fields["state"].annotation))
        fields = {"name": f"{title} state", "device_class": "enum", "options": options}
        yield Entity(
            "sensor", component, "state", {**fields, "value_template": "{{ value_json.state }}", **at}
        )
    if kind in COUNTED:
        fields = {"name": f"{title} people", "state_class": "measurement", "unit_of_measurement": "people"}
        yield Entity(
            "sensor", component, "count", {**fields, "value_template": "{{ value_json.count }}", **at}
        )
    if kind in SURE:
        fields = {"name": f"{title} confidence", "state_class": "measurement", "unit_of_measurement": "%"}
        percent = "{{ (value_json.confidence * 100) | round }}"
        yield Entity(
            "sensor",
            component,
            "confidence",
            {**fields, "value_template": percent, "entity_category": "diagnostic", **at},
        )


def wanted(site: "Site", prefix: str, on_battery: Callable[[str], bool]) -> dict[str, Payload]:
    """Every retained message of the site's discovery, by its topic. `on_battery(device)`."""
    found: dict[str, Payload] = {}
    for name, device in site.devices.items():
        node = f"{node_prefix(site.site)}{name}"
        shared = _shared(site, name, device, node)
        for entity in entities(site, name, device, on_battery(name)):
            object_ = f"{entity.component}_{entity.what}"
            payload = {**entity.fields, **shared, "unique_id": f"{node}_{object_}"}
            if entity.what == "presence":
                del payload["availability"]  # else `offline` would be shown as unavailable
            found[f"{prefix}/{entity.platform}/{node}/{object_}/config"] = payload
    return found


def node_prefix(site: str) -> str:
    """Names have no underscore, so no two sites share one."""
    return f"{OWN}_{site}_"


def _shared(site: "Site", name: str, device: "Device", node: str) -> Payload:
    template = "{{ 'offline' if value == 'offline' else 'online' }}"  # who sleeps has told its newest state
    return {
        "availability": [
            {"topic": f"{ROOT}/{site.site}/{name}/availability", "value_template": template},
        ],
        "device": {
            "identifiers": [node],
            "name": device.title or name,
            "manufacturer": OWN,
            "model": device.board,
            "suggested_area": site.title or site.site,
        },
        "origin": {"name": OWN},
        "qos": 1,
    }


class HomeAssistant:
    """The part of `plan` and `apply`. A Change is a board's: its entities come and go together."""

    part = PART

    def __init__(self, site: "Site", address: Address, on_battery: Callable[[str], bool]) -> None:
        output = site.outputs.home_assistant
        assert output is not None, "only for a site that has the output"
        self._site = site.site
        self._address = address
        self._prefix = output.prefix
        self._wanted = wanted(site, output.prefix, on_battery)
        self._kept: dict[str, bytes] = {}

    def changes(self) -> list[Change]:
        """Raises Unreachable."""
        self._kept = asyncio.run(self._read())
        topics: dict[str, list[str]] = {}
        for topic in [*self._wanted, *(topic for topic in self._kept if topic not in self._wanted)]:
            if self._differs(topic):
                topics.setdefault(self._device_of(topic), []).append(topic)
        return [self._change(name, those) for name, those in sorted(topics.items())]

    def apply(self, changes: Sequence[Change], say: Callable[[str], None]) -> list[str]:
        """What was published is read again: a broker that forbids it acknowledges it all the same."""
        names = {change.name for change in changes}
        topics = [topic for topic in {**self._wanted, **self._kept} if self._device_of(topic) in names]
        asyncio.run(self._write([topic for topic in topics if self._differs(topic)]))
        left = {change.name for change in self.changes()} & names
        say(f"Home Assistant: {len(names) - len(left)} boards announced or taken back")
        return [
            f"{name}: its entities are not at the broker: may `manager` publish there?"
            for name in sorted(left)
        ]

    def notes(self) -> list[str]:
        return []

    def _differs(self, topic: str) -> bool:
        payload, kept = self._wanted.get(topic), self._kept.get(topic)
        if payload is None:
            return kept is not None
        return kept is None or _object(kept) != payload

    def _device_of(self, topic: str) -> str:
        return topic.split("/")[-3].removeprefix(node_prefix(self._site))

    def _change(self, name: str, topics: list[str]) -> Change:
        lines: list[str] = []
        for topic in topics:
            before = [] if topic not in self._kept else _lines(_object(self._kept[topic]))
            after = [] if topic not in self._wanted else _lines(self._wanted[topic])
            lines += difflib.unified_diff(before, after, topic, topic, lineterm="")
        gone = [topic for topic in topics if topic not in self._wanted]
        new = [topic for topic in topics if topic not in self._kept]
        what: What = "remove" if len(gone) == len(topics) else "add" if len(new) == len(topics) else "change"
        count = "1 entity" if len(topics) == 1 else f"{len(topics)} entities"
        return Change(PART, name, what, f"{count} of Home Assistant", tuple(lines))

    # ---- the broker

    async def _read(self) -> dict[str, bytes]:
        """What it keeps, by topic. Mosquitto hands that out at the SUBACK, in order: when a message of our
        own comes back that was sent after it, all was there. That message is none of discovery."""
        import aiomqtt

        found: dict[str, bytes] = {}
        mark = f"{self._prefix}/{OWN}/{self._site}/{secrets.token_hex(8)}"
        async with connected(self._address) as client:
            try:
                await subscribe(client, mark)
                await subscribe(client, f"{self._prefix}/+/+/+/config")
                await client.publish(mark, b"?", qos=1)
                async with asyncio.timeout(WAIT_S):
                    async for message in client.messages:
                        topic = str(message.topic)
                        if topic == mark:
                            return found
                        ours = topic.split("/")[-3].startswith(node_prefix(self._site))
                        if ours and isinstance(message.payload, bytes):
                            found[topic] = message.payload
            except TimeoutError:
                raise Unreachable(
                    f"the broker at {self._address} does not let us read {self._prefix}/#",
                    "sportbox site apply SITE.yaml installs its rules; when `outputs` has changed",
                ) from None
            except aiomqtt.MqttError as error:
                raise unreachable(self._address, error) from error
        raise ToolError(f"the broker at {self._address} closed the connection")

    async def _write(self, topics: Sequence[str]) -> None:
        import aiomqtt

        async with connected(self._address) as client:
            try:
                for topic in topics:
                    payload = self._wanted.get(topic)
                    content = b"" if payload is None else json.dumps(payload).encode()
                    await client.publish(topic, content, qos=1, retain=True)
            except aiomqtt.MqttError as error:
                raise unreachable(self._address, error) from error


def _object(content: bytes) -> Any:
    try:
        return read_json(content)
    except ValueError:
        return None


def _lines(value: Any) -> list[str]:
    return json.dumps(value, indent=2, sort_keys=True).splitlines()
