"""Publishing: 100-byte payloads at QoS 0, and at QoS 1 one at a time and with a window of 8."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host_tools.setup.paths import REPOSITORY, UMQTT_DIR
from host_tools.sim.vm_process import FIRMWARE_HEAP_KIB
from tests.bench import instructions
from tests.bench.bench import Bench, Unmeasured
from tests.bench.figure import Bar, Figure
from tests.bench.robust import fetched
from tests.vm.machine import executable

NAME = "publish"
TELLS = (
    "Messages with 100 bytes to Mosquitto: how many a second, and what each costs in instructions and memory."
)

VM = Path(__file__).parent / "vm"
OURS, RAW, SIMPLE, ROBUST = "sportbox", "raw socket", "umqtt.simple", "umqtt.robust"
NODELAY, PAHO = "umqtt.simple + TCP_NODELAY", "paho on CPython"
WINDOW = 8
WINDOWED = f"qos1 window {WINDOW}"
TIMEOUT_S = 120
NAGLED_RATE = 25
"""Messages a second of umqtt.simple as it is, at QoS 1: it decides how many can be waited for."""
MEMORY_HEAP = "8m"
"""For counting bytes without the garbage collector: what is asked for is the same in any heap."""
MEMORY_COUNT = 500

Address = tuple[str, int]
Run = Callable[[Address, int, str], dict[str, Any]]
"""Runs a contestant: the broker's address, how many messages, what to measure."""


def vm_command(
    script: str, address: Address, qos: int, window: int, count: int, measure: str, *more: str
) -> list[str]:
    vm = executable()
    if vm is None:
        raise Unmeasured("no MicroPython VM here")
    heap = MEMORY_HEAP if measure == "memory" else f"{FIRMWARE_HEAP_KIB}k"
    words = [address[0], address[1], qos, window, count, measure, *more]
    return [vm, "-X", f"heapsize={heap}", str(VM / script), *map(str, words)]


def vm_environment(bench: Bench) -> dict[str, str]:
    folders = [REPOSITORY / "firmware", fetched(bench.folder.parent), UMQTT_DIR, VM]
    return {**os.environ, "MICROPYPATH": os.pathsep.join([*map(str, folders), ".frozen"])}


def result_of(command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """Runs a contestant in a process of its own and reads the line that it prints at its end."""
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith('{"')]
    if done.returncode or len(lines) != 1:
        said = (done.stdout + done.stderr).strip()[-300:]
        raise Unmeasured(f"exit status {done.returncode}: {said}")
    found: dict[str, Any] = json.loads(lines[0])
    return found


class Contestant:
    """One client in one way of sending."""

    def __init__(self, bench: Bench, script: str, qos: int, window: int, *more: str) -> None:
        self.script, self.qos, self.window, self.more = script, qos, window, more
        self.environment = vm_environment(bench)

    def command(self, address: Address, count: int, measure: str) -> list[str]:
        if self.script.startswith("paho"):
            words = [*address, self.qos, self.window, count]
            return [sys.executable, str(VM.parent / self.script), *map(str, words)]
        return vm_command(self.script, address, self.qos, self.window, count, measure, *self.more)

    def rate(self, address: Address, count: int) -> float:
        """Messages a second."""
        found = result_of(self.command(address, count, "time"), self.environment)
        return float(found["messages"] / found["us"] * 1e6)

    def bytes_a_message(self, address: Address) -> float:
        found = result_of(self.command(address, MEMORY_COUNT, "memory"), self.environment)
        return float(found["bytes"] / found["messages"])


def clients(bench: Bench, qos: int, window: int) -> dict[str, Contestant]:
    """umqtt knows no window: the fastest of it stands beside those that have one."""
    found = {
        OURS: Contestant(bench, "publish_session.py", qos, window),
        RAW: Contestant(bench, "publish_raw.py", qos, window),
        NODELAY: Contestant(bench, "publish_umqtt.py", qos, window, "nodelay"),
        PAHO: Contestant(bench, "paho_publish.py", qos, window),
    }
    if qos == 0 or window == 1:
        found[SIMPLE] = Contestant(bench, "publish_umqtt.py", qos, window, "simple")
        found[ROBUST] = Contestant(bench, "publish_umqtt.py", qos, window, "robust")
    return found


