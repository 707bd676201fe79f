"""Bundles of the firmware: the same sources give the same bytes. That a board unpacks them:
test_update_install.py."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_tools.build.firmware import compile_firmware
from host_tools.cli import main
from host_tools.errors import BadInput
from host_tools.update import build as building
from host_tools.update.form import Bundle, sha256
from host_tools.update.limits import BUNDLE_BYTES_MAX, SAFE_MODE_BYTES_MAX
from host_tools.update.read import Damaged, unpack
from host_tools.update.size import imported, safe_mode_files
from tests.host.helpers import ROOT
from tests.leaks import Leaks
from tests.vm.machine import executable, run_bounded


@pytest.fixture(scope="module")
def firmware() -> bytes:
    """The bundle of the project's firmware."""
    return building.build()


@pytest.fixture(scope="module")
def whole(firmware: bytes) -> Bundle:
    return unpack(firmware)


def small_firmware(folder: Path) -> Path:
    """A part of the real firmware: builds fast."""
    source = ROOT / "firmware"
    (folder / "sportbox").mkdir(parents=True)
    for name in ("boot.py", "main.py", "sportbox/__init__.py", "sportbox/signals.py"):
        shutil.copy(source / name, folder / name)
    shutil.copytree(source / "loader", folder / "loader")
    shutil.copytree(source / "sportbox" / "store", folder / "sportbox" / "store")
    return folder


# --- build ---


def test_the_firmware_is_in_it_and_under_the_limit(firmware: bytes, whole: Bundle) -> None:
    """The limit of the issue: 96 KiB. When this fails: `make size`, and docs/updates.md, Room."""
    assert len(firmware) <= BUNDLE_BYTES_MAX
    paths = [entry.path for entry in whole.index]
    assert paths == sorted(set(paths))
    assert {"sportbox/run.mpy", "sportbox/app.mpy", "umqtt/simple.mpy"} <= set(paths)
    sources = list((ROOT / "firmware" / "sportbox").rglob("*.py"))
    assert len(paths) == len(sources) + 1  # and umqtt
    assert whole.manifest.micropython == building.micropython_range()
    assert (whole.manifest.mpy, whole.manifest.version) == (6, "0.1.0")
    assert whole.manifest.boards == sorted(
        path.parent.name for path in (ROOT / "boards").glob("*/board.toml")
    )
    assert str(ROOT).encode() not in b"".join(whole.contents)


def test_the_same_sources_give_the_same_bytes_anywhere(tmp_path: Path) -> None:
    made = []
    surroundings: list[tuple[int, dict[str, str]]] = [
        (0o022, {"TZ": "UTC", "LC_ALL": "C", "PYTHONHASHSEED": "1"}),
        (0o077, {"TZ": "Pacific/Auckland", "LC_ALL": "C.UTF-8", "LANG": "de_DE", "PYTHONHASHSEED": "2"}),
    ]
    for number, (umask, environment) in enumerate(surroundings):
        folder = tmp_path / str(number) / ("deeper" * number or "flat")
        source = small_firmware(folder / "firmware")
        for age, path in enumerate(sorted(source.rglob("*.py"), reverse=bool(number))):
            os.utime(path, (age * 1000.0, age * 1000.0))
        program = (
            "import os, sys, pathlib; from host_tools.build import firmware; from host_tools import cli\n"
            f"os.umask({umask}); firmware.CACHE = pathlib.Path('cache')\n"
            "sys.exit(cli.main(['update', 'build', '--firmware', 'firmware', '-o', 'out.update']))"
        )
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        made.append((folder / "out.update").read_bytes())
        assert done.stdout == f"{sha256(made[-1])}  out.update\n"
    assert made[0] == made[1]


def test_a_version_by_hand_is_what_the_firmware_says_of_itself(tmp_path: Path) -> None:
    source = small_firmware(tmp_path / "firmware")
    bundle = unpack(building.build(source, "7.11.13"))
    contents = {entry.path: content for entry, content in zip(bundle.index, bundle.contents, strict=True)}
    assert bundle.manifest.version == "7.11.13"
    assert b"7.11.13" in contents["sportbox/__init__.mpy"]
    assert b"0.1.0" not in contents["sportbox/__init__.mpy"]
    vm = executable()
    if vm is not None:
        (tmp_path / "slot" / "sportbox").mkdir(parents=True)
        (tmp_path / "slot/sportbox/__init__.mpy").write_bytes(contents["sportbox/__init__.mpy"])
        program = "import sportbox; print(sportbox.__version__)"
        ended, said = run_bounded([vm, "-c", program], str(tmp_path / "slot"), tmp_path, 60)
        assert (ended, said) == ("exit status 0", "7.11.13\n")
    assert unpack(building.build(source)).contents[1:] == bundle.contents[1:]


@pytest.mark.parametrize(
    "version", ["", "1", "1.2", "v1.2.3", "1.2.3-rc1", "01.2.3", "1.2.3\n", "1.2.99999", "\u0661.2.3"]
)
def test_what_is_no_version_is_refused(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["update", "build", "--version", version]) == 2
    assert "is no version" in capsys.readouterr().err


def test_a_folder_without_firmware_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["update", "build", "--firmware", str(tmp_path)]) == 2
    assert "hint: name the firmware's folder" in capsys.readouterr().err
    source = small_firmware(tmp_path / "firmware")
    (source / "sportbox" / "__init__.py").write_text("")
    assert main(["update", "build", "--firmware", str(source)]) == 2
    assert "has no version" in capsys.readouterr().err


