"""What the firmware needs of a board's memory and flash, beside what one would write with umqtt.simple.

Simulated boards: their words have 64 bits, so lists, dicts, instances and strings take about twice what they
take on an ESP32. The largest need is found with ever larger pieces of the heap taken away at the start.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host_tools.build.firmware import (
    FIRMWARE,
    UMQTT,
    build_firmware,
    compile_files,
    compile_firmware,
    umqtt_source,
)
from host_tools.sim.board import SimBoard
from host_tools.sim.flash import Template, write_files
from host_tools.sim.world import FLASH_FILE
from host_tools.update.build import build
from host_tools.update.limits import BUNDLE_BYTES_MAX, SAFE_MODE_BYTES_MAX
from host_tools.update.size import safe_mode_files
from tests.bench.bench import Bench, Unmeasured
from tests.bench.figure import Bar, Figure
from tests.bench.several import Values, fewer, several
from tests.components import court
from tests.faults import helpers
from tests.faults.helpers_listen import Listener

NAME = "heap"
TELLS = "heap after import, steady and at most, bytes of .mpy, boot to the first publish"

BOX, COURT, APP = "firmware, box of two locks", "firmware, one court", "umqtt.simple, one court"
APP_SOURCE = Path(__file__).parent / "vm" / "umqtt_app.py"
APP_TOPIC = "bench/app"
ROUNDS = 3
STEADY = 3  # telemetry, of one a second, that is looked at after that of the start
WAIT_S = 20.0
WORKS_S = 10.0
POLL_S = 0.01
KIB = 1024
STEP_KIB, STEP_QUICK_KIB = 2, 8
HEAP_KIB = 256
WORDS = "simulated board, 64-bit words"
EMPTY = "import gc, json\ngc.collect()\nprint(json.dumps({'free': gc.mem_free()}))\n"
IMPORTING = """\
import gc, json, sys
gc.collect()
before = gc.mem_free()
{imports}
gc.collect()
print(json.dumps({{"used": before - gc.mem_free()}}))
"""
IMPORTS = {
    BOX: "sys.path[0] = '/a'\nfrom sportbox.box import Box",
    COURT: "sys.path[0] = '/a'\nfrom sportbox.box import Box",
    APP: "import asyncio, machine, network\nsys.path[0] = '/lib'\nfrom umqtt.simple import MQTTClient",
}
LEAVE = "hog = bytearray({bytes})\n"


def measure(bench: Bench) -> list[Figure]:
    ground = helpers.Bench(bench.folder)
    try:
        with bench.mosquitto() as broker, Listener(*broker, bench.folder, topic="#") as heard:
            kinds = {name: Kind(bench.folder, ground, broker, heard, name) for name in IMPORTS}
            free = kinds[APP].free()
            bench.say(f"{free:,} bytes are free when nothing runs")
            lives = several(fewer(bench, ROUNDS), {name: kind.live(free) for name, kind in kinds.items()})
            step_kib = STEP_QUICK_KIB if bench.quick else STEP_KIB
            peaks = fewer(bench, 1).interleave(
                {name: kind.peak(free, step_kib) for name, kind in kinds.items()}
            )
    finally:
        ground.stop()
    return [
        Figure("heap/after import", "bytes", "less", lives["imported"], note=WORDS),
        Figure("heap/steady", "bytes", "less", lives["steady"], note=f"{WORDS}; garbage collected"),
        Figure(
            "heap/least that works",
            "bytes",
            "less",
            peaks,
            note=f"{WORDS}; to {step_kib} KiB: it starts, is online and tells that its sensor moved",
        ),
        Figure("heap/boot to first publish", "ms", "less", lives["first_ms"]),
        *sizes(),
    ]


def sizes() -> list[Figure]:
    """Exact, and the same in each round."""
    firmware = compile_firmware(FIRMWARE)
    app = compile_files([("main.py", APP_SOURCE), (UMQTT, umqtt_source())])
    safe = sum(map(len, safe_mode_files(firmware).values()))
    files = {
        "firmware": [float(sum(map(len, firmware.slot.values())))],
        APP: [float(sum(map(len, app.values())))],
    }
    kept = {"firmware": [float(len(build()))]}
    return [
        Figure("heap/.mpy on flash", "bytes", "less", files, note="one slot, everything in it"),
        Figure("heap/bundle", "bytes", "less", kept, [_limit(BUNDLE_BYTES_MAX)]),
        Figure("heap/safe mode", "bytes", "less", {"firmware": [float(safe)]}, [_limit(SAFE_MODE_BYTES_MAX)]),
    ]


def _limit(most: int) -> Bar:
    return Bar("firmware", None, None, float(most), text="the limit of `make size`")


class Kind:
    """A contestant: each board of it is a new one."""

    def __init__(
        self, folder: Path, ground: helpers.Bench, broker: tuple[str, int], heard: Listener, name: str
    ) -> None:
        self._folder, self._ground, self._broker, self._heard, self.name = folder, ground, broker, heard, name
        self._made = 0

    def free(self) -> int:
        return int(self._said(EMPTY)["free"])

    def live(self, free: int) -> Callable[[], Values]:
        """A life of some seconds, undisturbed."""

        def measured() -> Values:
            imported = self._said(IMPORTING.format(imports=IMPORTS[self.name]))["used"]
            board = self._board()
            begin_s = time.monotonic()
            board.sim.boot()
            try:
                self._until(lambda: len(self._told(board)) > STEADY, f"telemetry of {self.name}")
                first_s = min(
                    message.at_s for message in self._heard.messages if self._is_of(board, message.topic)
                )
                steady = free - min(told["heap_free"] for told in self._told(board)[1 : STEADY + 1])
            finally:
                board.sim.cut()
            return {"imported": imported, "steady": steady, "first_ms": (first_s - begin_s) * 1000}

        return measured

    def peak(self, free: int, step_kib: int) -> Callable[[], float]:
        """The smallest heap in which it works, as if nothing but that were there."""

        def measured() -> float:
            enough, short = free // KIB, 0
            while enough - short > step_kib:
                tried = (enough + short) // 2
                if self._works(free - tried * KIB):
                    enough = tried
                else:
                    short = tried
            return float(enough * KIB)

        return measured

    def _works(self, taken: int) -> bool:
        board = self._board()
        main = (self._files()["/main.py"]).decode()
        write_files(board.sim.folder / FLASH_FILE, {"/main.py": (LEAVE.format(bytes=taken) + main).encode()})
        board.sim.boot()
        try:
            self._until(lambda: self._tells(board) or _is_short(board), "", WORKS_S)
        except Unmeasured:
            return False
        finally:
            board.sim.cut()
        return not _is_short(board)

    def _tells(self, board: helpers.Board) -> bool:
        """That its sensor moved, which it does as soon as the board was heard of."""
        if self.name == APP:
            told = self._told(board)
            if told and not told[-1]["occupied"]:
                board.set("court-1", "occupied")
            return bool(told and told[-1]["occupied"])
        if self._heard.latest(board, "info") is None:
            return False
        board.set(*(("door-1", "pull") if self.name == BOX else ("court-1", "occupied")))
        return any(event["source"].endswith(("door-1", "court-1")) for event in self._heard.events(board))

    # ---- boards

    def _files(self) -> dict[str, bytes]:
        if self.name != APP:
            return build_firmware()
        umqtt = compile_files([(UMQTT, umqtt_source())])[UMQTT]
        return {"/boot.py": b"", "/main.py": APP_SOURCE.read_bytes(), "/lib/umqtt/simple.mpy": umqtt}

    def _board(self) -> helpers.Board:
        self._made += 1
        device = f"{'box' if self.name == BOX else 'court' if self.name == COURT else 'app'}-{self._made}"
        parts = helpers.COMPONENTS if self.name == BOX else {"court-1": court()}
        if self.name != APP:
            return self._ground.add(device, self._broker, components=parts)
        config = helpers.config_of(device, self._broker, self._ground.time_server.address, components=parts)
        sim = SimBoard(self._folder / "boards" / device, self._ground.zygote)
        sim.create(config, {}, Template(self._files()))
        return helpers.Board(sim, config, {})

    def _said(self, main: str) -> Any:
        """What a board with this main.py prints as JSON."""
        board = self._board()
        write_files(board.sim.folder / FLASH_FILE, {"/main.py": main.encode()})
        board.sim.boot()
        self._until(lambda: "at the REPL" in board.sim.log(), f"the end of main.py of {self.name}")
        board.sim.cut()
        found = [line for line in board.sim.log().splitlines() if line.startswith("{")]
        if not found:
            raise Unmeasured(f"{self.name}: {board.sim.log().strip()[-200:]}")
        return json.loads(found[-1])

    def _is_of(self, board: helpers.Board, topic: str) -> bool:
        return topic == APP_TOPIC + "/" + board.name or topic.startswith(board.base + "/")

    def _told(self, board: helpers.Board) -> list[Any]:
        """Telemetry so far."""
        topic = APP_TOPIC + "/" + board.name if self.name == APP else board.base + "/telemetry"
        return [message.content for message in self._heard.messages if message.topic == topic]

    def _until(self, condition: Callable[[], object], what: str, timeout_s: float = WAIT_S) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise Unmeasured(f"waited {timeout_s:g} s for {what}")
            time.sleep(POLL_S)


def _is_short(board: helpers.Board) -> bool:
    said = board.sim.log()
    return "MemoryError" in said or "memory allocation failed" in said or "at the REPL" in said
