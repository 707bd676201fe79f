# runs on: micropython
"""Renewals on the board: what is taken, what is refused, and which files it runs with afterwards."""

import unittest

from sportbox.store import record, renewal
from sportbox.system.receiving import Receiver
from sportbox.system.renewal import resume

from tests.firmware import scratch
from tests.firmware.renewal_case import PART, App, boot, config, files, get, order, pack, put, receive, seal

DAMAGED = ("failed", "damaged")
ORDER = ("failed", "order")
DONE = ("done", None)


class RenewalCase(unittest.TestCase):
    def setUp(self):
        self.base = scratch.folder(self)
        self.old, self.new = files("o"), files("n")
        put(self.base, self.old)
        self.receiver = Receiver(self.base)

    def check_untouched(self):
        self.assertEqual(get(self.base), self.old)
        self.assertFalse(record.exists(self.base + renewal.READY))


class TestReceiving(RenewalCase):
    def test_part_by_part(self):
        blob = pack(self.new)
        outcomes = receive(self.receiver, blob)
        self.assertEqual(outcomes, [DONE] * (len(outcomes) - 1) + [("trial", None)])
        self.assertEqual(get(self.base + renewal.NEXT), self.new)
        self.assertEqual(get(self.base), self.old)
        self.assertEqual(self.receiver.refusal(order(blob, 0).args["renew"]), "busy")

    def test_the_order_of_the_blob_is_that_of_its_text(self):
        receive(self.receiver, pack(self.new, list(reversed(renewal.FILES))))
        self.assertEqual(get(self.base + renewal.NEXT), self.new)

    def test_what_a_blob_leaves_out_stays(self):
        blob = pack(self.new, ("/certs/ca.der", "/certs/device.key"))
        self.assertEqual(receive(self.receiver, blob)[-1], ("trial", None))
        mixed = dict(self.old)
        mixed["/certs/ca.der"], mixed["/certs/device.key"] = (
            self.new["/certs/ca.der"],
            self.new["/certs/device.key"],
        )
        self.assertEqual(get(self.base + renewal.NEXT), mixed)

    def test_out_of_order(self):
        blob = pack(self.new)
        self.assertEqual(self.receiver.take(order(blob, 1)), ORDER)
        self.assertEqual(self.receiver.take(order(blob, 0)), DONE)
        self.assertEqual(self.receiver.take(order(blob, 2)), ORDER)
        self.assertEqual(self.receiver.take(order(pack(files("x")), 1)), ORDER)
        self.assertEqual(self.receiver.take(order(blob, 1)), DONE)
        self.check_untouched()

    def test_a_part_again(self):
        blob = pack(self.new)
        for part in (0, 1, 1, 2, 1):
            self.assertEqual(self.receiver.take(order(blob, part)), DONE)
        last = (len(blob) - 1) // PART
        for part in range(3, last):
            self.receiver.take(order(blob, part))
        self.assertEqual(self.receiver.take(order(blob, last)), ("trial", None))

    def test_begun_anew(self):
        blob = pack(self.new)
        for part in (0, 1, 2):
            self.receiver.take(order(pack(files("x")), part))
        self.assertEqual(receive(self.receiver, blob)[-1], ("trial", None))

    def test_another_hash(self):
        blob = pack(self.new)
        last = (len(blob) - 1) // PART
        for part in range(last + 1):
            outcome = self.receiver.take(order(blob, part, digest="0" * 64))
        self.assertEqual(outcome, DAMAGED)
        self.assertFalse(record.exists(self.base + renewal.NEXT))
        self.check_untouched()

    def test_cut_short(self):
        """The tail of the last part is gone, with a hash of what is left."""
        self.assertEqual(receive(self.receiver, pack(self.new)[:-7])[-1], DAMAGED)
        self.check_untouched()

    def test_paths_that_are_not_allowed(self):
        for path in (
            "/main.py",
            "/../main.py",
            "config.json",
            "/certs/../main.py",
            "/data/floor",
            "/next/ready",
            "",
        ):
            contents = dict(self.new)
            contents[path] = b"x"
            self.assertEqual(receive(self.receiver, pack(contents, list(contents)))[-1], DAMAGED, path)
            self.check_untouched()

    def test_headers_that_are_none(self):
        for header in (b"", b"[]", b"{}", b'{"files":[]}', b'{"files":{"/config.json":-1}}', b"x" * 600):
            self.assertEqual(receive(self.receiver, header + b"\n" + b"y" * 600)[-1], DAMAGED, header)
        for size in ("true", "null", '"9"', "1.5", "0"):
            header = b'{"files":{"/config.json":%s}}\n' % size.encode()
            self.assertEqual(receive(self.receiver, header)[-1], DAMAGED, size)
        self.check_untouched()

    def test_sealed_garbage(self):
        blob = pack(self.new)
        for sealed in (
            "",
            "AAAA",
            "A" * 43,
            "!" * 64,
            "A" * 2000,
            seal(blob[:PART], bytes(32)),
            seal(b"short"),
        ):
            self.assertEqual(self.receiver.take(order(blob, 0, sealed=sealed)), DAMAGED, sealed[:8])
        self.check_untouched()

    def test_arguments_that_are_none(self):
        good = order(pack(self.new), 0).args["renew"]
        self.assertEqual(self.receiver.refusal(good), "")
        bad = [("part", -1), ("part", 48), ("part", True), ("part", "0"), ("of", 49), ("of", 0), ("of", None)]
        bad += [("id", ""), ("id", 7), ("id", "a" * 65), ("sealed", None), ("sealed", 1)]
        for name, value in bad:
            changed = dict(good)
            changed[name] = value
            self.assertEqual(self.receiver.refusal(changed), "malformed", (name, value))
        for value in (None, [], "x", {}):
            self.assertEqual(self.receiver.refusal(value), "malformed")


