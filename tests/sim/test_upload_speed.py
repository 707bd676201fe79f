"""How long the real firmware takes over 115,200 baud, against `mpremote fs cp -r` of the same files."""

import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from host_tools.build.firmware import build_firmware
from host_tools.port.console import Console
from host_tools.port.upload import is_whole, sha, survey, upload
from tests.lateness import Stopwatch
from tests.sim.chips import chip_board

BAUD = 115_200
AS_FAST = 3
AS_FAST_ONE_CHANGED = 10
ROOTS = ("/a", "/loader", "/main.py", "/boot.py")


def seconds_to_upload(port: str, files: dict[str, bytes]) -> float:
    """With everything that belongs to it: the prompt, what is there, what differs, reading back."""
    watch = Stopwatch()
    with Console.open(port) as console:
        upload(console, list(survey(console, ROOTS).changed(files).items()))
        assert is_whole(console, {path: sha(data) for path, data in files.items()})
    return watch.took_s()


def test_as_fast_as_promised(run_dir: Path) -> None:
    """A third of the firmware, on two boards at once. mpremote is not waited for: that it is not done yet is
    enough."""
    files = dict(list(build_firmware().items())[::3])
    here = run_dir / "files"
    for path, data in files.items():
        (here / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (here / path[1:]).write_bytes(data)
    with (
        chip_board(run_dir, blank=False, baud=BAUD, name="theirs") as theirs,
        chip_board(run_dir, blank=False, baud=BAUD, name="ours") as ours,
    ):
        command = [sys.executable, "-m", "mpremote", "connect", theirs.port, "fs", "cp", "-r", ".", ":"]
        begin = time.monotonic()
        with subprocess.Popen(command, cwd=here, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as other:
            try:
                all_s = seconds_to_upload(ours.port, files)
                files[max(path for path in files if path.startswith("/a/"))] += b"\0"
                one_s = seconds_to_upload(ours.port, files)
                wanted_s = max(AS_FAST * all_s, AS_FAST_ONE_CHANGED * one_s)
                with suppress(subprocess.TimeoutExpired):
                    other.wait(max(0.0, begin + wanted_s - time.monotonic()))
                other_s = time.monotonic() - begin
                ended = other.poll()
            finally:
                other.kill()
            told = f"mpremote: {other_s:.1f} s or more, all: {all_s:.1f} s, one changed: {one_s:.1f} s"
            print(told)
            assert ended in (None, 0), other.stderr and other.stderr.read().decode()
        assert other_s >= AS_FAST * all_s and other_s >= AS_FAST_ONE_CHANGED * one_s, told
        theirs.cut()
        assert len(theirs.files()) > len(files) // 10, "mpremote copies other files, or hangs"
