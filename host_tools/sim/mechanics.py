"""Coils, motors and bolts: what a record of layout.ACTUATOR is at a moment.

No daemon moves them. An actuator is energised while its gate pin is (mostly: while that pin's RMT channel is
not idle) and, where the coil hangs on the port expander, while it is selected there. Between two changes of
these pins everything follows from the times, so whoever changes one settles the record first, and whoever
wants to know computes. Importable by CPython and MicroPython: `a` and `channel` are records with the fields
of the layout, `raw` is the page.

A motor's bolt is at `position_us`, 0 at `locked` and `travel_us` at `unlocked`. Heat is a bucket that
energised time fills and that leaks `duty_us` each `window_us`: who keeps the duty in every window stays below
`duty_us`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mmap import mmap

    from host_tools.sim.records import Record

if __name__ == "_mechanics":
    from _layout import NO_PIN, OUT_GPIO, OUT_KIND, OUT_LEVEL, OUT_RMT, TRUE_LEVEL  # type: ignore[import-not-found]
    from _outputs import output  # type: ignore[import-not-found]
else:
    from host_tools.sim.layout import NO_PIN, OUT_GPIO, OUT_KIND, OUT_LEVEL, OUT_RMT, TRUE_LEVEL
    from host_tools.sim.outputs import output

_TOLERANCE = 10  # a coil stands a tenth more than it is made for ...
_ROUNDING_US = 200000  # ... and this, for pulses come in steps of 100 ms
_MOST = 0xFFFFFFFF


def is_selected(a: "Record", raw: "mmap") -> bool:
    pin = a.select
    if pin == NO_PIN:
        return True
    is_output = raw[OUT_KIND + pin] == OUT_GPIO
    return bool(is_output and raw[OUT_LEVEL + pin])


def is_on(a: "Record", raw: "mmap", channel: "Record", now_us: int) -> bool:
    """Energised at this moment."""
    return is_selected(a, raw) and output(raw, channel, a.gate, now_us) == 1


def _on(a: "Record", raw: "mmap", channel: "Record", now_us: int) -> "tuple[int, int]":
    """(since when, how long) it was energised after `since_us`; one span at most, for nothing else
    changed."""
    since_us = a.since_us
    kind = raw[OUT_KIND + a.gate]
    if not is_selected(a, raw):
        return since_us, 0
    if kind == OUT_RMT and not channel.idle:
        start_us = max(since_us, channel.start_us)
        return start_us, max(0, min(now_us, channel.until_us) - start_us)
    return since_us, now_us - since_us if output(raw, channel, a.gate, now_us) == 1 else 0


def _moved(a: "Record", raw: "mmap", on_us: int) -> int:
    at_us, travel_us = a.position_us, a.travel_us
    driven = raw[OUT_LEVEL + a.direction] if raw[OUT_KIND + a.direction] else 0
    if driven == a.lock_level:
        stop_us = a.jam_us + 1 if a.jammed and at_us > a.jam_us else 0
        return max(stop_us, at_us - on_us)
    stop_us = a.jam_us if a.jammed and at_us <= a.jam_us else travel_us
    return min(stop_us, at_us + on_us)


def state(a: "Record", raw: "mmap", channel: "Record", now_us: int) -> "tuple[int, ...]":
    """(position_us, total_us, run_us, longest_us, pulses, heat_us, burnt) at this moment."""
    start_us, on_us = _on(a, raw, channel, now_us)
    heat_us = a.heat_us
    if heat_us or on_us:
        leak_us = (now_us - a.since_us) * a.duty_us // a.window_us if a.window_us else 0
        heat_us = min(_MOST, max(0, heat_us + on_us - leak_us))
    if not on_us:
        return a.position_us, a.total_us, a.run_us, a.longest_us, a.pulses, heat_us, a.burnt
    goes_on = a.was_on and start_us == a.since_us
    run_us = min(_MOST, on_us + a.run_us if goes_on else on_us)
    pulses = a.pulses if goes_on else a.pulses + 1
    burnt = a.burnt
    if run_us > a.limit_us + a.limit_us // _TOLERANCE + _ROUNDING_US:
        burnt = 1
    if heat_us > a.duty_us + a.duty_us // _TOLERANCE + _ROUNDING_US:
        burnt = 1
    position_us = _moved(a, raw, on_us) if a.travel_us and not a.burnt else a.position_us
    return position_us, a.total_us + on_us, run_us, max(a.longest_us, run_us), pulses, heat_us, burnt


def settle(a: "Record", raw: "mmap", channel: "Record", now_us: int) -> None:
    """Write down what is so, just before a pin changes that drives it."""
    found = state(a, raw, channel, now_us)
    a.settles += 1
    a.position_us, a.total_us, a.run_us, a.longest_us, a.pulses, a.heat_us, a.burnt = found
    a.was_on = 1 if is_on(a, raw, channel, now_us) else 0
    a.since_us = now_us
    a.settles += 1


def releases(a: "Record", raw: "mmap", channel: "Record", now_us: int) -> bool:
    """The lock lets the door open at this moment."""
    if a.released or a.lost:
        return True
    found = state(a, raw, channel, now_us)
    if a.travel_us:
        return found[0] == a.travel_us
    return not found[6] and not a.jammed and is_on(a, raw, channel, now_us)


def contact(a: "Record", raw: "mmap", channel: "Record", pin: int, now_us: int) -> int:
    """The level of one of its contacts: an end switch, or the latch contact of a strike."""
    if pin == a.unlocked_pin:
        is_made, active = state(a, raw, channel, now_us)[0] == a.travel_us, a.unlocked_active
    elif a.travel_us:
        is_made, active = state(a, raw, channel, now_us)[0] == 0, a.locked_active
    else:
        closed = raw[TRUE_LEVEL + a.door_pin] == a.door_closed
        is_made, active = closed and not releases(a, raw, channel, now_us), a.locked_active
    return active if is_made else 1 - active


def changes(a: "Record", raw: "mmap", channel: "Record", now_us: int) -> "list[int]":
    """Moments to come at which a contact changes, if no pin does."""
    if not is_selected(a, raw):
        return []
    start_us, until_us = channel.start_us, channel.until_us
    if not a.travel_us or until_us <= now_us:
        return [start_us, until_us]
    start_us = max(start_us, now_us)
    return [start_us + 1000, start_us + a.position_us, start_us + a.travel_us - a.position_us, until_us]
