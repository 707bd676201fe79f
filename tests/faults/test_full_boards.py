"""The largest boards under a day's traffic in half a minute: the loop goes round, the heap stays as it is."""

import asyncio
import json
import random
import statistics
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from host_tools.sim.flash import mounted
from host_tools.sim.world import FLASH_FILE
from host_tools.site.ca import Authority, new_authority
from host_tools.site.check_sections import TLS_LOCKS_MAX
from host_tools.site.load import load_site
from host_tools.site.resolve import device_config
from host_tools.update.pack import pack
from tests.brokers import start
from tests.faults.helpers import Bench, Board, eventually, jti_of
from tests.faults.helpers_check import stalls_ms
from tests.faults.helpers_listen import Message
from tests.faults.helpers_safe import SERIES, Blocks, args_of
from tests.faults.helpers_stage import BoxStage, play
from tests.faults.helpers_tls import Server, TlsBroker, certified

Json = dict[str, Any]

SITE = Path(__file__).with_name("full-site.yaml")
STALL_MS = 20
"""What a loop may be held up, half of the time at least: this machine has other things to do."""
STALL_MAX_MS = 250
STALL_TLS_MS = 250
"""A handshake's longest step is a signature."""
HEAP_LEAST_BYTES = 12_000
HEAP_SWAY_BYTES = 2_500
HEAP_LEAST_UPDATING_BYTES = 8_000
ASKS_S = 30
"""Where there is too little memory for it just now, a board tries again each ten seconds."""
HELD_AT = 20_000
OLD_BOOT = "0123456789ab"
MPY = b"M\x06\x00\x1f"
BOARDS = ("box-esp32s3",)
TRIES = 5
ROUNDS = 4
MOVES = 60
COMPARED = 6
HARDWARE = ("board", "chip", "components", "i2c", "expander", "rtc", "buzzer", "led", "utc_offsets")


class FullStage(BoxStage):
    stall_max_ms = STALL_MAX_MS
    locks = 8
    tells_log = True

    def add(self, components: Json, **config: Any) -> None:
        where = (self.broker.host, self.broker.port)
        self.board = self.bench.add(self.name, where, components=components, **config)

    async def boot(self, components: Json, **config: Any) -> None:
        """As it comes back from weeks without a broker."""
        self.add(components, **config)
        waiting = fill_outbox(self.board)
        await self.boot_again(1)

        def told() -> list[int]:
            events = self.heard.events(self.board, "gate.passed")
            return [event["data"]["count"] for event in events if event["bootid"] == OLD_BOOT]

        await eventually(lambda: len(set(told())) == waiting, "what waited", 30)
        assert list(dict.fromkeys(told())) == list(range(1, waiting + 1))


def equipment(device: str, locks: int = 8) -> Json:
    config = device_config(load_site(SITE), device)
    parts = config["components"]
    for n in range(locks + 1, 9):
        if device == "box-1":
            del parts[f"lock-{n}"], parts[f"door-{n}"]
            parts["keypad-1"]["opens"].remove(f"lock-{n}")
    return {name: config[name] for name in HARDWARE if config.get(name) is not None}


def fill_outbox(board: Board) -> int:
    """As full as it may be, of events that nobody was told of yet. Gives their number."""
    limits = board.config["outbox"]
    seq = 0
    with mounted(board.sim.folder / FLASH_FILE) as fs:
        fs.makedirs("/data/outbox", exist_ok=True)
        for prefix, limit in (("o", limits["ordinary_bytes"]), ("u", limits["reserve_bytes"])):
            left = limit
            while left > 5000:
                segment, name = b"", f"/data/outbox/{prefix}{seq + 1:08x}"
                while len(segment) < 4096:
                    seq += 1
                    data = {"direction": "in", "count": seq}
                    payload = json.dumps(["gate-1", "gate.passed", 0, seq, OLD_BOOT, data]).encode()
                    header = struct.pack("<HBBI", len(payload), 1, 0, seq)
                    segment += header + struct.pack("<I", zlib.crc32(header + payload)) + payload
                with fs.open(name, "wb") as file:
                    file.write(segment)
                left -= len(segment)
    return seq


def figures(stage: FullStage) -> list[Message]:
    """Telemetry so far, without the first one, which tells of the start."""
    return stage.heard.of(stage.board, "telemetry")[1:]


def check_figures(stage: FullStage, since: int) -> None:
    messages = figures(stage)[since:]
    stalls = stalls_ms(messages)
    found = [message.content for message in messages]
    free = [telemetry["heap_free"] for telemetry in found]
    told = f"{stage.name}: stalls {stalls} ms, heap free {free}"
    assert len(found) >= 2 * COMPARED, told
    assert statistics.median(stalls) < STALL_MS, told
    assert max(stalls) < stage.stall_max_ms, told
    assert min(free) > HEAP_LEAST_BYTES, told
    before, after = statistics.median(free[:COMPARED]), statistics.median(free[-COMPARED:])
    assert after > before - HEAP_SWAY_BYTES, told
    assert (found[-1]["task_restarts"], found[-1]["dropped"]) == (0, 0), told


