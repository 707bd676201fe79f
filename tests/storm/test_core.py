import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from host_tools.storm.machine.core import keep_to, one_core


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    allowed = os.sched_getaffinity(0)
    yield
    os.sched_setaffinity(0, allowed)


def test_a_run_and_what_it_forks_stay_on_one_core_and_only_for_so_long() -> None:
    before = os.sched_getaffinity(0)
    ask = [sys.executable, "-c", "import os; print(len(os.sched_getaffinity(0)))"]
    with one_core():
        assert len(os.sched_getaffinity(0)) == 1
        assert subprocess.check_output(ask) == b"1\n"
    assert os.sched_getaffinity(0) == before


def test_the_core_is_free_again_after_a_run_that_fell() -> None:
    before = os.sched_getaffinity(0)
    with pytest.raises(ZeroDivisionError), one_core():
        raise ZeroDivisionError
    assert os.sched_getaffinity(0) == before


def test_processes_side_by_side_have_different_cores_while_there_are_enough() -> None:
    allowed = sorted(os.sched_getaffinity(0))
    kept: list[int] = []
    for number in range(len(allowed) + 1):
        os.sched_setaffinity(0, allowed)
        keep_to(number)
        kept.append(*os.sched_getaffinity(0))
    assert kept == [*allowed, allowed[0]]
