"""What tests of the replay log share."""

from sportbox.core.lock import Order
from sportbox.store.replay import ReplayLog

from tests.firmware import scratch

NOW = 1795366800


def order(jti, act="unlock"):
    return Order(jti, "citizen-1", act, "lock-2")


class ReplayCase:
    """To be mixed into a TestCase."""

    def setUp(self):
        self.folder = scratch.folder(self)
        self.path = self.folder + "/replay.log"
        self.log = self.again()

    def again(self, capacity=256):
        """The log as the next boot finds it."""
        self.log = ReplayLog(self.folder, capacity)
        self.log.open()
        return self.log

    def used(self, *jtis):
        return [jti for jti in jtis if self.log.used(jti)]
