"""What goes wrong with a simulated board on its port, on order: `--fault NAME=VALUE`, or Faults in Python.

    drop=RATE[:SEED]   each byte is lost with this chance (0 to 1), in both directions
    disconnect=N       after N bytes, both directions counted, the port goes away for a moment
    reset-write=N      the chip resets after N bytes that the loader (ROM or stub) wrote to its flash
    bad-sector=OFFSET  the flash sector at this address takes nothing, of the loader or of MicroPython
    cut=N              power is cut after N bytes from the host; `sim boot` gives it back
    cut-op=N           power is cut in the middle of MicroPython's N-th program or erase of the filesystem,
                       counted from the last such cut
    overrun=N          bytes from the host that find N others unread are lost (an ESP32: 260 + 128)
    busy               another process has the port

All but drop, busy and overrun may be given several times; each of them strikes once (bad-sector for ever).
"""

import random
from dataclasses import dataclass, field, replace

from host_tools.errors import BadInput
from host_tools.sim.chip.flash import SECTOR_BYTES

BAD_SECTORS_MAX = 4  # that layout.py has fields for
NAMES = "drop=RATE[:SEED], disconnect=N, reset-write=N, bad-sector=OFFSET, cut=N, cut-op=N, overrun=N, busy"


@dataclass
class Faults:
    """Numbers count from when the board was started, lists are used up."""

    drop: float = 0.0
    seed: int = 0
    disconnect: list[int] = field(default_factory=list)
    reset_write: list[int] = field(default_factory=list)
    bad_sectors: list[int] = field(default_factory=list)  # numbers of sectors
    cut: list[int] = field(default_factory=list)
    cut_op: list[int] = field(default_factory=list)
    overrun: int | None = None
    busy: bool = False

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        for strikes in (self.disconnect, self.reset_write, self.cut):
            strikes.sort()

    def lose(self, data: bytes) -> bytes:
        """What is left of some bytes on the wire."""
        if not self.drop:
            return data
        return bytes(byte for byte in data if self._chance.random() >= self.drop)


def parse(texts: list[str]) -> Faults:
    """The faults of `--fault` options. Raises BadInput."""
    values: dict[str, list[str]] = {}
    for text in texts:
        name, _, value = text.partition("=")
        values.setdefault(name, []).append(value)
    faults = Faults(busy="busy" in values)
    values.pop("busy", None)
    for name, given in values.items():
        for value in given:
            try:
                _set(faults, name, value)
            except ValueError:
                raise BadInput(f"--fault {name}={value}: not understood", f"--fault: {NAMES}") from None
    return replace(faults)  # sorted, and its chance seeded


def _set(faults: Faults, name: str, value: str) -> None:
    if name == "drop":
        rate, _, seed = value.partition(":")
        faults.drop, faults.seed = float(rate), int(seed or 0)
        if not 0 <= faults.drop <= 1:
            raise ValueError(value)
        return
    number = int(value, 0)
    if number < 0:
        raise ValueError(value)
    if name == "overrun":
        faults.overrun = number
    elif name == "bad-sector":
        faults.bad_sectors.append(number // SECTOR_BYTES)
        if len(faults.bad_sectors) > BAD_SECTORS_MAX:
            raise ValueError(value)
    else:
        lists = {
            "disconnect": faults.disconnect,
            "reset-write": faults.reset_write,
            "cut": faults.cut,
            "cut-op": faults.cut_op,
        }
        if name not in lists or number == 0:
            raise ValueError(name)
        lists[name].append(number)
