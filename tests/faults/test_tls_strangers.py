"""A broker that is not the right one, by TLS: the board does not connect, says why, works on offline, and
delivers what happened meanwhile once the right one is back."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

import pytest

from host_tools.site import ca
from tests.faults.helpers import Bench, Board, Json, TimeServer, eventually, gather_all
from tests.faults.helpers_listen import Listener
from tests.faults.helpers_tls import DAY, SITE, Server, TlsBroker, certified

QUICK = {"connect_ms": 1500, "ack_ms": 1500, "backoff_cap_ms": 400}
DAYS_AHEAD = 40
"""So much a board's time server is ahead: a certificate that is good by this machine's clock, which mbedTLS
reads in the simulator, is not by the board's own."""
STALL_MS = 150
"""The longest that the loop is held up, with start and handshakes, of the board that others disturb least: on
a busy machine most wait for a processor. What blocks would block each of them for more than a second."""


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
    time_server: TimeServer | None = None

    stall_ms: int | None = None
    """Found: the longest stall of the loop until the right broker was back."""

    async def play(self, bench: Bench, authority: ca.Authority, folder: Path) -> None:
        broker = TlsBroker(folder / self.name, self.server).launch()
        try:
            changes: Json = {"mqtt": QUICK}
            if self.time_server is not None:
                changes["ntp"] = self.time_server.address
            board = certified(bench, self.name, broker.boards, authority, own=self.own, **changes)
            with Listener(broker.host, broker.port, folder) as heard:
                await self._meet(board, broker, heard, authority)
        except BaseException as error:
            error.add_note(f"{self.name}: {self.says}")
            raise
        finally:
            broker.stop()

    async def _meet(self, board: Board, broker: TlsBroker, heard: Listener, authority: ca.Authority) -> None:
        board.boot()
        await eventually(lambda: f"no broker: {self.says}" in board.sim.log(), "the reason in the log", 15)
        board.set("door-2", "open")
        await asyncio.sleep(0.2)  # more attempts of the board, and none of them may succeed
        assert not heard.of(board, "info") and "broker reached" not in board.sim.log()
        if self.own is not True:
            return
        board.set("wifi", "down")  # it may be back before whoever listens, and events are told once
        broker.show(Server(authority))
        await asyncio.to_thread(heard.wait_subscribed, 2)
        board.set("wifi", "up")
        await eventually(lambda: heard.events(board, "door.forced"), "what happened offline", 15)
        told = heard.events(board, "door.forced")[0]
        assert told.get("historical") is True or told["uptime"] < 10
        await eventually(lambda: heard.of(board, "telemetry"), "its figures", 15)
        self.stall_ms = heard.of(board, "telemetry")[0].content["loop_stall_max_ms"]


def test_strangers(bench: Bench, run_dir: Path, authority: ca.Authority) -> None:
    other = ca.new_authority(SITE)
    ahead = TimeServer()
    ahead.offset_s = DAYS_AHEAD * 86400
    strangers = [
        Stranger("box-1", "certificate: unknown authority", Server(other, boards_of=authority)),
        Stranger("box-2", "certificate: wrong name", Server(authority, name="elsewhere.test")),
        Stranger("box-3", "certificate: expired", Server(authority, begins=-9 * DAY, ends=-DAY)),
        Stranger("box-4", "certificate: not yet valid", Server(authority, begins=DAY, ends=9 * DAY)),
        Stranger("box-5", "refused our certificate", Server(authority), own=False),
        Stranger("box-6", "refused our certificate", Server(authority, boards_of=other)),
        Stranger("box-7", "certificate: expired", Server(authority, ends=20 * DAY), time_server=ahead),
    ]

    async def all_of_them() -> None:
        await gather_all(*(one.play(bench, authority, run_dir) for one in strangers))

    try:
        asyncio.run(all_of_them())
    finally:
        ahead.stop()
    stalls = [one.stall_ms for one in strangers if one.stall_ms is not None]
    print(f"longest loop stalls: {stalls} ms")
    assert len(stalls) == 6 and min(stalls) < STALL_MS, stalls
