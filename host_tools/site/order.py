"""Give a board one order of role `ops`, and wait for what becomes of it, over its restart if it needs one.

told = await give(address, topics, key, Ask("selftest", event="device.selftest"), say)
"""

import asyncio
import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from host_tools import token
from host_tools.errors import ToolError, Unreachable
from host_tools.mqtt import Address, Topics
from host_tools.output import printable
from host_tools.site.boardlog import Key
from host_tools.site.present import SAFE
from host_tools.site.renew.blob import ID_SHOWN
from host_tools.site.renew.line import Line, line_to

Say = Callable[[str], None]

TOKEN_S = 60
HINTS = {
    "key": "the board has other keys: is it the right --state, or --vault?",
    "signature": "the board has other keys: is it the right --state, or --vault?",
    "malformed": "its firmware does not know this order, or not all of it: sportbox update start",
    "busy": "a door, a lock or a sensor is at work, or new files or firmware are on their way: try again",
    "replayed": "its log of used tokens cannot be read: grant one with --arg reset=replay_log",
    "clock": "try again: it says its new nonce as soon as it has restarted",
}


@dataclass(frozen=True)
class Limits:
    """Seconds, and how often."""

    present_s: float = 5.0  # for what the broker has kept of the board
    answer_s: float = 10.0
    event_s: float = 15.0
    again_s: float = 1.0
    connections: int = 5
    tries: int = 3


@dataclass(frozen=True)
class Ask:
    """An order: `args` may depend on the board's `info`. `event`: the type of that which tells more."""

    act: str
    args: Callable[[dict[str, Any]], dict[str, Any]] = lambda info: {}
    event: str | None = None
    final_s: float = 15.0
    silent: str | None = None  # what to do when nothing more comes
    is_change: bool = False  # of the configuration: once it is in use, `info` tells it, too


@dataclass(frozen=True)
class Told:
    """The final answer, the data of the event, and what the board says of itself."""

    result: str
    reason: str | None
    data: dict[str, Any] | None
    info: dict[str, Any]


@dataclass
class _State:
    ask: Ask
    limits: Limits
    jti: str = ""
    accepted: bool = False
    before: dict[str, Any] = field(default_factory=dict)


async def give(
    address: Address, topics: Topics, key: Key, ask: Ask, say: Say, limits: Limits | None = None
) -> Told:
    """Raises Unreachable, or ToolError when the board refuses."""
    state = _State(ask, limits or Limits())
    for left in reversed(range(state.limits.connections)):
        try:
            async with line_to(address, topics, ask.event is not None) as line:
                return await _on_line(line, topics, key, state, say)
        except Unreachable:
            if not left or not state.accepted:
                raise
            await asyncio.sleep(state.limits.again_s)
    raise AssertionError("the last try returns or raises")


async def _on_line(line: Line, topics: Topics, key: Key, state: _State, say: Say) -> Told:
    if not state.accepted:
        await _present(line, topics, state.limits)
        await _accepted(line, topics, key, state)
        say(f"{topics.device} takes it")
    found = await line.until(lambda: _final(line, state), state.ask.final_s)
    if found is None:
        raise ToolError(
            f"`{topics.device}` accepted the order, but said nothing more for {state.ask.final_s:.0f} s",
            state.ask.silent or f"sportbox watch shows what it does ({topics.device})",
            Unreachable.default_status,
        )
    data = None
    if state.ask.event is not None and found[1] != "busy":
        name = (state.ask.event, state.jti)
        data = await line.until(lambda: line.events.get(name), state.limits.event_s)
        if data is None:
            problem = f"`{topics.device}` answered, but its event {state.ask.event} did not come"
            raise ToolError(problem, "try again", Unreachable.default_status)
    if state.ask.is_change:
        await line.until(lambda: _is_told(line, state, found) or None, state.limits.event_s)
    return Told(found[0], found[1], data, line.info)


async def _present(line: Line, topics: Topics, limits: Limits) -> None:
    there = ("online", "sleeping")  # one that is offline may just restart
    await line.until(lambda: True if line.info and line.availability in there else None, limits.present_s)
    name = topics.device
    if line.availability is None:
        raise Unreachable(
            f"`{name}` has never been at this broker", "is it the right broker, and the right board?"
        )
    if line.availability != "online" or not line.info:
        sleeps = line.availability == "sleeping"
        cure = "it takes orders when it reports again: `wake_by` in its info" if sleeps else "sportbox watch"
        raise Unreachable(f"`{name}` is {printable(line.availability)}", cure)
    if line.info.get("firmware") == SAFE:
        raise ToolError(
            f"`{name}` is in safe mode, where it takes nothing but an update", "sportbox update start"
        )


async def _accepted(line: Line, topics: Topics, key: Key, state: _State) -> None:
    """Returns once the board has accepted it. An old nonce is a matter of a moment."""
    reason = None
    for number in range(state.limits.tries):
        if number:
            await asyncio.sleep(state.limits.again_s)
        state.before = line.info
        made, state.jti = _token(topics, key, state.ask, line.info)
        await line.order(made)
        answer = await line.until(lambda: line.answers.get(state.jti), state.limits.answer_s)
        if answer is None:
            raise Unreachable(
                f"no answer from `{topics.device}` within {state.limits.answer_s:.0f} s", "sportbox watch"
            )
        if answer[0] != "rejected":
            state.accepted = True
            return
        reason = answer[1]
        if reason != "clock":
            break
    raise ToolError(f"`{topics.device}` refuses it: {printable(str(reason))[:80]}", HINTS.get(str(reason)))


def _final(line: Line, state: _State) -> tuple[str, str | None] | None:
    """The final answer; where that was lost with a connection, what `info` says will do."""
    found = line.answers.get(state.jti)
    if found is not None and found[0] != "accepted":
        return found
    return ("done", None) if state.ask.is_change and found is None and _has_it(line, state) else None


def _has_it(line: Line, state: _State) -> bool:
    return line.info.get("renewal") == hashlib.sha256(state.jti.encode()).hexdigest()[:ID_SHOWN]


def _is_told(line: Line, state: _State, found: tuple[str, str | None]) -> bool:
    """Whether `info` is of after the change, or of after the way back."""
    if found[0] == "done":
        return _has_it(line, state)
    return line.availability == "online" and line.info.get("bootid") != state.before.get("bootid")


async def back(
    address: Address, topics: Topics, before: dict[str, Any], seconds: float
) -> dict[str, Any] | None:
    """Waits until the board is back in another boot than `before`: its `info`, None if it does not come."""
    async with line_to(address, topics) as line:

        def found() -> dict[str, Any] | None:
            is_new = bool(line.info) and line.info.get("bootid") != before.get("bootid")
            return line.info if is_new and line.availability == "online" else None

        return await line.until(found, seconds)


def _token(topics: Topics, key: Key, ask: Ask, info: dict[str, Any]) -> tuple[str, str]:
    now_s, jti = int(time.time()), uuid.uuid4().hex
    args, nonce = ask.args(info), info.get("nonce")
    claims: dict[str, Any] = {
        "aud": f"{topics.site}/{topics.device}",
        "sub": "order",
        "jti": jti,
        "iat": now_s,
        "exp": now_s + TOKEN_S,
        "act": ask.act,
        "cmp": "device",
    }
    if args:
        claims["args"] = args
    if isinstance(nonce, str):
        claims["nonce"] = nonce
    made = token.make(claims, key.secret, key.kid)
    if len(made) > token.TOKEN_MAX_BYTES:
        raise ToolError(
            f"the order has {len(made)} bytes, a board takes {token.TOKEN_MAX_BYTES}", "change less at once"
        )
    return made, jti
