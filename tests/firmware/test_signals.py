# runs on: micropython
"""Buzzer and lamp, heard by a lamp that is played."""

import asyncio
import unittest

from sportbox import signals as module
from sportbox.signals import PATTERNS, Signals


class Lamp:
    def __init__(self):
        self.changes = []

    def set(self, on):
        if not self.changes or self.changes[-1] != on:
            self.changes.append(on)

    def tones(self):
        return self.changes.count(True)


class Quick:
    """`asyncio`, but its pauses take no time."""

    Event = asyncio.Event

    async def sleep_ms(self, ms):
        await asyncio.sleep_ms(0)


class TestSignals(unittest.TestCase):
    def setUp(self):
        self.lamp = Lamp()
        self.signals = Signals([self.lamp])

    def tones_of(self, name):
        return len(PATTERNS[name]) // 2 + 1

    def play(self, act, until):
        """Runs the player until a condition holds."""

        async def main():
            task = asyncio.create_task(self.signals.run())
            act()
            for _ in range(600):
                if until():
                    break
                await asyncio.sleep_ms(10)
            task.cancel()
            await asyncio.sleep_ms(0)

        asyncio.run(main())
        self.assertTrue(until())

    def test_patterns_one_after_the_other(self):
        def act():
            self.signals.play("granted")
            self.signals.play("refused")

        total = self.tones_of("granted") + self.tones_of("refused")
        self.play(act, lambda: self.lamp.tones() == total and self.lamp.changes[-1] is False)

    def test_too_many_are_dropped(self):
        def act():
            for i in range(50):
                self.signals.play("refused" if i % 2 else "close")

        total = 2 * self.tones_of("refused") + 2 * self.tones_of("close")
        self.play(act, lambda: self.lamp.tones() == total and not self.signals.playing)
        self.assertEqual(self.signals._queue, [])

    def test_what_became_of_a_code_displaces_its_keys(self):
        def act():
            for name in ("key", "close", "key", "close", "granted"):
                self.signals.play(name)

        total = self.tones_of("key") + 2 * self.tones_of("close") + self.tones_of("granted")
        self.play(act, lambda: self.lamp.tones() == total and not self.signals.playing)

    def test_told_twice_is_played_once(self):
        def act():
            self.signals.play("refused")
            self.signals.play("refused")
            self.signals.play("key")

        total = self.tones_of("refused") + self.tones_of("key")
        self.play(act, lambda: self.lamp.tones() == total and self.lamp.changes[-1] is False)

    def test_close_the_door_until_it_is_closed(self):
        self.play(
            lambda: self.signals.nag("door-1", True), lambda: self.lamp.tones() == self.tones_of("close")
        )
        self.signals.nag("door-1", False)
        self.signals.nag("door-1", False)
        self.assertEqual(self.signals._nagging, [])

    def test_it_is_silent_again_when_it_is_stopped_in_a_tone(self):
        self.play(lambda: self.signals.play("granted"), lambda: self.lamp.tones() == 1)
        self.assertIs(self.lamp.changes[-1], False)

    def test_the_call_to_close_the_door_ends_at_last(self):
        module.asyncio = Quick()
        self.addCleanup(setattr, module, "asyncio", asyncio)

        async def main():
            task = asyncio.create_task(self.signals.run())
            self.signals.nag("door-1", True)
            for _ in range(6000):
                await asyncio.sleep_ms(0)
            task.cancel()

        asyncio.run(main())
        self.assertEqual(self.lamp.tones(), 75 * self.tones_of("close"))
        self.assertIs(self.lamp.changes[-1], False)
