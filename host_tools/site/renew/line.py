"""One board as it shows at the broker: its newest `info` and `availability`, its answers to tokens, and the
events that an order led to."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from host_tools.mqtt import Address, Topics, connected, subscribe, unreachable
from host_tools.strangers import read_json

if TYPE_CHECKING:
    import aiomqtt

T = TypeVar("T")

ANSWERS_MAX = 1_000
EVENTS_MAX = 1_000
EVENT_PREFIX = "sportbox."
PUBLISH_S = 10.0


class Line:
    """Fed by a task of its own; `until` waits, with a bound, for what its messages make true."""

    def __init__(self, client: "aiomqtt.Client", address: Address, topics: Topics) -> None:
        self.info: dict[str, Any] = {}
        self.availability: str | None = None
        self.answers: dict[str, tuple[str, str | None]] = {}  # the newest result and reason by jti
        self.events: dict[tuple[str, str], dict[str, Any]] = {}  # the data by type and the `jti` in it
        self._client = client
        self._address = address
        self._topics = topics
        self._news = asyncio.Event()
        self._broken: Exception | None = None

    async def order(self, token: str) -> None:
        """Hand a token to the board; Unreachable when the broker does not take it."""
        import aiomqtt

        try:
            await self._client.publish(
                self._topics.cmd, token.encode(), qos=1, retain=False, timeout=PUBLISH_S
            )
        except aiomqtt.MqttError as error:
            raise unreachable(self._address, error) from error

    async def until(self, check: Callable[[], T | None], seconds: float) -> T | None:
        """The first thing that `check` finds; None when the time is over. Unreachable if the line breaks."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    self._news.clear()
                    found = check()
                    if found is not None:
                        return found
                    if self._broken is not None:
                        raise unreachable(self._address, self._broken) from self._broken
                    await self._news.wait()
        return None

    async def listen(self) -> None:
        import aiomqtt

        try:
            async for message in self._client.messages:
                content = message.payload if isinstance(message.payload, bytes) else b""
                self._take(str(message.topic), content)
                self._news.set()
        except aiomqtt.MqttError as error:
            self._broken = error
            self._news.set()

    def _take(self, topic: str, content: bytes) -> None:
        if topic == self._topics.availability:
            self.availability = content[:32].decode("utf-8", "replace")
            return
        value = object_of(content)
        if topic == self._topics.info:
            self.info = value
        elif topic == self._topics.event:
            self._take_event(value)
        elif topic == self._topics.ack:
            jti, result, reason = value.get("jti"), value.get("result"), value.get("reason")
            if isinstance(jti, str) and isinstance(result, str) and len(self.answers) < ANSWERS_MAX:
                self.answers[jti] = (result, reason if isinstance(reason, str) else None)

    def _take_event(self, event: dict[str, Any]) -> None:
        kind, found = event.get("type"), event.get("data")
        data: dict[str, Any] = found if isinstance(found, dict) else {}
        jti = data.get("jti")
        if isinstance(kind, str) and isinstance(jti, str) and len(self.events) < EVENTS_MAX:
            self.events[kind.removeprefix(EVENT_PREFIX), jti] = data


@contextlib.asynccontextmanager
async def line_to(address: Address, topics: Topics, events: bool = False) -> AsyncIterator[Line]:
    """A connection on which everything about one board arrives, its events if asked for; Unreachable if there
    is none to be had."""
    import aiomqtt

    async with connected(address) as client:
        line = Line(client, address, topics)
        listening = asyncio.create_task(line.listen())
        try:
            for topic in (topics.ack, topics.availability, topics.info, *([topics.event] if events else [])):
                await subscribe(client, topic)
            yield line
        except aiomqtt.MqttError as error:
            raise unreachable(address, error) from error
        finally:
            listening.cancel()
            await asyncio.wait({listening})


def object_of(content: bytes) -> dict[str, Any]:
    """A JSON object; an empty one for what is none."""
    try:
        value = read_json(content)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
