"""No task dies, nothing grows without a bound, and what the board writes on its console is no traceback.

How the protocol was read: only a lack of heap may cost a task, and for a moment after it; no other fault may.
`queue_bytes` may pass the two limits of the outbox by what is torn or rotten in its segments.
"""

from collections.abc import Iterator

from host_tools.storm.oracle.broken import HOUR_US, MINUTE_US, Broken, Record, lasting
from host_tools.storm.oracle.changes import changes
from host_tools.storm.oracle.messages import Event, Json
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.spans import Span

QUEUE_SPARE_BYTES = 3 * 4096
AFTER_HEAP_US = 2 * MINUTE_US
RESETS_US = 3 * MINUTE_US
CAUSES = {1: "power_on", 2: "reset", 3: "watchdog", 4: "deep_sleep", 5: "soft_reset"}
RESETTING = ("reboot", "configure", "update")
HEAP_SPARE_BYTES = 8 * 1024
HEAP_LEAST_BYTES = 24 * 1024
"""Free at any time; storms have shown 38 kB at the least."""
WEAR_BASE_BYTES = 64 * 1024
WEAR_HOUR_BYTES = 8 * 1024
WEAR_EVENT_BYTES = 3 * 1024
WEAR_ORDER_BYTES = 3 * 1024
WEAR_BOOT_BYTES = 16 * 1024
"""What the firmware may program at most: so much anyhow and an hour (marks, its log, clock floor), for an
event, an order (replay log), and a boot. Storms took up to 70 % of that."""


def outbox_is_bounded(run: Run) -> Iterator[Broken]:
    limits = run.config["outbox"]
    for us, figures, record in run.telemetry:
        is_torn = any(s.begin_us <= us for s in run.faults.of("flash", "full", "heap", "power"))
        most = limits["ordinary_bytes"] + limits["reserve_bytes"] + (QUEUE_SPARE_BYTES if is_torn else 0)
        if figures.get("queue_bytes", 0) > most:
            text = f"{figures['queue_bytes']} bytes wait in the outbox, more than {most}"
            yield Broken("outbox", us, text, (record,))


def tasks_live(run: Run) -> Iterator[Broken]:
    """`task_restarts` grows, and `device.crashed` comes, only where memory was short."""
    before: tuple[int, Json] | None = None
    for us, figures, record in run.telemetry:
        restarts = figures.get("task_restarts", 0)
        is_same_boot = before is not None and before[1].get("boot") == figures.get("boot")
        was = before[1].get("task_restarts", 0) if before is not None and is_same_boot else 0
        since_us = before[0] if before is not None and is_same_boot else run.begin_us
        if restarts > was and not _heap_was_short(run, since_us, us):
            text = f"{restarts - was} tasks restarted, and memory was not short"
            yield Broken("tasks", us, text, (record,))
        before = us, figures
    for event in run.first_events:
        if event.type != "device.crashed":
            continue
        spans = run.lives.made(event.body) or _untimed(run, event)
        excused = spans and any(_heap_was_short(run, s.begin_us - RESETS_US, s.end_us) for s in spans)
        if not excused:
            told = f"{event.data.get('task')}: {event.data.get('error')}"
            yield Broken("tasks", event.us, f"device.crashed, {told}", (event.record,))


def _untimed(run: Run, event: Event) -> list[Span]:
    """Nobody knows when in its life it was made, but for that it was before it came."""
    return [Span(x.begin_us, min(x.end_us, event.us)) for x in run.lives.lives_of(event.body)]


def _heap_was_short(run: Run, begin_us: int, end_us: int) -> bool:
    return any(s.meets(begin_us - AFTER_HEAP_US, end_us) for s in run.faults.of("heap"))


def lives_end_for_a_cause(run: Run) -> Iterator[Broken]:
    """No watchdog bites, and nobody resets the board, but an order or a lack of memory."""
    for record in run.records_of("hang"):
        yield Broken("lives", record["us"], "the board hangs, and no watchdog is on", (record,))
    acts = [o.us for o in run.orders if o.act in RESETTING]
    ordered = changes(run)
    for record in run.records_of("died"):
        us, cause = record["us"], CAUSES.get(record["cause"], str(record["cause"]))
        if cause == "deep_sleep" or _heap_was_short(run, us, us):
            continue
        if cause in ("reset", "soft_reset") and any(us - RESETS_US <= t <= us for t in acts):
            continue
        if cause == "reset" and any(change.has(us) for change in ordered):
            continue
        text = f"the board ended by itself: {cause}, status {record.get('status')}"
        yield Broken("lives", us, text, (record,))


def console_is_quiet(run: Run) -> Iterator[Broken]:
    for record in run.records_of("console"):
        text, us = str(record["text"]), record["us"]
        if "Traceback" in text or "MemoryError" in text or "--- the VM" in text:
            life = run.lives.at(us)
            begin_us = us if life is None else life.begin_us
            if not _heap_was_short(run, begin_us, us):
                yield Broken("console", us, f"the console says {text!r}", (record,))


def heap_does_not_fall(run: Run) -> Iterator[Broken]:
    """Within a life: the most that was free in its last hour against that in its first."""
    lives: dict[int, list[tuple[int, int, Record]]] = {}
    for us, figures, record in run.telemetry:
        life = run.lives.at(us)
        free = figures.get("heap_free")
        if life is not None and isinstance(free, int):
            lives.setdefault(life.n, []).append((us, free, record))
    for told in lives.values():
        begin_us, end_us = told[0][0] + 10 * MINUTE_US, told[-1][0]
        if end_us - begin_us < 3 * HOUR_US:
            continue
        first = max((free for us, free, _ in told if begin_us <= us <= begin_us + HOUR_US), default=0)
        last = max((free for us, free, _ in told if us >= end_us - HOUR_US), default=first)
        if last < first - HEAP_SPARE_BYTES:
            text = f"free heap fell from {first} to {last} bytes within {lasting(end_us - begin_us)}"
            yield Broken("heap", end_us, text, (told[-1][2],))


def heap_is_left(run: Run) -> Iterator[Broken]:
    for us, figures, record in run.telemetry:
        free = figures.get("heap_free")
        if isinstance(free, int) and free < HEAP_LEAST_BYTES and not _heap_was_short(run, us, us):
            yield Broken(
                "heap", us, f"{free} bytes of heap are free, less than {HEAP_LEAST_BYTES}", (record,)
            )


def flash_lasts(run: Run) -> Iterator[Broken]:
    """What was programmed in a run stays below a bound for what happened in it."""
    for record in run.records_of("flash"):
        hours = (run.end_us - run.begin_us) / HOUR_US
        events = max((event.seq for event in run.first_events), default=0)
        most = WEAR_BASE_BYTES + int(hours * WEAR_HOUR_BYTES) + events * WEAR_EVENT_BYTES
        most += len(run.orders) * WEAR_ORDER_BYTES + len(run.lives.all) * WEAR_BOOT_BYTES
        if record["programmed_bytes"] > most:
            text = f"{record['programmed_bytes']} bytes of flash were programmed, more than {most}"
            yield Broken("wear", record["us"], text, (record,))
