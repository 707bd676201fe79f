"""The board's side of the world page. `_start` imports this with the page's address in sys.argv."""

import sys

import uctypes
import vfs
import _layout as _l
from _time import ticks_us as now_us
from _layout import RMT as _RMT, RMT_SIZE as _RMT_SIZE

_CODES = {
    "B": uctypes.UINT8,
    "b": uctypes.INT8,
    "H": uctypes.UINT16,
    "I": uctypes.UINT32,
    "Q": uctypes.UINT64,
    "q": uctypes.INT64,
}
_ADDRESS = int(sys.argv[1])


def table(fields):
    return {name: at | _CODES[code] for name, (at, code) in fields.items()}


def record(at, fields):
    """The part of the page that begins at `at`; `fields` is a table()."""
    return uctypes.struct(_ADDRESS + at, fields, uctypes.NATIVE)


_RMT_TABLE = table(_l.RMT_FIELDS)

page = record(0, table(_l.FIELDS))
raw = uctypes.bytearray_at(_ADDRESS, _l.SIZE)
_actuators = table(_l.ACTUATOR_FIELDS) if page.actuators else {}
actuators = [record(_l.ACTUATOR + i * _l.ACTUATOR_SIZE, _actuators) for i in range(page.actuators)]

_shims = vfs.VfsRom(uctypes.bytearray_at(int(sys.argv[5]), int(sys.argv[6])))


def load(name):
    """Import a shim later, when the ROM is no longer mounted."""
    if name not in sys.modules:
        is_first = sys.path[0] != "/.shims"
        if is_first:
            vfs.mount(_shims, "/.shims")
            sys.path.insert(0, "/.shims")
        try:
            __import__(name)
        finally:
            if is_first:
                sys.path.pop(0)
                vfs.umount("/.shims")
                sys.modules.pop("_layout", None)
    return sys.modules[name]


del _l


def rmt(pin):
    return record(_RMT + pin * _RMT_SIZE, _RMT_TABLE)
