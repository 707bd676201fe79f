"""A broker that is not the right one, by TLS: the board does not connect, says why, works on offline, and
delivers what happened meanwhile once the right one is back."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from host_tools.site import ca
from tests.faults.helpers import Bench, Board, eventually, gather_all
from tests.faults.helpers_listen import Listener
from tests.faults.helpers_tls import DAY, SITE, Server, TlsBroker, certified

QUICK = {"connect_ms": 1500, "ack_ms": 1500, "backoff_cap_ms": 400}
NOW_AHEAD_S = 40 * 86400
"""How far the board's time server is ahead, so that a certificate which is good for this machine is not for
the board."""
STALL_MS = 150
"""For all that the loop may be held up by one step of a handshake; other tests run meanwhile."""


@pytest.fixture(scope="module")
def authority() -> ca.Authority:
    return ca.new_authority(SITE)


@dataclass
class Stranger:
    """A board, and the broker that it meets."""

    name: str
    says: str
    server: Server
    own: bytes | bool = True
    ahead_s: int = 0

    async def play(self, bench: Bench, authority: ca.Authority, folder: Path) -> list[int]:
        """Gives the loop stalls of before the right broker was back."""
        broker = TlsBroker(folder / self.name, self.server).launch()
        try:
            board = certified(bench, self.name, broker.boards, authority, own=self.own, mqtt=QUICK)
            with Listener(broker.host, broker.port, folder) as heard:
                return await self._meet(board, broker, heard, authority)
        except BaseException as error:
            error.add_note(f"{self.name}: {self.says}")
            raise
        finally:
            broker.stop()

    async def _meet(
        self, board: Board, broker: TlsBroker, heard: Listener, authority: ca.Authority
    ) -> list[int]:
        board.boot()
        await eventually(lambda: f"no broker: {self.says}" in board.sim.log(), "the reason in the log", 15)
        board.set("door-2", "open")
        await asyncio.sleep(0.2)  # more attempts of the board, and none of them may succeed
        assert not heard.of(board, "info") and "broker reached" not in board.sim.log()
        if self.own is not True:
            return []
        broker.show(Server(authority))
        await eventually(lambda: heard.events(board, "door.forced"), "what happened offline", 15)
        told = heard.events(board, "door.forced")[0]
        assert told.get("historical") is True or told["uptime"] < 10
        return [m.content["loop_stall_max_ms"] for m in heard.of(board, "telemetry")][:1]


def test_strangers(bench: Bench, run_dir: Path, authority: ca.Authority) -> None:
    other = ca.new_authority(SITE)
    strangers = [
        Stranger("box-1", "certificate: unknown authority", Server(other, boards_of=authority)),
        Stranger("box-2", "certificate: wrong name", Server(authority, name="elsewhere.test")),
        Stranger("box-3", "certificate: expired", Server(authority, begins=-9 * DAY, ends=-DAY)),
        Stranger("box-4", "certificate: not yet valid", Server(authority, begins=DAY, ends=9 * DAY)),
        Stranger("box-5", "refused our certificate", Server(authority), own=False),
        Stranger("box-6", "refused our certificate", Server(authority, boards_of=other)),
    ]

    async def all_of_them() -> None:
        await gather_all(*(one.play(bench, authority, run_dir) for one in strangers))

    asyncio.run(all_of_them())
