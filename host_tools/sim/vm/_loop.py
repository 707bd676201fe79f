"""Interrupts: the world writes a byte into the board's FIFO, one asyncio task wakes up and looks.

So an idle board sleeps in poll(). Handlers run between two steps of the event loop, as soft interrupts
do between two bytecodes of the ESP32, and like there an edge that came and went unseen is lost.
"""

import asyncio
import asyncio.core as _core
import sys
from asyncio.event import Event as _Event


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
_task = None
_task_queue = None


def _look():
    for entry in list(_watched.values()):
        pin, handler, trigger, before = entry
        now = pin.value()
        entry[3] = now
        if now != before and trigger & (1 if now else 2):
            try:
                handler(pin)
            except Exception as e:
                sys.print_exception(e)


async def _run():
    while True:
        yield _core._io_queue.queue_read(_doorbell)
        _doorbell.read(64)
        _look()


def watch(gpio, pin, handler, trigger):
    global _task, _task_queue
    if handler is None:
        _watched.pop(gpio, None)
        return
    _watched[gpio] = [pin, handler, trigger, pin.value()]
    if _task is None or _task.done() or _task_queue is not _core._task_queue:
        _task_queue = _core._task_queue
        _task = _core.create_task(_run())


asyncio.ThreadSafeFlag = sys.modules["asyncio.event"].ThreadSafeFlag = ThreadSafeFlag
