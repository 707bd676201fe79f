"""`sportbox flash` on the ROM of all three chips; whole boards are in test_flash_to_prompt.py."""

import hashlib
import json
import os
import pty
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from littlefs import LittleFS

from host_tools.cli import main
from host_tools.port import flash as flashing
from host_tools.port import jobs
from host_tools.port.images import CACHE_VARIABLE
from host_tools.port.ports import PORTS_VARIABLE, Port
from host_tools.port.trouble import Lost
from host_tools.sim.chip.boot import Boot, bootable
from host_tools.sim.chip.flash import Flash
from host_tools.sim.chip.image import sim_image
from host_tools.sim.chip.rom import Rom
from host_tools.site.inventory import Inventory
from host_tools.words import choose as speak
from tests.host.helpers import GOOD, write
from tests.sim.chip.rom_port import RomPort

CHIPS = ("esp32", "esp32s3", "esp32c3")
MAC = "3c:84:27:11:22:33"
BUILDS = {
    "esp32": "ESP32_GENERIC-SPIRAM",
    "esp32s3": "ESP32_GENERIC_S3-SPIRAM_OCT",
    "esp32c3": "ESP32_GENERIC_C3",
}


class Bench:
    def __init__(self, folder: Path, chip: str, mib: int = 8, **faults: int) -> None:
        self.chip = chip
        self.image = folder / f"{chip}.bin"
        self.image.write_bytes(sim_image(chip))
        path = folder / f"{chip}.flash"
        Flash.create(path, mib).close()
        self.flash = Flash(path)
        self.flash.dead_sectors |= {faults["dead"]} if "dead" in faults else set()
        self.port = RomPort(Rom(chip, bytes.fromhex(MAC.replace(":", "")), self.flash))

    def __enter__(self) -> "Bench":
        self.port.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.port.__exit__()
        self.flash.close()

    @property
    def boots(self) -> bool:
        return isinstance(bootable(self.flash, self.chip), Boot)

    def run(self, *words: str, image: Path | None = None) -> int:
        return main(["flash", "--port", self.port.device, "--image", str(image or self.image), *words])


