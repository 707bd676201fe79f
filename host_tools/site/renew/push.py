"""Bring a renewal to one board: part by part, each in a token of its own, then wait until it is in use.

Whatever goes wrong on the way is tried again, within bounds: a board that is busy, an answer that gets lost,
a connection that breaks, a board that restarts. A board keeps its old files until it has reached the broker
with the new ones, so one that is given up is as it was.
"""

import asyncio
import functools
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from host_tools import token
from host_tools.errors import EXIT_UNREACHABLE, BadInput, ToolError, Unreachable
from host_tools.mqtt import Address, Topics
from host_tools.output import printable
from host_tools.site.renew.blob import Renewal
from host_tools.site.renew.line import Line, line_to

Say = Callable[[str], None]
Keys = Callable[[list[str]], tuple[str, bytes] | None]
"""Of the `kid`s that a board has: the one to sign with, and its key."""

TOKEN_S = 60
AGAIN = ("order", "damaged")
"""Reasons after which the whole blob is sent once more."""
CANNOT = "its firmware takes nothing new over the air"


@dataclass(frozen=True)
class Limits:
    """Seconds, and how often."""

    present_s: float = 5.0  # for what the broker has kept of the board
    answer_s: float = 10.0  # for the answer to one part
    final_s: float = 200.0  # until the board is back: 120 s of trial, three boots
    info_s: float = 15.0  # for `info`, after the final answer
    busy_s: float = 1.0  # before a busy board is asked again
    again_s: float = 1.0  # before a broken connection is made again
    tries: int = 30  # of one part
    restarts: int = 3  # of the whole blob, where parts are out of order or damaged
    connections: int = 5


@dataclass(frozen=True)
class Result:
    """The board uses the renewal; `info` is what it says of itself since."""

    device: str
    id: str
    sent: int  # parts; 0: it had it already
    info: dict[str, Any]


class Refused(ToolError):
    """The board does not want it, and asking again would not help."""


class Away(Unreachable):
    """The board is not there; `sleeping`: it will be."""

    def __init__(self, device: str, availability: str | None) -> None:
        self.sleeping = availability == "sleeping"
        what = "has never been at the broker" if availability is None else f"is {printable(availability)}"
        super().__init__(f"{device} {what}", "it gets what is new with the next try, once it is there")


@dataclass
class _State:
    """Where we are, kept over broken connections."""

    device: str
    renewal: Renewal
    keys: Keys
    limits: Limits
    part: int = 0
    sent: int = 0
    restarts: int = 0
    final: str | None = None  # jti of the last part, once it was accepted


async def push(
    address: Address,
    topics: Topics,
    keys: Keys,
    renewal: Renewal,
    say: Say = lambda text: None,
    limits: Limits | None = None,
) -> Result:
    """Returns once the board has taken it over. Raises Away, Refused (a ToolError) or Unreachable."""
    limits = limits or Limits()
    state = _State(topics.device, renewal, keys, limits)
    for tries_left in reversed(range(limits.connections)):
        try:
            async with line_to(address, topics) as line:
                return await _on_line(line, topics, state, say)
        except Away:
            raise
        except Unreachable:
            if not tries_left:
                raise
            await asyncio.sleep(limits.again_s)
    raise AssertionError("the last try returns or raises")


async def _on_line(line: Line, topics: Topics, state: _State, say: Say) -> Result:
    limits, device = state.limits, state.device
    if state.final is None:
        await line.until(lambda: _present(line), limits.present_s)
        if _has_it(line, state):
            return Result(device, state.renewal.id, state.sent, line.info)
        if line.availability != "online" or not line.info:
            raise Away(device, line.availability)
    else:
        await line.until(lambda: line.info or None, limits.present_s)
    count = len(state.renewal.parts)
    while True:
        while state.final is None:
            await _one_part(line, topics, state)
        say(f"{device} has all {count} parts, and tries them")
        reason = await _outcome(line, state)
        if reason is None:
            return Result(device, state.renewal.id, state.sent, line.info)
        state.final = None
        if reason == "busy":
            state.part = count - 1
            await _moment(limits.busy_s)
        elif reason not in AGAIN or not _begin_again(state):
            raise Refused(
                f"{device} went back to what it had: {printable(reason)}",
                "unreachable: with the new files it did not reach the broker, so look at both",
            )


