"""Scripts of tests/bench/vm in a MicroPython VM of their own, as a user's program would run."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from host_tools.setup.paths import UMQTT_DIR
from tests.bench.bench import Unmeasured
from tests.vm import machine

SCRIPTS = Path(__file__).with_name("vm")
END_S = 5.0


@contextlib.contextmanager
def running(
    script: str, *words: str, log: Path, more: tuple[Path, ...] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """It is killed at the end of the `with`; what it printed is in `log`. `more`: folders on its path."""
    vm = machine.executable()
    if vm is None:
        raise Unmeasured("there is no MicroPython VM here", hint=f"set {machine.VARIABLE}")
    path = os.pathsep.join([*map(str, (*more, UMQTT_DIR)), ".frozen"])
    with program([vm, str(SCRIPTS / script), *words], log, {"MICROPYPATH": path}) as process:
        yield process


@contextlib.contextmanager
def program(
    command: list[str], log: Path, variables: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """As `running`, of whatever kind."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **(variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(END_S)


def last_line(log: Path) -> str:
    return (log.read_text().strip().splitlines() or ["without a word"])[-1]
