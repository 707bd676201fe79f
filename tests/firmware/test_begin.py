# runs on: micropython
"""Which slot runs at a start: trials, boot loops, worn flash, and what becomes of a firmware that fell."""

import os
import sys
import unittest

from tests.firmware.loader_case import (  # first: it brings `machine`
    DEEPSLEEP,
    HARD,
    PWRON,
    SOFT,
    WATCHDOG,
    Machine,
    Safe,
    Shown,
    fall,
    power_on,
    rtcmem,
    start,
    starts,
)

from sportbox.store import record, slots  # isort: skip

from tests.firmware import scratch
from tests.firmware.slots_case import NEW, OLD, get, order, pack, put, received, slot_files, write


class NotProvisioned(Exception):
    pass


class BeginCase(unittest.TestCase):
    def setUp(self):
        power_on()
        self.base = scratch.folder(self)
        self.reads = 0
        self.written = 0
        real = slots.read, slots.write

        def read(base=""):
            self.reads += 1
            return real[0](base)

        def write(state, base=""):
            self.written += 1
            real[1](state, base)

        slots.read, slots.write = read, write
        self.addCleanup(self.put_back, real)

    def put_back(self, real):
        slots.read, slots.write = real

    def state(self):
        return slots.read(self.base)

    def update(self):
        update = self.state()["update"]
        return update["state"], update["boots"], update["reason"]

    def record(self, step=None, slot="a", spare=False, fell="", **changes):
        update = None if step is None else order(b"x", state=step, **changes)
        write(self.base, update, slot, spare, fell)
        self.written = 0

    def wear(self):
        scratch.Flash(self, record).broken = True


class TestEstablished(BeginCase):
    def test_the_slot_of_the_record_runs_and_nothing_is_written(self):
        for slot in ("a", "b"):
            for step in (None, "pull", "done", "failed"):
                for cause in (PWRON, HARD, SOFT, DEEPSLEEP, WATCHDOG):
                    power_on()
                    self.record(step, slot)
                    self.assertEqual(start(self.base, cause), slot)
                    self.assertEqual((self.written, Machine.armed), (0, []))

    def test_without_a_record_the_first_slot(self):
        self.assertEqual(start(self.base), "a")

    def test_a_damaged_record_and_only_the_second_slot_is_whole(self):
        put(self.base, slot_files("b", OLD))
        put(self.base, {slots.PATH: b"\x00" * 40})
        self.assertEqual(start(self.base), "b")

    def test_a_damaged_record_and_both_are_whole(self):
        """Which one was proven is not known: if the first falls over and over, the second has its starts."""
        put(self.base, slot_files("a", NEW))
        put(self.base, slot_files("b", OLD))
        put(self.base, {slots.PATH: b"\x00" * 40})
        self.assertEqual([start(self.base) for _ in range(6)], ["a"] * 5 + ["b"])

    def test_a_wake_costs_one_read_and_nothing_else(self):
        self.record(slot="b")
        kept = rtcmem.save({"rest": 7, "starts": 9})
        kept, self.reads = Machine.memory, 0
        for _ in range(10):
            self.assertEqual(start(self.base, DEEPSLEEP), "b")
        self.assertEqual((self.reads, self.written, Machine.memory), (10, 0, kept))

    def test_a_record_that_makes_no_sense(self):
        for update in ("ready", 7, {}, {"state": "trial"}, {"state": "ready"}, [1]):
            slots.write({"slot": "b", "spare": True, "fell": "", "update": update}, self.base)
            self.assertEqual(start(self.base), "b", update)

    def test_a_record_that_names_no_slot(self):
        put(self.base, slot_files("b", OLD))
        for slot in ("c", "ab", "next", 7, True, None):
            power_on()
            slots.write({"slot": slot, "spare": False, "fell": "", "update": None}, self.base)
            self.assertEqual(start(self.base), "b", slot)


