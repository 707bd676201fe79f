"""Keypads on simulated boards: opening without network, guessing, and boards that cannot tell the time.

The scenes are played side by side, each with a board of its own; what a person does takes the time that it
takes, and everything else is waited for with a bound.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host_tools.broker import BrokerProcess, free_port
from host_tools.site.codes import hotp
from tests.components import I2C, RTC, door, lock, matrix, wiegand
from tests.faults.helpers import Bench, eventually, gather_all, patched_firmware
from tests.faults.helpers_check import check_events, check_stalls, of_components
from tests.faults.helpers_listen import Listener

Json = dict[str, Any]

SLOT_S = 3600
LOCK_S = 3
"""How long the first lock-out lasts here: 30 s on a real board."""
BOOT_S = 15.0
BACK_S = 15.0
"""Joining the Wi-Fi, its pause, and a reconnect with its longest pause."""
ATTEMPTS = 6
ATTEMPT_S = 3.0
WRONG = "99999990"
NEW_CHIP = "rtc_time"
"""A clock chip that was never set is told at the first boot."""
REFUSED = ("access.rejected", "signature")


class Scene:
    """A board with two compartments and a keypad."""

    def __init__(
        self, bench: Bench, broker: BrokerProcess, heard: Listener, name: str, **changes: Any
    ) -> None:
        self.heard = heard
        keypad = changes.pop("keypad", wiegand("lock-1", "lock-2"))
        components = {"keypad-1": keypad}
        for number in (1, 2):
            components[f"lock-{number}"] = lock(number)
            components[f"door-{number}"] = door(number)
        changes = {"i2c": I2C, "rtc": RTC, "utc_offsets": [[0, 3600]], **changes}
        self.board = bench.add(name, (broker.host, broker.port), components=components, **changes)

    def code(self, component: str = "lock-1") -> str:
        return hotp(self.board.codes[component], int(time.time()) // SLOT_S)

    async def set(self, component: str, value: str) -> Json:
        return await asyncio.to_thread(self.board.set, component, value)

    async def enter(self, digits: str) -> None:
        await self.set("keypad-1", digits)

    async def boot(self, boots: int = 1) -> None:
        self.board.boot()  # not in a thread: the zygote starts one board at a time
        await self.until(lambda: self.booted(boots), f"boot {boots}", BOOT_S)

    def booted(self, boots: int) -> bool:
        info = self.heard.latest(self.board, "info")
        booted = any(e["data"].get("boot") == boots for e in self.heard.events(self.board, "device.booted"))
        return booted and info is not None and info["boot"] == boots

    async def until(self, condition: Callable[[], object], what: str, timeout_s: float = 10.0) -> None:
        await eventually(condition, f"{self.board.name}: {what}", timeout_s)

    def state(self) -> str | None:
        told = self.heard.latest(self.board, "keypad-1/state")
        return None if told is None else str(told["state"])

    def access(self, *components: str) -> list[tuple[str, str | None]]:
        """The distinct access events of some components: what and why."""
        found = {}
        for event in self.heard.events(self.board):
            what = event["type"].removeprefix("sportbox.")
            if what.startswith("access.") and event["source"].rpartition("/")[2] in components:
                found[event["id"]] = (what, event["data"].get("reason"))
        return list(found.values())

    def pulses(self, component: str = "lock-1") -> int:
        return self.board.pulses()[component]

    async def open_and_close(self, component: str) -> None:
        """Somebody pulls the door that the code has released, and closes it again."""
        number = component.rpartition("-")[2]
        assert (await self.set(f"door-{number}", "pull"))["moved"]
        await self.until(lambda: not self.board.energised(component), "the strike drops")
        await self.set(f"door-{number}", "closed")

    async def end(self, *faults: str) -> list[Json]:
        """Nothing was lost, nothing crashed, nothing held up the loop, and no digit was told."""
        events = check_events(self.board, self.heard.messages)
        told = [e["data"].get("what", "crash") for e in events if e["type"].endswith((".fault", ".crashed"))]
        assert told == list(faults)
        check_stalls(self.board, self.heard.messages)
        said = " ".join(str(m.payload) for m in self.heard.messages) + self.board.sim.log()
        assert WRONG not in said and self.code() not in said and self.code("lock-2") not in said
        return events


async def cold_start_without_network(scene: Scene) -> None:
    """The clock chip was set when there was a network; then power and network go, and only power returns."""
    board, heard = scene.board, scene.heard
    await scene.boot()
    await scene.until(lambda: heard.latest(board, "info")["clock"] == "ntp", "network time", BOOT_S)
    await scene.set("wifi", "down")
    board.cut()
    board.boot()
    for _ in range(ATTEMPTS):  # without network nothing tells when the board is up
        await scene.enter("*" + scene.code())
        try:
            await scene.until(lambda: board.energised("lock-1"), "the code opens", ATTEMPT_S)
            break
        except AssertionError:
            assert scene.pulses() == 0
    await scene.open_and_close("lock-1")
    await scene.enter(scene.code("lock-2") + "#")
    await scene.until(lambda: board.energised("lock-2"), "the other code opens")
    await scene.open_and_close("lock-2")
    await scene.enter(scene.code())  # once more
    await scene.set("wifi", "up")
    again = ("access.rejected", "replayed")
    await scene.until(lambda: again in scene.access("lock-1"), "its refusal", BACK_S)
    assert scene.access("lock-1") == [
        ("access.accepted", None),
        ("access.done", None),
        again,
    ]
    assert scene.access("lock-2") == [("access.accepted", None), ("access.done", None)]
    assert board.pulses() == {"lock-1": 1, "lock-2": 1}
    events = await scene.end(NEW_CHIP)
    mine = [e for e in events if e["source"].endswith("/lock-1") and "jti" in e["data"]]
    (jti,) = {e["data"]["jti"] for e in mine}
    assert jti in [f"code-lock-1-{int(time.time()) // SLOT_S - late}" for late in (0, 1)]
    assert all("time" in e for e in mine), "the chip's time dates what nobody heard"
    assert {e["data"]["sub"] for e in mine if "sub" in e["data"]} == {"keypad"}
    assert heard.acks(board, jti) == []


async def five_wrong_codes(scene: Scene) -> None:
    """On a matrix, with a power cut in the middle of the lock-out."""
    board = scene.board
    await scene.boot()
    await scene.until(lambda: scene.state() == "ready", "ready")
    for number in range(1, 5):
        await scene.enter(WRONG)
        await scene.until(lambda n=number: len(scene.access("keypad-1")) == n, f"wrong code {number}")
    assert scene.state() == "ready"
    await scene.enter(WRONG)
    await scene.until(lambda: scene.state() == "locked", "the lock-out")
    await scene.until(lambda: len(scene.access("keypad-1")) >= 5, "its event")
    assert scene.access("keypad-1") == [REFUSED] * 5
    board.cut()
    await scene.boot(2)
    await scene.until(lambda: scene.state() == "locked", "still locked after the power cut")
    await scene.enter(scene.code())
    await scene.until(lambda: scene.state() == "ready", "the end of the lock-out", LOCK_S + BOOT_S)
    assert scene.pulses() == 0
    await scene.enter("*" + scene.code())
    await scene.until(lambda: board.energised("lock-1"), "a right code opens")
    await scene.open_and_close("lock-1")
    await scene.until(lambda: ("access.done", None) in scene.access("lock-1"), "done")
    events = await scene.end(NEW_CHIP)
    locked = [e["data"] for e in events if e["type"] == "sportbox.keypad.locked"]
    assert locked == [{"wrong": 5, "lock_s": LOCK_S}]
    assert of_components(events, "lock-1").count("access.accepted") == 1


async def without_a_clock(scene: Scene) -> None:
    """No clock chip and no time server: the keypad says why not, and nothing moves."""
    await scene.boot()
    await scene.until(lambda: scene.state() == "no_clock", "no_clock")
    await scene.enter(scene.code())
    await scene.until(lambda: scene.access("keypad-1") == [("access.rejected", "clock")], "the reason")
    assert scene.pulses() == 0
    await scene.end()


async def lost_clock_chip(scene: Scene) -> None:
    """It is told once, and network time does as well."""
    await scene.set("rtc", "lost")
    await scene.boot()
    await scene.until(lambda: scene.state() == "ready", "ready by network time", BOOT_S)
    await scene.enter("8:" + scene.code())  # from a keypad that sends eight bits a key
    await scene.until(lambda: scene.board.energised("lock-1"), "the code opens")
    await scene.open_and_close("lock-1")
    await scene.until(lambda: ("access.done", None) in scene.access("lock-1"), "done")
    await scene.end("rtc")


def test_scenes(bench: Bench, run_dir: Path) -> None:
    quick = patched_firmware(run_dir, constants={"sportbox/core/keypad.py": {"_LOCK_MS": LOCK_S * 1000}})
    with (
        BrokerProcess.start(state_dir=run_dir / "broker") as broker,
        Listener(broker.host, broker.port, run_dir) as heard,
    ):

        def scene(name: str, **changes: Any) -> Scene:
            return Scene(bench, broker, heard, name, **changes)

        async def all_of_them() -> None:
            await gather_all(
                cold_start_without_network(scene("box-1")),
                five_wrong_codes(scene("box-2", keypad=matrix("lock-1", "lock-2"), firmware=quick)),
                without_a_clock(scene("box-3", rtc=None, ntp=("127.0.0.1", free_port()))),
                lost_clock_chip(scene("box-4")),
            )

        asyncio.run(all_of_them())