async def _moment(seconds: float) -> None:
    """Never in step with what keeps a board busy."""
    await asyncio.sleep(seconds * random.uniform(0.5, 1.5))


def _present(line: Line) -> bool | None:
    return True if line.info and line.availability == "online" else None


def _has_it(line: Line, state: _State) -> bool:
    return line.info.get("renewal") == state.renewal.short_id


async def _one_part(line: Line, topics: Topics, state: _State) -> None:
    """Send `state.part` until the board has it, and go on to the next; back to the first where it must."""
    limits = state.limits
    reason: str | None = None
    for _ in range(limits.tries):
        made, jti = _token(line, topics, state)
        await line.order(made)
        state.sent += 1
        is_last = state.part == len(state.renewal.parts) - 1
        answer = await line.until(functools.partial(_answer, line, jti, is_last), limits.answer_s)
        result, reason = answer or ("", None)
        if result == "done" or (is_last and result == "accepted"):
            state.part += 1
            state.final = jti if is_last else None
            return
        if result == "failed" and reason in AGAIN:
            if not _begin_again(state):
                break
        elif result in ("rejected", "failed") and reason not in ("busy", "power", "clock", "replayed"):
            break
        elif reason in ("busy", "clock"):
            await _moment(limits.busy_s)  # a restarted board says its new nonce in `info`
    else:
        if reason is None:
            raise Away(state.device, line.availability)
    raise Refused(
        f"{state.device} does not take part {state.part + 1}: {printable(reason or 'no answer')}",
        f"sportbox watch shows what it does; at its place, sportbox provision --device {state.device} helps",
    )


def _begin_again(state: _State) -> bool:
    """From the first part; False when that was tried often enough."""
    state.part = 0
    state.restarts += 1
    return state.restarts <= state.limits.restarts


def _answer(line: Line, jti: str, is_last: bool) -> tuple[str, str | None] | None:
    """What ends the wait: of the last part that it was accepted, of the others the final answer."""
    found = line.answers.get(jti)
    return None if found is None or (found[0] == "accepted" and not is_last) else found


def _token(line: Line, topics: Topics, state: _State) -> tuple[str, str]:
    """A token for the part, as small as it can be: a board takes 1,536 bytes."""
    kids = line.info.get("keys")
    if not isinstance(kids, list):
        raise Refused(
            f"{state.device}: {CANNOT}", f"at its place: sportbox provision --device {state.device}"
        )
    found = state.keys([kid for kid in kids if isinstance(kid, str)])
    if found is None:
        raise Refused(
            f"{state.device} has none of this vault's keys",
            f"at its place: sportbox provision --device {state.device}",
        )
    kid, key = found
    now_s, jti = int(time.time()), uuid.uuid4().hex
    claims = {
        "aud": f"{topics.site}/{topics.device}",
        "jti": jti,
        "iat": now_s,
        "exp": now_s + TOKEN_S,
        "act": "configure",
        "args": state.renewal.args(state.part, key),
    }
    if isinstance(line.info.get("nonce"), str):
        claims["nonce"] = line.info["nonce"]
    made = token.make(claims, key, kid)
    if len(made) > token.TOKEN_MAX_BYTES:
        raise BadInput(f"a part for {state.device} has {len(made)} bytes, which no board takes")
    return made, jti


async def _outcome(line: Line, state: _State) -> str | None:
    """The last part was accepted: the board tries what it got. None once it uses it, else why it does not."""
    limits, jti = state.limits, state.final or ""
    answer = await line.until(lambda: _end(line, state, jti), limits.final_s)
    if answer is None and not _has_it(line, state):
        raise ToolError(
            f"{state.device} took everything, but has not come back",
            "it goes back to its old files by itself when it does not reach the broker; then try again",
            EXIT_UNREACHABLE,
        )
    result, reason = answer or ("done", None)
    if result != "done":
        return reason or result
    if not await line.until(lambda: _has_it(line, state) or None, limits.info_s):
        raise ToolError(f"{state.device} says that it is done, its `info` does not", None, EXIT_UNREACHABLE)
    return None


def _end(line: Line, state: _State, jti: str) -> tuple[str, str | None] | None:
    """Its final answer; where that was lost with a connection, what `info` says will do."""
    found = line.answers.get(jti)
    if found is not None and found[0] != "accepted":
        return found
    return ("done", None) if found is None and _has_it(line, state) else None