class TestTrial(BeginCase):
    def test_three_boots_counted_before_the_slot_runs_each_with_a_watchdog(self):
        self.record("trial")
        for boots in (1, 2, 3):
            self.assertEqual(start(self.base), "b")
            self.assertEqual(self.update(), ("trial", boots, None))
            self.assertEqual((self.written, Machine.armed), (boots, [30000]))
        self.assertEqual(start(self.base), "a")
        self.assertEqual(self.update(), ("failed", 3, "unproven"))
        self.assertEqual((self.written, Machine.armed), (4, []))
        self.assertEqual(start(self.base), "a")
        self.assertEqual(self.written, 4)

    def test_it_hangs(self):
        self.record("trial", slot="b")
        for _ in range(3):
            self.assertEqual(start(self.base, WATCHDOG), "a")
        self.assertEqual(start(self.base, WATCHDOG), "b")
        self.assertEqual(self.update(), ("failed", 3, "watchdog"))

    def test_it_raises(self):
        self.record("trial")
        self.assertEqual(start(self.base), "b")
        fall(self.base, ImportError("no module named 'sportbox.gone'"))
        self.assertEqual(self.update(), ("failed", 1, "crash"))
        self.assertEqual(Shown.ran, [5])
        note = rtcmem.load()["crash"]
        self.assertEqual(note["error"], "ImportError no module named 'sportbox.gone'")
        self.assertIn("ImportError", note["stack"])
        self.assertEqual(start(self.base), "a")

    def test_what_a_new_firmware_calls_not_provisioned_is_its_fault(self):
        self.record("trial")
        start(self.base)
        fall(self.base, NotProvisioned("config"))
        self.assertEqual(self.update(), ("failed", 1, "crash"))
        self.assertEqual(Shown.ran, [5])

    def test_boots_of_a_trial_are_none_of_a_boot_loop(self):
        rtcmem.save({"starts": 4})
        self.record("trial")
        for _ in range(3):
            start(self.base, HARD)
        self.assertEqual(starts(), 0)
        start(self.base, HARD)
        self.assertEqual(starts(), 0)

    def test_wakes_count_too(self):
        self.record("trial")
        for _ in range(3):
            self.assertEqual(start(self.base, DEEPSLEEP), "b")
        self.assertEqual(start(self.base, DEEPSLEEP), "a")

    def test_worn_flash(self):
        """A trial that cannot be counted does not run."""
        self.record("trial")
        self.wear()
        for _ in range(5):
            self.assertEqual(start(self.base), "a")
            self.assertEqual(Machine.armed, [])
        self.assertEqual(self.update(), ("trial", 0, None))

    def test_flash_that_wears_out_during_the_trial(self):
        self.record("trial", boots=3)
        self.wear()
        for _ in range(5):
            self.assertEqual(start(self.base), "a")


class TestReady(BeginCase):
    def test_it_is_installed_and_runs_on_trial_after_a_restart(self):
        received(self.base, pack())
        Machine.fed = 0
        self.assertEqual(start(self.base), "b")
        self.assertEqual(self.update(), ("trial", 1, None))
        self.assertEqual(get(self.base + "/b"), NEW)
        self.assertGreater(Machine.fed, 15)

    def test_what_cannot_be_installed(self):
        received(self.base, pack({"x.py": b""}))
        self.assertEqual(start(self.base), "a")
        self.assertEqual(self.update(), ("failed", 0, "damaged"))

    def test_worn_flash(self):
        received(self.base, pack())
        self.wear()
        for _ in range(3):
            self.assertEqual(start(self.base), "a")
        self.assertEqual(get(self.base + "/a"), OLD)


class TestBootLoop(BeginCase):
    """A start is followed by the next: none of them gets well."""

    def runs(self, count, cause=HARD):
        found = []
        for _ in range(count):
            slot = start(self.base, cause)
            found.append("safe" if slot is None else slot)
            self.assertEqual(Shown.ran, [("safe", "starts")] if slot is None else [])
        return found

    def test_to_the_other_slot_and_then_to_safe_mode(self):
        self.record(spare=True)
        start(self.base)
        self.assertEqual(self.runs(4), ["a"] * 4)
        self.assertEqual(self.written, 0)
        self.assertEqual(self.runs(5), ["b"] * 5)
        state = self.state()
        self.assertEqual((state["slot"], state["spare"], state["fell"]), ("b", True, "a"))
        self.assertEqual(self.runs(8), ["safe"] * 8)
        self.assertEqual(self.written, 1)
        self.assertEqual(start(self.base, PWRON), "b")  # and once more
        self.assertEqual(self.runs(10), ["b"] * 4 + ["a"] * 5 + ["safe"])

    def test_without_another_slot(self):
        self.record("failed", slot="b")
        start(self.base)
        self.assertEqual(self.runs(4, WATCHDOG), ["b"] * 4)
        self.assertEqual(self.runs(3), ["safe"] * 3)
        self.assertEqual(self.written, 0)

    def test_told_and_fallen_again(self):
        """A firmware that tells of the fall and then falls itself has its starts, and then it is over."""
        self.record(spare=True)
        start(self.base)
        self.assertEqual(self.runs(5), ["a"] * 4 + ["b"])
        state = self.state()
        state["fell"] = ""
        slots.write(state, self.base)
        self.assertEqual(self.runs(5), ["b"] * 4 + ["safe"])

    def test_a_board_that_got_well_in_between(self):
        self.record(spare=True)
        for _ in range(3):
            self.assertEqual(self.runs(4), ["a"] * 4)
            rtcmem.drop("starts")
        self.assertEqual(self.written, 0)

    def test_power_and_the_prompt_begin_anew(self):
        self.record(spare=True)
        for cause in (PWRON, SOFT):
            self.assertEqual(self.runs(4), ["a"] * 4)
            self.assertEqual(start(self.base, cause), "a")
            self.assertEqual(starts(), 0)

    def test_wakes_do_not_count(self):
        self.record(spare=True)
        for _ in range(4):
            self.assertEqual(self.runs(1), ["a"])
            self.assertEqual(self.runs(3, DEEPSLEEP), ["a"] * 3)
        self.assertEqual(starts(), 4)

    def test_what_waits_is_installed_all_the_same(self):
        rtcmem.save({"starts": 30})
        received(self.base, pack())
        self.assertEqual(start(self.base, HARD), "b")
        self.assertEqual(starts(), 0)

    def test_worn_flash(self):
        self.record(spare=True)
        self.wear()
        start(self.base)
        self.assertEqual(self.runs(9), ["a"] * 9)
        self.assertEqual(self.runs(1), ["safe"])

    def test_a_safe_mode_that_falls(self):
        def run(why):
            raise OSError(5)

        self.record()
        rtcmem.save({"starts": 20})
        self.addCleanup(setattr, Safe, "run", Safe.run)
        Safe.run = run
        self.assertEqual(start(self.base, HARD), "a")

    def test_no_room_in_rtc_memory(self):
        rtcmem.save({"rest": "x" * 2000})
        self.record()
        self.assertEqual(start(self.base, HARD), "a")
        self.assertEqual(rtcmem.load(), {"starts": 1, "rest": "x" * 2000})
        rtcmem.save({"rest": "x" * 2028})
        self.assertEqual(start(self.base, HARD), "a")
        self.assertEqual(rtcmem.load(), {"starts": 1})


