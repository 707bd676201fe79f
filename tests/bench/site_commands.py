"""How long `site` takes for a site of 500 boards: python -m tests.bench.site_commands [BOARDS]

Each command is a process of its own, as a person starts it. Work on boards and brokers is not measured.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from host_tools.site.ca import CERTIFICATE_FILE
from host_tools.site.credentials import Credentials
from host_tools.site.inventory import Inventory
from host_tools.site.load import load_site
from tests.vaults import PASSPHRASE, cheap_vault

BOARDS = 500
HEAD = """\
version: 1
site: big
time_zone: Europe/Berlin
broker: {host: 127.0.0.1, port: 9}
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


class Taken(NamedTuple):
    seconds: float
    of_processor: float
    """What it would take on a computer that has nothing else to do."""


def timed(folder: Path, *words: str, statuses: tuple[int, ...] = (0,)) -> Taken:
    begin_s, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "host_tools.cli", "site", *words],
        cwd=folder,
        env={**os.environ, "SPORTBOX_PASSPHRASE": PASSPHRASE},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    assert done.returncode in statuses, words
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    of_processor = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Taken(time.monotonic() - begin_s, of_processor)


def provisioned(file: Path) -> None:
    """The vault of the site, all boards in the inventory, and a broker that nobody answers for."""
    vault = cheap_vault(file)
    site, inventory = load_site(file), Inventory.open(file)
    credentials = Credentials(site, vault, inventory)
    certificate = credentials.files("court-1")[CERTIFICATE_FILE]
    with inventory.writing() as db:
        for number, name in enumerate(site.devices):
            serial, mac = f"{number + 1:x}", f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"
            db.execute(
                "INSERT INTO certificates VALUES (?, ?, 1, 1, ?, ?)",
                (serial, name, credentials.authority, certificate),
            )
            db.execute(
                "INSERT INTO boards (mac, device, provisioned, key_version, serial, seen_s)"
                " VALUES (?, ?, 1, 1, ?, 1)",
                (mac, name, serial),
            )


def figures(boards: int = BOARDS) -> dict[str, Taken]:
    """By command."""
    with tempfile.TemporaryDirectory(prefix="sportbox-bench-") as name:
        folder = Path(name)
        (folder / "big.yaml").write_text(big_site(boards), encoding="utf-8")
        provisioned(folder / "big.yaml")
        return {
            "schema": timed(folder, "schema"),
            "migrate": timed(folder, "migrate", "big.yaml"),
            "check": timed(folder, "check", "big.yaml"),
            "export": timed(folder, "export", "big.yaml", "-o", "kit.zip"),
            "import": timed(folder, "import", "kit.zip", "--site", "other"),
            "new": timed(folder, "new", "copy.yaml", "--from", "big.yaml"),
            "plan": timed(folder, "plan", "big.yaml", statuses=(3,)),
            "status": timed(folder, "status", "big.yaml", statuses=(3,)),
            "login": timed(folder, "login", "big.yaml", "booking"),
        }


if __name__ == "__main__":
    for command, taken in figures(int(sys.argv[1]) if len(sys.argv) > 1 else BOARDS).items():
        print(f"site {command:8} {taken.seconds:.2f} s, {taken.of_processor:.2f} s of the processor")
