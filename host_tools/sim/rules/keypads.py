"""Somebody types on a keypad."""

import re
import time

from host_tools.sim import layout
from host_tools.sim.rules.part import Json, Rule

KEYS = "123A456B789C*0#D"
"""Of a 4x4 matrix, row by row."""
WIEGAND = "0123456789*#"
"""A key's place is its number; `*` is escape and `#` enter, 10 and 11, in the bursts of common keypads."""
KEY_S = 0.1
"""Between keys, and how long a matrix key is held."""
TYPED_MAX = 64


class Keypad(Rule):
    """`1234#` are keys one after the other. On a matrix, `1+2+4` are pressed together. A Wiegand keypad sends
    four bits a key; `8:1234` makes it one that sends eight, the complement before the number."""

    values = ("keys such as 1234#",)

    @property
    def is_matrix(self) -> bool:
        return bool(self.facts["reader"] == "matrix")

    def furnish(self) -> None:
        if not self.is_matrix:
            for line in ("d0", "d1"):
                self.world.drive(self.facts[line], layout.HIGH)

    def check(self, value: str) -> None:
        matrix = f"([{re.escape(KEYS)}]+|[{re.escape(KEYS)}]([+][{re.escape(KEYS)}])+)"
        if len(value) > TYPED_MAX or not re.fullmatch(matrix if self.is_matrix else "(8:)?[0-9*#]+", value):
            keys = "0 to 9, *, #, A to D, or 1+2 for keys together" if self.is_matrix else "0 to 9, * and #"
            self.refuse(value, f"is not 1 to {TYPED_MAX} keys of {keys}", "1234")

    def show(self) -> str:
        return f"{self.facts['reader']}, {self.world.get('links')} keys pressed"

    def set(self, value: str) -> Json:
        keys = value.removeprefix("8:")
        if not self.is_matrix:
            for key in keys:
                self._send(key, 8 if value != keys else 4)
        elif "+" in keys:
            self._press(keys.split("+"))
        else:
            for key in keys:
                self._press([key])
        return {"state": f"{len(keys.replace('+', ''))} keys typed"}

    def _send(self, key: str, bits: int) -> None:
        """A burst: each bit is a short low pulse on D0 or D1. They come at once, and the next key only after
        the board has seen them: a busy computer would tear a burst apart, or join two."""
        world = self.world
        was_watched = self.is_watched()
        number = WIEGAND.index(key)
        if bits == 8:
            number |= (~number & 0xF) << 4
        for bit in range(bits - 1, -1, -1):
            line = self.facts["d1" if number >> bit & 1 else "d0"]
            world.drive(line, layout.LOW)
            world.drive(line, layout.HIGH)
        self.ring(was_watched)
        time.sleep(KEY_S)

    def _press(self, keys: list[str]) -> None:
        places = [KEYS.index(key) for key in keys]
        links = [(self.facts["rows"][place // 4], self.facts["columns"][place % 4]) for place in places]
        for now in (links, []):
            self.world.link(now)
            self.world.ring()
            time.sleep(KEY_S)
