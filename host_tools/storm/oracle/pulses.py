"""Pulses and duty stay within the limits of the configuration, and coils whole.

How the protocol was read: `release_ms` bounds a strike's pulse, `run_ms` a motor's; the hardware counts in
items of 100 ms. Locks of one supply are energised one after another.
"""

from collections import defaultdict, deque
from collections.abc import Iterator

from host_tools.storm.oracle.broken import Broken, at, lasting
from host_tools.storm.oracle.messages import Pulse
from host_tools.storm.oracle.reading import Run

SPARE_US = 110_000
SWITCH_US = 20_000


def limit_us(run: Run, lock: str) -> int:
    facts = run.components[lock]
    return int(facts["run_ms" if facts["actuator"] == "motor" else "release_ms"]) * 1000


def pulses_are_short(run: Run) -> Iterator[Broken]:
    for pulse in run.pulses:
        long_us, most_us = pulse.until_us - pulse.start_us, limit_us(run, pulse.lock)
        if long_us > most_us + SPARE_US:
            text = f"{pulse.lock} pulsed for {lasting(long_us)}, more than {lasting(most_us)}"
            yield Broken("pulses", pulse.start_us, text, (pulse.record,))


def duty_is_kept(run: Run) -> Iterator[Broken]:
    """At the end of each pulse, what the sliding window holds."""
    windows: dict[str, deque[Pulse]] = defaultdict(deque)
    for pulse in run.pulses:
        facts = run.components[pulse.lock]
        window_us, duty_us = facts["duty_window_ms"] * 1000, facts["duty_ms"] * 1000
        window = windows[pulse.lock]
        window.append(pulse)
        begin_us = pulse.until_us - window_us
        while window[0].until_us <= begin_us:
            window.popleft()
        total_us = sum(p.until_us - max(p.start_us, begin_us) for p in window)
        if total_us > duty_us + SPARE_US:
            text = f"{pulse.lock} was on for {lasting(total_us)} within {lasting(window_us)}"
            records = tuple(p.record for p in window)
            yield Broken("pulses", pulse.until_us, f"{text}; {lasting(duty_us)} are allowed", records)


def one_at_a_time(run: Run) -> Iterator[Broken]:
    """A supply feeds one lock."""
    newest: dict[str, Pulse] = {}
    for pulse in run.pulses:
        supply = run.components[pulse.lock].get("supply", "main")
        before = newest.get(supply)
        if before is not None and before.lock != pulse.lock and pulse.start_us < before.until_us - SWITCH_US:
            text = (
                f"{pulse.lock} was energised at {at(pulse.start_us)} beside {before.lock} of the same supply"
            )
            yield Broken("pulses", pulse.start_us, text, (before.record, pulse.record))
        if before is None or pulse.until_us > before.until_us:
            newest[supply] = pulse


def coils_are_whole(run: Run) -> Iterator[Broken]:
    """What the world says of each coil at the end."""
    for record in run.records_of("coil"):
        lock = record["lock"]
        if record["burnt"]:
            yield Broken("pulses", record["us"], f"the coil of {lock} is burnt", (record,))
        if record["longest_us"] > limit_us(run, lock) + SPARE_US:
            text = f"{lock} was energised for {lasting(record['longest_us'])} at a time"
            yield Broken("pulses", record["us"], text, (record,))
