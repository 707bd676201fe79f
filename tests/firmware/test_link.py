# runs on: micropython
"""The link to the access point comes and goes: who is told of it."""

import unittest

from tests.firmware.bare_machine import Machine  # first: it stands in for `machine`
from tests.firmware.update_case import Played

# isort: split
from sportbox.box import Box


class TestLink(unittest.TestCase):
    def test_the_time_is_asked_for_as_soon_as_it_is_up(self):
        """Not at the next beat: until it is known a token needs the nonce."""
        self.assertTrue(Machine)
        told, asked = [], []
        board = Played(
            log=Played(write=lambda level, text: None),
            session=Played(set_link=told.append),
            time=Played(tick=asked.append),
            uptime=Played(ms=lambda: 700),
        )
        for is_up in (True, False, True):
            Box.link(board, is_up)
        self.assertEqual(told, [True, False, True])
        self.assertEqual(asked, [700, 700])


if __name__ == "__main__":
    unittest.main()
