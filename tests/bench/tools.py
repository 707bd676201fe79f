"""The tools of the host: how long a person waits for them.

Boards are simulated chips behind serial ports of 115,200 baud, as they are in a technician's crate; firmware
and files are real.
"""

import contextlib
import io
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from host_tools.build.firmware import build_firmware
from host_tools.port.console import Console
from host_tools.port.jobs import Outcome, Progress, run_jobs
from host_tools.port.ports import Port
from host_tools.port.upload import is_whole, sha, survey, upload
from tests.bench.bench import Bench, Unmeasured
from tests.bench.figure import Bar, Figure
from tests.bench.several import Values, fewer, several
from tests.bench.site_commands import big_site, timed
from tests.sim.chips import TestChip, chip_board
from tests.sim.test_upload_speed import BAUD, ROOTS, seconds_to_upload

NAME = "tools"
TELLS = "site check on 500 devices, start of the command line, upload against mpremote, 16 boards at once"

DEVICES = 500
START_TEXT = "CLI start-up (`sportbox --help` under 150 ms)"
START_MS = 150.0
STARTS = 3  # the fastest of so many counts in a round: this computer may have other things to do
PROGRAM_S = 240
HELP = "sportbox --help"
STARTED = {
    "python, nothing": [sys.executable, "-c", "pass"],
    HELP: [sys.executable, "-m", "host_tools.cli", "--help"],
    "sportbox provision --help": [sys.executable, "-m", "host_tools.cli", "provision", "--help"],
    "mpremote --help": [sys.executable, "-m", "mpremote", "--help"],
    "esptool --help": [sys.executable, "-m", "esptool", "--help"],
}
OURS, THEIRS = "sportbox", "mpremote cp -r"
SHARE, SHARE_QUICK = 3, 9  # every so many-th file of the firmware
BOARDS, BOARDS_QUICK = 16, 4
AT_ONCE, IN_TURN = "at once", "one after the other"
SHARE_OF_MANY = 24


def measure(bench: Bench) -> list[Figure]:
    return [start(bench), *check(bench), *uploads(bench), many(bench)]


def start(bench: Bench) -> Figure:
    def started(command: list[str]) -> Callable[[], float]:
        return lambda: min(run_s(command, bench.folder) for _ in range(STARTS)) * 1000

    rounds = bench.interleave({name: started(command) for name, command in STARTED.items()})
    bar = Bar(HELP, None, None, START_MS, text=START_TEXT)
    return Figure("tools/start", "ms", "less", rounds, [bar], f"the fastest of {STARTS} starts a round")


def run_s(command: list[str], folder: Path) -> float:
    begin_s = time.monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=PROGRAM_S, check=False)
    if done.returncode:
        raise Unmeasured(f"{' '.join(command)}: {done.stderr.decode(errors='replace').strip()[-200:]}")
    return time.monotonic() - begin_s


def check(bench: Bench) -> list[Figure]:
    folder = bench.folder / "site"
    folder.mkdir()
    (folder / "big.yaml").write_text(big_site(DEVICES), encoding="utf-8")

    def checked() -> Values:
        taken = timed(folder, "check", "big.yaml")
        return {"wall": taken.seconds, "processor": taken.of_processor}

    found = several(fewer(bench, 3), {f"site check, {DEVICES} devices": checked})
    return [
        Figure("tools/site check", "s", "less", found["wall"]),
        Figure("tools/site check: processor", "s", "less", found["processor"]),
    ]


def uploads(bench: Bench) -> list[Figure]:
    """All of it, and again with one file changed, as when something was mended."""
    files = dict(list(build_firmware().items())[:: SHARE_QUICK if bench.quick else SHARE])
    size = sum(map(len, files.values()))
    with ExitStack() as stack:
        boards = {
            name: stack.enter_context(chip_board(bench.folder, blank=False, baud=BAUD, name=name))
            for name in ("ours", "theirs")
        }
        here = bench.folder / "files"
        found = several(
            fewer(bench, 1),
            {
                OURS: lambda: both(files, lambda some: seconds_to_upload(boards["ours"].port, some)),
                THEIRS: lambda: both(files, lambda some: mpremote_s(boards["theirs"], here, some)),
            },
        )
    note = f"{len(files)} files of the firmware, {size:,} bytes, at {BAUD:,} baud"
    return [
        Figure("tools/upload", "s", "less", found["all"], note=note),
        Figure("tools/upload, one file changed", "s", "less", found["one"], note=note),
    ]


def both(files: dict[str, bytes], bring: Callable[[dict[str, bytes]], float]) -> Values:
    last = max(path for path in files if path.startswith("/a/"))
    return {"all": bring(files), "one": bring({**files, last: files[last] + b"\0"})}


def mpremote_s(board: TestChip, here: Path, files: dict[str, bytes]) -> float:
    shutil.rmtree(here, ignore_errors=True)
    for path, data in files.items():
        (here / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (here / path[1:]).write_bytes(data)
    return run_s([sys.executable, "-m", "mpremote", "connect", board.port, "fs", "cp", "-r", ".", ":"], here)


def many(bench: Bench) -> Figure:
    """The same few files to each of many boards, over as many ports."""
    files = dict(list(build_firmware().items())[::SHARE_OF_MANY])
    count = BOARDS_QUICK if bench.quick else BOARDS
    with ExitStack() as stack:
        boards = [
            stack.enter_context(chip_board(bench.folder, blank=False, baud=BAUD, name=f"many-{number}"))
            for number in range(count)
        ]
        ports = [Port(board.port) for board in boards]
        others = {path: data + b"\0" for path, data in files.items()}  # so that none is there already
        rounds = fewer(bench, 1).interleave(
            {
                IN_TURN: lambda: sum(jobs_s([port], files) for port in ports),
                AT_ONCE: lambda: jobs_s(ports, others),
            }
        )
    note = f"{count} boards, {sum(map(len, files.values())):,} bytes each, at {BAUD:,} baud"
    return Figure("tools/many boards", "s", "less", rounds, note=note)


def jobs_s(ports: list[Port], files: dict[str, bytes]) -> float:
    def bring(port: Port, _progress: Progress) -> Outcome:
        with Console.open(port.device) as console:
            upload(console, list(survey(console, ROOTS).changed(files).items()))
            whole = is_whole(console, {path: sha(data) for path, data in files.items()})
        return Outcome("brought" if whole else "not as it should be", ok=whole)

    begin_s = time.monotonic()
    with contextlib.redirect_stderr(io.StringIO()):
        outcomes = run_jobs(ports, bring)
    bad = [f"{one.port}: {one.text}" for one in outcomes if not one.ok]
    if bad:
        raise Unmeasured("; ".join(bad))
    return time.monotonic() - begin_s
