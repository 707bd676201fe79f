"""Simulated chips on serial ports, for tests: real mpremote and esptool talk to them.

    with chip_board(run_dir, "esp32s3") as board:          # blank: only esptool gets an answer
        esptool(board.port, "chip-id")
    with chip_board(run_dir, blank=False, baud=115_200, faults=["drop=0.001:7"]) as board:
        mpremote(board.port, "exec", "print(1)")
    with chip_board(run_dir, blank=False, files={"/main.py": b"print(2)"}) as board:
        board.cut_at(1000)                                 # power is cut after 1,000 more bytes from the host
        ...
        assert board.state == "off"
        board.boot()

All boards of a test process share one thread and one zygote; a board is there within some 50 ms.
"""

import atexit
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from host_tools.sim.board import SimBoard
from host_tools.sim.chip.board import ChipBoard
from host_tools.sim.chip.body import Body
from host_tools.sim.chip.faults import parse
from host_tools.sim.chip.host import ThreadedHost
from host_tools.sim.flash import read_files
from host_tools.sim.world import mac_of
from tests.lateness import Patience

BOUND_S = 60.0
POLL_S = 0.005
PROGRAM_S = 60
PATIENT = {"ESPTOOL_CFGFILE": str(Path(__file__).with_name("esptool.cfg"))}
"""For esptool's environment: it waits for a chip that has to share the computer with other tests."""

_shared: list[ThreadedHost] = []


def shared_host() -> ThreadedHost:
    """The thread and the zygote of all boards of this test process."""
    if not _shared:
        _shared.append(ThreadedHost())
        atexit.register(_shared[0].stop)
    return _shared[0]


class TestChip:
    """A board as a test sees it. Every method may be called from the test's thread."""

    __test__ = False

    def __init__(self, host: ThreadedHost, chip: ChipBoard) -> None:
        self._host = host
        self._chip = chip
        self.name = chip.name
        self.folder = chip.body.folder
        self.port = chip.port.url
        self.mac = chip.body.mac.hex(":")
        self.sim = SimBoard(self.folder)  # .set("door-1", "pull"), .show(), .log()

    def call(self, work: Callable[[ChipBoard], Any]) -> Any:
        """Do something with the chip in the thread that it lives in: the hook for what is not here."""
        return self._host.call(lambda: work(self._chip))

    @property
    def state(self) -> str:
        """off, loader, no image, running or asleep."""
        return str(self._chip.state)

    @property
    def received_bytes(self) -> int:
        """From the host, since the board is there."""
        return self._chip.wire.received_bytes

    @property
    def tty(self) -> str:
        """The pty behind the port: mpremote waits there, where it looks at other ports each 10 ms."""
        return str(Path(self.port).resolve())

    def cut(self) -> None:
        """Take the power away."""
        self.call(lambda chip: chip.power_off())

    def boot(self) -> None:
        """Give the power back."""
        self.call(lambda chip: chip.power_on())

    def reset(self) -> None:
        """As the button on the board."""
        self.call(lambda chip: chip.reset())

    def cut_at(self, count: int) -> None:
        """Cut the power after so many more bytes from the host."""
        self.call(lambda chip: chip.cut_at(count))

    def cut_at_op(self, count: int) -> None:
        """Cut the power in the middle of MicroPython's so many-th flash operation from now."""
        self.call(lambda chip: chip.cut_at_op(count))

    def disconnect(self) -> None:
        """The port goes away and comes back a moment later."""
        self.call(lambda chip: chip.disconnect())

    def files(self) -> dict[str, bytes]:
        """What is on its filesystem. The board should be off."""
        return read_files(self.folder)

    def put(self, files: dict[str, bytes]) -> None:
        """Files on its filesystem. The board must be off."""
        self.call(lambda chip: chip.body.put(files))

    def flash(self) -> bytes:
        """All of its flash, to be put back with `put_flash`: for many lives from one point."""
        return self._chip.body.flash_file.read_bytes()

    def put_flash(self, content: bytes) -> None:
        """The board must be off."""
        assert self.state == "off"
        with self._chip.body.flash_file.open("r+b") as file:
            file.write(content)

    def log(self) -> str:
        """What its console said so far."""
        return self.sim.log()

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for something of this board, with a bound."""
        patience = Patience(BOUND_S)
        while not condition():
            assert not patience.is_over(), f"timed out: {what}; {self.state}; its console:\n{self.log()}"
            time.sleep(POLL_S)

    def said(self, text: str, times: int = 1) -> None:
        """Wait until it has printed `text`."""
        self.until(lambda: self.log().count(text) >= times, f"{text!r}")


def program(name: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a Python program of this environment (mpremote, esptool) to its end."""
    command = [sys.executable, "-m", name, *arguments]
    environment = {**os.environ, **PATIENT}
    done = subprocess.run(command, capture_output=True, timeout=PROGRAM_S, check=False, env=environment)
    answer = subprocess.CompletedProcess(
        command, done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
    )
    assert not check or done.returncode == 0, f"{' '.join(command)}:\n{answer.stdout}\n{answer.stderr}"
    return answer


def mpremote(port: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return program("mpremote", "connect", port, *arguments, check=check)


def esptool(port: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return program("esptool", "--port", port, *arguments, check=check)


@contextmanager
def raw_repl(port: str) -> Iterator[Any]:
    """mpremote's transport at the raw prompt of a board, without a soft reset: `.exec(code)`."""
    from mpremote.transport_serial import SerialTransport

    transport = SerialTransport(port)
    try:
        transport.enter_raw_repl(soft_reset=False)
        yield transport
    finally:
        transport.close()


@contextmanager
def chip_board(
    run_dir: Path,
    chip: str = "esp32s3",
    blank: bool = True,
    faults: list[str] | None = None,
    baud: int | None = None,
    *,
    name: str = "box-1",
    flash_mib: int = 4,
    serial: str = "pty",
    files: dict[str, bytes] | None = None,
    power: bool = True,
) -> Iterator[TestChip]:
    """A chip below `run_dir`, with power unless told otherwise. `files` are put on its filesystem first; a
    `name` that was there before in this `run_dir` comes back with its flash."""
    host = shared_host()
    folder = run_dir / "boards" / name
    link = run_dir / ("port" if name == "box-1" else f"port-{name}")

    def make() -> ChipBoard:
        mac = mac_of("chips", str(folder))
        body = Body(folder, chip, flash_mib=flash_mib, blank=blank, mac=mac)
        if files:
            body.put(files)
        board = host.host.add(body, link, serial, baud, parse(faults or []))
        if power:
            board.power_on()
        return board

    board = host.call(make)
    try:
        yield TestChip(host, board)
    finally:
        host.call(lambda: host.host.remove(board))
