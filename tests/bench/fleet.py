"""Many boards on one computer: how fast they come up, what they take, and how soon all are back when their
broker was away. And a storm: how much faster than time it plays.

The boards are those of `sportbox sim up --replicate`, real firmware in a process each. They share the
processors of this computer with the broker: on hardware of their own they would be back sooner.
"""

import asyncio
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from host_tools.broker import BrokerProcess
from host_tools.storm.case import Case
from host_tools.storm.crew import Crew, Fallen, scratch
from host_tools.storm.engine import ENGINE
from tests.bench.bench import Bench, Unmeasured
from tests.bench.broker_load import Raw
from tests.bench.figure import Bar, Figure
from tests.bench.several import Values, fewer, several
from tests.sim.test_up import Up

NAME = "fleet"
TELLS = (
    "a thousand boards: how soon they are up, what they take, how soon they are back; the speed of a storm"
)

SITE = """\
version: 1
site: fleet
devices:
  court-1:
    board: field-esp32c3
    components:
      court-1: {}
"""
ONLINE = "sportbox/v1/fleet/+/availability"
STEPS = (100, 300, 1000)
STEPS_QUICK = (100,)
UP_S = 180.0
END_S = 20.0
AWAY_S = 3.0  # so long nobody answers: most boards wait for their next try then
BACK_S = 120.0
BACK_TEXT = "1,000 boards reconnected within 15 s of a broker restart"
BACK_WITHIN_S = 15.0
STORM_BOARDS = ("court-1", "box-1")
STORM_ROUNDS = 2
STORM_HOURS, STORM_HOURS_QUICK = 6, 2
STORM_LIMIT_S = 90.0
MIB = 1 << 20


def measure(bench: Bench) -> list[Figure]:
    once = fewer(bench, 1)
    steps = STEPS_QUICK if bench.quick else STEPS
    found = several(once, {f"{boards} boards": fleet(bench, boards) for boards in steps})
    largest = f"{steps[-1]} boards"
    bar = Bar(largest, None, None, BACK_WITHIN_S, text=BACK_TEXT)
    figures = [
        Figure("fleet/up", "boards a second", "more", found["up"]),
        Figure("fleet/memory", "MiB PSS a board", "less", found["pss_mib"]),
        Figure("fleet/room", "boards a GiB", "more", found["a_gib"]),
        Figure(
            "fleet/all back after a broker restart",
            "s",
            "less",
            found["back_s"],
            [bar] if steps[-1] == STEPS[-1] else [],
            f"from the restart of a broker that was killed {AWAY_S:g} s before, to the last `online`",
        ),
        Figure("fleet/broker while they come back", "s of processor", "less", found["broker_s"]),
        Figure("fleet/boards while they come back", "s of processor", "less", found["boards_s"]),
    ]
    return [*figures, storm_speed(bench)]


def fleet(bench: Bench, boards: int) -> Callable[[], Values]:
    def measured() -> Values:
        folder = bench.folder / f"up-{boards}"
        with BrokerProcess.start("mosquitto", state_dir=bench.folder / f"broker-of-{boards}") as broker:
            words = ("--broker", broker.url, "--replicate", str(boards))
            with online_within(UP_S, folder, boards, *words) as lines:
                pids = [line["pid"] for line in lines]
                speed = boards_a_second(lines)
                pss = sum(map(pss_bytes, pids)) / len(pids)
                before_s = sum(map(cpu_s, pids))
                back_s = asyncio.run(all_back(broker, boards))
                boards_s = sum(map(cpu_s, pids)) - before_s
                broker_s = cpu_s(broker.pid)
        bench.say(
            f"{boards} boards: up at {speed:.0f} a second, {pss / MIB:.2f} MiB each, back in {back_s:.1f} s"
        )
        found = {"up": speed, "pss_mib": pss / MIB, "a_gib": (1 << 30) / pss}
        return {**found, "back_s": back_s, "broker_s": broker_s, "boards_s": boards_s}

    return measured