async def all_locks(stage: FullStage, number: int) -> None:
    """An order for each of them at once."""
    orders = [await stage.order(f"lock-{n}") for n in range(1, stage.locks + 1)]
    passing = asyncio.create_task(asyncio.to_thread(stage.set, "gate-1", "in" if number % 2 else "out"))
    for n, order in enumerate(orders, 1):
        await stage.pull(f"door-{n}", 8.0)
        await stage.answered(order, ("accepted", None), ("done", None))
    await asyncio.to_thread(stage.set, "keypad-1", f"0000000{number}")
    await passing
    for n in range(1, stage.locks + 1):
        stage.set(f"door-{n}", "closed")
    for n in range(1, stage.locks + 1):
        await stage.shows(f"lock-{n}", "locked", 8.0)


async def during_an_update(stage: FullStage) -> None:
    """The same while a bundle comes, which is given up before a restart."""
    bundle = pack({"noise.mpy": MPY + random.Random(1).randbytes(2 * HELD_AT)}, "9.0.0", BOARDS, SERIES, 6)
    blocks = Blocks(stage.heard, bundle)
    blocks.spoil = lambda at, data: data if at < HELD_AT else None
    await asyncio.to_thread(order_update, stage, args_of(bundle))
    await eventually(lambda: blocks.asked[-1:] >= [HELD_AT], f"{stage.name} to ask", ASKS_S)
    since, asked = len(figures(stage)), len(blocks.asked)
    await all_locks(stage, ROUNDS)
    await eventually(lambda: len(blocks.asked) > asked, f"{stage.name} to ask once nobody orders", ASKS_S)
    free = [message.content["heap_free"] for message in figures(stage)[since:]]
    assert min(free) > HEAP_LEAST_UPDATING_BYTES, f"{stage.name}: heap free {free}"
    await asyncio.to_thread(order_update, stage, {"abort": True})
    await stage.tells("device.update", 8.0, state="failed", reason="aborted")


def order_update(stage: FullStage, args: Json) -> None:
    """There may be no memory for it just now."""
    board = stage.board
    nonce = stage.heard.latest(board, "info")["nonce"]
    answers = []
    for _ in range(TRIES):
        token = board.token(None, kid="ops-1", act="update", args=args, nonce=nonce)
        stage.heard.send(board, token)
        answers.append(first_answer(stage, jti_of(token)))
        if answers[-1][0] == "accepted":
            return
    raise AssertionError(f"{stage.name}: an update was answered {answers}")


def first_answer(stage: FullStage, jti: str) -> tuple[str, str | None]:
    stage.heard.wait(lambda heard: heard.acks(stage.board, jti), "an answer")
    return stage.heard.acks(stage.board, jti)[0]


async def a_box_with_everything(stage: FullStage) -> None:
    """Orders for all eight at once, again and again, while people pass the gate and somebody tries codes."""
    await stage.boot(**equipment("box-1", stage.locks))
    await stage.shows("inside-1", "free")
    since = 0
    for number in range(ROUNDS):
        await all_locks(stage, number)
        if number == 0:  # what is loaded and allocated once is there now
            since = len(figures(stage))
    if stage.tells_log:  # there is memory enough to read it; beside TLS an order for it may be told `busy`
        for act in ("log", "selftest"):
            order = await stage.order("device", act)
            await stage.answered(order, ("accepted", None), ("done", None))
    check_figures(stage, since)
    await during_an_update(stage)


async def a_court_with_everything(stage: FullStage) -> None:
    """Radar and time-of-flight sensor at their full rate while people come and go."""
    await stage.boot(**equipment("court-1"))
    for number in range(MOVES):
        stage.set("court-1", "occupied" if number % 2 == 0 else "free")
        stage.set("court-2", "occupied" if number % 3 == 0 else "free")
        await asyncio.sleep(0.5)
    check_figures(stage, 0)


def secure_stage(broker: TlsBroker, authority: Authority) -> type[FullStage]:
    """The same with the memory that TLS takes."""

    class SecureStage(FullStage):
        stall_max_ms = STALL_TLS_MS
        locks = TLS_LOCKS_MAX
        tells_log = False

        def add(self, components: Json, **config: Any) -> None:
            self.board = certified(
                self.bench, self.name, broker.boards, authority, components=components, **config
            )

    return SecureStage


def test_the_largest_boards(run_dir: Path) -> None:
    """With and without TLS side by side, each with a broker and boards of its own."""
    authority = new_authority("test-site")
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(2))
        benches = []
        for name in ("plain", "secure"):
            (run_dir / name).mkdir()
            benches.append(Bench(run_dir / name))
            stack.callback(benches[-1].stop)
        plain = stack.enter_context(start("mosquitto", run_dir / "plain"))
        secure = stack.enter_context(TlsBroker(run_dir / "secure" / "broker", Server(authority)).launch())
        kind = secure_stage(secure, authority)
        plays = [
            pool.submit(play, benches[0], plain, FullStage, a_box_with_everything, a_court_with_everything),
            pool.submit(play, benches[1], secure, kind, a_box_with_everything),
        ]
        failures = [failure for one in plays if (failure := one.exception()) is not None]
        if failures:
            raise BaseExceptionGroup("the largest boards", failures)
