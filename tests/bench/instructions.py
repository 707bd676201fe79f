"""How many instructions a message costs: the difference of two runs, counted by valgrind."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.bench.bench import Unmeasured

FEW, MANY = 500, 3500
"""Far enough apart for some garbage collections to lie between them."""
TIMEOUT_S = 240
_COLLECTED = re.compile(r"Collected : (\d+)")


def available() -> bool:
    return shutil.which("valgrind") is not None


def total(command: list[str], environment: dict[str, str], folder: Path) -> int:
    """Of one run, in user space."""
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder / 'callgrind.out'}", *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    found = _COLLECTED.search(done.stderr)
    if done.returncode or found is None:
        raise Unmeasured(f"valgrind: exit status {done.returncode}: {done.stderr.strip()[-300:]}")
    return int(found[1])


def a_message(command_of: Callable[[int], list[str]], environment: dict[str, str], folder: Path) -> float:
    few, many = (total(command_of(count), environment, folder) for count in (FEW, MANY))
    return (many - few) / (MANY - FEW)
