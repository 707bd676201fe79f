"""The machine code that reads a board's flash."""

import json
import subprocess
import sys

from host_tools.setup.paths import REPOSITORY

VM = """
import json, vfs
class Device:
    def readblocks(self, block, buf, at):
        buf[:] = bytes(len(buf))
    def ioctl(self, op, arg):
        return {4: %d, 5: 4096}.get(op, 0)
try:
    vfs.mount(vfs.VfsLfs2(Device()), "/flash")
    found = open("/flash/a/b").read()
except OSError as error:
    found = error.errno
print(json.dumps(found))
"""
HOST = """
import mmap, sys
from host_tools.sim.vm_process import address_of, run_vm
from host_tools.storm.machine.clocks import clocks_of_this_process
from littlefs import LittleFS
fs = LittleFS(block_size=4096, block_count=16, read_size=128, prog_size=128)
fs.mkdir("a")
with fs.open("a/b", "w") as file:
    file.write("".join(map(str, range(2000))))
memory = mmap.mmap(-1, 16 * 4096)
memory[:] = bytes(fs.context.buffer)
clocks_of_this_process().reading.begin(address_of(memory), int(sys.argv[1]) * 4096)
run_vm(["micropython", "-c", sys.argv[2]])
"""


def read(readable_blocks: int) -> str | int:
    """What a file has on a device that answers nought, once the flash is read instead; or the error."""
    command = [sys.executable, "-c", HOST, str(readable_blocks), VM % 16]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True)
    found: str | int = json.loads(done.stdout)
    return found


def test_a_file_is_read_from_memory() -> None:
    assert read(16) == "".join(map(str, range(2000)))


def test_nothing_is_read_beyond_the_flash() -> None:
    assert read(1) == 5
