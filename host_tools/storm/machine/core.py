"""A board and its director never work at the same time. On one core, handing over costs a fifth of what it
costs between two."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def one_core() -> Iterator[None]:
    """This process, and those it forks meanwhile, stay on the core on which it is now."""
    allowed = os.sched_getaffinity(0)
    here = ctypes.CDLL(None).sched_getcpu()
    os.sched_setaffinity(0, {here} if here in allowed else allowed)
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def keep_to(number: int) -> None:
    """The process with this number, counted from 0, has a core of its own while there are enough."""
    allowed = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {allowed[number % len(allowed)]})
