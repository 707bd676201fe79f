"""What must hold for the messages of a board, whatever happened on the way."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.faults.helpers import Board
from tests.faults.helpers_listen import Message
from tests.lateness import worst_late_s

Json = dict[str, Any]

STALL_LIMIT_MS = 250
"""The longest that anything may hold up the event loop of one of several boards on a busy machine. A firmware
that blocks does so for a deadline, a second and more. How long the loop of a board by itself stands still
is measured by `make bench` (outages)."""
TELEMETRY_LATE_S = 1.0
"""It tells of the time since the one before, which may have been heard late."""


def first_events(board: Board, messages: Iterable[Message]) -> list[Json]:
    """A board's events in the order of their first arrival. The same id always means the same event: only
    `historical` may be added when it comes again."""
    seen: dict[str, Json] = {}
    order = []
    for message in messages:
        if message.topic != f"{board.base}/event":
            continue
        event = message.content
        bare = {name: value for name, value in event.items() if name != "historical"}
        known = seen.setdefault(event["id"], bare)
        assert known == bare, f"two events with the id {event['id']}: {known} and {bare}"
        if known is bare:
            order.append(event)
    return order


def check_events(board: Board, messages: Iterable[Message], first: int = 1) -> list[Json]:
    """Nothing lost and nothing reordered: seq rises by one, over boots too. Returns the distinct events."""
    events = first_events(board, messages)
    found = [event["seq"] for event in events]
    wanted = list(range(first, first + len(found)))
    if found != wanted:
        at = next(i for i, (a, b) in enumerate(zip(found, wanted, strict=True)) if a != b)
        raise AssertionError(f"seq {found[max(0, at - 3) : at + 5]} where {wanted[at]} was due")
    return events


def check_stalls(board: Board, messages: Iterable[Message]) -> None:
    """No telemetry tells of a loop that was held up for long, unless the machine was."""
    found = [m for m in messages if m.topic == f"{board.base}/telemetry"]
    assert found, "no telemetry came"
    stalls = stalls_ms(found)
    assert max(stalls) < STALL_LIMIT_MS, f"loop_stall_ms without what the machine was late: {stalls}"


def stalls_ms(telemetry: list[Message]) -> list[int]:
    """What held up the loop before each of them, without what the machine was late then."""
    since_s = [0.0, *(m.at_s - TELEMETRY_LATE_S for m in telemetry)]
    return [
        m.content["loop_stall_ms"] - round(1000 * worst_late_s(begin_s, m.at_s))
        for begin_s, m in zip(since_s, telemetry, strict=False)
    ]


def answers(board: Board, messages: Iterable[Message], jti: str | None) -> list[tuple[str, str | None]]:
    """The distinct (result, reason) pairs that a token was answered with, in the order of their arrival."""
    found = [m.content for m in messages if m.topic == f"{board.base}/ack"]
    return list(dict.fromkeys((a["result"], a["reason"]) for a in found if a["jti"] == jti))


def of_components(events: Iterable[Json], *components: str) -> list[str]:
    """`door.opened`, `gate.passed in`, ...: what some components reported, in order."""
    told = []
    for event in events:
        component = event["source"].rpartition("/")[2]
        if component in components:
            what = event["type"].removeprefix("sportbox.")
            told.append(f"{what} {event['data']['direction']}" if what == "gate.passed" else what)
    return told


def twice(values: Iterable[Any]) -> list[Any]:
    return [value for value, count in Counter(values).items() if count > 1]
