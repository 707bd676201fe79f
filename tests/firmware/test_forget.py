"""What is forgotten is loaded anew by whoever needs it, and nothing of the first copy is in the way."""

import sys
import unittest

from sportbox.system.forget import forget

NAME = "sportbox.system.log"


class TestForget(unittest.TestCase):
    def load(self):
        return __import__(NAME, None, None, ("Log",))

    def setUp(self):
        self.first = self.load()
        self.addCleanup(self.load)

    def test_it_is_gone_from_the_modules_and_from_its_package(self):
        forget(NAME)
        self.assertNotIn(NAME, sys.modules)
        self.assertFalse(hasattr(sys.modules["sportbox.system"], "log"))

    def test_it_is_loaded_anew(self):
        forget(NAME)
        self.assertIsNot(self.load(), self.first)

    def test_what_was_never_loaded_does_no_harm(self):
        forget("sportbox.nothing", NAME)
        forget(NAME)
        self.assertNotIn(NAME, sys.modules)
