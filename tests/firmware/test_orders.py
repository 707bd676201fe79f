# runs on: micropython
"""Orders to the board as a whole: which are taken when, what they lead to; and nothing of it stays loaded."""

import sys
import unittest

from sportbox.core.lock import Order

NAME = "sportbox.system.orders"


class Desk:
    def __init__(self):
        self.finals = []

    def final(self, order, result, reason):
        self.finals.append((order.act, result, reason))


class Receiver:
    outcome = ("done", None)
    reason = ""

    def refusal(self, args):
        return self.reason

    def take(self, order):
        return self.outcome


class App:
    def __init__(self):
        self.desk = Desk()
        self.box = self.uptime = self
        self.config = {"components": {"lock-1": {}}}
        self.receiver = Receiver()
        self.update = self.slots = None
        self.restart_at_ms = None
        self.identify_until_ms = 0
        self.info_due = False
        self.is_busy = False

    def ms(self):
        return 1000

    def busy(self):
        return self.is_busy


def order(act, component="device", **args):
    return Order("jti-1", "", act, component, args)


def part(is_last=True):
    made = order("configure", "", renew={"part": 0, "of": 1})
    made.quiet = not is_last
    return made


class TestOrders(unittest.TestCase):
    def setUp(self):
        self.app = App()

    def refusal(self, made):
        from sportbox.system import orders

        return orders.refusal(self.app, made)

    def take(self, made):
        self.assertEqual(self.refusal(made), "")
        from sportbox.system import orders

        orders.take(self.app, made)
        self.assertFalse(NAME in sys.modules)

    def test_identify(self):
        self.app.is_busy = True
        self.take(order("identify"))
        self.assertEqual(self.app.identify_until_ms, 11000)
        self.assertEqual(self.app.desk.finals, [("identify", "done", None)])

    def test_reboot(self):
        self.app.is_busy = True
        self.assertEqual(self.refusal(order("reboot")), "busy")
        self.app.is_busy = False
        self.take(order("reboot"))
        self.assertEqual(self.app.restart_at_ms, 4000)
        self.assertEqual(self.app.desk.finals, [("reboot", "done", None)])

    def test_a_repair(self):
        self.take(order("configure", "", reset="clock"))
        self.assertTrue(self.app.info_due)

    def test_configure_of_nothing(self):
        for made in (order("configure"), order("configure", "gate-9", count=1), order("configure", "", x=1)):
            self.assertEqual(self.refusal(made), "malformed")

    def test_parts_of_a_renewal(self):
        self.take(part(False))
        self.assertEqual(self.app.desk.finals, [("configure", "done", None)])
        self.app.receiver.outcome = ("trial", None)
        self.take(part())
        self.assertEqual((self.app.restart_at_ms, len(self.app.desk.finals)), (4000, 1))

    def test_a_renewal_that_has_to_wait(self):
        self.app.is_busy = True
        self.assertEqual(self.refusal(part(False)), "")
        self.assertEqual(self.refusal(part()), "busy")
        self.app.is_busy = False
        self.app.update = object()
        self.assertEqual(self.refusal(part(False)), "busy")
        self.app.update = None
        self.app.receiver.reason = "malformed"
        self.assertEqual(self.refusal(part()), "malformed")

    def test_without_memory_nothing_stays_loaded(self):
        def short(args):
            raise MemoryError()

        self.app.receiver.refusal = short
        with self.assertRaises(MemoryError):
            self.refusal(part())
        self.assertFalse(NAME in sys.modules)

    def test_a_component_that_is_not_there(self):
        for act in ("identify", "reboot", "log", "selftest", "update", "configure"):
            self.assertEqual(self.refusal(order(act, "lock-2")), "malformed", act)
            self.assertFalse(NAME in sys.modules)
        self.assertEqual(self.refusal(order("identify", "lock-1")), "")

    def test_what_is_refused_leaves_nothing_loaded(self):
        for made in (order("selftest", x=1), order("configure", set={"x": 1}), order("log", "lock-1")):
            self.assertEqual(self.refusal(made), "malformed")
            for name in (NAME, "sportbox.system.diagnosis", "sportbox.system.setting"):
                self.assertFalse(name in sys.modules, name)


if __name__ == "__main__":
    unittest.main()
