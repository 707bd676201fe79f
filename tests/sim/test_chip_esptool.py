"""Unmodified esptool on the ROM and the stub of all three chips, over a pty, as its users type it."""

import os
import re
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

from host_tools.sim.chip.boot import Boot, bootable
from host_tools.sim.chip.flash import Flash
from host_tools.sim.chip.image import sim_image
from host_tools.sim.chip.rom import Rom
from host_tools.sim.chip.targets import TARGETS
from tests.sim.rom_port import RomPort

MAC = bytes.fromhex("3c8427112233")
TIMEOUT_S = 60
FLASH_MIB = {"esp32": 4, "esp32s3": 8, "esp32c3": 4}


class Bench:
    """A chip, its image file, and esptool at its port."""

    def __init__(self, chip: str, folder: Path, flash: Flash, port: RomPort) -> None:
        self.chip = chip
        self.folder = folder
        self.flash = flash
        self.port = port
        self.image = folder / "image.bin"
        self.image.write_bytes(sim_image(chip))
        self.at = hex(TARGETS[chip].bootloader_at)

    def esptool(self, *arguments: str, status: int = 0) -> str:
        """Run esptool on a chip that just came into download mode; what it said."""
        self.port.rom = Rom(self.chip, MAC, self.flash)
        return run("--chip", self.chip, "--port", self.port.device, *arguments, status=status)

    def boots(self) -> bool:
        return isinstance(bootable(self.flash, self.chip), Boot)


def run(*arguments: str, status: int = 0) -> str:
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "NO_COLOR": "1", "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-m", "esptool", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        env=environment,
    )
    assert done.returncode == status, f"esptool {' '.join(arguments)}: {done.returncode}\n{done.stdout}"
    return done.stdout


@pytest.fixture(params=list(TARGETS))
def bench(request: pytest.FixtureRequest, run_dir: Path) -> Generator[Bench]:
    chip = request.param
    with (
        Flash.create(run_dir / "flash.bin", FLASH_MIB[chip]) as flash,
        RomPort(Rom(chip, MAC, flash)) as port,
    ):
        yield Bench(chip, run_dir, flash, port)


def test_chip_is_told_without_its_name(bench: Bench) -> None:
    said = run("--port", bench.port.device, "flash-id")
    assert f"Connected to {TARGETS[bench.chip].title} on" in said
    assert re.search(r"Chip type: +ESP32.* \(revision v[0-3]\.[0-4]\)", said)
    assert "Crystal frequency:  40MHz" in said
    assert "MAC:                3c:84:27:11:22:33" in said
    assert f"Detected flash size: {FLASH_MIB[bench.chip]}MB" in said
    assert "Unknown" not in said


def test_flash_and_verify(bench: Bench) -> None:
    assert bench.flash.read(0, 0x1000) == b"\xff" * 0x1000
    said = bench.esptool("write-flash", bench.at, str(bench.image))
    assert "Hash of data verified." in said and "compressed" in said
    assert bench.boots()
    assert "digest matched" in bench.esptool("verify-flash", bench.at, str(bench.image))
    part = bench.folder / "part.bin"
    bench.esptool("read-flash", "0x8000", "0xa123", str(part))
    assert part.read_bytes() == bench.flash.read(0x8000, 0xA123)
