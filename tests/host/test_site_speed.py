"""`site` answers within a second for 500 boards. What counts is the time of the processor, for tests run
beside others; the bound has room for what they cost it, too."""

from tests.bench.site_commands import figures

BOUND_S = 2.5
"""Half a second to one and a half on a quiet machine, and half as much again beside other work."""


def test_five_hundred_boards() -> None:
    found = figures()
    assert max(taken.of_processor for taken in found.values()) < BOUND_S, found
