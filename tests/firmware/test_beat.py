# runs on: micropython
"""When the board looks around: each second while something is under way, seldom at rest, at once if told."""

import unittest

from tests.firmware.bare_machine import Machine  # first: it stands in for `machine`
from tests.firmware.update_case import Played

# isort: split
import asyncio
import sys
import time

sys.modules["network"] = Played(WLAN=lambda _: None, STA_IF=0)

# isort: split
from sportbox.box import Box  # noqa: E402

LONG_MS = 60000


def make_board():
    """At rest since it was started."""
    return Played(
        app=Played(stirred_ms=0, update=None),
        session=Played(up=True, idle=lambda: True),
        wifi=Played(up=True),
        outbox=Played(waiting=lambda: 0),
        uptime=Played(ms=lambda: 30000),
        trial=None,
        slots=None,
        resting=None,
    )


class TestBeat(unittest.IsolatedAsyncioTestCase):
    async def test_ten_seconds_after_the_last_thing_that_moved(self):
        self.assertTrue(Machine)
        board = make_board()
        board.app.stirred_ms = 5000
        self.assertEqual(Box.pause_ms(board, 14999), 1000)
        self.assertIsNone(board.resting)
        self.assertEqual(Box.pause_ms(board, 15000), 2000)
        self.assertIsNotNone(board.resting)

    async def test_whatever_is_under_way_is_looked_at_each_second(self):
        for what, begin in (
            (
                "a message that is not acknowledged",
                lambda board: setattr(board.session, "idle", lambda: False),
            ),
            ("no broker", lambda board: setattr(board.session, "up", False)),
            ("no link", lambda board: setattr(board.wifi, "up", False)),
            ("an update", lambda board: setattr(board.app, "update", board)),
            ("an update that is to be gone on with", lambda board: setattr(board, "slots", {})),
            ("a trial of new files", lambda board: setattr(board, "trial", board)),
            ("events that wait for more", lambda board: setattr(board.outbox, "waiting", lambda: 1)),
        ):
            with self.subTest(what=what):
                board = make_board()
                self.assertEqual(Box.pause_ms(board, 20000), 2000)
                board.resting = None
                begin(board)
                self.assertEqual(Box.pause_ms(board, 20000), 1000)
                self.assertIsNone(board.resting)

    async def test_no_memory_to_stir_undoes_nothing(self):
        """Whoever wakes the session has done what counts already."""
        woken = []

        def stir():
            raise MemoryError

        board = Played(session=Played(wake=lambda: woken.append(1)), stir=stir, uplink=Played(short=0))
        Box.wake(board)
        self.assertEqual((woken, board.uplink.short), ([1], 1))

    async def test_what_begins_ends_the_rest(self):
        board, woken = make_board(), []

        async def rest():
            Box.pause_ms(board, 20000)
            await asyncio.sleep_ms(LONG_MS)
            woken.append(time.ticks_ms())

        begin_ms = time.ticks_ms()
        task = asyncio.create_task(rest())
        await asyncio.sleep_ms(0)
        Box.stir(board)
        Box.stir(board)  # two things at once
        await task
        self.assertLess(time.ticks_diff(woken[0], begin_ms), LONG_MS // 2)
        self.assertEqual((board.app.stirred_ms, board.resting), (30000, None))
        Box.stir(board)  # nobody rests
        await asyncio.sleep_ms(1)


if __name__ == "__main__":
    unittest.main()
