"""Ask a board for the log on its flash, or for another level, over the broker (docs/PROTOCOL.md, orders).

Lines come at QoS 0, numbered: a gap is seen, and all is asked for once more.
"""

import asyncio
import re
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from host_tools import token
from host_tools.errors import ToolError, Unreachable
from host_tools.mqtt import Address, Topics, connected, subscribe, unreachable
from host_tools.output import printable
from host_tools.site.renew.line import object_of

if TYPE_CHECKING:
    import aiomqtt

TOKEN_S = 60
PRESENT_S = 5.0
ANSWER_S = 10.0
SILENT_S = 5.0  # between two lines
AGAIN_S = 1.0
TRIES = 4
LINES_MAX = 2_000
CHARS_MAX = 1_000
_NUMBERED = re.compile(r"#([0-9]{1,6}) (.*)", re.DOTALL)


@dataclass(frozen=True)
class Key:
    """Of the role `ops`, of one board."""

    kid: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True)
class Told:
    lines: list[str]
    lost: int  # how many did not arrive


class _Again(Exception):
    """The board is busy, or replaced the file while it was sent."""


@dataclass
class _Answers:
    """What has come for one order."""

    jti: str
    accepted: bool = False
    done: bool = False
    lines: dict[int, str] = field(default_factory=dict)
    count: int | None = None  # once the end has come

    def take(self, topics: Topics, topic: str, content: bytes) -> None:
        if topic == topics.ack:
            self._take_answer(object_of(content))
            return
        found = _NUMBERED.fullmatch(content[:CHARS_MAX].decode("utf-8", "replace"))
        if topic != topics.log or found is None or not self.accepted:
            return
        if found[2] == "end":
            self.count = int(found[1])
        elif len(self.lines) < LINES_MAX:
            self.lines[int(found[1])] = found[2]

    def _take_answer(self, ack: dict[str, Any]) -> None:
        if ack.get("jti") != self.jti:
            return
        result, reason = ack.get("result"), ack.get("reason")
        if result == "accepted":
            self.accepted = True
        elif result == "done":
            self.accepted = self.done = True
        elif reason in ("busy", "flash"):
            raise _Again(reason)
        else:
            hint = {
                "clock": "try again: it says its new nonce as soon as it has restarted",
                "key": "the board has other keys: is it the right --state, or --vault?",
                "signature": "the board has other keys: is it the right --state, or --vault?",
                "malformed": "its firmware does not know orders about the log yet: provision it anew",
            }.get(str(reason))
            raise ToolError(f"the board says {printable(f'{result}, {reason}')[:80]}", hint)


async def ask_ring(address: Address, topics: Topics, key: Key) -> Told:
    """The lines of the ring. Raises Unreachable, ToolError."""
    best = Told([], 0)
    for number in range(TRIES):
        found = await _ordered(address, topics, key, {}, lambda answers: answers.count is not None)
        missing = (found.count or 0) - len(found.lines)
        told = Told([found.lines[at] for at in sorted(found.lines)], max(0, missing))
        if number == 0 or told.lost < best.lost:
            best = told
        if best.lost == 0:
            break
    return best


async def set_level(address: Address, topics: Topics, key: Key, level: str) -> None:
    """Until the board's next restart. Raises Unreachable, ToolError."""
    await _ordered(address, topics, key, {"level": level}, lambda answers: answers.done)


async def _ordered(
    address: Address, topics: Topics, key: Key, args: dict[str, Any], is_over: Callable[[_Answers], bool]
) -> _Answers:
    why: Exception | None = None
    for number in range(TRIES):
        if number:
            await asyncio.sleep(AGAIN_S)
        try:
            return await _order(address, topics, key, args, is_over)
        except _Again as error:
            why = error
    raise ToolError(f"`{topics.device}` does not send its log: {why}", "try again in a minute")


async def _order(
    address: Address, topics: Topics, key: Key, args: dict[str, Any], is_over: Callable[[_Answers], bool]
) -> _Answers:
    import aiomqtt

    async with connected(address) as client:
        try:
            for topic in (topics.ack, topics.log, topics.availability, topics.info):
                await subscribe(client, topic)
            nonce = await _present(client, topics)
            made, jti = _token(topics, key, args, nonce)
            await client.publish(topics.cmd, made.encode(), qos=1, retain=False, timeout=ANSWER_S)
            answers = _Answers(jti)
            async with asyncio.timeout(ANSWER_S) as limit:
                async for message in client.messages:
                    answers.take(topics, str(message.topic), _content(message))
                    if is_over(answers):
                        return answers
                    if answers.accepted and str(message.topic) in (topics.ack, topics.log):
                        limit.reschedule(asyncio.get_running_loop().time() + SILENT_S)
        except TimeoutError:
            what = "the end of its log is missing" if answers.accepted else "no answer"
            hint = "try again; `sportbox watch` shows whether it is online"
            raise Unreachable(f"`{topics.device}`: {what}", hint) from None
        except aiomqtt.MqttError as error:
            raise unreachable(address, error) from error
    raise AssertionError("messages never end")


async def _present(client: "aiomqtt.Client", topics: Topics) -> str | None:
    """Waits until the broker has told that the board is online; the nonce of its boot."""
    availability, info = "", None
    try:
        async with asyncio.timeout(PRESENT_S):
            async for message in client.messages:
                if str(message.topic) == topics.availability:
                    availability = _content(message)[:32].decode("utf-8", "replace")
                elif str(message.topic) == topics.info:
                    info = object_of(_content(message))
                if availability == "online" and info is not None:
                    break
    except TimeoutError:
        what = f"is {printable(availability)}" if availability else "has never been at the broker"
        hint = f"look at it at its place: sportbox logs --port P ({topics.device})"
        raise Unreachable(f"`{topics.device}` {what}", hint) from None
    nonce = (info or {}).get("nonce")
    return nonce if isinstance(nonce, str) else None


def _content(message: "aiomqtt.Message") -> bytes:
    return message.payload if isinstance(message.payload, bytes) else b""


def _token(topics: Topics, key: Key, args: dict[str, Any], nonce: str | None) -> tuple[str, str]:
    now_s, jti = int(time.time()), uuid.uuid4().hex
    claims: dict[str, Any] = {
        "aud": f"{topics.site}/{topics.device}",
        "sub": "logs",
        "jti": jti,
        "iat": now_s,
        "exp": now_s + TOKEN_S,
        "act": "log",
        "cmp": "device",
    }
    if args:
        claims["args"] = args
    if nonce is not None:
        claims["nonce"] = nonce
    return token.make(claims, key.secret, key.kid), jti
