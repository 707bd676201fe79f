"""A shim offers no name and no signature that the ESP32 stubs lack: what runs here, the type checker knows.

Convention in the shims: a name that begins with an underscore is a helper or, as a parameter, one that cannot
be given by name (MicroPython has no `/` in signatures).
"""

from dataclasses import replace
from pathlib import Path

import pytest

from host_tools.setup.paths import TYPINGS_DIR
from host_tools.sim import layout
from host_tools.sim.shims import VM_SOURCES
from tests.sim.stubs import Interface, Parameter, Signature, read

# shim -> stub
MODULES = {
    "machine.py": "machine.pyi",
    "esp32.py": "esp32.pyi",
    "_power.py": "machine.pyi",
    "_registers.py": "machine.pyi",
    "_wake.py": "esp32.pyi",
    "network.py": "network.pyi",
    "ntptime.py": "ntptime.pyi",
    "time.py": "time.pyi",
    "socket.py": "socket.pyi",
    "_errno.py": "errno.pyi",
}
CLASSES = {
    ("_loop.py", "ThreadSafeFlag"): "stdlib/asyncio/micropython.pyi",
    ("_i2c.py", "I2C"): "machine.pyi",
    ("_uart.py", "UART"): "machine.pyi",
}

# names that the VM asks for and Python code has no use for
SLOTS = {"ioctl": "asyncio and poll() call it through the stream protocol"}
# The stubs were made from a build for the first ESP32. MicroPython 1.29 (ports/esp32/modesp32.c) has these on
# the others alone: name -> what it gives
OTHER_CHIPS = {"mcu_temperature": "degrees Celsius, an integer"}
# The stubs have the shorter form alone. MicroPython 1.29 (ports/esp32/modsocket.c, mp_stream_write_obj) has
# the other one, too, and umqtt.simple 1.3.4 writes so: name -> the parameter more
LONGER = {"socket.socket.write": Parameter("size", required=True)}
DUNDERS = {"__init__", "__call__"}  # compared; other ones, such as __repr__, every object has


def stub(name: str) -> Interface:
    path = TYPINGS_DIR / name
    if not path.is_file():
        pytest.fail(f"{path} is missing: make setup")
    return read(path)


def is_public(name: str) -> bool:
    return not name.startswith("_") or name in DUNDERS


def offered(interface: Interface) -> set[str]:
    return {n for n in interface.names if is_public(n) and n not in SLOTS and n not in OTHER_CHIPS}


def compare(where: str, shim: Interface, real: Interface) -> list[str]:
    wrong = [f"{where}.{name}: the ESP32 has no such name" for name in sorted(offered(shim) - real.names)]
    for name in sorted(offered(shim) & real.names):
        here = f"{where}.{name}"
        if name in shim.classes:
            wrong += compare(here, shim.classes[name], real.classes.get(name, Interface()))
        elif name in shim.functions:
            overloads = real.functions.get(name)
            if overloads is not None and here in LONGER:
                more = [replace(o, positional=[*o.positional, LONGER[here]]) for o in overloads]
                overloads = overloads + more
            if overloads is None:
                wrong.append(f"{here}: no function on the ESP32")
            elif not is_untyped(overloads):
                wrong += compare_signature(here, shim.functions[name][0], overloads)
        else:
            wrong += compare_constant(here, shim.constants[name], name, real)
    return wrong


def is_untyped(overloads: list[Signature]) -> bool:
    """`*args, **kwargs` in the stub: its author does not know either."""
    return all(o.any_positional and o.any_keyword for o in overloads)


def compare_constant(here: str, value: object, name: str, real: Interface) -> list[str]:
    if value is None:
        value = getattr(layout, name, None)
    known = real.constants.get(name)
    if known is not None and value is not None and known != value:
        return [f"{here}: {value!r}, on the ESP32 {known!r}"]
    return []


