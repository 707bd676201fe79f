"""The board's side of the world page. `start` imports this with the page's address in sys.argv."""

import sys

import uctypes
import vfs
from _layout import FIELDS, RMT, RMT_FIELDS, RMT_SIZE, SIZE

_CODES = {"B": uctypes.UINT8, "b": uctypes.INT8, "I": uctypes.UINT32, "Q": uctypes.UINT64, "q": uctypes.INT64}


def _table(fields):
    return {name: at | _CODES[code] for name, (at, code) in fields.items()}


_ADDRESS = int(sys.argv[1])
_RMT_TABLE = _table(RMT_FIELDS)

page = uctypes.struct(_ADDRESS, _table(FIELDS), uctypes.NATIVE)
raw = uctypes.bytearray_at(_ADDRESS, SIZE)

_shims = vfs.VfsPosix(__file__.rsplit("/", 1)[0])


def load(name):
    """Import a shim after the flash was mounted over the files of this machine."""
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


del FIELDS, RMT_FIELDS, SIZE


def rmt(pin):
    return uctypes.struct(_ADDRESS + RMT + pin * RMT_SIZE, _RMT_TABLE, uctypes.NATIVE)
