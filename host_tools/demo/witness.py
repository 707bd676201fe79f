"""The independent subscriber: it hears everything of the site and notes it down, nothing else.

It subscribes at QoS 0. At QoS 1 an MQTT client that finds the broker dead while it acknowledges one message
drops those that it has not read yet, though the broker had taken them from the boards.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from host_tools.demo.account import Answer, Event, Ledger, read_event
from host_tools.errors import Unreachable
from host_tools.mqtt import Address, connected, parse_topic, site_filter, subscribe
from host_tools.site.live import Message, read_message

RETRY_S = 0.02

Listener = Callable[[Message, Event | None], None]


class Witness:
    """`subscribed` is set while it holds a SUBACK. `on_message` gets every message, and with it the event
    that it is, unless that was there before."""

    def __init__(self, site: str, broker: Address, ledger: Ledger, on_message: Listener) -> None:
        self._site = site
        self._broker = broker
        self._ledger = ledger
        self._on_message = on_message
        self._ids: set[tuple[str, str]] = set()
        self.events: list[Event] = []  # without duplicates
        self.newest: dict[tuple[str, str], Any] = {}  # payload by device and topic below its base
        self.came_s: dict[tuple[str, str], float] = {}  # when it came, if not as a retained message
        self.subscribed = asyncio.Event()

    async def run(self) -> None:
        """Listen until cancelled; a broker that goes away is asked again until it is back."""
        import aiomqtt

        while True:
            try:
                async with connected(self._broker) as client:
                    await subscribe(client, site_filter(self._site), qos=0)
                    self.subscribed.set()
                    async for message in client.messages:
                        payload = message.payload if isinstance(message.payload, bytes) else b""
                        self.take(read_message(str(message.topic), payload, bool(message.retain)))
            except (aiomqtt.MqttError, Unreachable):
                self.subscribed.clear()
                self.newest.clear()  # the broker forgot it, and whether it is still so is not known
            await asyncio.sleep(RETRY_S)

    def take(self, message: Message) -> None:
        parsed = parse_topic(message.topic, self._site)
        if parsed is None:
            return
        place = (parsed.device, "/".join(parsed.rest))
        self.newest[place] = message.payload
        if not message.retained:
            self.came_s[place] = time.monotonic()
        event = None
        if parsed.rest == ("event",):
            event = self._take_event(parsed.device, message.payload)
        elif parsed.rest == ("ack",):
            self._take_answer(parsed.device, message.payload)
        self._on_message(message, event)

    def _take_event(self, device: str, payload: Any) -> Event | None:
        event = read_event(self._site, device, payload)
        if event is None:
            self._ledger.malformed += 1
            return None
        self._ledger.events.append(event)
        if (device, event.id) in self._ids:
            return None
        self._ids.add((device, event.id))
        self.events.append(event)
        return event

    def _take_answer(self, device: str, payload: Any) -> None:
        answer = payload if isinstance(payload, dict) else {}
        jti, result, reason = answer.get("jti"), answer.get("result"), answer.get("reason")
        readable = isinstance(jti, str | None) and isinstance(reason, str | None)
        if not readable or not isinstance(result, str):
            self._ledger.malformed += 1
            return
        self._ledger.answers.append(Answer(device, jti, result, reason))

    # --- what others ask ---

    def state(self, device: str, component: str) -> str | None:
        """The newest state of a component."""
        payload = self.newest.get((device, f"{component}/state"))
        return payload.get("state") if isinstance(payload, dict) else None

    def info(self, device: str, field: str) -> Any:
        payload = self.newest.get((device, "info"))
        return payload.get(field) if isinstance(payload, dict) else None

    def telemetry(self, device: str, since_s: float = 0.0) -> dict[str, Any] | None:
        """The newest telemetry that came after `since_s`."""
        place = (device, "telemetry")
        payload = self.newest.get(place)
        return payload if isinstance(payload, dict) and self.came_s.get(place, 0.0) > since_s else None

    def is_online(self, device: str, since_s: float = 0.0) -> bool:
        """It said so itself after `since_s`."""
        place = (device, "availability")
        return self.newest.get(place) == "online" and self.came_s.get(place, 0.0) > since_s

    def saw(self, device: str, component: str, kind: str, since: int = 0, **data: Any) -> bool:
        """An event of this type and with this data is among those noted since the `since`-th."""
        return any(
            (event.device, event.component, event.type) == (device, component, kind)
            and all(event.data.get(name) == value for name, value in data.items())
            for event in self.events[since:]
        )
