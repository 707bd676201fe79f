"""A copy of the checkout in which faults are planted one at a time, and its tests are run.

A copy has its own `build`, where compiled firmware is kept by its content, and what Python compiles is kept
by a file's time: each fault gives its file a time of its own, so no run sees the fault of another.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from host_tools.setup.paths import REPOSITORY
from tests.mutants.planted import Fault, Rotten, arguments

RED = re.compile(r"^(?:SUB)?(?:FAILED|ERROR)(?:\(.*?\)|\[.*?\])? (tests/.+?)(?: - .*)?$", re.MULTILINE)
PASSED, FAILED = 0, 1
"""pytest's exit statuses; the others are no verdict: nothing was run, or what was asked for is wrong."""


@dataclass(frozen=True)
class Verdict:
    """What became of a run: `green`, `red`, `endless`, or `unsure` with what pytest said."""

    what: str
    by: str = ""
    said: str = ""


class Ground:
    """One copy; `number` tells them apart."""

    def __init__(self, number: int, below: Path) -> None:
        self.root = below / f"copy-{number}"
        self._planted = 0
        for path in self.root.glob("*") if self.root.is_dir() else ():
            if path.name != "build":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(listed, cwd=REPOSITORY, capture_output=True, check=True).stdout.split(
            b"\0"
        ):
            source = REPOSITORY / os.fsdecode(name)
            if name and source.is_file():
                target = self.root / os.fsdecode(name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    @contextmanager
    def planted(self, fault: Fault) -> Iterator[None]:
        """Raises Rotten."""
        path = self.root / fault.file
        if not path.is_file():
            raise Rotten(f"{fault.where}: there is no {fault.file}")
        text, stat = path.read_text(encoding="utf-8"), path.stat()
        patched = fault.planted(text)
        self._planted += 1
        path.write_text(patched, encoding="utf-8")
        os.utime(path, (stat.st_atime, stat.st_mtime + 1 + self._planted))
        try:
            yield
        finally:
            path.write_text(text, encoding="utf-8")
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    def run(self, entry: str, timeout_s: float) -> Verdict:
        """The tests of one entry, to the first that is red."""
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-n0", "-p", "no:cacheprovider", "--tb=line"]
        environment = {**os.environ, "PYTHONPATH": str(self.root), "COLUMNS": "200"}
        environment.pop("CI", None)  # there a skip is red
        process = subprocess.Popen(
            [*command, *arguments(entry)],
            cwd=self.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            text=True,
            errors="replace",
        )
        try:
            said, _ = process.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said, _ = process.communicate()
            return Verdict("endless", "timeout", said)
        if process.returncode == PASSED:
            return Verdict("green")
        red = RED.search(said)
        if process.returncode != FAILED or red is None:
            return Verdict("unsure", f"exit status {process.returncode}", said)
        return Verdict("red", red[1], said)
