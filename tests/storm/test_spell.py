"""A spell: hours without a broker while one thing happens after another, and an outbox that is full."""

import json
from pathlib import Path
from typing import Any

from host_tools.storm import play
from host_tools.storm.agenda import BEGIN_US
from host_tools.storm.oracle import judge
from host_tools.storm.weather.plan import HOUR_US, Act, Fault, Plan

LASTS_US = HOUR_US
RUSH = {"pause_us": [4_000_000, 8_000_000]}


def test_what_is_dropped_is_told_and_the_rest_arrives(tmp_path: Path) -> None:
    at_us = BEGIN_US + HOUR_US // 10
    away = Fault(1, at_us, LASTS_US, "partition", {})
    rush = Act(2, at_us, LASTS_US, "rush", RUSH)
    run = play.play("9", "box-1", Plan("9", 1.5, "box-1", (away,), (rush,)), tmp_path / "board")
    assert judge(run.records, run.config) == []
    told: dict[str, list[dict[str, Any]]] = {"telemetry": [], "event": []}
    for record in run.records:
        if record["kind"] == "publish" and (topic := record["topic"].rpartition("/")[2]) in told:
            told[topic].append(json.loads(record["payload"]))
    dropped = [event["data"] for event in told["event"] if event["type"] == "sportbox.device.dropped"]
    assert sum(data["count"] for data in dropped) > 100 and dropped[-1]["urgent_total"] > 100
    limits = run.config["outbox"]
    full = max(figures["queue_bytes"] for figures in told["telemetry"])
    assert limits["reserve_bytes"] - 1000 < full <= limits["reserve_bytes"] + limits["ordinary_bytes"]
    assert told["telemetry"][-1]["queue"] == 0


def test_a_lock_that_moves_while_the_line_is_slow_is_seen(tmp_path: Path) -> None:
    """For seconds the board says nothing to the world, which looks all the same when a coil is energised."""
    at_us = BEGIN_US + HOUR_US // 10
    slow = Fault(1, at_us, HOUR_US // 10, "slow_net", {"bytes_s": 147})
    visit = {"lock": "lock-1", "again_us": [], "pulls_us": [], "nonce": True}
    comes = Act(2, at_us + 135_000_000, 28_000_000, "visit", visit)
    run = play.play("9", "box-2", Plan("9", 0.6, "box-2", (slow,), (comes,)), tmp_path / "board")
    assert judge(run.records, run.config) == []
    ups = [record["us"] for record in run.records if record["kind"] == "up"]
    assert len(ups) <= 3, "a slow line is no dead one: messages that wait for each other are not given up"
    pulses = {record["start_us"] for record in run.records if record["kind"] == "pulse"}
    assert len(pulses) == 2, "unlocked, and locked again when nobody had opened"