def way_of(qos: int, window: int) -> str:
    return "qos0" if not qos else "qos1 one at a time" if window == 1 else WINDOWED


def rates(bench: Bench, address: Address, qos: int, window: int, note: str, *bars: Bar) -> Figure:
    name = way_of(qos, window)
    bench.say(f"messages a second, {name}")
    count = (4000 if bench.quick else 60000) if not qos else (1500 if bench.quick else 6000)
    nagled = int(NAGLED_RATE * (1 if bench.quick else 2))

    def measure(who: str, client: Contestant) -> Callable[[], float]:
        slow = qos == 1 and who in (SIMPLE, ROBUST)
        return lambda: client.rate(address, nagled if slow else count)

    found = bench.interleave({who: measure(who, c) for who, c in clients(bench, qos, window).items()})
    return Figure(f"{NAME}/{name}", "messages/s", "more", found, list(bars), note)


def memory(bench: Bench, address: Address, qos: int, window: int) -> Figure:
    """Counted, not timed: two rounds show that it is the same each time."""
    name = way_of(qos, window)
    bench.say(f"bytes of heap a message, {name}")
    chosen = {who: c for who, c in clients(bench, qos, window).items() if who in (OURS, RAW, NODELAY)}
    found = bench.interleave({who: lambda c=c: c.bytes_a_message(address) for who, c in chosen.items()}, 2)  # type: ignore[misc]
    bar = Bar(OURS, NODELAY, None, 1.0, text="Bytes allocated a message: at most umqtt.simple's.")
    return Figure(
        f"{NAME}/heap, {name}", "bytes/message", "less", found, [bar], "without the garbage collector"
    )


def counted(bench: Bench, address: Address, qos: int, window: int) -> Figure:
    name = way_of(qos, window)
    bench.say(f"instructions a message, {name}")
    chosen = {who: c for who, c in clients(bench, qos, window).items() if who in (OURS, RAW, NODELAY)}

    def measure(client: Contestant) -> Callable[[], float]:
        return lambda: instructions.a_message(
            lambda count: client.command(address, count, "nothing"), client.environment, bench.folder
        )

    found = bench.interleave({who: measure(c) for who, c in chosen.items()}, 1 if bench.quick else 2)
    bar = Bar(OURS, NODELAY, None, 1.5, text="Instructions a message: at most 1.5 times umqtt.simple's.")
    note = "counted by valgrind in user space, with the garbage collector at work"
    return Figure(f"{NAME}/instructions, {name}", "instructions/message", "less", found, [bar], note)


def measure(bench: Bench) -> list[Figure]:
    found: list[Figure] = []
    with bench.mosquitto() as address:
        found.append(
            rates(
                bench,
                address,
                0,
                WINDOW,
                "",
                Bar(OURS, SIMPLE, 0.9, None, text="QoS 0: at least 0.9 times umqtt.simple."),
            )
        )
        nagled = "umqtt as it is writes a packet in pieces, each of which waits for the broker's delayed ACK"
        one = Bar(OURS, RAW, 0.6, None, text="QoS 1, one at a time: at least 0.6 times the raw loop.")
        found.append(rates(bench, address, 1, 1, nagled, one))
        found.append(
            rates(
                bench,
                address,
                1,
                WINDOW,
                "umqtt knows no window: it sends one at a time here, too",
                Bar(
                    OURS,
                    RAW,
                    0.6,
                    None,
                    text="QoS 1, window 8: at least 0.6 times the raw loop with the same window.",
                ),
                Bar(
                    OURS,
                    NODELAY,
                    2.0,
                    None,
                    text="QoS 1, window 8: at least 2 times umqtt.simple with TCP_NODELAY.",
                ),
            )
        )
        ways = ((0, WINDOW), (1, 1), (1, WINDOW))
        found += [memory(bench, address, *way) for way in ways]
        if instructions.available():
            found += [counted(bench, address, *way) for way in ways]
        else:
            bench.failed("instructions a message: valgrind is not installed (sudo apt install valgrind)")
    return found
