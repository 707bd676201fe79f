"""Every chip comes up from a blank flash by unmodified esptool; over RFC 2217 the lines reset it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import serial

from host_tools.sim.chip.image import sim_image
from host_tools.sim.chip.targets import target
from tests.sim.chips import TestChip, chip_board, esptool, mpremote

CHIPS = ("esp32", "esp32s3", "esp32c3")


def flash_and_use(board: TestChip, chip: str, image: Path) -> list[str]:
    """By esptool, then by mpremote on the same port."""
    image.write_bytes(sim_image(chip))
    esptool(board.port, "--chip", chip, "write-flash", hex(target(chip).bootloader_at), str(image))
    mpremote(board.port, "exec", "with open('/main.py', 'w') as f: f.write('print(40 + 2)')")
    said = mpremote(board.port, "exec", "import machine, os; print(machine.unique_id().hex(), os.listdir())")
    return said.stdout.split(maxsplit=1)


def test_a_blank_chip_gets_micropython(run_dir: Path) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(3) as pool:
        boards = [stack.enter_context(chip_board(run_dir, chip, name=chip)) for chip in CHIPS]
        assert all(board.state == "no image" for board in boards)
        work = [
            pool.submit(flash_and_use, board, chip, run_dir / f"{chip}.bin")
            for board, chip in zip(boards, CHIPS, strict=True)
        ]
        for board, done in zip(boards, work, strict=True):
            mac, files = done.result()
            assert mac == board.mac.replace(":", "")
            assert files.strip() == "['boot.py', 'main.py']"
            board.reset()
            board.said("42")


def test_without_an_image_the_rom_says_so_again_and_again(run_dir: Path) -> None:
    with (
        chip_board(run_dir) as board,
        serial.Serial(board.port, timeout=5) as port,
    ):
        for _ in range(2):
            assert port.read_until(b"invalid header: 0xffffffff\r\n").endswith(b"header: 0xffffffff\r\n")


@pytest.mark.parametrize("state", ["no image", "running", "asleep"])
def test_sync_enters_the_loader_whatever_the_chip_does(run_dir: Path, state: str) -> None:
    files = {"/main.py": b"import machine; machine.deepsleep(60000)" if state == "asleep" else b""}
    with chip_board(
        run_dir, blank=state == "no image", files=None if state == "no image" else files
    ) as board:
        board.until(lambda: board.state == state, state)
        sync = b"\xc0\x00\x08\x24\x00" + bytes(4) + b"\x07\x07\x12\x20" + b"\x55" * 32 + b"\xc0"
        with serial.Serial(board.port, timeout=5) as port:
            port.write(sync)
            assert port.read_until(b"\xc0\x01\x08").endswith(b"\xc0\x01\x08")
            assert board.state == "loader"
            if state == "running":
                port.write(b"\r\x03")
                assert port.read_until(b">>> ").endswith(b">>> "), "a terminal program is no loader's client"
        board.until(lambda: board.state == state, "what it did before")


def test_over_rfc2217_the_lines_reset_it(run_dir: Path) -> None:
    with chip_board(run_dir, "esp32c3", blank=False, serial="rfc2217") as board:
        assert board.port.startswith("rfc2217://127.0.0.1:")
        said = esptool(board.port, "--chip", "esp32c3", "--no-stub", "read-mac").stdout
        assert board.mac in said
        board.until(lambda: board.state == "running", "MicroPython after the hard reset")
        assert board.log().count("waiting for download") == 1
        assert board.log().count("rst:0x1") == 3
