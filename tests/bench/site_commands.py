"""How long `site` takes for a site of 500 boards: python -m tests.bench.site_commands [BOARDS]

Each command is a process of its own, as a person starts it. Work on boards and brokers is not measured.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

BOARDS = 500
HEAD = """\
version: 1
site: big
time_zone: Europe/Berlin
broker: {host: 192.0.2.10}
wifi: {ssid: big, password_secret: wifi-main}
devices:
"""
BOX = """\
  box-%d:
    board: box-esp32s3
    components:
      lock-1: {title: Container, opening: [{from: "08:00", to: "22:00"}]}
      door-1: {title: Door}
      lock-2: {title: Compartment}
      door-2: {title: Door}
      gate-1:
      keypad-1: {opens: [lock-2]}
"""
COURT = """\
  court-%d:
    board: field-esp32c3
    components:
      court-1: {title: Court, hold_ms: 8000}
"""


def big_site(boards: int) -> str:
    """A site file of version 1; every fifth board is a box."""
    return HEAD + "".join((BOX if number % 5 == 0 else COURT) % number for number in range(boards))


def timed(folder: Path, *words: str) -> float:
    begin_s = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "host_tools.cli", "site", *words],
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
    )
    return time.monotonic() - begin_s


def figures(boards: int = BOARDS) -> dict[str, float]:
    """Seconds by command."""
    with tempfile.TemporaryDirectory(prefix="sportbox-bench-") as name:
        folder = Path(name)
        (folder / "big.yaml").write_text(big_site(boards), encoding="utf-8")
        return {
            "schema": timed(folder, "schema"),
            "migrate": timed(folder, "migrate", "big.yaml"),
            "check": timed(folder, "check", "big.yaml"),
            "export": timed(folder, "export", "big.yaml", "-o", "kit.zip"),
            "import": timed(folder, "import", "kit.zip", "--site", "other"),
            "new": timed(folder, "new", "copy.yaml", "--from", "big.yaml"),
        }


if __name__ == "__main__":
    for command, seconds in figures(int(sys.argv[1]) if len(sys.argv) > 1 else BOARDS).items():
        print(f"site {command:8} {seconds:.2f} s")
