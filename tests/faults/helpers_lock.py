"""What scenes of locks share: the answers of an order, and a whole lend."""

from typing import Any

from tests.components import door, lock
from tests.faults.helpers_stage import LATE_S, BoxStage

Json = dict[str, Any]

ACCEPTED = ("accepted", None)
DONE = ("done", None)
RELEASE_S = 2.0
"""Of the strikes and motor locks of tests/components.py."""


def failed(reason: str) -> tuple[str, str | None]:
    return ("failed", reason)


def strike(**changes: Any) -> Json:
    return {"lock-1": lock(1, **changes), "door-1": door(1)}


async def lend(stage: BoxStage, number: int = 1) -> None:
    """It opens, closes and locks."""
    order = await stage.order(f"lock-{number}")
    await stage.answered(order, ACCEPTED)
    await stage.pull(f"door-{number}")
    await stage.answered(order, ACCEPTED, DONE)
    assert stage.set(f"door-{number}", "closed")["state"] == "closed"
    await stage.shows(f"lock-{number}", "locked", LATE_S + 5)
