"""The console on a terminal: what its relay on the host is told, and output that it must not touch.

The relay makes CR LF of LF, as the ESP32 does with what is printed but not with what a program writes to
`sys.stdout.buffer`. On this VM both are one stream, so the latter is marked. `sys` is built in: a stand-in
takes its place for programs that import it; who imports `usys` gets the original.
"""

import sys

import micropython
from _layout import MARK_BYTES as _MARK_BYTES
from _layout import MARK_PROMPT as _MARK_PROMPT
from _layout import CHIPS as _CHIPS
from _layout import MARK_RUNS as _MARK_RUNS
from _world import page as _page

_MACHINES = {
    "esp32": "Generic ESP32 module with ESP32",
    "esp32s3": "Generic ESP32S3 module with ESP32S3",
    "esp32c3": "ESP32C3 module with ESP32C3",
}
_bytes_out = sys.stdout.buffer
_mark = bytes(_MARK_BYTES)
_prompt_mark = bytes(_MARK_PROMPT)


class _Binary:
    def write(self, data, *part):
        """`part` as of any stream: nothing, a length, or an offset and a length."""
        data = memoryview(data)
        if part:
            data = data[part[0] if len(part) > 1 else 0 :][: part[-1]]
        data = bytes(data)
        _bytes_out.write(_mark + len(data).to_bytes(4, "little") + data)
        return len(data)

    def __getattr__(self, name):
        return getattr(_bytes_out, name)


class _Output:
    buffer = _Binary()

    def __getattr__(self, name):
        return getattr(_stdout, name)


class _Implementation:
    _machine = _MACHINES.get(_CHIPS[_page.chip], "ESP32")

    def __getattr__(self, name):
        return getattr(_sys.implementation, name)


class _Sys:
    stdout = _Output()
    platform = "esp32"
    implementation = _Implementation()

    def __getattr__(self, name):
        return getattr(_sys, name)


_stdout = sys.stdout
_sys = sys


def start():
    """Ctrl-C interrupts from here on."""
    sys.modules["sys"] = _Sys()
    micropython.kbd_intr(3)
    _bytes_out.write(_MARK_RUNS)


def prompt():
    """The interpreter shows its own prompt next, where Ctrl-C is a character as others."""
    micropython.kbd_intr(-1)
    try:
        for _ in range(9):  # one that came last is raised here, where it is nothing
            pass
    except KeyboardInterrupt:
        print("KeyboardInterrupt: ")
    _bytes_out.write(_prompt_mark)
