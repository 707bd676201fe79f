"""The loader on a simulated board: bundles that are installed, trials that hang, fall or come to nothing, and
boot loops. The slots hold a few lines instead of the firmware."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest

from host_tools.build.firmware import FIRMWARE, compile_files, compile_firmware
from host_tools.sim.board import SimBoard
from host_tools.sim.flash import FLASH_FILE, Template, read_file, read_files, write_files
from host_tools.sim.host import ZygoteHost
from host_tools.update.form import sha256
from tests.host.bundles import packed
from tests.sim.boards import CONFIG, said, until

QUICK = {  # what a board takes its time for
    "begin": ("_WATCHDOG_MS = const(30000)", "_WATCHDOG_MS = const(600)"),
    "fallen": ("_PAUSE_S = const(5)", "_PAUSE_S = 0.01"),
}
SAFE = b"def run(why):\n    print('safe mode:', why)\n"
RUNS = """
import asyncio
import machine
async def run():
    print("%(name)s runs")
    watchdog = machine.WDT(timeout=5000)
    while True:
        watchdog.feed()
        await asyncio.sleep_ms(50)
def start():
    return run()
"""
HANGS = "print('%(name)s hangs')\nwhile True:\n    pass\n"
RAISES = "print('%(name)s raises')\nimport sportbox.gone\n"
FALLS = "def start():\n    print('%(name)s falls')\n    raise OSError(5)\n"
RESTARTS = "import machine\ndef start():\n    print('%(name)s restarts')\n    machine.reset()\n"


def slot(name: str, run: str) -> dict[str, bytes]:
    files = {"sportbox/__init__.py": "", "sportbox/run.py": run % {"name": name}}
    return {f"/{name}/{path}": text.encode() for path, text in files.items()}


def record(update: dict[str, Any] | None, **changes: Any) -> dict[str, bytes]:
    state = {"slot": "a", "spare": False, "fell": "", "update": update, **changes}
    text = json.dumps(state).encode()
    return {"/slots": struct.pack("<I", zlib.crc32(text)) + text}


def update(state: str, bundle: bytes = b"") -> dict[str, Any]:
    order = {"jti": "j", "sha256": sha256(bundle), "size": len(bundle), "version": "1.2.3", "down": False}
    return {**order, "state": state, "boots": 0, "reason": None}


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The loader, but quick, and with a safe mode that only says so."""
    folder = tmp_path_factory.mktemp("loader")
    pairs = []
    for name, (slow, quick) in QUICK.items():
        text = (FIRMWARE / "loader" / f"{name}.py").read_text()
        assert text.count(slow) == 1
        (folder / f"{name}.py").write_text(text.replace(slow, quick))
        pairs.append((f"{name}.py", folder / f"{name}.py"))
    files = dict(compile_firmware().loader)
    files.pop("/loader/safe.mpy", None)
    files["/loader/safe.py"] = SAFE
    return files | {f"/loader/{name[:-3]}.mpy": content for name, content in compile_files(pairs).items()}


class Bench:
    def __init__(self, folder: Path, zygote: ZygoteHost, loader: dict[str, bytes]) -> None:
        self.board = SimBoard(folder, zygote)
        self.flash = folder / FLASH_FILE
        self._loader = loader

    def boot(self, *files: dict[str, bytes]) -> None:
        self.board.create(CONFIG, {}, Template(self._loader))
        write_files(self.flash, {path: content for some in files for path, content in some.items()})
        self.board.boot()

    def state(self) -> dict[str, Any]:
        stored = read_file(self.flash, "/slots")
        assert stored is not None
        found: dict[str, Any] = json.loads(stored[4:])
        return found

    def ends(self, text: str, reason: str | None, starts: int, what: str) -> None:
        """The other slot said `what` so often, and the old one runs."""
        said(self.board, text)
        assert self.board.log().count(what) == starts, self.board.log()
        state = self.state()
        assert (state["slot"], state["spare"]) == ("a", False)
        assert (state["update"]["state"], state["update"]["reason"]) == ("failed", reason)


