"""A simulated chip in download mode, as fixtures: `rom`, `stub`, and `host` for tests of both."""

from collections.abc import Generator
from pathlib import Path

import pytest

from host_tools.sim.chip.flash import Flash
from host_tools.sim.chip.rom import Rom
from tests.sim.chip.rom_host import MAC, Host


@pytest.fixture
def flash(run_dir: Path) -> Generator[Flash]:
    with Flash.create(run_dir / "flash.bin") as flash:
        yield flash


@pytest.fixture
def rom(flash: Flash) -> Host:
    return Host(Rom("esp32s3", MAC, flash))


@pytest.fixture
def stub(rom: Host) -> Host:
    rom.start_stub()
    return rom


@pytest.fixture(params=["rom", "stub"])
def host(request: pytest.FixtureRequest, rom: Host) -> Host:
    if request.param == "stub":
        rom.start_stub()
    return rom
