import asyncio
import random
from pathlib import Path

from host_tools.site.ca import new_authority
from host_tools.update.form import Range
from host_tools.update.pack import pack
from tests.faults.helpers import Bench
from tests.faults.helpers_safe import Blocks, order
from tests.faults.helpers_stage import play
from tests.faults.helpers_tls import Server, TlsBroker, certified
from tests.faults.test_full_boards import STALL_TLS_MS, FullStage, equipment, figures

LOCKS = 6


async def scene(stage):
    await stage.boot(**equipment("box-1", stage.locks))
    await stage.shows("inside-1", "free")
    data = pack(
        {"main.mpy": b"M\x06\x00\x1f" + random.Random(1).randbytes(60000)},
        "0.2.0",
        ["box-esp32s3", "sim"],
        Range(first="1.29.0", below="1.30.0"),
        6,
    )
    server = Blocks(stage.heard, data)
    if 1:
        orders = [await stage.order(f"lock-{n}") for n in range(1, stage.locks + 1)]
        for n, o in enumerate(orders, 1):
            await stage.pull(f"door-{n}", 8.0)
            await stage.answered(o, ("accepted", None), ("done", None))
        for n in range(1, stage.locks + 1):
            stage.set(f"door-{n}", "closed")
        for n in range(1, stage.locks + 1):
            await stage.shows(f"lock-{n}", "locked", 8.0)
        await asyncio.sleep(3)
        n0 = len(await figures(stage))
        token = order(stage.board, stage.heard.latest(stage.board, "info"), data)
        await asyncio.to_thread(stage.heard.send, stage.board, token)
        from tests.faults.helpers import eventually

        held = [True]
        server.spoil = lambda at, piece: None if held[0] and at > 20000 else piece
        await eventually(lambda: server.asked and server.asked[-1] > 20000, "half", 30)

        orders = [await stage.order(f"lock-{n}") for n in range(1, stage.locks + 1)]
        for n, o in enumerate(orders, 1):
            await stage.pull(f"door-{n}", 8.0)
            await stage.answered(o, ("accepted", None), ("done", None))
        for n in range(1, stage.locks + 1):
            stage.set(f"door-{n}", "closed")
        for n in range(1, stage.locks + 1):
            await stage.shows(f"lock-{n}", "locked", 8.0)
        held[0] = False
        try:
            await stage.tells("device.update", 40, state="installing")
        finally:
            print(server.asked, stage.data("device.update"))
            f = await figures(stage)
            print(n0, [(t["heap_free"], t["loop_stall_ms"], t["memory_short"], t["connects"]) for t in f])
            print(stage.board.sim.log())


def test_heap(bench: Bench, run_dir: Path) -> None:
    authority = new_authority("test-site")

    class SecureStage(FullStage):
        stall_max_ms = STALL_TLS_MS
        locks = LOCKS
        tells_log = False

        async def boot(self, components, **config):
            self.board = certified(
                bench, self.name, broker.boards, authority, components=components, **config
            )
            await self.boot_again(1)

        def check(self):
            pass

    with TlsBroker(run_dir / "broker", Server(authority)).launch() as broker:
        play(bench, broker, SecureStage, scene)
