"""A man in the middle, while a board is at work: suddenly another broker answers where its own was. The board
gives it nothing, says why, still opens for codes, and delivers all of it once its own broker is back."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from host_tools.site import ca
from host_tools.site.codes import hotp
from tests.components import I2C, RTC, door, lock, wiegand
from tests.faults.helpers import Bench, Board, eventually, gather_all
from tests.faults.helpers_check import check_events
from tests.faults.helpers_listen import Listener
from tests.faults.helpers_tls import DAY, SITE, Server, TlsBroker, certified

QUICK = {"connect_ms": 1500, "ack_ms": 1500, "backoff_cap_ms": 400}
SLOT_S = 3600
COMPONENTS = {"keypad-1": wiegand("lock-1"), "lock-1": lock(1), "door-1": door(1)}
BOOT_S = 20.0
BACK_S = 15.0


@pytest.fixture(scope="module")
def authority() -> ca.Authority:
    return ca.new_authority(SITE)


@dataclass
class Middle:
    """Who answers instead, and what the board says of that."""

    name: str
    says: str
    server: Server

    async def play(self, bench: Bench, authority: ca.Authority, folder: Path) -> None:
        broker = TlsBroker(folder / self.name, Server(authority)).launch()
        try:
            board = certified(
                bench,
                self.name,
                broker.boards,
                authority,
                mqtt=QUICK,
                components=COMPONENTS,
                i2c=I2C,
                rtc=RTC,
                utc_offsets=[[0, 3600]],
            )
            with Listener(broker.host, broker.port, folder) as heard:
                await self._work(board, broker, heard, authority)
        except BaseException as error:
            error.add_note(f"{self.name}: {self.says}")
            raise
        finally:
            broker.stop()

    async def _work(self, board: Board, broker: TlsBroker, heard: Listener, authority: ca.Authority) -> None:
        def at_work() -> bool:
            """With nothing on its way: what a broker has taken and not passed on yet goes with it."""
            told = [event["data"]["trust"] for event in heard.events(board, "device.clock")]
            return "ntp" in told and heard.latest(board, "door-1/state") is not None

        board.boot()
        await eventually(at_work, f"{self.name} at work", BOOT_S)
        broker.show(self.server)
        heard.wait_subscribed(2)
        known = len(heard.messages)
        await eventually(lambda: f"no broker: {self.says}" in board.sim.log(), "the reason", BACK_S)
        await self._open(board)
        tries = self._tries(broker)
        await eventually(lambda: self._tries(broker) > tries + 1, "another try", BACK_S)
        told = [message for message in heard.messages[known:] if not message.retain]
        assert not told, told
        board.set("wifi", "down")  # it may be back before whoever listens, and events are told once
        broker.show(Server(authority))
        await asyncio.to_thread(heard.wait_subscribed, 3)
        board.set("wifi", "up")
        await eventually(lambda: heard.events(board, "door.closed"), "what happened meanwhile", BACK_S)
        order = [event["type"] for event in check_events(board, heard.messages)]
        wanted = [
            f"sportbox.{kind}" for kind in ("access.accepted", "door.opened", "access.done", "door.closed")
        ]
        assert [kind for kind in order if kind in wanted] == wanted, order

    def _tries(self, broker: TlsBroker) -> int:
        """The board itself says a reason once."""
        return broker.log_path.read_text().count("OpenSSL Error")

    async def _open(self, board: Board) -> None:
        """With a code, as somebody at the box does."""
        code = hotp(board.codes["lock-1"], int(time.time()) // SLOT_S)
        await asyncio.to_thread(board.set, "keypad-1", code)
        await eventually(lambda: board.set("door-1", "pull")["moved"], f"{self.name}: the door", BACK_S)
        await eventually(lambda: not board.energised("lock-1"), f"{self.name}: the strike drops", BACK_S)
        await asyncio.to_thread(board.set, "door-1", "closed")


def test_men_in_the_middle(bench: Bench, run_dir: Path, authority: ca.Authority) -> None:
    other = ca.new_authority(SITE)
    men = [
        Middle("box-1", "certificate: unknown authority", Server(other, boards_of=authority)),
        Middle("box-2", "certificate: wrong name", Server(authority, name="elsewhere.test")),
        Middle("box-3", "certificate: expired", Server(authority, begins=-9 * DAY, ends=-DAY)),
    ]

    async def all_of_them() -> None:
        await gather_all(*(one.play(bench, authority, run_dir) for one in men))

    asyncio.run(all_of_them())