def compare_signature(here: str, shim: Signature, overloads: list[Signature]) -> list[str]:
    wrong = []
    for index, parameter in enumerate(shim.positional):
        allowed = [o.positional[index] for o in overloads if index < len(o.positional)]
        if not allowed:
            wrong.append(f"{here}: takes no positional parameter {index} on the ESP32")
            continue
        if not parameter.name.startswith("_"):
            named = {
                o.positional[index].name for o in overloads if o.positional_only <= index < len(o.positional)
            }
            if parameter.name not in named:
                wrong.append(f"{here}: parameter {parameter.name!r} cannot be named so on the ESP32")
        wrong += compare_need(here, parameter, allowed, always=len(allowed) == len(overloads))
    for name, parameter in shim.keyword.items():
        if name.startswith("_"):
            continue
        allowed = [o.keyword[name] for o in overloads if name in o.keyword]
        if not allowed:
            wrong.append(f"{here}: has no keyword {name!r} on the ESP32")
        else:
            wrong += compare_need(here, parameter, allowed, always=len(allowed) == len(overloads))
    if shim.any_keyword and not any(o.any_keyword for o in overloads):
        wrong.append(f"{here}: takes no ** on the ESP32")
    if shim.any_positional and not any(o.any_positional for o in overloads):
        wrong.append(f"{here}: takes no * on the ESP32")
    return wrong


def compare_need(here: str, parameter: Parameter, allowed: list[Parameter], *, always: bool) -> list[str]:
    """Required here and there, or optional here and there with the same default."""
    is_required = always and all(p.required for p in allowed)
    if parameter.required != is_required:
        return [f"{here}: {parameter.name!r} is {'required' if is_required else 'optional'} on the ESP32"]
    defaults = [p.default for p in allowed if p.default is not None]
    if parameter.default is not None and defaults and parameter.default not in defaults:
        return [f"{here}: {parameter.name!r} is {defaults[0]!r} by default on the ESP32"]
    return []


@pytest.mark.parametrize("shim", sorted(MODULES))
def test_module_offers_only_what_the_esp32_has(shim: str) -> None:
    real = stub(MODULES[shim])
    assert compare(shim.removesuffix(".py"), read(VM_SOURCES / shim), real) == []


@pytest.mark.parametrize(("shim", "name"), sorted(CLASSES))
def test_class_offers_only_what_the_esp32_has(shim: str, name: str) -> None:
    real = stub(CLASSES[shim, name]).classes[name]
    assert compare(name, read(VM_SOURCES / shim).classes[name], real) == []


def test_every_shim_is_compared() -> None:
    helpers = {"_start.py", "_console.py", "_flash.py", "_leave.py", "_world.py", "_pins.py"}
    chips = {"_mcp23017.py", "_ds3231.py", "_vl53l1x.py", "_ld2410.py"}
    classes = {shim for shim, _ in CLASSES}
    assert {path.name for path in VM_SOURCES.glob("*.py")} == {*MODULES, *classes, *helpers, *chips}


def test_the_comparison_notices(tmp_path: Path) -> None:
    real, shim = tmp_path / "real.pyi", tmp_path / "shim.py"
    real.write_text(
        "A: Final[int] = 1\n"
        "def f(a: int, /, b: int = 2) -> None: ...\n"
        "class C:\n    def m(self, *, k: int) -> None: ...\n"
    )
    good = (
        "A = 1\ndef f(_a, b=2): pass\nclass C:\n    def m(self, *, k): pass\n    def _helper(self, x): pass\n"
    )
    shim.write_text(good)
    assert compare("x", read(shim), read(real)) == []
    for old, new in (
        ("A = 1", "A = 2"),
        ("A = 1", "Z = 1"),
        ("f(_a", "f(a"),
        ("b=2", "b=3"),
        ("b=2", "b"),
        ("b=2", "c=2"),
        ("b=2", "b=2, c=1"),
        ("_a", "_a=0"),
        ("*, k", "*, k=1"),
        ("*, k", "*, q"),
        ("_helper", "helper"),
    ):
        shim.write_text(good.replace(old, new, 1))
        assert len(compare("x", read(shim), read(real))) >= 1, (old, new)
