"""`site` answers in a moment for 500 boards. The bound is generous, for tests run beside others."""

from tests.bench.site_commands import figures

BOUND_S = 4.0


def test_five_hundred_boards() -> None:
    found = figures()
    assert max(found.values()) < BOUND_S, found
