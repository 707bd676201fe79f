"""What the board drives on its pins. Importable by CPython and MicroPython, apart from the layout: on the VM
the layout goes when its tables were read, and a function would keep all of it.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mmap import mmap

    from host_tools.sim.records import Record

if __name__ == "_outputs":
    from _layout import OUT_KIND, OUT_LEVEL, OUT_NONE, OUT_OPEN_DRAIN, OUT_RMT  # type: ignore[import-not-found]
else:
    from host_tools.sim.layout import OUT_KIND, OUT_LEVEL, OUT_NONE, OUT_OPEN_DRAIN, OUT_RMT


def output(raw: "mmap", channel: "Record | None", pin: int, now_us: int) -> "int | None":
    """The level that the board drives on a pin, None if it drives none. `channel` is its RMT record."""
    kind = raw[OUT_KIND + pin]
    if kind == OUT_NONE:
        return None
    if kind == OUT_RMT and channel is not None:
        return channel.idle ^ (1 if channel.start_us <= now_us < channel.until_us else 0)
    level = raw[OUT_LEVEL + pin]
    return None if kind == OUT_OPEN_DRAIN and level else level
