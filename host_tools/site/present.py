"""Which boards of a site are at the broker, and what they say of themselves: the retained messages."""

import asyncio
import contextlib
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from host_tools.mqtt import ROOT, Address, connected, parse_topic, subscribe, unreachable
from host_tools.site.renew.line import object_of

SAFE = "safe"
"""What a board in safe mode says in the place of its firmware's version."""
WAIT_S = 3.0
QUIET_S = 0.5
"""The broker hands out what it has kept at once: after such a pause there is no more."""
DEVICES_MAX = 10_000


@dataclass
class Seen:
    """A device as the broker has it; `availability` None: it never came."""

    info: dict[str, Any] = field(default_factory=dict)
    availability: str | None = None

    @property
    def is_online(self) -> bool:
        return self.availability == "online" and bool(self.info)


def who_is_there(
    address: Address, site: str, declared: Collection[str], wait_s: float = WAIT_S
) -> dict[str, Seen]:
    """Every device of which the broker knows, declared or not. It waits until all declared ones have been
    heard of, until nothing more comes, or `wait_s` seconds. Raises Unreachable."""
    return asyncio.run(_ask(address, site, declared, wait_s))


async def _ask(address: Address, site: str, declared: Collection[str], wait_s: float) -> dict[str, Seen]:
    import aiomqtt

    found: dict[str, Seen] = {}
    missing = set(declared)
    async with connected(address) as client:
        try:
            for rest in ("availability", "info"):
                await subscribe(client, f"{ROOT}/{site}/+/{rest}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s), asyncio.timeout(QUIET_S) as quiet:
                    async for message in client.messages:
                        name = _take(found, site, message)
                        if name is not None and found[name].info and found[name].availability:
                            missing.discard(name)
                        if not missing:
                            break
                        quiet.reschedule(asyncio.get_running_loop().time() + QUIET_S)
        except aiomqtt.MqttError as error:
            raise unreachable(address, error) from error
    return found


def wait_for(address: Address, site: str, names: Collection[str], wait_s: float) -> dict[str, Seen]:
    """Those of the boards that are online within `wait_s` seconds; it returns when all are. Raises
    Unreachable."""
    return asyncio.run(_wait(address, site, names, wait_s))


async def _wait(address: Address, site: str, names: Collection[str], wait_s: float) -> dict[str, Seen]:
    import aiomqtt

    found: dict[str, Seen] = {}
    async with connected(address) as client:
        try:
            for rest in ("availability", "info"):
                await subscribe(client, f"{ROOT}/{site}/+/{rest}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    async for message in client.messages:
                        _take(found, site, message)
                        if all(found[name].is_online if name in found else False for name in names):
                            break
        except aiomqtt.MqttError as error:
            raise unreachable(address, error) from error
    return {name: found[name] for name in names if name in found and found[name].is_online}


def _take(found: dict[str, Seen], site: str, message: Any) -> str | None:
    parsed = parse_topic(str(message.topic), site)
    if parsed is None or (parsed.device not in found and len(found) >= DEVICES_MAX):
        return None
    content = message.payload if isinstance(message.payload, bytes) else b""
    seen = found.setdefault(parsed.device, Seen())
    if parsed.rest == ("availability",):
        seen.availability = content[:32].decode("utf-8", "replace")
    elif parsed.rest == ("info",):
        seen.info = object_of(content)
    return parsed.device
