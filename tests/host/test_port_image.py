"""Image files: whole ones pass, and what is wrong with another is said in one sentence."""

import hashlib
from pathlib import Path

import pytest

from host_tools.errors import BadInput
from host_tools.port.image import BOOTLOADER_ADDRESS, check, fits, load_image
from host_tools.sim.chip.image import sim_image

CHIPS = ("esp32", "esp32s3", "esp32c3")


def app_at(chip: str) -> int:
    return 0x10000 - BOOTLOADER_ADDRESS[chip]


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


@pytest.mark.parametrize("chip", CHIPS)
def test_a_whole_image(chip: str) -> None:
    data = sim_image(chip)
    image = check(data, "good.bin")
    assert (image.chip, image.address) == (chip, BOOTLOADER_ADDRESS[chip])
    assert (image.project, image.version) == ("micropython", "v1.29.0")
    assert image.sha256 == hashlib.sha256(data).hexdigest()
    assert [address for address, _ in image.regions] == [image.address, 0x8000, 0x10000]
    fits(image, chip, 4)


@pytest.mark.parametrize("chip", CHIPS)
def test_no_byte_of_it_can_change_unseen(chip: str, seed: int) -> None:
    """Each byte of bootloader, used table and app; those between them are nobody's."""
    import random

    data = sim_image(chip)
    image = check(data, "good.bin")
    places = random.Random(seed)
    for address, part in (image.regions[0], image.regions[2]):
        for at in [0, 1, 12, 23, len(part) - 33, len(part) - 1, *places.sample(range(len(part)), 40)]:
            broken = flipped(data, address - image.address + at)
            with pytest.raises(BadInput):
                check(broken, "bad.bin")
    with pytest.raises(BadInput, match="MD5 of its partition table"):
        check(flipped(data, 0x8000 - image.address + 40), "bad.bin")


@pytest.mark.parametrize("chip", CHIPS)
def test_no_shorter_one_passes(chip: str, seed: int) -> None:
    import random

    data = sim_image(chip)
    for size in [0, 1, 23, len(data) - 1, *random.Random(seed).sample(range(len(data)), 40)]:
        with pytest.raises(BadInput):
            check(data[:size], "short.bin")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b"UF2\n" * 100, "the bootloader does not begin with 0xE9"),
        (flipped(sim_image("esp32s3"), 12), "the bootloader is for a chip with the number 25"),
        (sim_image("esp32s3")[app_at("esp32s3") :], "an app alone"),
        (sim_image("esp32s3")[:-1], "MicroPython is cut off"),
        (flipped(sim_image("esp32s3"), app_at("esp32s3") + 500), "the SHA-256 of MicroPython is wrong"),
        (
            sim_image("esp32s3")[: app_at("esp32s3")] + sim_image("esp32c3")[app_at("esp32c3") :],
            "its bootloader is for ESP32-S3, its app for ESP32-C3",
        ),
    ],
)
def test_what_is_wrong_with_an_image(data: bytes, why: str) -> None:
    with pytest.raises(BadInput) as caught:
        check(data, "bad.bin")
    assert caught.value.message.startswith("bad.bin is no usable image: ")
    assert why in caught.value.message
    assert "https://micropython.org/download" in str(caught.value.hint)


def test_another_chip() -> None:
    with pytest.raises(BadInput, match=r"c3\.bin is for ESP32-C3, this chip is ESP32-S3"):
        fits(check(sim_image("esp32c3"), "c3.bin"), "esp32s3", 4)


def test_too_little_flash() -> None:
    with pytest.raises(BadInput, match="the image needs 3 MiB of flash, this chip has 2 MiB"):
        fits(check(sim_image("esp32c3"), "c3.bin"), "esp32c3", 2)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="there is no file"):
        load_image(tmp_path / "none.bin")
    with pytest.raises(BadInput, match="is no file"):
        load_image(tmp_path)


def test_a_device_without_end_is_no_image() -> None:
    with pytest.raises(BadInput) as refused:
        load_image(Path("/dev/zero"))
    assert refused.value.message == "/dev/zero is no file"
    assert refused.value.hint