@pytest.fixture(autouse=True)
def no_prompt(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """These chips stay in their boot loader."""
    monkeypatch.setattr(flashing, "prompt", lambda port: "1.29.0")
    monkeypatch.setattr(jobs, "PAUSE_S", 0.0)
    monkeypatch.setattr(jobs, "BACK_S", 0.0)
    yield


def said(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith(("error: ", "hint: "))]


def test_three_chips_side_by_side(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each gets the image of its board, from the cache."""
    monkeypatch.setenv(CACHE_VARIABLE, str(run_dir))
    for chip, build in BUILDS.items():
        kept = run_dir / "images" / f"{build}-v1.29.0.bin"
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(sim_image(chip))
        kept.with_name(f"{kept.name}.sha256").write_text(hashlib.sha256(sim_image(chip)).hexdigest())
    with ExitStack() as stack:
        benches = [stack.enter_context(Bench(run_dir, chip)) for chip in CHIPS]
        monkeypatch.setenv(PORTS_VARIABLE, ",".join(bench.port.device for bench in benches))
        assert main(["flash", "--all", "--json"]) == 0
        assert [bench.boots for bench in benches] == [True, True, True]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["chip"] for line in lines] == list(CHIPS)
    assert all(line["mac"] == MAC and line["changed"] and line["flash_mib"] == 8 for line in lines)


def test_the_inventory_takes_note(run_dir: Path) -> None:
    site = write(run_dir, GOOD)
    with Bench(run_dir, "esp32c3", 4) as bench:
        for _ in range(2):  # the second time nothing is done, so there is nothing to note
            assert bench.run("--site", str(site), "--board", "field-esp32c3") == 0
    (entry,) = Inventory.open(site).history()
    assert (entry.action, entry.mac, entry.ok) == ("flash", MAC, True)
    assert entry.facts == {"chip": "esp32c3", "board": "field-esp32c3", "micropython": "1.29.0"}


def test_the_same_image_again_changes_nothing(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Bench(run_dir, "esp32c3", 4) as bench:
        assert bench.run("--board", "field-esp32c3") == 0
        written = bench.flash.programmed_bytes
        bench.flash.memory[0x9000:0x9004] = b"NVS1"  # the board's own: no part of the image
        assert bench.run() == 0
        assert bench.flash.programmed_bytes == written
        assert "has this image already: nothing changed" in capsys.readouterr().err
        assert bench.run("--force") == 0
        assert bench.flash.programmed_bytes > written


@pytest.mark.parametrize(
    ("board", "chip", "cause", "cure"),
    [
        (
            "box-esp32s3",
            "esp32c3",
            "the board box-esp32s3 has an ESP32-S3, this chip is an ESP32-C3",
            "field-esp32c3",
        ),
        ("field-esp32c3", "esp32s3", "is for ESP32-S3, this chip is ESP32-C3", "--image"),
    ],
)
def test_what_does_not_fit_is_refused_untouched(
    run_dir: Path, capsys: pytest.CaptureFixture[str], board: str, chip: str, cause: str, cure: str
) -> None:
    image = run_dir / "other.bin"
    image.write_bytes(sim_image(chip))
    with Bench(run_dir, "esp32c3", 4) as bench:
        assert bench.run("--board", board, image=image) == 2
        assert (bench.flash.programmed_bytes, bench.flash.erased_sectors) == (0, 0)
    error, hint = said(capsys)
    assert cause in error
    assert cure in hint


def test_each_chip_gets_the_image_that_is_for_it(run_dir: Path) -> None:
    with Bench(run_dir, "esp32c3", 4) as one, Bench(run_dir, "esp32") as two:
        ports = ["--port", one.port.device, "--port", two.port.device]
        assert main(["flash", *ports, "--image", str(one.image), "--image", str(two.image)]) == 0
        assert one.boots
        assert two.boots


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (b"no image at all" * 3, "does not begin with 0xE9"),
        (sim_image("esp32c3")[:-1], "is cut off"),
        (sim_image("esp32c3")[:0x10200] + b"!" + sim_image("esp32c3")[0x10201:], "the SHA-256 of"),
    ],
)
def test_a_broken_image_is_refused_before_a_board_is_touched(
    run_dir: Path, capsys: pytest.CaptureFixture[str], data: bytes, cause: str
) -> None:
    bad = run_dir / "bad.bin"
    bad.write_bytes(data)
    with Bench(run_dir, "esp32c3", 4) as bench:
        assert bench.run(image=bad) == 2
        assert bench.flash.erased_sectors == 0
    error, hint = said(capsys)
    assert cause in error
    assert "micropython.org/download" in hint


def test_flash_too_small_for_the_board(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Bench(run_dir, "esp32s3", 4) as bench:
        assert bench.run("--board", "box-esp32s3") == 2
        assert bench.flash.erased_sectors == 0
    error, hint = said(capsys)
    assert error.endswith("the board box-esp32s3 has 8 MiB of flash, this chip has 4 MiB")
    assert hint == "hint: take a board with at least 8 MiB of flash"


@pytest.mark.parametrize("sector", [0x10, 0x12])
def test_a_sector_that_does_not_take_is_named(
    run_dir: Path, capsys: pytest.CaptureFixture[str], sector: int
) -> None:
    with Bench(run_dir, "esp32c3", 4, dead=sector) as bench:
        assert bench.run() == 1
        assert not bench.boots
    error, hint = said(capsys)
    assert error == f"error: the flash sector at {sector * 0x1000:#x} does not keep what is written to it"
    assert "take another board" in hint


def test_a_provisioned_board_needs_force(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("host_tools.words._chosen", [])
    speak("de")
    with Bench(run_dir, "esp32c3", 4) as bench:
        older = sim_image("esp32c3", "1.28.0")
        bench.flash.memory[: len(older)] = older
        bench.flash.memory[0x220000:] = filesystem(
            0x1E0000, {"manifest.json": b'{"site": "hafensport", "device": "box-1"}'}
        )
        assert bench.run() == 1
        assert bench.flash.erased_sectors == 0
        error, hint = said_in_german(capsys)
        assert "diese Platine ist als hafensport/box-1 eingerichtet" in error
        assert "--force" in hint
        assert bench.run("--force") == 0
        assert bench.boots


def test_a_board_whose_provisioning_was_cut_off_is_nobody(run_dir: Path) -> None:
    with Bench(run_dir, "esp32c3", 4) as bench:
        older = sim_image("esp32c3", "1.28.0")
        bench.flash.memory[: len(older)] = older
        bench.flash.memory[0x220000:] = filesystem(0x1E0000, {"config.json": b"{}"})
        assert bench.run() == 0


def test_a_port_that_says_nothing(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("host_tools.port.chip.CONNECT_ATTEMPTS", 1)
    monkeypatch.setattr("host_tools.commands.flash.RETRIES", 0)
    main_end, inner = pty.openpty()
    try:
        image = run_dir / "image.bin"
        image.write_bytes(sim_image("esp32"))
        assert main(["flash", "--port", os.ttyname(inner), "--image", str(image)]) == 3
    finally:
        os.close(main_end)
        os.close(inner)
    error, hint = said(capsys)
    assert "no ESP32 answers on" in error
    assert "hold BOOT" in hint


def test_ports_and_options_are_refused_in_one_sentence(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    image = run_dir / "image.bin"
    image.write_bytes(sim_image("esp32"))
    for ports, words, status, cause in (
        ("", [], 3, "no board found on any serial port"),
        ("rfc2217://a:1,rfc2217://b:2", [], 2, "several boards are plugged in"),
        ("", ["--micropython", "1.29.0"], 2, "--image and --micropython exclude each other"),
        ("", ["--image", str(image)], 2, "two images are for the same chip: ESP32, ESP32"),
        ("", ["--board", "no-such"], 2, "there is no board file"),
        ("", ["--port", "/dev/none"], 3, "there is no port /dev/none"),
    ):
        monkeypatch.setenv(PORTS_VARIABLE, ports)
        assert main(["flash", "--image", str(image), *words]) == status
        assert cause in said(capsys)[0]


def filesystem(size: int, files: dict[str, bytes]) -> bytes:
    fs = LittleFS(block_size=4096, block_count=size // 4096, read_size=128, prog_size=128, cache_size=4096)
    for name, data in files.items():
        with fs.open(name, "wb") as file:
            file.write(data)
    return bytes(fs.context.buffer)


def said_in_german(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = capsys.readouterr().err.splitlines()
    return [line for line in lines if line.startswith(("Fehler: ", "Tipp: "))]


def test_written_by_a_try_whose_prompt_was_lost(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers: list[Exception | str] = [Lost("it does not answer"), "1.29.0"]

    def prompt(port: Port) -> str:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(flashing, "prompt", prompt)
    with Bench(run_dir, "esp32c3", 4) as bench:
        assert bench.run("--force", "--json") == 0
        assert (
            bench.flash.programmed_bytes < 1.5 * bench.image.stat().st_size
        )  # the second try found it written
    line = json.loads(capsys.readouterr().out)
    assert (line["tries"], line["changed"]) == (2, True)
