"""Starts the MicroPython VM on one test file and reads its report."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from host_tools.setup.paths import REPOSITORY, UMQTT_DIR

HERE = Path(__file__).parent
RUNNER = HERE / "lib" / "run.py"
VARIABLE = "MICROPYTHON"
"""Names the executable where the package with the VM has no wheel."""
TIMEOUT_VARIABLE = "SPORTBOX_VM_TIMEOUT_S"
"""Seconds for a file that may take longer than it says of itself."""
OUTPUT_CHARS_MAX = 4000


@dataclass(frozen=True)
class Outcome:
    """What became of one test: `passed`, `failed` or `skipped`, and the text that goes with it."""

    result: str
    text: str
    seconds: float = 0.0
    properties: tuple[tuple[str, Any], ...] = ()
    """What it told the report about itself."""


def executable() -> str | None:
    """The VM: the environment's own one, unless the variable names another."""
    named = os.environ.get(VARIABLE)
    beside = Path(sys.executable).with_name("micropython")
    return shutil.which(named) if named else str(beside) if beside.exists() else shutil.which("micropython")


def search_path(tests: Path) -> str:
    """Sources of the firmware, then what tests import; `.frozen` holds asyncio and must stay."""
    firmware = REPOSITORY / "firmware"
    folders = [firmware, firmware / "loader", REPOSITORY, HERE / "lib", UMQTT_DIR, tests]
    return os.pathsep.join([*map(str, folders), ".frozen"])


def run_file(path: Path, tests: Sequence[str], heap: str, timeout_s: float) -> dict[str, Outcome]:
    """Run the tests of one file in one VM. A VM that crashes, hangs or stops early fails all of them."""
    vm = executable()
    if vm is None:
        return {test: Outcome("skipped", f"no MicroPython VM here (set {VARIABLE})") for test in tests}
    timeout_s = max(timeout_s, float(os.environ.get(TIMEOUT_VARIABLE) or 0))
    with tempfile.TemporaryDirectory(prefix="sportbox-vm-") as scratch:
        report = Path(scratch) / "report.jsonl"
        command = [vm, "-X", f"heapsize={heap}", str(RUNNER), str(report), path.stem, *tests]
        ended, output = run_bounded(command, search_path(path.parent), Path(scratch), timeout_s)
        lines = [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []
    if ended != "exit status 0" or not lines or "done" not in lines[-1]:
        reached = f", after {lines[-1]['test']}" if lines and "test" in lines[-1] else ""
        text = f"the VM did not finish this file: {ended}{reached}\n{output[-OUTPUT_CHARS_MAX:]}"
        return {test: Outcome("failed", text) for test in tests}
    outcomes = {test: Outcome("failed", "the VM did not find this test") for test in tests}
    for line in lines[:-1]:  # a later line for the same test, of tearDownClass, is a failure and counts
        text = line["text"] + (f"--- output of the file ---\n{output}" if output else "")
        properties = tuple((name, value) for name, value in line.get("properties", ()))
        outcomes[line["test"]] = Outcome(
            line["outcome"], text[-OUTPUT_CHARS_MAX:], line["ms"] / 1000, properties
        )
    return outcomes


def run_bounded(command: list[str], path: str, folder: Path, timeout_s: float) -> tuple[str, str]:
    """Run a command in its own process group; tell how it ended and what it said."""
    environment = {**os.environ, "MICROPYPATH": path}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout_s)
        ended = f"exit status {process.returncode}"
        if process.returncode < 0:
            ended = f"killed by {signal.Signals(-process.returncode).name}"
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        ended = f"still running after {timeout_s:g} s"
    return ended, output.decode("utf-8", "replace")
