"""When is a simulated site ready? An MQTT subscriber that knows what each board has to publish first.

What the broker had kept from an earlier run does not count: such messages carry the retain flag when they
come in answer to the subscription, and the subscriber is there before the first board has power.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import aiomqtt

from host_tools.errors import Unreachable
from host_tools.mqtt import Address, Topics, connected, parse_topic, site_filter, subscribe

RECONNECT_S = 0.5
BEST_CLOCK = "ntp"


@dataclass
class Awaited:
    """What one board has not published yet, as topics below its base."""

    rests: set[str]
    booted_s: float = 0.0
    is_online: bool = False


@dataclass
class Readiness:
    """Counts down what the boards of a site have to say; calls back as they come online."""

    site: str
    on_online: Callable[[str, int], None]
    boards: dict[str, Awaited] = field(default_factory=dict)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def expect(self, board: str, components: list[str]) -> None:
        topics = Topics(self.site, board)
        states = [topics.state(name).removeprefix(topics.base + "/") for name in components]
        self.boards[board] = Awaited({"availability", "info", *states})

    def booted(self, board: str) -> None:
        self.boards[board].booted_s = time.monotonic()

    def missing(self) -> dict[str, list[str]]:
        return {name: sorted(a.rests) for name, a in self.boards.items() if a.rests}

    def take(self, topic: str, payload: bytes) -> None:
        """One fresh message of the site."""
        parsed = parse_topic(topic, self.site)
        awaited = self.boards.get(parsed.device) if parsed is not None else None
        if parsed is None or awaited is None or not awaited.booted_s:
            return
        rest = "/".join(parsed.rest)
        if rest == "availability" and payload != b"online":
            return
        if rest == "info" and not _has_best_clock(payload):
            return
        awaited.rests.discard(rest)
        if rest == "availability" and not awaited.is_online:
            awaited.is_online = True
            self.on_online(parsed.device, int((time.monotonic() - awaited.booted_s) * 1000))
        if not awaited.rests and not self.missing():
            self.done.set()

    async def watch(self, address: Address, subscribed: asyncio.Event) -> None:
        """Listen until everything is there; outlives a broker that goes away after it was there once."""
        fresh_only = True
        while not self.done.is_set():
            try:
                async with connected(address) as client:
                    await subscribe(client, site_filter(self.site))
                    subscribed.set()
                    await self._listen(client, fresh_only)
            except (aiomqtt.MqttError, Unreachable):
                if not subscribed.is_set():
                    raise
                fresh_only = False  # what was said meanwhile is known from retained messages alone
                await asyncio.sleep(RECONNECT_S)

    async def _listen(self, client: aiomqtt.Client, fresh_only: bool) -> None:
        async for message in client.messages:
            if not (fresh_only and message.retain) and isinstance(message.payload, bytes):
                self.take(message.topic.value, message.payload)
            if self.done.is_set():
                return


def _has_best_clock(payload: bytes) -> bool:
    try:
        info = json.loads(payload)
    except ValueError:
        return False
    return isinstance(info, dict) and info.get("clock") == BEST_CLOCK
