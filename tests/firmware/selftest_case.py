"""What the self-test is made of, imported over a `machine` that is none, however imports are sorted."""

from tests.firmware.selftest_played import MACHINE, Played

USED = MACHINE

from selftest import acts, own  # noqa: E402
from selftest import board as selftest  # noqa: E402
from selftest.parts import Reports  # noqa: E402

__all__ = ["Played", "Reports", "acts", "own", "selftest"]