@pytest.fixture
def slots(run_dir: Path, zygote: ZygoteHost, loader: dict[str, bytes]) -> Bench:
    return Bench(run_dir / "box-1", zygote, loader)


def test_a_bundle_is_installed_and_runs(slots: Bench) -> None:
    files = {
        "sportbox/__init__.mpy": compile_firmware().slot["sportbox/__init__.mpy"],
        "sportbox/deep/er.py": b"x = 1\n" * 2000,
        "sportbox/run.py": (RUNS % {"name": "b"}).encode(),
    }
    bundle = packed(files)
    slots.boot(
        slot("a", RUNS),
        {"/b/sportbox/old.py": b"old", "/update/bundle": bundle},
        record(update("ready", bundle), spare=True),
    )
    said(slots.board, "b runs")
    assert "a runs" not in slots.board.log()
    state = slots.state()
    assert (state["slot"], state["spare"], state["update"]["state"]) == ("a", False, "trial")
    assert state["update"]["boots"] == 1
    slots.board.cut()
    found = read_files(slots.board.folder)
    assert {path: found[path] for path in found if path.startswith("/b/")} == {
        f"/b/{path}": content for path, content in files.items()
    }


@pytest.mark.parametrize(
    ("run", "reason", "starts", "what"),
    [
        (HANGS, "watchdog", 3, "b hangs"),
        (RAISES, "crash", 1, "b raises"),
        (FALLS, "crash", 1, "b falls"),
        (RESTARTS, "unproven", 3, "b restarts"),
    ],
    ids=["hangs", "raises", "falls", "restarts"],
)
def test_a_trial_that_comes_to_nothing(slots: Bench, run: str, reason: str, starts: int, what: str) -> None:
    slots.boot(slot("a", RUNS), slot("b", run), record(update("trial")))
    slots.ends("a runs", reason, starts, what)


def test_a_slot_whose_modules_are_the_loaders_names(slots: Bench) -> None:
    """What falls has loaded modules that the loader has, too: they are not taken for the loader's own."""
    bad = {"/b/sportbox/store/__init__.py": b"", "/b/sportbox/store/slots.py": b"READ = 'bad'\n"}
    run = "import sportbox.store.slots\nprint('b has', sportbox.store.slots.READ)\nraise ValueError\n"
    slots.boot(slot("a", RUNS), slot("b", run.replace("%", "%%")), bad, record(update("trial")))
    slots.ends("a runs", "crash", 1, "b has bad")


def test_a_boot_loop_in_both_slots_ends_in_safe_mode(slots: Bench) -> None:
    slots.boot(slot("a", FALLS), slot("b", RESTARTS), record(None, spare=True))
    said(slots.board, "safe mode: starts")
    log = slots.board.log()
    assert (log.count("a falls"), log.count("b restarts")) == (5, 5)
    state = slots.state()
    assert (state["slot"], state["spare"], state["fell"]) == ("b", True, "a")
    lock = slots.board.show()["locks"]["lock-1"]
    assert (lock["is"], lock["pulses"]) == ("latched", 0)


def test_a_boot_loop_without_a_way_back(slots: Bench) -> None:
    slots.boot(slot("a", FALLS), record(None))
    said(slots.board, "safe mode: starts")
    assert slots.board.log().count("a falls") == 5
    slots.board.cut()
    slots.board.boot()  # power off and on: the slot has another try
    said(slots.board, "safe mode: starts", 2)
    assert slots.board.log().count("a falls") == 10


def test_a_slot_that_is_not_there_shows_the_sign(slots: Bench) -> None:
    slots.boot(record(None))
    said(slots.board, "sportbox: not provisioned: no module named 'sportbox")
    until(lambda: slots.board.show()["boot_count"] == 1, "no restart")
