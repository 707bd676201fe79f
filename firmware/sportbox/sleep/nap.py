"""The start of a board that sleeps: is this wake worth the radio? If not, a look at the sensors, a note on
flash, and back to sleep, with no Wi-Fi and without most of the firmware."""

from micropython import const

from sportbox.core.clock import Clock
from sportbox.core.doze import Doze
from sportbox.drivers import chip
from sportbox.drivers.inputs import level_of
from sportbox.sleep.rest import Rest
from sportbox.store.outbox import Outbox
from sportbox.system.health import Uptime
from sportbox.uplink import Uplink

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    Facts = dict[str, Any]

_WATCHDOG_MS = const(10000)
_WORTH = const(8)  # events that wait make it worth a connection


def start(config: "Facts", data_folder: str) -> "Rest | None":
    """Returns what to go on with, with the radio: None after a loss of power or a reset. Does not return
    from a wake that is not worth it."""
    chip.Watchdog(_WATCHDOG_MS)
    uptime = Uptime()
    rest = Rest.wake(config["hash"])
    if rest is None or rest.is_report_due():
        return rest
    limits = config["outbox"]
    outbox = Outbox(data_folder + "/outbox", limits["ordinary_bytes"], limits["reserve_bytes"])
    outbox.open(rest.acked_seq, rest.seq)
    rest.seq = outbox.durable_seq
    courts = look(config, rest, outbox, uptime)
    if (outbox.queue_events() >= _WORTH or outbox.waiting()) and not rest.failures:
        rest.advance(uptime.ms())
        return rest
    rest.seq = outbox.durable_seq
    elapsed_ms = uptime.ms()
    rest.pass_on(elapsed_ms)
    rest.sleep(
        rest.base_ms + elapsed_ms,
        [doze.deadline for doze, _ in courts],
        [wake for doze, wake in courts if doze.armed()],
    )
    return None


def look(config: "Facts", rest: Rest, outbox: Outbox, uptime: Uptime) -> "list[tuple[Doze, tuple[int, int]]]":
    """Lets the courts see what is so now; a change is an event on flash. If that takes nothing, the next look
    will see the change: what is only in RAM does not outlive the sleep."""
    clock = Clock()
    rest.set_clock(clock)
    uplink = Uplink(config["site"], config["device"], rest.boot_id, outbox)
    courts = []
    seen = {}
    components = config["components"]
    for name in sorted(components):
        facts = components[name]
        if facts["kind"] != "occupancy" or not facts.get("pir"):
            continue
        doze, pin, level = make(facts, config), facts["pir"]["pin"], facts["pir"]["active"]
        doze.restore(rest.courts[name])
        now_ms = uptime.ms()
        if doze.step(level_of(pin) == level, rest.base_ms + now_ms):
            time_s = clock.now(now_ms) if clock.trusted() else 0
            uptime_s = (rest.base_ms + now_ms) // 1000
            uplink.event(name, "occupancy.changed", state_of(doze), time_s, uptime_s, False)
        seen[name] = doze.memory()
        courts.append((doze, (pin, level)))
    if outbox.flush():
        rest.courts.update(seen)
    return courts


def make(facts: "Facts", config: "Facts") -> Doze:
    return Doze(max(facts["hold_ms"], config["power"]["sleep"]["hold_s"] * 1000), facts["stuck_ms"])


def state_of(doze: Doze) -> "dict[str, object]":
    return {"state": doze.state, "count": doze.count(), "confidence": doze.confidence()}
