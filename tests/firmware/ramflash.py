"""A NOR flash in RAM for littlefs (MicroPython only), and power cuts at each of its operations.

A life is played once while the flash takes down every program and erase operation. Then the flash is put
into the state at each cut: the operations before it are whole, the one it strikes has not begun, or is torn.
`SPORTBOX_CUTS=long` (`make cuts LONG=1`) cuts in all ways where the suite takes them in turn.
"""

import os

import vfs

from tests.core.chance import Chance

LONG = os.getenv("SPORTBOX_CUTS") == "long"
BLOCK = 4096
_ERASED = b"\xff" * BLOCK
_EIO = -5
_WORD = 4  # what the flash programs at a time


class RamFlash:
    """MicroPython's block device protocol, with offsets. `fails` operations from the `fail_at`-th on give
    an I/O error; raising instead would print a traceback each time."""

    def __init__(self, blocks, image=None):
        self.image = bytearray(b"\xff" * (BLOCK * blocks)) if image is None else image
        self._view = memoryview(self.image)
        self.operations = None  # (offset, data) of each program, (offset, None) of each erase operation
        self.count = 0
        self.fail_at = None
        self.fails = 0

    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        buffer[:] = self._view[at : at + len(buffer)]
        return 0

    def writeblocks(self, block, buffer, offset=0):
        return self._operate(block * BLOCK + offset, bytes(buffer))

    def ioctl(self, operation, argument):
        if operation == 4:
            return len(self.image) // BLOCK
        if operation == 5:
            return BLOCK
        if operation == 6:
            return self._operate(argument * BLOCK, None)
        return 0

    def _operate(self, at, data):
        self.count += 1
        if self.fail_at is not None and self.fail_at <= self.count < self.fail_at + self.fails:
            return _EIO
        if self.operations is not None:
            self.operations.append((at, data))
        apply(self.image, at, data)
        return 0


def apply(image, at, data, size=None):
    """Carries an operation out, or its first bytes. A program takes bits away and gives none back."""
    new = _ERASED if data is None else data
    size = len(new) if size is None else size
    if data is not None and image[at : at + size] != _ERASED[:size]:
        _clear(image, at, data[:size])
        return
    image[at : at + size] = memoryview(new)[:size]


def _clear(image, at, data):
    for i in range(len(data)):
        image[at + i] &= data[i]


def _before(image, at, data, chance):
    pass


def _half(image, at, data, chance):
    apply(image, at, data, (BLOCK if data is None else len(data)) // 2)


def _unsettled(image, at, data, chance):
    """A program stops in a word of which some bits had their time. An erase has reached the sector's end
    first."""
    if data is None:
        image[at + BLOCK // 2 : at + BLOCK] = memoryview(_ERASED)[BLOCK // 2 :]
        return
    size = len(data) // 2 // _WORD * _WORD
    apply(image, at, data, size)
    _clear(image, at + size, bytes([byte | chance.below(256) for byte in data[size : size + _WORD]]))


_WAYS = (("before", _before), ("in the middle of", _half), ("with unsettled bits in", _unsettled))


def format_flash(flash):
    vfs.VfsLfs2.mkfs(flash)


def mount(flash, path, read_bytes=32):
    """As a board mounts its flash. Reading more at a time takes half the time, and larger programs."""
    vfs.mount(vfs.VfsLfs2(flash, readsize=read_bytes), path)


def unmount(path):
    vfs.umount(path)


class Step:
    """A call to the firmware: the operations before and after it, and what was known then."""

    def __init__(self, first, after, before_state, after_state):
        self.first = first
        self.after = after
        self.before_state = before_state
        self.after_state = after_state


class Cut:
    """The power goes in `step`, at the operation with this number. `image` is the flash then, good until the
    next cut is asked for; `str` says where it was."""

    def __init__(self, number, way, step, image):
        self.number = number
        self.way = way
        self.step = step
        self.image = image

    def __str__(self):
        return "cut %s operation %d" % (self.way, self.number)


class Life:
    """Plays a script on a flash from the image `start` on. `world` carries out `world.run(call)` for each of
    the script's calls and tells what is known with `world.state()`."""

    def __init__(self, blocks, path, start=None):
        self.flash = RamFlash(blocks)
        self.path = path
        if start is None:
            format_flash(self.flash)
        else:
            self.flash.image[:] = start
        self.start = bytes(self.flash.image)
        self.flash.operations = []
        self.steps = []

    def play(self, world, script):
        """Whoever calls it unmounts."""
        mount(self.flash, self.path)
        self.flash.count = 0
        for call in script:
            first, before = len(self.flash.operations), world.state()
            world.run(call)
            self.steps.append(Step(first, len(self.flash.operations), before, world.state()))

    def cuts(self, turn=None, first=0, every=1):
        """Cuts at every operation (from the `first` on), in every way. With `turn`, in one way each, by
        turns, where all are too much for the suite. At the end comes a cut when all is done."""
        image = bytearray(self.start)
        struck = bytearray(len(image))
        chance = Chance(len(self.flash.operations))
        step_at = 0
        for number, (at, data) in enumerate(self.flash.operations):
            while self.steps[step_at].after <= number:
                step_at += 1
            if number >= first and number % every == 0:
                for way, strike in self._ways(number // every, turn):
                    struck[:] = image
                    strike(struck, at, data, chance)
                    yield Cut(number, way, self.steps[step_at], struck)
            apply(image, at, data)
        last = self.steps[-1]
        yield Cut(
            len(self.flash.operations),
            "before",
            Step(last.after, last.after, last.after_state, last.after_state),
            image,
        )

    def _ways(self, count, turn):
        if turn is None or LONG:
            return _WAYS
        return (_WAYS[(count + turn) % len(_WAYS)],)


class Mounted:
    """`with Mounted(image, path) as flash` is the boot after a cut; a bytearray is the board's flash then."""

    def __init__(self, image, path):
        self.flash = RamFlash(
            len(image) // BLOCK, image if isinstance(image, bytearray) else bytearray(image)
        )
        self.path = path

    def __enter__(self):
        mount(self.flash, self.path, 32 if LONG else 512)
        return self.flash

    def __exit__(self, kind, error, trace):
        unmount(self.path)
