"""Small traces made by hand, for the oracle to judge."""

import json
from collections.abc import Sequence
from typing import Any

from host_tools.storm.oracle import Broken, judge

Record = dict[str, Any]
BEGIN_US = 1_000_000_000
WALL_BEGIN_S = 1_790_000_000
S = 1_000_000
QUIET_S = 6
"""After a start, until a court without motion is known to be free."""
AGREEMENT = ("and its events tell otherwise", "and its state was not published then")
NAME = "sportbox/v1/harbour/box-1/"


def strike(door: str, **more: Any) -> Record:
    facts = {
        "kind": "lock",
        "door": door,
        "actuator": "strike",
        "pin": 4,
        "latch": None,
        "release_ms": 10_000,
    }
    return {**facts, "duty_ms": 48_000, "duty_window_ms": 60_000, "supply": "main", **more}


def door(lock: str | None, **more: Any) -> Record:
    facts = {"kind": "door", "lock": lock, "pin": 15, "closed_level": 0, "debounce_ms": 50}
    return {**facts, "ajar_ms": 60_000, "ajar_alarm_ms": 300_000, "release": None, "inside": None, **more}


COURT: Record = {"kind": "occupancy", "hold_ms": 5000, "stuck_ms": 1_800_000, "silent_ms": 5000}
COURT |= {"pir": {"pin": 4, "active": 1}, "radar": None, "tof": None, "gate": None}
MOTOR: Record = {"kind": "lock", "door": "door-9", "actuator": "motor", "run_ms": 2500, "release_ms": 10_000}
MOTOR |= {"duty_ms": 48_000, "duty_window_ms": 60_000, "supply": "main"}
CONFIG: Record = {
    "site": "harbour",
    "device": "box-1",
    "hash": "0" * 12,
    "telemetry_s": 30,
    "mqtt": {"keepalive_s": 30, "connect_ms": 5000, "ack_ms": 5000, "backoff_cap_ms": 4000, "window": 8},
    "outbox": {"ordinary_bytes": 49_152, "reserve_bytes": 16_384, "batch_ms": 1000},
    "power": None,
    "components": {
        "lock-1": strike("door-1"),
        "door-1": door("lock-1"),
        "lock-2": strike("door-2"),
        "door-2": door("lock-2"),
        "lock-9": MOTOR,
        "door-9": door("lock-9", release="release-9", inside="inside-9"),
        "release-9": {"kind": "release", "door": "door-9"},
        "inside-9": {"kind": "inside", "door": "door-9", "hold_ms": 30_000, "stuck_ms": 1_800_000},
        "keypad-1": {"kind": "keypad", "opens": ["lock-1"]},
        "court-1": COURT,
    },
}