@contextmanager
def online_within(limit_s: float, folder: Path, boards: int, *options: str) -> Iterator[list[dict[str, Any]]]:
    """`sim up` with all its boards online, or else an end; what it told of each."""
    folder.mkdir()
    running = Up(folder, *options, site_text=SITE)
    given_up = threading.Timer(limit_s, running.process.terminate)
    given_up.start()
    try:
        assert running.process.stdout is not None
        lines: list[dict[str, Any]] = []
        while len(lines) < boards and (line := running.process.stdout.readline()):
            lines.append(json.loads(line))
        given_up.cancel()
        if len(lines) < boards:
            raise Unmeasured(f"{len(lines)} of {boards} boards were online after {limit_s:g} s")
        yield lines
    finally:
        given_up.cancel()
        running.process.terminate()
        try:
            running.process.communicate(timeout=END_S)
        except subprocess.TimeoutExpired:
            running.process.kill()  # its boards die with it
            running.process.communicate()


def boards_a_second(lines: list[dict[str, Any]]) -> float:
    """From the first one's start to the last one's `online`, as `sim up` told of them."""
    starts = [started_s(line["pid"]) for line in lines]
    ends = [start_s + line["online_ms"] / 1000 for start_s, line in zip(starts, lines, strict=True)]
    return len(lines) / float(max(ends) - min(starts))


def started_s(pid: int) -> float:
    """When a process began, since the start of this computer."""
    return int(_stat(pid)[19]) / os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """What follows its name."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def pss_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) << 10
    raise Unmeasured(f"the kernel does not tell what process {pid} takes")


async def all_back(broker: BrokerProcess, boards: int) -> float:
    """Seconds from the broker's restart until each board was seen online by a client that came with it."""
    broker.kill()
    await asyncio.sleep(AWAY_S)
    begin_s = time.monotonic()
    broker.restart()
    seen: set[bytes] = set()
    watcher = await Raw.connect(broker, "watcher")
    await watcher.subscribe(ONLINE)
    try:
        async with asyncio.timeout(BACK_S):
            while len(seen) < boards:
                first, body = await watcher.read()
                if first & 0xF0 == 0x30:
                    end = 2 + int.from_bytes(body[:2], "big")
                    if first & 0x06:
                        watcher.writer.write(b"\x40\x02" + body[end : end + 2])
                    if body.endswith(b"online"):
                        seen.add(body[2:end])
    except TimeoutError:
        raise Unmeasured(f"{len(seen)} of {boards} boards were back after {BACK_S:g} s") from None
    finally:
        watcher.writer.close()
        with suppress(OSError):
            await watcher.writer.wait_closed()
    return time.monotonic() - begin_s


def storm_speed(bench: Bench) -> Figure:
    """Of the processor's time, so that other work on this computer counts little."""
    hours = STORM_HOURS_QUICK if bench.quick else STORM_HOURS
    with scratch() as work, Crew(ENGINE, 1, Path(work), lambda job: STORM_LIMIT_S) as crew:
        rounds = fewer(bench, STORM_ROUNDS).interleave(
            {name: Storm(crew, name, hours) for name in STORM_BOARDS}
        )
    note = f"seeds 1 to {len(rounds[STORM_BOARDS[0]])}, {hours} h each, with all their faults"
    return Figure("fleet/storm", "device-hours a second of processor", "more", rounds, note=note)


class Storm:
    """Each call plays the next seed."""

    def __init__(self, crew: Crew, board: str, hours: int) -> None:
        self._crew, self._board, self._hours = crew, board, hours
        self._seed = 0

    def __call__(self) -> float:
        self._seed += 1
        self._crew.add({"case": Case(str(self._seed), self._board, self._hours).json()})
        [(_, answer)] = list(self._crew.answers())
        if isinstance(answer, Fallen):
            raise Unmeasured(f"seed {self._seed}: {answer.message}")
        if answer["error"]:
            raise Unmeasured(f"seed {self._seed}: {answer['error']}")
        return float(answer["virtual_s"]) / 3600 / float(answer["cpu_s"])
