"""A board whose heap is short: TLS gets no memory, and all else goes on. It opens for codes, is never
restarted, and delivers what happened once there is memory again."""

import asyncio
import time
from pathlib import Path

from host_tools.site import ca
from host_tools.site.codes import hotp
from tests.components import I2C, RTC, door, lock, wiegand
from tests.faults.helpers import Bench, eventually, patched_firmware
from tests.faults.helpers_check import check_events
from tests.faults.helpers_listen import Listener
from tests.faults.helpers_tls import SITE, Server, TlsBroker, certified

QUICK = {"connect_ms": 1500, "ack_ms": 1500, "backoff_cap_ms": 400}
COMPONENTS = {
    "keypad-1": wiegand("lock-1"),
    "lock-1": lock(1),
    "door-1": door(1),
    "lock-2": lock(2),
    "door-2": door(2),
}
SLOT_S = 3600
HELD_BYTES = 240
RUN, LEFT = 5, 36
"""Of each RUN blocks one is kept, so the holes are of 1 kB: a file can be opened, and no more is sure."""
HEAP_BYTES = 256 << 10
HOG = f"""
def press(held, state):
    \"\"\"Each second while door 2 is open: memory is short.\"\"\"
    if state != "forced":
        return None
    if held is None:
        held = [None] * {HEAP_BYTES // HELD_BYTES}
    count = 0
    try:
        while True:
            if held[count] is None:
                held[count] = bytearray({HELD_BYTES})
            count += 1
    except MemoryError:
        for index in range({LEFT}):
            if index % {RUN}:
                held[count - 1 - index] = None
    print("memory is short")
    return held


class Box:
"""
TURN = "            stuck = self.supervisor.stuck("
PRESSED = '            held = press(held, self.app.state_of("door-2")["state"])\n'
HERE = '        noted = ""\n'


def test_tls_gets_no_memory(bench: Bench, run_dir: Path) -> None:
    changes = [("\nclass Box:\n", HOG), (HERE, HERE + "        held = None\n"), (TURN, PRESSED + TURN)]
    firmware = patched_firmware(run_dir, {"sportbox/box.py": changes})
    authority = ca.new_authority(SITE)
    with (
        TlsBroker(run_dir / "broker", Server(authority)).launch() as broker,
        Listener(broker.host, broker.port, run_dir) as heard,
    ):
        board = certified(
            bench,
            "box-1",
            broker.boards,
            authority,
            firmware=firmware,
            mqtt=QUICK,
            components=COMPONENTS,
            i2c=I2C,
            rtc=RTC,
            utc_offsets=[[0, 3600]],
        )
        board.boot()
        heard.wait_ready(board)

        def log() -> str:
            return board.sim.log()

        async def play() -> None:
            await eventually(
                lambda: (heard.latest(board, "info") or {}).get("clock") == "ntp", "the time", 20
            )
            board.set("door-2", "open")
            await eventually(lambda: heard.events(board, "door.forced"), "the first event")
            broker.stop()
            await eventually(lambda: "no broker" in log(), "an outage")
            pressed = log().count("memory is short")
            await eventually(lambda: log().count("memory is short") > pressed + 1, "a short heap")
            broker.launch()
            heard.wait_subscribed(2)
            await eventually(lambda: "no broker: no memory for TLS" in log(), "why there is no broker", 20)
            code = hotp(board.codes["lock-1"], int(time.time()) // SLOT_S)
            await asyncio.to_thread(board.set, "keypad-1", code)
            await eventually(lambda: board.set("door-1", "pull")["moved"], "the door", 15)
            await eventually(lambda: not board.energised("lock-1"), "the strike drops", 15)
            board.set("door-1", "closed")
            assert log().count("broker reached") == 1
            board.set("door-2", "closed")
            await eventually(lambda: len(heard.events(board, "door.closed")) == 2, "what happened", 20)

        asyncio.run(play())
        told = [event["type"].removeprefix("sportbox.") for event in check_events(board, heard.messages)]
        assert told.count("device.booted") == 1, told
        for kind in ("access.accepted", "door.opened", "access.done", "door.forced"):
            assert told.count(kind) == 1, told
        heard.wait(lambda _: heard.latest(board, "telemetry")["memory_short"] > 0, "that memory was short")
