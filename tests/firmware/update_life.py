"""A board that is updated, on a littlefs in RAM: with the loader's own code, and an application that does to
the flash what the real one does."""

from tests.firmware.loader_case import PWRON, WATCHDOG, Machine, fall, power_on, start

from sportbox.store import record, slots  # isort: skip
from sportbox.store.bundle import Incoming  # isort: skip

from tests.firmware.bundle_case import give, whole
from tests.firmware.ramflash import Life, Mounted, unmount
from tests.firmware.slots_case import NEW as SMALL
from tests.firmware.slots_case import OLD, entry, get, order, pack, put, slot_files, write

PATH = "/cut"
BLOCKS = 40
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
PROVES, RAISES, HANGS, LOST, GIVEN = "proves", "raises", "hangs", "lost", "given up"
ENDS = (  # boots until it was told, and what
    (PROVES, 1, ("done", None)),
    (RAISES, 2, ("failed", "crash")),
    (HANGS, 4, ("failed", "watchdog")),
    (LOST, 4, ("failed", "unproven")),
)
BOOTS_MAX = 8


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
        life, board = Life(BLOCKS, PATH, self.image), Board(self)
        try:
            life.play(board, script)
        finally:
            unmount(PATH)
        return life

    def operations(self, script):
        return self.play(script).steps[-1].after

    def cuts(self, script, every=1, first=0):
        for number, _, image in self.play(script).cuts():
            if number >= first and number % every == 0:
                yield number, bytes(image)


class Board:
    """`told` are its final answers."""

    def __init__(self, player):
        self.data = player.data
        self.told = []
        self.slot = None
        power_on()

    def state(self):
        return list(self.told)

    def run(self, call):
        if call == "order":
            state = slots.read(PATH)
            state["update"] = order(self.data, state="pull")
            slots.write(state, PATH)
        elif call == "pull":
            self.pull(slots.read(PATH))
        else:
            self.boot(call)

    def pull(self, state):
        incoming = Incoming(state["update"]["sha256"], state["update"]["size"], PATH)
        give(incoming, self.data)
        if whole(incoming):
            raise ValueError("bundle")
        state["update"]["state"] = "ready"
        slots.write(state, PATH)

    def boot(self, outcome):
        """One boot; a new firmware proves itself, or does not."""
        self.slot = start(PATH)
        state = slots.read(PATH)
        update = state["update"]
        if update is None:
            return
        if update["state"] == "pull":
            self.pull(state)
        elif update["state"] == "trial":
            self.try_it(state, outcome)
        if update["state"] in ("done", "failed"):
            slots.clear(PATH)
            self.told.append((update["state"], update["reason"]))
            state["update"] = None
            slots.write(state, PATH)

    def try_it(self, state, outcome):
        if outcome == PROVES:
            state["update"]["state"] = "done"
            state["slot"], state["spare"] = slots.other(state["slot"]), True
            slots.write(state, PATH)
        elif outcome == RAISES:
            fall(PATH, ValueError("new"))
        elif outcome == HANGS:
            Machine.cause = WATCHDOG


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