class Tale:
    """Tells what happened; seconds count from the begin of the run."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.seq = 0
        self.boot = 0
        self.bootid = ""
        self.booted_s = 0.0
        self.config = CONFIG
        self.digest = CONFIG["hash"]

    def note(self, s: float, kind: str, **facts: Any) -> Record:
        record = {"us": BEGIN_US + round(s * S), "kind": kind, **facts}
        self.records.append(record)
        return record

    def publish(self, s: float, topic: str, payload: Any, qos: int = 1, retain: bool = False) -> Record:
        text = payload if isinstance(payload, str) else json.dumps(payload)
        flags = {"qos": qos, "retain": retain, "dup": False, "acked": True}
        return self.note(s, "publish", conn=self.boot, topic=NAME + topic, payload=text, **flags)

    def starts(self, s: float, cause: str = "power_on", clock: str = "ntp", connects: bool = True) -> "Tale":
        """A boot; a second later the broker hears of it."""
        self.boot += 1
        self.bootid = f"b{self.boot}"
        self.booted_s = s
        if cause == "power_on":
            self.note(s, "power", what="on")
        self.note(s, "boot", n=self.boot, cause=cause)
        if connects:
            self.connects(s + 1, clock)
        return self

    def connects(self, s: float, clock: str = "ntp") -> None:
        self.note(s, "connect", conn=self.boot, client="box-1")
        self.note(s, "up", conn=self.boot)
        info = {"device": "box-1", "boot": self.boot, "bootid": self.bootid, "clock": clock}
        info |= {"nonce": f"n{self.boot}", "config": self.digest}
        self.publish(s, "info", info, retain=True)
        for name in self.config["components"]:
            if name.startswith("door"):
                self.state(s, name, "closed")
            elif name.startswith("court"):
                free_s = max(s, self.booted_s + QUIET_S)
                if free_s > s:
                    self.state(s, name, "unknown")
                self.state(free_s, name, "free")
        self.publish(s, "availability", "online", retain=True)
        self.telemetry(s)

    def booted(self, s: float, reset: str = "power_on") -> None:
        self.event(s, "device.booted", boot=self.boot, reset=reset, firmware="1")

    def stops(self, s: float, what: str = "cut") -> None:
        self.note(s, "power", what=what)
        self.note(s, "gone", conn=self.boot, why="reset")

    def state(self, s: float, name: str, state: str, **more: Any) -> Record:
        return self.publish(s, f"{name}/state", {"state": state, "since": None, **more}, retain=True)

    def telemetry(self, s: float, **more: Any) -> Record:
        figures = {"uptime": int(s - self.booted_s), "queue": 0, "queue_bytes": 0, "heap_free": 90_000}
        figures |= {"accepted": self.seq, "task_restarts": 0, "boot": self.boot}
        return self.publish(s, "telemetry", figures | more, qos=0)

    def event(self, s: float, type_: str, component: str = "device", /, **data: Any) -> Record:
        """Made and delivered at once."""
        return self.deliver(s, self.made(s, type_, component, **data))

    def made(self, s: float, type_: str, component: str = "device", /, **data: Any) -> Record:
        self.seq += 1
        return {
            "specversion": "1.0",
            "id": f"box-1-{self.bootid}-{self.seq}",
            "source": f"/harbour/box-1/{component}",
            "type": f"sportbox.{type_}",
            "data": data,
            "seq": self.seq,
            "uptime": int(s - self.booted_s),
            "bootid": self.bootid,
        }

    def deliver(self, s: float, event: Record, **more: Any) -> Record:
        return self.publish(s, "event", event | more)

    def order(
        self, s: float, jti: str | None, good: bool | None = True, why: str = "", **more: Any
    ) -> Record:
        now_s = WALL_BEGIN_S + int(s)
        facts = {"act": "unlock", "component": "lock-1", "nbf": now_s, "exp": now_s + 600, "nonce": None}
        record = self.note(s, "order", jti=jti, good=good, why=why, first=True, **(facts | more))
        self.note(s, "deliver", conn=self.boot, topic=NAME + "cmd", jti=jti)
        return record

    def ack(self, s: float, jti: str | None, result: str, reason: str | None = None, **more: Any) -> Record:
        return self.publish(s, "ack", {"jti": jti, "result": result, "reason": reason, "time": f"{s}"} | more)

    def pulse(self, s: float, lasts_s: float, lock: str = "lock-1") -> Record:
        start_us = BEGIN_US + round(s * S)
        return self.note(s, "pulse", lock=lock, start_us=start_us, until_us=start_us + round(lasts_s * S))

    def moves(self, s: float, is_open: bool, by: str = "pull", name: str = "door-1") -> Record:
        return self.note(s, "door", door=name, open=is_open, by=by)

    def visit(self, s: float, jti: str, lock: str = "lock-1") -> None:
        """An order, and what follows: the door opens after two seconds and is closed after ten."""
        opens = f"door-{lock[-1]}"
        self.order(s, jti, component=lock)
        self.event(s + 0.1, "access.accepted", lock, jti=jti, sub="", act="unlock")
        self.ack(s + 0.1, jti, "accepted")
        self.pulse(s + 0.2, 2.1, lock)
        self.event(s + 0.3, "lock.unlocked", lock, jti=jti)
        self.moves(s + 2, True, name=opens)
        self.state(s + 2.1, opens, "open")
        self.event(s + 2.1, "door.opened", opens, jti=jti)
        self.event(s + 2.2, "access.done", lock, jti=jti, sub="", act="unlock", reason=None)
        self.ack(s + 2.2, jti, "done")
        self.event(s + 2.4, "lock.locked", lock)
        self.moves(s + 10, False, name=opens)
        self.state(s + 10.1, opens, "closed")
        self.event(s + 10.1, "door.closed", opens, open_s=8)

    def fault(self, s: float, until_s: float, name: str, number: int = 1, **args: Any) -> None:
        self.note(s, "fault", number=number, name=name, on=True, args=args)
        self.note(until_s, "fault", number=number, name=name, on=False, args=args)

    def ends(self, calm_s: float, s: float) -> "Tale":
        self.note(calm_s, "calm")
        self.telemetry(s - 20)
        self.note(s, "end")
        return self

    def judged(self, plan_faults: Sequence[Record] = ()) -> list[Broken]:
        """Without what states and events say of each other: most tales tell only one of both."""
        records = sorted(self.records, key=lambda r: r["us"])
        found = judge(records, self.config, plan_faults)
        return [broken for broken in found if not broken.text.endswith(AGREEMENT)]

    def texts(self) -> list[str]:
        return [broken.text for broken in self.judged()]


def day() -> Tale:
    """A good beginning: booted, online, first event told."""
    tale = Tale().starts(0)
    tale.booted(1)
    return tale