def test_a_path_that_no_bundle_has_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = small_firmware(tmp_path / "firmware")
    (source / "sportbox" / "Odd Name.py").write_text("")
    assert main(["update", "build", "--firmware", str(source)]) == 2
    assert "`sportbox/Odd Name.mpy` cannot go into a bundle" in capsys.readouterr().err


def test_another_umqtt_than_the_one_that_was_tried_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "simple.py").write_text("class MQTTClient: ...\n")
    monkeypatch.setenv("SPORTBOX_UMQTT", str(tmp_path / "simple.py"))
    assert main(["update", "build", "-o", str(tmp_path / "out.update")]) == 1
    assert "is not umqtt.simple 1.3.4" in capsys.readouterr().err
    assert not (tmp_path / "out.update").exists()


def test_too_large_a_firmware_is_refused_and_nothing_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = small_firmware(tmp_path / "firmware")
    noise = random.Random(6).randbytes
    for number in range(4):  # each within what a file may have
        (source / f"noise_{number}.py").write_text(f"X = {noise(30_000)!r}\n")
    out = tmp_path / "out.update"
    assert main(["update", "build", "--firmware", str(source), "-o", str(out)]) == 1
    assert f"{BUNDLE_BYTES_MAX} are allowed" in capsys.readouterr().err
    assert not out.exists()


def test_no_secret_gets_into_a_bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = small_firmware(tmp_path / "firmware")
    secrets = {name: f"correct horse {name}".encode() for name in ("wifi", "vault", "key", "passphrase")}
    (source / "secrets.json").write_bytes(secrets["wifi"])
    (source / ".env").write_bytes(secrets["vault"])
    (source / "certs").mkdir()
    (source / "certs" / "device.der").write_bytes(secrets["key"])
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", secrets["passphrase"].decode())
    out = tmp_path / "out.update"
    assert main(["update", "build", "--firmware", str(source), "-o", str(out)]) == 0
    bundle = unpack(out.read_bytes())
    leaks = Leaks(secrets)
    leaks.look("bundle", out.read_bytes())
    for entry, content in zip(bundle.index, bundle.contents, strict=True):
        assert entry.path.endswith((".mpy", ".py"))
        leaks.look(entry.path, content)
    assert leaks.found == []


def test_what_cannot_be_written_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = small_firmware(tmp_path / "firmware")
    assert main(["update", "build", "--firmware", str(source), "-o", str(tmp_path / "no" / "f")]) == 2
    assert "cannot write" in capsys.readouterr().err


# --- show ---


def test_build_and_show_tell_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = small_firmware(tmp_path / "firmware")
    out = tmp_path / "out.update"
    assert main(["update", "build", "--firmware", str(source), "-o", str(out), "--json"]) == 0
    built = json.loads(capsys.readouterr().out)
    assert main(["update", "show", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == built
    assert built["sha256"] == sha256(out.read_bytes())
    assert (built["size"], built["limit"]) == (out.stat().st_size, BUNDLE_BYTES_MAX)
    assert built["micropython"] == {"first": "1.29.0", "below": "1.30.0"}
    compiled = building.firmware_files(source)["sportbox/signals.mpy"]
    one = {"path": "sportbox/signals.mpy", "size": len(compiled), "sha256": sha256(compiled)}
    assert one in built["files"]
    assert main(["update", "show", str(out)]) == 0
    shown = capsys.readouterr().out
    assert built["sha256"] in shown
    assert "field-esp32c3-battery" in shown


def test_a_file_that_is_none_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (tmp_path / "nowhere", tmp_path):
        assert main(["update", "show", str(path)]) == 2
        assert f"cannot read {path}" in capsys.readouterr().err


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(1, 255))
def test_every_byte_that_changes_in_the_firmware_is_found(firmware: bytes, place: float, value: int) -> None:
    changed = bytearray(firmware)
    changed[int(place * len(changed))] ^= value
    with pytest.raises(Damaged):
        unpack(bytes(changed))


def test_safe_mode_is_under_its_limit() -> None:
    """The limit of the issue: 16 KiB. When this fails: `make size`, and docs/updates.md, Room."""
    firmware = compile_firmware(ROOT / "firmware")
    files = safe_mode_files(firmware)
    parts = {"safe", "wire", "sportbox/core/token", "sportbox/store/bundle", "umqtt/simple"}
    assert {f"/loader/{part}.mpy" for part in parts} <= set(files)
    assert "/loader/install.mpy" not in files, "that unpacks, in a board that has just started"
    assert sum(map(len, files.values())) <= SAFE_MODE_BYTES_MAX


def test_imports_are_found_wherever_they_are() -> None:
    source = "import a.b\nfrom c import d\ndef f():\n    if x:\n        from e.f import g as h\n"
    assert imported(source) == ["a", "a/b", "c", "c/d", "e", "e/f", "e/f/g"]


def test_make_size_tells_the_bundle_and_its_largest_files() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "host_tools.update.size"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    first, second, *rest = done.stdout.splitlines()
    assert first.startswith("bundle: ")
    assert "of 98,304 bytes" in first
    assert "the largest:" in second
    assert rest[10].startswith("safe mode: ") and "of 16,384 bytes" in rest[10]
    assert rest[-1].startswith("the whole loader: ")
    for largest in (rest[:10], rest[11:-1]):
        sizes = [int(text.split()[0].replace(",", "")) for text in largest]
        assert len(sizes) == 10
        assert sizes == sorted(sizes, reverse=True)


def test_a_version_that_the_sources_lack_is_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read"):
        building.build(tmp_path, "1.2.3")
