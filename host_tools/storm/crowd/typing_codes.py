"""Somebody types a code on a keypad, key by key, in virtual time."""

import random
from collections.abc import Callable
from functools import partial

from host_tools.sim import layout
from host_tools.sim.rules.keypads import KEYS, WIEGAND
from host_tools.site.codes import DIGITS, hotp
from host_tools.storm.stage import Stage, wall_s

KEY_US = 100_000
"""How long a key of a matrix is held."""
BETWEEN_US = (150_000, 1_200_000)
BITS = 4


class Typing:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._free_us: dict[str, int] = {}
        self._typed: list[tuple[str, int]] = []

    def type_code(
        self, keypad: str, lock: str, right: bool, rng: random.Random, then: Callable[[], None]
    ) -> None:
        """The code of this hour for the lock, or another number. One types at a time."""
        agenda = self.stage.agenda
        begin_us = max(agenda.now_us, self._free_us.get(keypad, 0))
        pauses_us = [rng.randint(*BETWEEN_US) for _ in range(DIGITS)]
        end_us = begin_us + sum(pauses_us)
        if end_us >= self.stage.plan.calm_us or lock not in self.stage.codes:
            return
        slot = wall_s(end_us) // int(self.stage.world.components[keypad]["slot_s"])
        code = hotp(self.stage.codes[lock], slot)
        digits = code if right else _other(code, rng)
        at_us = begin_us
        for digit, pause_us in zip(digits, pauses_us, strict=True):
            at_us += pause_us
            agenda.at(at_us - KEY_US, partial(self._press, keypad, digit))
        self._free_us[keypad] = end_us + BETWEEN_US[1]

        def typed() -> None:
            first = (lock, slot) not in self._typed
            if right:
                self._typed.append((lock, slot))
            self.stage.trace.note(
                "code", component=keypad, lock=lock, digits_ok=right, slot=slot, first=first
            )
            then()

        agenda.at(at_us - KEY_US, typed)

    def _press(self, keypad: str, key: str) -> None:
        world, facts = self.stage.world.world, self.stage.world.components[keypad]
        if facts["reader"] == "matrix":
            place = KEYS.index(key)
            world.link([(facts["rows"][place // 4], facts["columns"][place % 4])])
            self.stage.agenda.after(KEY_US, self._let_go)
        else:
            number = WIEGAND.index(key)
            for bit in range(BITS - 1, -1, -1):
                line = facts["d1" if number >> bit & 1 else "d0"]
                world.drive(line, layout.LOW)
                world.drive(line, layout.HIGH)
        world.ring()

    def _let_go(self) -> None:
        self.stage.world.world.link([])
        self.stage.world.world.ring()


def _other(code: str, rng: random.Random) -> str:
    """Wrong in one digit or in all of them."""
    if rng.random() < 0.5:
        at = rng.randrange(len(code))
        return code[:at] + str((int(code[at]) + rng.randint(1, 9)) % 10) + code[at + 1 :]
    found = "".join(str(rng.randrange(10)) for _ in code)
    return found if found != code else _other(code, rng)
