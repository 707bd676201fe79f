"""A board that is updated, on a littlefs in RAM: with the loader, and with what the firmware has for updates.
Time and network are played."""

from tests.firmware.loader_case import PWRON, WATCHDOG, Machine, fall, power_on, start

from sportbox.store import record, slots  # isort: skip
from sportbox.system import finishing, proving, pulling, resuming, updating  # isort: skip

from tests.firmware.cuts_case import PATH, play
from tests.firmware.ramflash import Life, Mounted
from tests.firmware.slots_case import NEW as SMALL
from tests.firmware.slots_case import OLD, entry, get, pack, put, slot_files, write
from tests.firmware.update_case import Box, Played, Quick, UpdateCase

BLOCKS = 60
OLDER = {
    "app.py": b"first of all",
    "sportbox/__init__.mpy": b"older" * 20,
    "sportbox/gone.mpy": b"g" * 5000,
    "sportbox/run.mpy": b"r",
}
NEW = dict(SMALL, **{"sportbox/core/token.mpy": bytes(range(250)) * 26})
WHOLE = (OLDER, OLD, NEW)
GOOD = pack(NEW)
FLAWED = pack(NEW, entries=[entry(path, NEW[path] if "run" not in path else b"?") for path in sorted(NEW)])
PROVES, RAISES, HANGS, LOST, DEAF = "proves", "raises", "hangs", "lost", "reaches no broker"
ENDS = (  # boots until it was told, and what
    (PROVES, 1, ("done", None)),
    (RAISES, 2, ("failed", "crash")),
    (HANGS, 4, ("failed", "watchdog")),
    (LOST, 4, ("failed", "unproven")),
    (DEAF, 2, ("failed", "unreachable")),
)
BOOTS_MAX = 8
SECONDS_MAX = 200


class Player:
    """A board before an update: `slot` runs, the other one holds an older firmware or what was left there."""

    def __init__(self, slot, spare=True, data=GOOD, image=None):
        self.data = data
        self.image = image
        if image is None:
            life = Life(BLOCKS, PATH)
            with Mounted(life.start, PATH) as flash:
                put(PATH, slot_files(slot, OLD))
                left = dict(OLDER)
                if not spare:
                    del left["sportbox/__init__.mpy"]
                put(PATH, slot_files(slots.other(slot), left))
                write(PATH, None, slot, spare)
                self.image = bytes(flash.image)

    def play(self, script):
        return play(Board(self), script, BLOCKS, self.image)

    def operations(self, script):
        return self.play(script).steps[-1].after


class Board(UpdateCase):
    """`told` are its final answers, `slot` is where it runs."""

    def __init__(self, player):
        self.data = player.data
        self.told = []
        self.slot = None
        power_on()
        pulling.sys = Played(implementation=Played(version=(1, 29, 0)))
        resuming.heap_free = lambda: 30000
        for module in (updating, resuming, pulling, proving):  # they would leave the tests, too
            module.forget = lambda *names: None
        self.begin("a")

    def assertEqual(self, first, second):
        if first != second:
            raise ValueError("%s, not %s" % (first, second))

    def begin(self, slot):
        """A start of the firmware."""
        self.quick = finishing.asyncio = Quick()
        self.box = Box(PATH)
        self.box.identity["slot"] = slot
        self.app = self.box.app

    def state(self):
        return list(self.told)

    def run(self, call):
        if call == "order":
            updating.take(self.app, self.order(), PATH)
        elif call == "pull":
            self.go_on()
        else:
            self.boot(call)

    def boot(self, outcome):
        """One boot; a new firmware proves itself, or does not."""
        self.slot = start(PATH)
        self.begin(self.slot)
        state = slots.read(PATH)
        if state["update"] is None:
            return
        if state["update"]["state"] == "trial":
            if outcome == RAISES:
                fall(PATH, ValueError("new"))
            elif outcome == HANGS:
                Machine.cause = WATCHDOG
            self.box.session.up = outcome != DEAF
            if outcome not in (PROVES, DEAF):
                return
        self.box.slots = state
        self.go_on()

    def go_on(self):
        """Until nothing is left of the update, or until a restart is due."""
        for _ in range(SECONDS_MAX):
            if not self.box.is_updating() or self.app.restart_at_ms is not None:
                break
            self.box.pass_s()
            self.serve()
            self.quick.run()
        self.told += [(result, reason) for _, result, reason in self.app.desk.finals]
        self.app.desk.finals.clear()


def finish(test, player, image, outcome, where):
    """The boots after a cut."""
    with Mounted(image, PATH):
        board = Board(player)
        Machine.cause = PWRON
        for name in ("a", "b"):  # what counts if the record is lost
            if record.exists(PATH + "/" + name + slots.MARK):
                test.assertIn(get(PATH + "/" + name), WHOLE, where)
        for _ in range(BOOTS_MAX):
            board.boot(outcome)
            state = slots.read(PATH)
            found = {name: get(PATH + "/" + name) for name in ("a", "b")}
            test.assertIn(found[board.slot], (OLD, NEW), where)
            test.assertIn(found[state["slot"]], (OLD, NEW), where)
            if state["spare"]:
                test.assertIn(found[slots.other(state["slot"])], WHOLE, where)
            if state["update"] is None:
                break
        test.assertIsNone(state["update"], where)
        test.assertFalse(record.exists(PATH + slots.FOLDER), where)
        done = ("done", None) in board.told
        if board.told:
            test.assertEqual(done, outcome == PROVES, where)
            test.assertEqual(found[state["slot"]], NEW if done else OLD, where)
        test.assertEqual(start(PATH), state["slot"], where)
