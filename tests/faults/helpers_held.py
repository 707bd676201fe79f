"""A simulated board whose main.py does what its host says, by files in a folder: for tests of what runs on a
board in hold mode, without a serial port between.

    board, console = held_board(bench, "box-1", address)
    console.run("print(1 + 1)")
"""

import shutil
from pathlib import Path
from typing import Any

from host_tools.build.firmware import FIRMWARE
from host_tools.port.console import HOLD_MS
from tests.brokers import wait_until
from tests.faults.helpers import Bench, Board, template

MAIN = """\
import builtins, gc, io, json, machine, sys, time, vfs
sys.path[:] = ["/a", ".frozen"]

gc.threshold(16384)
with open("/config.json") as file:
    vfs.mount(vfs.VfsPosix(json.load(file)["host_folder"]), "/host")
machine.WDT(timeout=%d)
said = []
builtins.print = lambda *words: said.append(" ".join([str(word) for word in words]) + "\\n")
names = {}
number = 0
while True:
    try:
        with open("/host/%%d.py" %% number) as file:
            code = file.read()
    except OSError:
        time.sleep_ms(2)
        continue
    error = ""
    try:
        exec(code, names)
    except Exception as caught:
        text = io.StringIO()
        sys.print_exception(caught, text)
        error = text.getvalue()
    with open("/host/%%d.out" %% number, "w") as file:
        file.write(error + "\\x04" + "".join(said) + "\\x04")
    said.clear()
    number += 1
"""
MANIFEST = """\
import binascii, hashlib, json, os
def _walk(folder):
    for entry in os.ilistdir(folder):
        path = folder + entry[0]
        if entry[1] & 0x4000:
            if entry[0] not in ("host", "data"):
                yield from _walk(path + "/")
        else:
            yield path
files = {}
for path in _walk("/"):
    with open(path, "rb") as file:
        files[path] = binascii.hexlify(hashlib.sha256(file.read()).digest()).decode()
config = json.load(open("/config.json"))
with open("/manifest.json", "w") as file:
    json.dump({"site": config["site"], "device": config["device"], "key_version": 1, "firmware": "0.1.0",
               "files": files}, file)
del _walk, files, config
"""


class FolderConsole:
    """What host_tools.port.console.Console offers, as far as a self-test needs it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._number = 0
        self.restarts = 0

    def state(self) -> str:
        return "held"

    def hold(self) -> None:
        return None

    def feed(self) -> None:
        return None

    def restart(self) -> None:
        self.restarts += 1

    def free_bytes(self) -> int:
        return int(self.run("import gc\ngc.collect()\nprint(gc.mem_free())"))

    def run(self, code: str, timeout_s: float = 20.0) -> str:
        draft = self._folder / "draft"
        draft.write_text(code)
        draft.rename(self._folder / f"{self._number}.py")
        answer = self._folder / f"{self._number}.out"
        self._number += 1
        wait_until(
            lambda: answer.exists() and answer.read_text().endswith("\x04"), f"{code[:60]!r}", timeout_s
        )
        error, said, _ = answer.read_text().split("\x04")
        if error:
            raise AssertionError(error)
        return said


def held_firmware(folder: Path) -> Path:
    """The project's firmware with another main.py, once for all boards of a test."""
    copy = folder / "held-firmware"
    shutil.copytree(FIRMWARE, copy)
    (copy / "main.py").write_text(MAIN % HOLD_MS)
    template(copy)
    return copy


def held_board(
    bench: Bench, name: str, broker: tuple[str, int], firmware: Path, **changes: Any
) -> tuple[Board, FolderConsole]:
    """A board in hold mode with a manifest, booted."""
    folder = bench.folder / f"{name}-host"
    folder.mkdir()
    board = bench.add(name, broker, firmware=firmware, host_folder=str(folder), **changes)
    board.boot()
    console = FolderConsole(folder)
    console.run(MANIFEST)
    return board, console
