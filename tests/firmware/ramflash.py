"""A NOR flash in RAM for littlefs (MicroPython only), and power cuts at each of its operations.

A life is played once while the flash takes down every program and erase operation. Then the flash is put
into the state at each cut: the operations before it are whole, the one under way is torn.
"""

import vfs

BLOCK = 4096
_ERASED = b"\xff" * BLOCK
_EIO = -5


class RamFlash:
    """MicroPython's block device protocol, with offsets. `fails` operations from the `fail_at`-th on give
    an I/O error; raising instead would print a traceback each time."""

    def __init__(self, blocks):
        self.image = bytearray(b"\xff" * (BLOCK * blocks))
        self.operations = None  # (offset, data) of each program, (offset, None) of each erase operation
        self.count = 0
        self.fail_at = None
        self.fails = 0

    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        buffer[:] = memoryview(self.image)[at : at + len(buffer)]
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


def apply(image, at, data, torn=False):
    """Carries an operation out, or its first half."""
    new = _ERASED if data is None else data
    size = len(new) // 2 if torn else len(new)
    image[at : at + size] = memoryview(new)[:size]


def format_flash(flash):
    vfs.VfsLfs2.mkfs(flash)


def mount(flash, path):
    vfs.mount(vfs.VfsLfs2(flash), path)


def unmount(path):
    vfs.umount(path)


class Step:
    """A call to the firmware: the operations before and after it, and what was known then."""

    def __init__(self, first, after, before_state, after_state):
        self.first = first
        self.after = after
        self.before_state = before_state
        self.after_state = after_state


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

    def cuts(self):
        """(what happened before, image) of every cut: (number of the operation, its call, image)."""
        image = bytearray(self.start)
        torn = bytearray(len(image))
        step_at = 0
        for number, (at, data) in enumerate(self.flash.operations):
            while self.steps[step_at].after <= number:
                step_at += 1
            torn[:] = image
            apply(torn, at, data, torn=True)
            yield number, self.steps[step_at], torn
            apply(image, at, data)


class Mounted:
    """`with Mounted(image, path) as flash` is the boot after a cut."""

    def __init__(self, image, path):
        self.flash = RamFlash(len(image) // BLOCK)
        self.flash.image[:] = image
        self.path = path

    def __enter__(self):
        mount(self.flash, self.path)
        return self.flash

    def __exit__(self, kind, error, trace):
        unmount(self.path)
