"""The scripts that boards are sent, where many boards are at work at once."""

import gc
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from host_tools.port import script

BOARDS = 4
ROUNDS = 8


class Finalized:
    """Freed by the garbage collector only, and with Python code: there another thread gets its turn."""

    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        sum(range(50))


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    before_s, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(50)
    yield
    sys.setswitchinterval(before_s)
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("hasty_threads")
def test_boards_at_once_ask_for_a_script_that_none_had_before() -> None:
    """A station that gets its boards at the same time; two threads in `ast` raised a SystemError."""
    wanted = script.source("survey")
    together = Barrier(BOARDS)

    def ask(_: int) -> str:
        together.wait()
        return script.source("survey")

    with ThreadPoolExecutor(BOARDS) as boards:
        for _ in range(ROUNDS):
            script._stripped.cache_clear()
            garbage = [Finalized() for _ in range(50)]
            del garbage
            assert set(boards.map(ask, range(BOARDS))) == {wanted}
