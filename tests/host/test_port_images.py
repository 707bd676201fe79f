"""Official images: fetched by a program that plays mpflash, kept with their digest."""

import stat
import sys
from pathlib import Path

import pytest

from host_tools.errors import BadInput, ToolError, Unreachable
from host_tools.port import images
from host_tools.port.images import official_image
from host_tools.sim.chip.image import sim_image

BUILD = "ESP32_GENERIC_S3-SPIRAM_OCT"
PLAYED = """\
#!{python}
import os, shutil, sys
with open({log!r}, "a") as log: print(*sys.argv[1:], file=log)
if {source!r}:
    folder = os.path.join(os.environ["MPFLASH_FIRMWARE"], "esp32")
    os.makedirs(folder, exist_ok=True)
    shutil.copy({source!r}, os.path.join(folder, {build!r} + "-v1.29.0.bin"))
print("{said}")
"""


class Mpflash:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.program = folder / "mpflash"
        self.log = folder / "log"
        self.source = folder / "source.bin"
        self.source.write_bytes(sim_image("esp32s3"))
        monkeypatch.setenv(images.CACHE_VARIABLE, str(folder / "cache"))
        monkeypatch.setenv(images.MPFLASH_VARIABLE, str(self.program))
        self.plays(str(self.source))

    def plays(self, source: str, said: str = "downloaded") -> None:
        text = PLAYED.format(python=sys.executable, log=str(self.log), source=source, build=BUILD, said=said)
        self.program.write_text(text)
        self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)

    @property
    def calls(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def mpflash(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Mpflash:
    return Mpflash(run_dir, monkeypatch)


def test_fetched_once_and_kept(mpflash: Mpflash) -> None:
    kept = official_image(BUILD, "1.29.0")
    assert kept.read_bytes() == sim_image("esp32s3")
    assert official_image(BUILD, "1.29.0") == kept
    assert mpflash.calls == ["download --version 1.29.0 --board ESP32_GENERIC_S3"]


def test_a_damaged_one_is_fetched_anew(mpflash: Mpflash, capsys: pytest.CaptureFixture[str]) -> None:
    kept = official_image(BUILD, "1.29.0")
    kept.write_bytes(kept.read_bytes()[:-1])
    assert official_image(BUILD, "1.29.0").read_bytes() == sim_image("esp32s3")
    assert len(mpflash.calls) == 2
    assert "in the cache is damaged" in capsys.readouterr().err


def test_what_is_fetched_is_checked(mpflash: Mpflash) -> None:
    mpflash.source.write_bytes(sim_image("esp32s3")[:-1])
    with pytest.raises(BadInput, match="is no usable image"):
        official_image(BUILD, "1.29.0")


def test_no_network(mpflash: Mpflash) -> None:
    mpflash.plays("", "ERROR | Could not connect to micropython.org")
    with pytest.raises(Unreachable, match="Could not connect") as caught:
        official_image(BUILD, "1.29.0")
    assert caught.value.hint == (
        f"fetch {BUILD}-v1.29.0.bin from https://micropython.org/download/ESP32_GENERIC_S3 on a computer "
        "with network and name it with --image"
    )


def test_no_program(mpflash: Mpflash, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(images.MPFLASH_VARIABLE)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolError, match="no program `mpflash`") as caught:
        official_image(BUILD, "1.29.0")
    assert "--image" in str(caught.value.hint)


def test_a_program_that_does_not_start(mpflash: Mpflash) -> None:
    mpflash.program.write_text("no program")
    with pytest.raises(Unreachable, match="did not fetch"):
        official_image(BUILD, "1.29.0")


def test_a_version_that_is_none(mpflash: Mpflash) -> None:
    with pytest.raises(BadInput, match=r"--micropython: `\.\./1\.29` is no version"):
        official_image(BUILD, "../1.29")
