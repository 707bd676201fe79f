"""First code in the VM of a simulated board: put the ESP32 over it, mount the flash, boot as the ESP32 does.

sys.argv: -, address of the world page, address of the flash, its size, descriptor of the FIFO, address of the
ROM with all other shims, its size.
"""

import sys

sys.path[:] = [".frozen"]

import asyncio
import gc
import os
import socket
import time

import uctypes
import vfs

# asyncio (its timers are C and read the VM's own clock) is loaded with poll: now the shims go over the rest
vfs.mount(vfs.VfsRom(uctypes.bytearray_at(int(sys.argv[5]), int(sys.argv[6]))), "/.shims")
sys.path[:] = ["/.shims", ".frozen"]
sys.modules["_time"] = time
sys.modules["_socket"] = socket
for _name in ("time", "socket"):
    sys.modules.pop(_name, None)
sys.modules["errno"] = __import__("_errno")  # the path cannot replace this built-in one
for _name in ("time", "machine", "esp32", "network", "socket", "ntptime"):
    __import__(_name)

from _flash import Flash
from _layout import SOFT_RESET
from _world import page


def _run(path):
    """As pyexec_file_if_exists() of the ESP32: True when there is no such file or it ran to its end."""
    try:
        os.stat(path)
    except OSError:
        return True
    try:
        with open(path) as f:
            code = compile(f.read(), path, "exec")
        exec(code, {"__name__": "__main__"})
        return True
    except SystemExit:
        sys.modules["machine"]._end(SOFT_RESET)
    except BaseException as e:
        sys.print_exception(e)
    return False


def _boot():
    flash = Flash(int(sys.argv[2]), int(sys.argv[3]))
    vfs.umount("/.shims")
    vfs.umount("/")
    # The ESP32 reads in 32 bytes, too; here that would cost a third more CPU per boot. With it go littlefs'
    # cache and the size up to which a file lies inside its directory: 512 bytes here, 128 there.
    vfs.mount(vfs.VfsLfs2(flash, readsize=128, progsize=32, lookahead=32, mtime=True), "/")
    os.chdir("/")
    sys.path[:] = ["", ".frozen", "/lib"]
    sys.argv[:] = []
    for module in list(sys.modules):
        if module in ("_start", "_flash", "_layout", "_socket", "_time"):
            del sys.modules[module]
    gc.collect()
    page.heap_base_bytes = gc.mem_alloc()
    if _run("/boot.py"):
        _run("/main.py")
    page.halted = 1
    print("MicroPython at the REPL: main.py ended")


_boot()
