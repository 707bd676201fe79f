"""Tells a person at the box what happens, with the buzzer and the lamp: granted, refused, close the door,
alarm."""

import asyncio

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.drivers.chip import Lamp

PATTERNS = {  # ms on, off, on, ...
    "granted": (500,),
    "refused": (80, 80, 80, 80, 80),
    "key": (30,),
    "identify": (120,),
    "close": (250, 150, 250),
    "alarm": (1500, 200, 1500, 200, 1500, 200, 1500, 200, 1500),
}
_QUEUE_MAX = const(4)
_PAUSE_MS = const(200)
_NAG_EVERY = const(40)  # pauses between two calls to close the door: 8 s
_NAGS_MAX = const(75)  # ten minutes: then the neighbours' sleep counts more


class Signals:
    def __init__(self, lamps: "list[Lamp]") -> None:
        self._lamps = lamps
        self._queue: list[str] = []
        self._nagging: list[str] = []
        self._nags = 0
        self._wake = asyncio.Event()
        self.playing = False

    def play(self, name: str) -> None:
        """Plays a pattern soon; told twice at once it is played once, and when too many wait, the newest is
        dropped."""
        if name in self._queue[-1:]:
            return
        if len(self._queue) >= _QUEUE_MAX and "key" in self._queue:
            self._queue.remove("key")  # what became of the code matters more than its keys
        if len(self._queue) < _QUEUE_MAX:
            self._queue.append(name)
            self._wake.set()

    def nag(self, component: str, on: bool) -> None:
        """While any component nags, `close` is played every few seconds."""
        if on and component not in self._nagging:
            self._nagging.append(component)
            self._nags = 0
            self._wake.set()
        elif not on and component in self._nagging:
            self._nagging.remove(component)

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self._play(PATTERNS[self._queue.pop(0)])
            while self._nagging and self._nags < _NAGS_MAX:
                self._nags += 1
                await self._play(PATTERNS["close"])
                for _ in range(_NAG_EVERY):
                    await asyncio.sleep_ms(_PAUSE_MS)
                    if not self._nagging:
                        break
                    while self._queue:
                        await self._play(PATTERNS[self._queue.pop(0)])

    async def _play(self, pattern: "tuple[int, ...]") -> None:
        self.playing = True
        try:
            on = True
            for part_ms in pattern:
                self._set(on)
                await asyncio.sleep_ms(part_ms)
                on = not on
        finally:
            self._set(False)
            self.playing = False
        await asyncio.sleep_ms(_PAUSE_MS)

    def _set(self, on: bool) -> None:
        for lamp in self._lamps:
            lamp.set(on)
