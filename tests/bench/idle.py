"""What waiting costs: a board at rest, beside a loop that asks every 20 ms and a loop that just waits.

All wait side by side for the whole time, each behind a meter of its own, and are looked at once a minute: in
each there are two messages of telemetry and two pings.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from tests.bench import vms
from tests.bench.bench import Bench, Unmeasured
from tests.bench.figure import FAILED, Bar, Figure
from tests.bench.several import fewer
from tests.faults import helpers
from tests.faults.helpers_gate import READ_BYTES, Gate
from tests.faults.helpers_listen import Listener
from tests.sim.test_idle import DIRECT, switches

NAME = "idle"
TELLS = "what a board at rest costs a minute, and what it says in an hour"

FIRMWARE, POLLED, LOOP = "firmware", "umqtt.simple, polled every 20 ms", "asyncio, one open socket"
WATCHED = "asyncio, awake each second"
"""As somebody has to be who feeds a watchdog."""
KINDS = {POLLED: "umqtt", LOOP: "asyncio", WATCHED: "watched"}
ROUNDS = 3
TURN_S, QUICK_S = 60, 30
RESTS_S = 15
"""Until a board that was started is at rest."""
SECONDS_AN_HOUR = 3600

Values = dict[str, float]


class Meter(Gate):
    """Counts what passes, both ways."""

    passed_bytes = 0

    def __enter__(self) -> "Meter":
        super().__enter__()
        return self

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(READ_BYTES):
                self.passed_bytes += len(data)
                writer.write(data)
                await writer.drain()
        writer.close()


class Waiting:
    """A process that waits, and its meter."""

    def __init__(self, pid: int, meter: Meter) -> None:
        self._pid, self._meter = pid, meter

    def totals(self) -> Values:
        """So far. Processor time is the scheduler's (Linux, Documentation/scheduler/sched-stats.rst)."""
        try:
            on_cpu_ns = int(Path(f"/proc/{self._pid}/schedstat").read_text().split()[0])
            wakes = switches(self._pid)
        except FileNotFoundError as error:
            raise Unmeasured("its process has ended, or this kernel counts no processor time") from error
        return {"cpu_ms": on_cpu_ns / 1e6, "wakes": wakes, "bytes": self._meter.passed_bytes}


def measure(bench: Bench) -> list[Figure]:
    turn_s = QUICK_S if bench.quick else TURN_S
    found: dict[str, dict[str, list[float]]] = {"cpu_ms": {}, "wakes": {}, "bytes": {}}
    with all_of_them(bench) as waiting:
        threading.Event().wait(RESTS_S)
        for _ in range(fewer(bench, ROUNDS).rounds):
            begun = {name: told(bench, name, one) for name, one in waiting.items()}
            threading.Event().wait(turn_s)  # the measured time itself
            for name, one in waiting.items():
                ended = told(bench, name, one)
                for quantity, rounds in found.items():
                    spent = ended.get(quantity, FAILED) - begun[name].get(quantity, FAILED)
                    rounds.setdefault(name, []).append(spent * 60 / turn_s)
    hourly = {
        name: [value * SECONDS_AN_HOUR / 60 for value in values] for name, values in found["bytes"].items()
    }
    return [
        Figure(
            "idle/processor",
            "ms a minute",
            "less",
            found["cpu_ms"],
            [
                Bar(
                    FIRMWARE,
                    LOOP,
                    None,
                    1.2,
                    text="CPU at most 1.2 times an idle asyncio loop with one open socket",
                )
            ],
            note="the loop with one socket sleeps for the whole time: a ratio of nothing is no ratio",
        ),
        Figure(
            "idle/wake-ups",
            "a minute",
            "less",
            found["wakes"],
            [Bar(FIRMWARE, None, None, 60, text="at most 1 wake-up a second on average")],
        ),
        Figure("idle/on the wire", "bytes an hour", "less", hourly, note="telemetry and a ping each 30 s"),
    ]


def told(bench: Bench, name: str, one: Waiting) -> Values:
    try:
        return one.totals()
    except Unmeasured as error:
        bench.failed(f"{name}: {error}")
        return {}


@contextlib.contextmanager
def all_of_them(bench: Bench) -> Iterator[dict[str, Waiting]]:
    ground = helpers.Bench(bench.folder)
    with contextlib.ExitStack() as stack:
        stack.callback(ground.stop)
        broker = stack.enter_context(bench.mosquitto())
        waiting = {}
        for name, kind in KINDS.items():
            meter = stack.enter_context(Meter(*broker))
            words = (kind, meter.host, str(meter.port), f"idle-{kind}")
            running = vms.running("waiting.py", *words, log=bench.folder / f"{kind}.txt")
            waiting[name] = Waiting(stack.enter_context(running).pid, meter)
        meter = stack.enter_context(Meter(*broker))
        heard = stack.enter_context(Listener(*broker, bench.folder))
        board = ground.add("box-1", (meter.host, meter.port), components=DIRECT, telemetry_s=30)
        board.sim.boot()
        stack.callback(board.sim.cut)
        heard.wait_ready(board, timeout_s=30)
        yield {FIRMWARE: Waiting(board.sim.pid(), meter), **waiting}
