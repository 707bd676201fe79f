# runs on: micropython
"""The link to the access point comes and goes: who is told of it."""

import unittest

from tests.firmware.bare_machine import Machine  # first: it stands in for `machine`
from tests.firmware.update_case import Played

# isort: split
import asyncio
import sys

sys.modules["network"] = Played(WLAN=lambda _: None, STA_IF=0)

# isort: split
from sportbox.box import Box  # noqa: E402
from sportbox.net import wifi as wifi_module  # noqa: E402
from sportbox.net.wifi import Wifi  # noqa: E402

MINUTE_MS = 60000


class Over(Exception):
    pass


class Station:
    """Always says that it is connected; `told` is what was asked of it and when."""

    def __init__(self, clock):
        self.clock = clock
        self.told = []

    def isconnected(self):
        return True

    def active(self, is_active):
        pass

    def disconnect(self):
        self.told.append(("disconnect", self.clock[0]))

    def connect(self, ssid, password):
        self.told.append(("connect", self.clock[0]))


class Refusing(Station):
    """Connected as soon as its radio can be switched on."""

    def __init__(self, clock, error):
        super().__init__(clock)
        self.error, self.asked = error, []

    def isconnected(self):
        return self.error is None

    def active(self, is_active):
        if is_active:
            self.asked.append(self.clock[0])
        if self.error is not None:
            raise self.error


def lives(wifi, clock, until_ms):
    """All pauses pass at once."""

    async def sleep_ms(ms):
        clock[0] += ms
        if clock[0] >= until_ms:
            raise Over

    wifi_module.asyncio = Played(sleep_ms=sleep_ms)
    try:
        asyncio.run(wifi.run())
    except Over:
        pass
    finally:
        wifi_module.asyncio = asyncio


class TestLink(unittest.TestCase):
    def test_the_time_is_asked_for_as_soon_as_it_is_up(self):
        """Not at the next beat: until it is known a token needs the nonce."""
        self.assertTrue(Machine)
        told, asked, stirred = [], [], []
        board = Played(
            log=Played(write=lambda level, text: None),
            session=Played(set_link=told.append),
            time=Played(tick=asked.append),
            uptime=Played(ms=lambda: 700),
            stir=lambda: stirred.append(True),
        )
        for is_up in (True, False, True):
            Box.link(board, is_up)
        self.assertEqual(told, [True, False, True])
        self.assertEqual(asked, [700, 700])
        self.assertEqual(len(stirred), 3)

    def test_no_memory_to_say_so_keeps_no_session_waiting(self):
        def write(level, text):
            raise MemoryError

        told = []
        board = Played(log=Played(write=write), session=Played(set_link=told.append))
        for is_up in (True, False):
            with self.assertRaises(MemoryError):
                Box.link(board, is_up)
        self.assertEqual(told, [True, False])

    def test_a_link_on_which_nothing_passes_is_made_anew(self):
        """Each five minutes without the broker, whatever the station says; not while the broker is there."""
        clock, told = [0], []
        wifi = Wifi("net", "password", told.append, lambda: clock[0], lambda: 0)
        station = Station(clock)
        wifi_module.network.WLAN = lambda _: station
        wifi.switch_on()
        wifi.reached(True)
        lives(wifi, clock, 30 * MINUTE_MS)
        self.assertEqual((told, station.told), ([True], []))
        for _ in range(3):  # each attempt to reach the broker fails
            wifi.reached(False)
        lives(wifi, clock, 41 * MINUTE_MS)
        joined = [at_ms for what, at_ms in station.told if what == "connect"]
        self.assertEqual(len(joined), 2)
        self.assertTrue(35 * MINUTE_MS <= joined[0] < 36 * MINUTE_MS)
        self.assertTrue(5 * MINUTE_MS <= joined[1] - joined[0] < 6 * MINUTE_MS)
        self.assertEqual(told, [True, False, True, False, True])
        wifi.reached(True)
        lives(wifi, clock, 60 * MINUTE_MS)
        self.assertEqual(len(station.told), 4)

    def test_a_driver_without_memory_is_asked_again(self):
        """It comes up with the first station. Until then there is none, and nothing else is missed."""
        clock, told, said, tried = [0], [], [], []
        station = Station(clock)

        def make(_):
            tried.append(clock[0])
            if clock[0] < 5 * MINUTE_MS:
                raise RuntimeError("Wifi Unknown Error 0x0101")
            return station

        wifi_module.network.WLAN = make
        wifi = Wifi("net", "password", told.append, lambda: clock[0], lambda: 0xFFFFFF)
        wifi.refused = said.append
        self.assertFalse(wifi.switch_on())
        lives(wifi, clock, 6 * MINUTE_MS)
        self.assertEqual((said, told), (["Wifi Unknown Error 0x0101"], [True]))
        self.assertTrue(5 * MINUTE_MS <= tried[-1] < 5 * MINUTE_MS + 21000)
        made = len(tried)
        self.assertTrue(wifi.switch_on())
        self.assertEqual(len(tried), made)

    def test_a_radio_that_does_not_switch_on_is_asked_again(self):
        """Whatever the driver raises: said once, and tried with each attempt to join, less and less often."""
        for error in (OSError("Wifi Internal Error"), RuntimeError("Wifi Unknown Error 0x0101")):
            self.refuses(error)

    def refuses(self, error):
        clock, told, said = [0], [], []
        wifi = Wifi("net", "password", told.append, lambda: clock[0], lambda: 0xFFFFFF)
        wifi.refused = said.append
        station = Refusing(clock, error)
        wifi_module.network.WLAN = lambda _: station
        self.assertFalse(wifi.switch_on())
        lives(wifi, clock, 10 * MINUTE_MS)
        self.assertEqual((said, told), ([str(error)], []))
        pauses = [b - a for a, b in zip(station.asked, station.asked[1:])]
        self.assertTrue(30 < len(pauses) < 200)
        self.assertTrue(max(pauses) <= 20000)
        station.error = None
        lives(wifi, clock, 12 * MINUTE_MS)
        self.assertEqual(told, [True])
        self.assertTrue(wifi.switch_on())
        station.error = error
        self.assertFalse(wifi.switch_off())
        self.assertEqual(said, 2 * [str(error)])


if __name__ == "__main__":
    unittest.main()
