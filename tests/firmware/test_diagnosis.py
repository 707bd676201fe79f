# runs on: micropython
"""What a board at work finds when it is asked how it is: each check well, and out of order."""

import sys
import unittest

from tests.firmware import scratch


class Machine:
    class RTC:
        def memory(self, data=None):
            return b""


sys.modules["machine"] = Machine()
sys.modules.pop("sportbox.drivers.rtcmem", None)

from sportbox.core.clock import Clock  # noqa: E402
from sportbox.core.lock import Order  # noqa: E402
from sportbox.system import diagnosis, orders  # noqa: E402


class Wifi:
    rssi = -60

    def rssi_dbm(self):
        return self.rssi


class Outbox:
    write_errors = 0

    def queue_events(self):
        return 3


class Replay:
    readable = True
    torn = False


class Part:
    def __init__(self, *states):
        self._states = states

    def states(self):
        return [(name, 0, {"state": state}) for name, state in self._states]


class Desk:
    def __init__(self):
        self.finals = []

    def final(self, order, result, reason):
        self.finals.append((order.jti, result, reason))


class App:
    def __init__(self):
        self.clock = Clock()
        self.clock.set_ntp(1_800_000_000, 0)
        self.wifi, self.outbox, self.replay, self.desk = Wifi(), Outbox(), Replay(), Desk()
        self.box = self
        self.config = {"components": {"lock-1": {}}}
        self.parts = [Part(("lock-1", "locked"), ("door-1", "closed")), Part(("court-1", "free"))]
        self.idle = []
        self.events = []

    def event(self, component, kind, data):
        self.events.append((component, kind, data))


def order(act="selftest", args=None, component="device"):
    return Order("jti-1", "", act, component, args or {})


class TestDiagnosis(unittest.TestCase):
    def setUp(self):
        self.app = App()
        self.folder = scratch.folder(self)

    def examine(self):
        return diagnosis.examine(self.app, {}, self.folder)

    def test_all_is_well(self):
        figures = {}
        self.assertEqual(diagnosis.examine(self.app, figures, self.folder), [])
        self.assertEqual((figures["rssi"], figures["clock"], figures["queue"]), (-60, "ntp", 3))
        self.assertGreater(figures["heap_free"], 6144)
        self.assertGreater(figures["flash_free"], 32768)
        self.assertRaises(OSError, scratch.read, self.folder + "/tried")

    def test_each_check_can_fail(self):
        for name, attribute, value in (
            ("wifi", "wifi.rssi", -86),
            ("outbox", "outbox.write_errors", 1),
            ("replay_log", "replay.torn", True),
        ):
            self.app = App()
            owner, field = attribute.split(".")
            setattr(getattr(self.app, owner), field, value)
            self.assertEqual(self.examine(), [name])

    def test_bounds_of_the_radio(self):
        for rssi, failed in ((-85, []), (None, []), (-86, ["wifi"])):
            self.app.wifi.rssi = rssi
            self.assertEqual(self.examine(), failed)

    def test_a_clock_that_cannot_be_trusted(self):
        self.app.clock = Clock()
        self.assertEqual(self.examine(), ["clock"])

    def test_flash_that_takes_nothing(self):
        flash = scratch.Flash(self, sys.modules["sportbox.store.record"])
        flash.broken = True
        self.assertEqual(self.examine(), ["flash"])

    def test_flash_that_does_not_tell_its_space(self):
        self.folder = "no-such-folder"
        self.assertEqual(self.examine(), ["flash", "space"])

    def test_components_that_are_out_of_order(self):
        for state in ("fault", "jammed", "unknown"):
            self.app.parts[0] = Part(("lock-1", state), ("door-1", "open"))
            self.assertEqual(self.examine(), ["lock-1"])
        self.app.idle = ["court-1"]
        self.assertEqual(self.examine(), ["lock-1", "court-1"])

    def test_a_gate_that_has_not_counted_yet_is_well(self):
        class Gate:
            lost = False

        part = Part(("gate-1", "unknown"))
        part.gate = Gate()
        self.app.parts = [part]
        self.assertEqual(self.examine(), [])
        part.gate.lost = True
        self.assertEqual(self.examine(), ["gate-1"])

    def test_what_is_no_such_order(self):
        for act in ("selftest", "crash"):
            self.assertEqual(orders.refusal(self.app, order(act)), "")
            self.assertEqual(orders.refusal(self.app, order(act, component="")), "")
            self.assertEqual(orders.refusal(self.app, order(act, component="lock-1")), "malformed")
            self.assertEqual(orders.refusal(self.app, order(act, {"all": True})), "malformed")

    def test_without_memory_it_is_asked_again_later(self):
        def short(app, data):
            raise MemoryError()

        kept, diagnosis.examine = diagnosis.examine, short
        try:
            diagnosis.take(self.app, order())
        finally:
            diagnosis.examine = kept
        self.assertEqual(self.app.events, [])
        self.assertEqual(self.app.desk.finals, [("jti-1", "failed", "busy")])

    def test_the_event_and_the_answer(self):
        diagnosis.take(self.app, order("crash"))
        self.assertEqual(self.app.desk.finals, [("jti-1", "done", None)])
        report = ("device", "device.crash_report", {"jti": "jti-1", "crash": None})
        self.assertEqual(self.app.events, [report])
        self.app.wifi.rssi = -90
        diagnosis.take(self.app, order())
        self.assertEqual(self.app.desk.finals[1], ("jti-1", "failed", "selftest"))
        data = self.app.events[1][2]
        self.assertIs(data["passed"], False)
        self.assertIn("wifi", data["failed"])


if __name__ == "__main__":
    unittest.main()
