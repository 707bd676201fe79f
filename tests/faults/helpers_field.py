"""Scenes of a court or a gate: what a subscriber hears of one board while people move and sensors fail."""

import asyncio
from typing import Any

from tests.faults.helpers import eventually, jti_of
from tests.faults.helpers_check import check_events, check_stalls
from tests.faults.helpers_stage import LATE_S, Stage

Json = dict[str, Any]

HOLD_S = 0.4
STUCK_S = 4.0
SILENT_S = 1.0
EMPTY_S = 3.0
TICK_S = 1.0
"""The parts look at the time at least once a second."""
RETURN_S = 7.0
"""A time-of-flight sensor that was lost is tried again every 5 s, and needs 0.3 s to begin."""
REFRESH_S = 5.0
"""After that, a confidence that has changed by itself is told."""
BOTH_FREE, BOTH_OCCUPIED = 0.94, 0.98
"""The confidence when motion sensor and radar agree."""
PIR = {"pin": 23, "active": 1}
RADAR = {"uart": 1, "rx": 5, "tx": 6}
TOF = {"xshut": 7, "address": 0x30, "near_mm": 1500}
I2C = {"sda": 8, "scl": 9, "hz": 400000}


def court(**sensors: Any) -> Json:
    facts = {
        "kind": "occupancy",
        "hold_ms": int(HOLD_S * 1000),
        "stuck_ms": int(STUCK_S * 1000),
        "silent_ms": int(SILENT_S * 1000),
    }
    return {**facts, "pir": None, "radar": None, "tof": None, "gate": None, **sensors}


def gate(stuck_ms: int = 2000, empty_ms: int = 60_000) -> Json:
    return {
        "kind": "gate",
        "pins": [21, 22],
        "blocked_level": 1,
        "stuck_ms": stuck_ms,
        "empty_ms": empty_ms,
    }


class Scene(Stage):
    """A board with courts or gates."""

    async def walk(self, direction: str) -> None:
        """The steps of a person take a moment."""
        await asyncio.to_thread(self.board.set, "gate-1", direction)

    def state(self, component: str = "court-1") -> Json:
        found: Json = self.heard.latest(self.board, f"{component}/state") or {"state": None}
        return found

    async def shows(self, state: str, within_s: float, component: str = "court-1", **more: Any) -> None:
        """Until the component's state is that, and has what else is named."""
        wanted = {"state": state, **more}

        def is_shown() -> bool:
            return all(self.state(component).get(name) == value for name, value in wanted.items())

        await eventually(is_shown, f"{component} {wanted}", within_s + TICK_S + LATE_S)

    async def stays(self, state: str, for_s: float, component: str = "court-1") -> None:
        """It has that state all the time."""
        began = len(self.heard.of(self.board, f"{component}/state"))
        assert self.state(component)["state"] == state
        await asyncio.sleep(for_s)
        later = self.heard.of(self.board, f"{component}/state")[began:]
        assert {m.content["state"] for m in later} <= {state}

    async def order(self, component: str, **args: Any) -> str:
        """An `ops` order to configure something; its `jti`."""
        token = self.board.token(component, kid="ops-1", act="configure", args=args)
        await asyncio.to_thread(self.heard.send, self.board, token)
        jti = jti_of(token)
        await eventually(lambda: len(self.heard.acks(self.board, jti)) == 2, f"both answers for {component}")
        return jti

    def told(self, component: str = "court-1") -> list[str]:
        """The states that events told of, in order."""
        events = check_events(self.board, self.heard.messages)
        return [e["data"]["state"] for e in events if e["source"].endswith(f"/{component}")]

    async def told_in_the_end(self, *states: str) -> None:
        """Exactly these, once every event has left the board's batch."""
        await eventually(lambda: len(self.told()) >= len(states), f"events {states}", LATE_S)
        assert self.told() == list(states)

    def check(self) -> None:
        """Nothing lost, nothing crashed, the loop never held up."""
        events = check_events(self.board, self.heard.messages)
        assert not [e for e in events if e["type"] in ("sportbox.device.crashed", "sportbox.device.fault")]
        check_stalls(self.board, self.heard.messages)
        telemetry = self.heard.latest(self.board, "telemetry")
        assert (telemetry["task_restarts"], telemetry["dropped"]) == (0, 0)
