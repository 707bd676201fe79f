"""Interrupts: the world writes edges into the ring of the page and a byte into the board's FIFO; one asyncio
task wakes up and looks. So an idle board sleeps in poll(). Handlers run between two steps of the event loop,
in the order of the edges, as soft interrupts do between two bytecodes of the ESP32. As there, at most 8 wait;
more vanish.

What no ring tells of (contacts that move with a motor, lines of chips, keys) is found by comparing levels.
"""

import asyncio
import asyncio.core as _core
import sys
from asyncio.event import Event as _Event

import _pins
from _layout import EDGES as _EDGES, EDGES_MAX as _EDGES_MAX, GPIOS as _GPIOS
from _time import ticks_us as _now_us
from _world import page as _page, raw as _raw

_QUEUE_MAX = 8  # MICROPY_SCHEDULER_DEPTH of the ESP32 port


class ThreadSafeFlag:
    """The flag of asyncio without its polling: on this VM the original wakes the loop 890 times a second."""

    def __init__(self):
        self._event = _Event()

    def set(self):
        self._event.set()

    def clear(self):
        self._event.clear()

    async def wait(self):
        await self._event.wait()
        self._event.clear()


_doorbell = open(int(sys.argv[4]), "rb")
_watched = {}  # GPIO -> [pin, handler, trigger, level seen last]
_waiting = []  # entries whose handler is to be called
_read = _page.edges
expander_edge = None  # the port expander's model puts itself here
_task = None
_task_queue = None


def _edge(entry, level):
    if level != entry[3]:
        entry[3] = level
        if entry[2] & (1 if level else 2) and len(_waiting) < _QUEUE_MAX:
            _waiting.append(entry)


def _look():
    global _read
    written = _page.edges
    if written - _read > _EDGES_MAX:
        _read = written - _EDGES_MAX
    while _read != written:
        at = _EDGES + _read % _EDGES_MAX * 2
        pin, level = _raw[at], _pins.pulled(_raw[at], _raw[at + 1])
        _read += 1
        if pin in _watched:
            _edge(_watched[pin], level)
        elif pin >= _GPIOS and expander_edge is not None:
            expander_edge(pin, level)
    _page.edges_seen = written
    for gpio in list(_watched):
        _edge(_watched[gpio], _pins.level(gpio))
    _call()


def _call():
    while _waiting:
        entry = _waiting.pop(0)
        try:
            entry[1](entry[0])
        except Exception as e:
            sys.print_exception(e)


async def _run():
    while True:
        yield _core._io_queue.queue_read(_doorbell)
        _doorbell.read(64)
        _look()


async def _run_at(us):
    while _now_us() < us:  # ticks are truncated: a sleep may end a little early
        await asyncio.sleep_ms((us - _now_us()) // 1000 + 1)
    _look()


def _at(moments):
    """Look again at these moments (us)."""
    if _watched and _task_queue is _core._task_queue:
        for us in set(moments):
            if us >= _now_us() - 1000:
                _core.create_task(_run_at(us))


_pins.later = _at


def note(gpio):
    """A chip changed its line by itself."""
    entry = _watched.get(gpio)
    if entry is not None:
        _edge(entry, _pins.level(gpio))
        if _waiting:
            _at((_now_us(),))


def watch(gpio, pin, handler, trigger):
    global _task, _task_queue, _read
    if handler is None:
        _watched.pop(gpio, None)
        return
    if not _watched:
        _read = _page.edges_seen = _page.edges
    _watched[gpio] = [pin, handler, trigger, _pins.level(gpio)]
    if _task is None or _task.done() or _task_queue is not _core._task_queue:
        _task_queue = _core._task_queue
        _task = _core.create_task(_run())


asyncio.ThreadSafeFlag = sys.modules["asyncio.event"].ThreadSafeFlag = ThreadSafeFlag
