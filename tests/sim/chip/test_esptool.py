"""Unmodified esptool on the ROM and the stub of all three chips, over a pty, as its users type it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from pathlib import Path

import pytest

from host_tools.port.chip import identify
from host_tools.port.ports import Port
from host_tools.sim.chip.boot import Boot, NoBoot, bootable
from host_tools.sim.chip.flash import SECTOR_BYTES, Flash
from host_tools.sim.chip.image import APP_AT, sim_image
from host_tools.sim.chip.rom import Leave, Rom
from host_tools.sim.chip.targets import TARGETS
from tests.sim.chip.rom_host import MAC
from tests.sim.chip.rom_port import RomPort
from tests.sim.chips import PATIENT

TIMEOUT_S = 60
LATE_S = 0.5
FLASH_MIB = {"esp32": 4, "esp32s3": 8, "esp32c3": 4}


class LateRom(Rom):
    """Starts the stub later than esptool waits for by default, as where its thread gets no processor."""

    def _mem_end(self, payload: bytes, checksum: int) -> tuple[int, bytes] | None:
        time.sleep(LATE_S)
        return super()._mem_end(payload, checksum)


class Bench:
    """A chip, its image file, and esptool at its port."""

    def __init__(self, chip: str, folder: Path, flash: Flash, port: RomPort) -> None:
        self.chip = chip
        self.folder = folder
        self.flash = flash
        self.port = port
        self.image = folder / "image.bin"
        self.image.write_bytes(sim_image(chip))
        self.environment: dict[str, str] = {}
        self.at = hex(TARGETS[chip].bootloader_at)

    def esptool(self, *arguments: str, status: int = 0) -> str:
        """Run esptool on a chip that just came into download mode; what it said."""
        self.port.rom = Rom(self.chip, MAC, self.flash)
        return self.again("--chip", self.chip, *arguments, status=status)

    def again(self, *arguments: str, status: int = 0) -> str:
        """The same without a reset in between."""
        return run("--port", self.port.device, *arguments, status=status, environment=self.environment)

    def boots(self) -> bool:
        return isinstance(bootable(self.flash, self.chip), Boot)


def run(*arguments: str, status: int = 0, environment: Mapping[str, str] | None = None) -> str:
    """Run esptool; it must end with `status`."""
    variables = {**os.environ, **PATIENT, "NO_COLOR": "1", "COLUMNS": "200", **(environment or {})}
    done = subprocess.run(
        [sys.executable, "-m", "esptool", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT_S,
        env=variables,
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
    if bench.chip != "esp32":
        memory = {"esp32c3": "Embedded Flash 4MB (XMC)", "esp32s3": "Embedded PSRAM 8MB (AP_3v3)"}
        assert memory[bench.chip] in said


def test_write_compressed_verify_and_read(bench: Bench) -> None:
    assert isinstance(bootable(bench.flash, bench.chip), NoBoot)
    said = bench.esptool("--baud", "921600", "write-flash", bench.at, str(bench.image))
    assert (
        "Changing baud rate to 921600" in said and "compressed" in said and "Hash of data verified." in said
    )
    assert bench.port.rom.stub and bench.port.rom.baud == 921_600
    assert bench.boots()
    part = bench.folder / "part.bin"
    said = bench.again("verify-flash", bench.at, str(bench.image))  # no reset in between
    assert "Stub flasher is already running" in said and "digest matched" in said
    bench.again("read-flash", "0x8000", "0xa123", str(part))
    assert part.read_bytes() == bench.flash.read(0x8000, 0xA123)


def test_write_without_compression_and_erase(bench: Bench) -> None:
    said = bench.esptool("write-flash", "--no-compress", bench.at, str(bench.image))
    assert "Hash of data verified." in said and "compressed" not in said
    assert bench.boots()
    bench.flash.program(0x20000, b"next to it")
    bench.again("erase-region", "0x8000", "0x18000")
    assert bench.flash.read(0x8000, 0x18000) == b"\xff" * 0x18000
    assert bench.flash.read(0x20000, 10) == b"next to it"
    assert "erased successfully" in bench.again("erase-flash")
    assert bench.flash.read(0, bench.flash.size).count(0xFF) == bench.flash.size


def test_the_rom_alone(bench: Bench) -> None:
    part = bench.folder / "part.bin"
    bench.flash.program(0x3F0000, bytes(0x1000))
    said = bench.esptool("--no-stub", "write-flash", bench.at, str(bench.image))
    assert "Hash of data verified." in said
    assert bench.boots()
    bench.again("--no-stub", "erase-region", "0x3f0000", "0x1000")  # past the 2 MiB that the ROM starts with
    bench.again("--no-stub", "read-flash", "0x3f0f80", "0x100", str(part))
    assert part.read_bytes() == b"\xff" * 0x100
    assert "digest matched" in bench.again("--no-stub", "verify-flash", bench.at, str(bench.image))
    assert not bench.port.rom.stub and bench.port.rom.leaving is None
    bench.again("--no-stub", "--after", "no-reset", "run")
    assert bench.port.rom.leaving == Leave.BOOT


def test_mac_security_and_reset(bench: Bench) -> None:
    assert "3c:84:27:11:22:33" in bench.esptool("--after", "no-reset", "read-mac")
    assert not bench.port.rom.stub  # it went back to the ROM
    if bench.chip == "esp32":
        return  # it has neither security information nor a watchdog that esptool would use
    said = bench.again("--after", "watchdog-reset", "get-security-info")
    assert f"Chip ID: {TARGETS[bench.chip].image_chip_id}" in said and "Flash Encryption: Disabled" in said
    assert bench.port.rom.leaving == Leave.RESET


def test_broken_chips(bench: Bench) -> None:
    bench.flash.dead_sectors.add(APP_AT // SECTOR_BYTES + 1)
    said = bench.esptool("write-flash", bench.at, str(bench.image), status=2)
    assert "MD5 of file does not match data in flash!" in said
    assert not bench.boots()
    bench.flash.dead_sectors.clear()
    assert "in flash!" not in bench.esptool("write-flash", bench.at, str(bench.image))
    assert bench.boots()
    wrong = bench.folder / "wrong.bin"
    wrong.write_bytes(sim_image("esp32s3" if bench.chip == "esp32" else "esp32"))
    said = bench.again("write-flash", bench.at, str(wrong), status=2)
    assert f"is not an {TARGETS[bench.chip].title} image" in said
    assert bench.boots()


def test_a_reset_in_the_middle(bench: Bench) -> None:
    bench.flash.reset_at_byte = 0xA000
    bench.environment["ESPTOOL_CFGFILE"] = str(bench.folder / "esptool.cfg")
    (bench.folder / "esptool.cfg").write_text("[esptool]\ntimeout = 0.2\nconnect_attempts = 1\n")
    said = bench.esptool("write-flash", "--no-compress", bench.at, str(bench.image), status=2)
    assert "fatal error occurred" in said
    assert bench.port.rom.leaving == Leave.RESET
    assert bench.flash.programmed_bytes == 0xA000
    assert not bench.boots()


def test_a_chip_that_is_late(bench: Bench) -> None:
    bench.port.rom = LateRom(bench.chip, MAC, bench.flash)
    assert "Stub flasher running." in bench.again("flash-id")
    bench.port.rom = LateRom(bench.chip, MAC, bench.flash)
    assert identify(Port(bench.port.device)).name == bench.chip


@pytest.mark.parametrize("chip", TARGETS)
def test_esptool_accepts_the_images(run_dir: Path, chip: str) -> None:
    facts = TARGETS[chip]
    path = run_dir / "image.bin"
    path.write_bytes(sim_image(chip))
    said = run("image-info", str(path))
    assert f"Detected image type: {facts.title}" in said and "Bootloader Information" in said
    assert "(valid)" in said and "invalid" not in said.lower() and "warning" not in said.lower()
    path.write_bytes(sim_image(chip)[APP_AT - facts.bootloader_at :])
    said = run("image-info", str(path))
    assert "Project name: micropython" in said and "App version: v1.29.0" in said
    assert len(re.findall(r"\(valid\)", said)) == 2 and "invalid" not in said.lower()
    for kind in ("DROM", "IROM", "IRAM", "DRAM"):
        assert kind in said