class TestFallen(BeginCase):
    def fall(self, error, **facts):
        self.record(**facts)
        self.assertEqual(start(self.base), "a")
        fall(self.base, error)
        self.assertEqual(self.written, 0)
        return [what[0] if isinstance(what, tuple) else what for what in Shown.ran]

    def test_the_sign(self):
        for spare in (True, False):
            self.assertEqual(self.fall(NotProvisioned("no config"), spare=spare), ["sign", 5])
        self.assertEqual(self.fall(ImportError("no module named 'sportbox'")), ["sign", 5])

    def test_a_file_of_the_only_slot_is_damaged(self):
        """A boot loop, at the end of which is safe mode: it can mend the slot over the air."""
        put(self.base, slot_files("a", OLD))
        error = ImportError("incompatible .mpy file")
        self.assertEqual(self.fall(error), [5])
        for _ in range(4):
            self.assertEqual(start(self.base), "a")
            fall(self.base, error)
        self.assertIsNone(start(self.base))
        self.assertEqual(Shown.ran, [("safe", "starts")])

    def test_a_pause_and_a_restart(self):
        self.assertEqual(self.fall(ImportError("no module"), spare=True), [5])
        for error in (OSError(5), MemoryError(), ValueError("x")):
            self.assertEqual(self.fall(error), [5])

    def test_the_note_of_the_firmware_stays(self):
        rtcmem.save({"crash": {"task": "main"}})
        self.fall(ValueError("x"))
        self.assertEqual(rtcmem.load()["crash"], {"task": "main"})

    def test_it_counts_as_a_start(self):
        self.record()
        start(self.base)
        for count in range(1, 5):
            fall(self.base, ValueError("x" * 500))
            self.assertEqual(start(self.base), "a")
            self.assertEqual(starts(), count)
        self.assertLess(len(rtcmem.load()["crash"]["error"]), 121)
        fall(self.base, ValueError("x"))
        self.assertIsNone(start(self.base))


class TestForget(unittest.TestCase):
    def test_all_of_the_loader(self):
        """Hold mode ends at the prompt: what it has loaded may stay."""
        import fallen

        names = [name[:-3] for name in os.listdir(fallen.__file__.rsplit("/", 1)[0]) if name.endswith(".py")]
        self.assertEqual(sorted(fallen.MODULES + ("service",)), sorted(names))


class TestWell(BeginCase):
    def test_only_the_loaders_note_goes(self):
        from sportbox.drivers import chip

        rtcmem.save({"starts": 3, "crash": 1})
        chip.well()
        self.assertEqual(rtcmem.load(), {"crash": 1})

    def test_a_board_that_is_held_for_service(self):
        fake = sys.modules.pop("service")
        try:
            from service import forget_starts
        finally:
            sys.modules["service"] = fake
        rtcmem.save({"starts": 3, "crash": 1})
        forget_starts()
        self.assertEqual(rtcmem.load(), {"crash": 1})


if __name__ == "__main__":
    unittest.main()
