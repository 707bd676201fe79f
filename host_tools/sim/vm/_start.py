"""First code in the VM of a simulated board: put the ESP32 over it, mount the flash, boot as the ESP32 does.

sys.argv: -, address of the world page, address of the filesystem in the flash, its size, descriptor of the
FIFO, address of the ROM with all other shims, its size, what the console is (layout.CONSOLE_*).
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
from _layout import CONSOLE_LOG, CONSOLE_RAW, FLASH_BLOCK, SOFT_RESET, VFS_OFFSET
from _world import page


def _run(path, names):
    """As pyexec_file_if_exists() of the ESP32: True when there is no such file or it ran to its end."""
    try:
        os.stat(path)
    except OSError:
        return True
    try:
        with open(path) as f:
            code = compile(f.read(), path, "exec")
        exec(code, names)
        return True
    except SystemExit:
        sys.modules["machine"]._end(SOFT_RESET)
    except BaseException as e:
        sys.print_exception(e)
    return False


def _mount(console):
    flash = Flash(int(sys.argv[2]), int(sys.argv[3]), (page.vfs_offset or VFS_OFFSET) // FLASH_BLOCK)
    vfs.umount("/.shims")
    vfs.umount("/")
    # The ESP32 reads in 32 bytes, too; here that would cost a third more CPU per boot. With it go littlefs'
    # cache and the size up to which a file lies inside its directory: 512 bytes here, 128 there.
    how = {"readsize": 128, "progsize": 32, "lookahead": 32}
    is_new = console != CONSOLE_LOG and flash.is_blank()
    if is_new:  # as MicroPython's inisetup.py
        print("Performing initial setup")
        vfs.VfsLfs2.mkfs(flash, **how)
    vfs.mount(vfs.VfsLfs2(flash, mtime=True, **how), "/")
    if is_new:
        with open("/boot.py", "w") as f:
            f.write("# Runs first at every start.\n")
    os.chdir("/")


def _boot():
    console = int(sys.argv[7])
    if console != CONSOLE_LOG and page.reset_cause == SOFT_RESET:
        print("MPY: soft reboot")
    try:
        _mount(console)
    except OSError as e:
        if console == CONSOLE_LOG:
            raise
        print("The filesystem appears to be corrupted:", e)
    if console != CONSOLE_LOG:  # not before the filesystem of the host is out of reach
        sys.modules["_console"].start()
    sys.path[:] = ["", ".frozen", "/lib"]
    sys.argv[:] = []
    for module in list(sys.modules):
        if module in ("_start", "_flash", "_layout", "_socket", "_time", "_console"):
            del sys.modules[module]
    if console == CONSOLE_LOG:
        names = {"__name__": "__main__"}
    else:  # the names of the prompt
        del sys.modules["__main__"]
        names = __import__("__main__").__dict__
    gc.collect()
    page.heap_base_bytes = gc.mem_alloc()
    if _run("/boot.py", names) and console != CONSOLE_RAW:
        _run("/main.py", names)


if "_birth" in sys.modules:  # in a storm something comes before the flash
    sys.modules.pop("_birth").come()
if int(sys.argv[7]) == CONSOLE_LOG:
    _boot()
    page.halted = 1
    print("MicroPython at the REPL: main.py ended")
else:
    import _console

    _prompt = _console.prompt
    try:
        _boot()
    except KeyboardInterrupt:  # between the files
        print("KeyboardInterrupt: ")
    page.halted = 1
    _prompt()
