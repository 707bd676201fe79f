"""What a board is before anything is done to it: chip, MicroPython, and who it is provisioned as."""

from dataclasses import dataclass

from host_tools.port.chip import SECTOR_BYTES, Chip, Loader
from host_tools.port.image import APP, TABLE_ADDRESS, TABLE_BYTES, Broken, description, parse_table
from host_tools.port.inhabited import Tenant, tenant
from host_tools.port.jobs import Progress
from host_tools.port.ports import Port


@dataclass(frozen=True)
class Seen:
    """`micropython`: the version on its flash, such as 1.29.0; None: none, or another program."""

    chip: Chip
    micropython: str | None = None
    tenant: Tenant | None = None


def survey(port: Port, progress: Progress | None = None) -> Seen:
    """Restarts the board. Raises BadInput for a chip that the firmware does not run on, Unreachable, Lost."""
    with Loader.open(port, progress) as loader:
        seen = Seen(loader.chip, _micropython(loader), tenant(loader))
        loader.restart()
    return seen


def _micropython(loader: Loader) -> str | None:
    try:
        table = parse_table(loader.read(TABLE_ADDRESS, TABLE_BYTES))
    except Broken:
        return None
    app = next((part for part in table if part.kind == APP), None)
    if app is None or app.address + SECTOR_BYTES > loader.chip.flash_bytes:
        return None
    project, version = description(loader.read(app.address, SECTOR_BYTES))
    return version.removeprefix("v") if project == "micropython" else None
