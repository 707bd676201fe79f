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

    def test_one_that_is_emptied_keeps_nothing(self):
        forget(NAME, emptied=True)
        self.assertEqual(dict(self.first.__dict__), {})
        self.assertIsNotNone(self.load().Log)

    def test_without_memory_all_are_gone_from_the_modules_at_least(self):
        """They may be forgotten for want of memory."""

        class Name(str):
            def rpartition(self, _):
                raise MemoryError

        if sys.implementation.name == "micropython":
            return  # its names have no subclasses that a dictionary would know
        with self.assertRaises(MemoryError):
            forget(Name("sportbox.nothing"), NAME, emptied=True)
        self.assertEqual((NAME in sys.modules, dict(self.first.__dict__)), (False, {}))