class TestTrial(RenewalCase):
    def setUp(self):
        super().setUp()
        receive(self.receiver, pack(self.new))
        self.jti = "jti-%d" % ((len(pack(self.new)) - 1) // PART)

    def test_what_the_new_set_lacks_goes(self):
        put(self.base, {"/certs/ca-next.der": b"of before"})
        self.assertEqual(boot(self.base, True)[0], self.new)
        self.assertEqual(get(self.base), self.new)

    def test_taken_over(self):
        used, app = boot(self.base, True)
        self.assertEqual(used, self.new)
        self.assertEqual(get(self.base), self.new)
        self.assertEqual(app.desk.answers, [(self.jti, "done", None)])
        self.assertEqual([data["result"] for _, _, data in app.events], ["done"])
        self.assertFalse(record.exists(self.base + renewal.NEXT))
        self.assertEqual(len(renewal.read(self.base + renewal.TAKEN)["id"]), 12)

    def test_three_boots_that_reach_nobody(self):
        for _ in range(3):
            used, app = boot(self.base, False)
            self.assertEqual((used, app.events), (self.new, []))
        used, app = boot(self.base, True)
        self.assertEqual((used, app.desk.answers), (self.old, [(self.jti, "failed", "unreachable")]))
        self.assertEqual(get(self.base), self.old)
        self.assertIsNone(resume(self.base))

    def wait(self, wifi, limit):
        """Seconds until it was given up."""
        trial = resume(self.base)
        for seconds in range(1, limit + 1):
            if trial.tick(False, wifi):
                self.assertNotEqual(trial.root, "")  # told by the boot that follows
                return seconds
        raise AssertionError("never")

    def test_given_up_in_time(self):
        self.assertEqual(self.wait(True, 200), 120)
        used, app = boot(self.base, True)
        self.assertEqual((used, app.desk.answers), (self.old, [(self.jti, "failed", "unreachable")]))

    def test_no_wifi_either(self):
        self.assertEqual(self.wait(False, 700), 600)

    def test_files_that_make_another_board_of_it(self):
        put(self.base + renewal.NEXT, {"/config.json": config("n", "box-2")})
        used, app = boot(self.base, True)
        self.assertEqual((used, app.desk.answers), (self.old, [(self.jti, "failed", "damaged")]))

    def test_files_that_are_none(self):
        put(self.base + renewal.NEXT, {"/secrets.json": b"{"})
        self.assertEqual(boot(self.base, True)[1].desk.answers, [(self.jti, "failed", "damaged")])

    def test_litter_is_cleared(self):
        receive(Receiver(self.base), pack(self.new)[: PART * 3])
        put(self.base, {renewal.READY: b""})
        self.assertIsNone(resume(self.base))
        self.assertFalse(record.exists(self.base + renewal.NEXT))

    def test_what_is_told_twice_is_no_second_answer(self):
        trial = resume(self.base)
        trial.tick(True, True)
        again = resume(self.base)  # the power went before it was told
        self.assertEqual((again.root, again.decided()), ("", True))
        app = App()
        again.tell(app)
        self.assertEqual(get(self.base), self.new)
        self.assertEqual(app.desk.answers, [(self.jti, "done", None)])
