"""`sportbox provision` on simulated chips: what it makes of them, what it refuses, and what goes wrong."""

import base64
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from host_tools.build.firmware import build_firmware
from host_tools.cli import main
from host_tools.errors import EXIT_BAD_INPUT, EXIT_DONE, BadInput, ToolError, Unreachable
from host_tools.port import console as console_module
from host_tools.port import provision
from host_tools.port.jobs import Stopped
from host_tools.port.plan import MANIFEST, MARKER
from host_tools.port.trouble import Lost
from host_tools.site.ca import board_files, device_private_key, key_der
from tests.sim.bench import PASSPHRASE, WIFI_PASSWORD, SiteBench, Watcher
from tests.sim.chips import TestChip, chip_board

STARTS = "sportbox: starts as hafensport-rostock/box-1"


@pytest.fixture
def bench(run_dir: Path) -> SiteBench:
    return SiteBench(run_dir / "site")


def run(bench: SiteBench, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """The command itself."""
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", PASSPHRASE)
    return main(["provision", "--site", str(bench.file), "--wait", "0", *words])


def on_board(board: TestChip) -> dict[str, bytes]:
    board.cut()
    return board.files()


def secrets_of(bench: SiteBench, device: str) -> dict[str, bytes]:
    """Everything that may be on the board alone, in the forms in which it could leak."""
    raw: dict[str, bytes] = {"passphrase": PASSPHRASE.encode(), "wifi": WIFI_PASSWORD.encode()}
    kept = json.loads(board_files(bench.site, device, bench.vault)["/secrets.json"])
    keys = {kid: bytes.fromhex(key["k"]) for kid, key in kept["keys"].items()}
    keys |= {f"code {lock}": bytes.fromhex(key) for lock, key in kept.get("codes", {}).items()}
    keys["master"] = bench.vault.master
    keys["ca"] = bench.vault.ca.key_der()
    private = device_private_key(bench.vault.master, bench.site.site, device, 1)
    keys["tls"] = key_der(private)
    keys["tls scalar"] = private.private_numbers().private_value.to_bytes(32, "big")
    for name, key in keys.items():
        raw[name] = key
        raw[f"{name} hex"] = key.hex().encode()
        raw[f"{name} base64"] = base64.b64encode(key).rstrip(b"=")
        raw[f"{name} base64url"] = base64.urlsafe_b64encode(key).rstrip(b"=")
        raw[f"{name} repr"] = repr(key).encode()[2:-1]
    return raw


def test_with_the_real_firmware_and_no_secret_anywhere(
    bench: SiteBench,
    run_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Whole, running, in the inventory; nothing to do the second time; keys on the board alone."""
    monkeypatch.setenv("TMPDIR", str(run_dir / "tmp"))
    (run_dir / "tmp").mkdir()
    with chip_board(run_dir, blank=False, flash_mib=8) as board:
        assert run(bench, monkeypatch, "--port", board.port, "--device", "box-1", "--json") == EXIT_DONE
        first = json.loads(capfd.readouterr().out)
        assert first["changed"] and first["device"] == "box-1" and first["mac"] == board.mac
        assert board.log().count(STARTS) == 1
        assert run(bench, monkeypatch, "--port", board.port, "--json") == EXIT_DONE
        captured = capfd.readouterr()
        second = json.loads(captured.out)
        assert (second["changed"], second["written"], second["removed"]) == (False, 0, 0)
        assert "nothing to do" in second["message"] and board.log().count(STARTS) == 2
        said = json.dumps([first, second]) + captured.err + board.log()
        files = on_board(board)
    manifest = json.loads(files[MANIFEST])
    assert (manifest["site"], manifest["device"], manifest["key_version"]) == (
        "hafensport-rostock",
        "box-1",
        1,
    )
    assert MARKER not in files and "/hold" not in files and "/.upload" not in files
    wanted = {**build_firmware(), **board_files(bench.site, "box-1", bench.vault, files["/certs/device.der"])}
    assert {path: files.get(path) for path in wanted} == wanted
    row = bench.inventory.board_of("box-1")
    assert row is not None and (row.mac, row.provisioned, row.key_version) == (board.mac, True, 1)
    assert [entry.action for entry in bench.inventory.history()] == ["provision", "provision"]
    secrets = secrets_of(bench, "box-1")
    assert secrets["wifi"] in files["/secrets.json"] and secrets["tls"] == files["/certs/device.key"]
    places = {str(path): path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
    flash = [name for name in places if name.endswith("flash.bin")]
    assert len(flash) == 1 and secrets["wifi"] in places.pop(flash[0])
    places["said"] = said.encode()
    leaks = [(where, what) for where, text in places.items() for what, key in secrets.items() if key in text]
    assert leaks == [] and len(places) > 5


def test_a_board_that_is_somebody_else(bench: SiteBench, run_dir: Path) -> None:
    """Refused, both named; --force makes it the other one and takes its data away; the same keeps them."""
    with chip_board(run_dir, blank=False) as board:
        bench.provision(board)
        board.cut()
        board.put({"/data/outbox.a": b"events", "/readme.txt": b"not ours"})
        before = board.files()
        board.boot()
        board.said(STARTS, 2)
        bench.provision(board)
        assert on_board(board) == before  # the same device
        board.boot()
        other = SiteBench(run_dir / "other")
        other.site = bench.site.model_copy(update={"site": "kiel"})
        with pytest.raises(BadInput, match=r"this board is hafensport-rostock/box-1, not kiel/box-1"):
            other.provision(board)
        board.said(STARTS, 4)  # it is left as it was
        assert on_board(board) == before
        board.boot()
        outcome = other.provision(board, other.order(force=True))
        files = on_board(board)
    assert outcome.ok and json.loads(files[MANIFEST])["site"] == "kiel"
    assert "/data/outbox.a" not in files and files["/readme.txt"] == b"not ours"
    assert [entry.ok for entry in other.inventory.history()] == [False, True]


def test_a_new_release_changes_what_differs(bench: SiteBench, run_dir: Path) -> None:
    """Also the certificate stays; files of the old release go."""
    with chip_board(run_dir, blank=False) as board:
        bench.provision(board)
        bench.firmware["/a/sportbox/part_1.mpy"] += b"x"
        del bench.firmware["/a/sportbox/part_2.mpy"]
        bench.firmware["/a/sportbox/deep/er/new.mpy"] = b"new"
        outcome = bench.provision(board)
        files = on_board(board)
    assert (outcome.facts["written"], outcome.facts["removed"]) == (2, 1)
    assert "/a/sportbox/part_2.mpy" not in files and files["/a/sportbox/deep/er/new.mpy"] == b"new"


@pytest.mark.parametrize(
    ("device", "chip"), [("box-1", "esp32"), ("box-1", "esp32c3"), ("court-1", "esp32s3")]
)
def test_the_wrong_chip(
    bench: SiteBench,
    run_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    device: str,
    chip: str,
) -> None:
    with chip_board(run_dir, chip, blank=False) as board:
        assert run(bench, monkeypatch, "--port", board.port, "--device", device) == EXIT_BAD_INPUT
        assert list(on_board(board)) == ["/boot.py"]
    told = capsys.readouterr().err
    assert re.search(rf"error: the board \S+ has an esp32\w*, this one has an {chip}\n", told)
    assert "hint: take a board with that chip" in told


def test_another_micropython(
    bench: SiteBench, run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(provision, "VERSION_NEWEST", "1.30.2")
    with chip_board(run_dir, blank=False) as board:
        assert run(bench, monkeypatch, "--port", board.port, "--device", "box-1") == EXIT_BAD_INPUT
        assert list(on_board(board)) == ["/boot.py"]
    assert bench.inventory.claimed_by("box-1") is None, "another board may become it"
    told = capsys.readouterr().err
    assert "error: the board runs MicroPython 1.29.0, the firmware needs 1.30\n" in told
    assert "hint: flash it first" in told


def test_a_full_board(bench: SiteBench, run_dir: Path) -> None:
    """Refused before anything is written."""
    with chip_board(run_dir, blank=False, files={"/movie.bin": bytes(1_880_000)}) as board:
        with pytest.raises(ToolError, match=r"no space: \d+ KiB are missing") as told:
            bench.provision(board)
        assert told.value.hint is not None and "sportbox flash" in told.value.hint
        assert list(on_board(board)) == ["/movie.bin"]


def test_devices_for_many_boards(
    bench: SiteBench, run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Known boards stay what they are, others get the missing devices that fit; one fails, the rest go on."""
    monkeypatch.setenv("SPORTBOX_FIRMWARE", str(bench.folder / "firmware"))
    with (
        chip_board(run_dir, "esp32c3", blank=False, name="a") as a,
        chip_board(run_dir, "esp32c3", blank=False, name="b") as b,
        chip_board(run_dir, "esp32", blank=False, name="c") as c,
        chip_board(run_dir, "esp32s3", blank=False, name="d") as d,
    ):
        bench.inventory.record("provision", b.mac, "court-1")
        ports = [word for board in (a, b, c, d) for word in ("--port", board.port)]
        assert run(bench, monkeypatch, *ports, "--json") == 1
        told = capsys.readouterr()
        found: dict[str, Any] = {line["port"]: line for line in map(json.loads, told.out.splitlines())}
        assert run(bench, monkeypatch, "--device", "box-1", *ports) == EXIT_BAD_INPUT
    assert [found[board.port].get("device") for board in (a, b, d)] == ["court-2", "court-1", "box-1"]
    assert not found[c.port]["ok"] and "no device of the site is missing" in found[c.port]["message"]
    assert bench.inventory.missing(bench.site) == ["court-3"]


def test_a_device_that_another_board_is(bench: SiteBench, run_dir: Path) -> None:
    bench.inventory.record("provision", "aa:bb:cc:dd:ee:ff", "box-1")
    with chip_board(run_dir, blank=False) as board:
        with pytest.raises(BadInput, match="box-1 is the board aa:bb:cc:dd:ee:ff already") as told:
            bench.provision(board)
        assert "sportbox replace" in str(told.value.hint)
        assert bench.provision(board, bench.order(force=True)).ok


@pytest.mark.parametrize("faults", [["disconnect=6000"], ["disconnect=9000", "disconnect=16000"]])
def test_a_port_that_disconnects(bench: SiteBench, run_dir: Path, faults: list[str]) -> None:
    with chip_board(run_dir, blank=False, faults=faults) as board:
        assert bench.provision(board).ok
        assert MARKER not in on_board(board)


def test_a_port_that_loses_bytes(bench: SiteBench, run_dir: Path, seed: int) -> None:
    """One of 4,000, in both directions: it takes longer, and the board is whole."""
    with chip_board(run_dir, blank=False, faults=[f"drop=0.00025:{seed}"]) as board:
        for _ in range(4):
            try:
                bench.provision(board)
                break
            except Lost:  # as jobs.py does
                continue
        files = on_board(board)
    wanted = {**bench.firmware, **board_files(bench.site, "box-1", bench.vault, files["/certs/device.der"])}
    assert {path: files.get(path) for path in wanted} == wanted and MARKER not in files


def test_a_chip_that_resets_in_the_middle(bench: SiteBench, run_dir: Path) -> None:
    with chip_board(run_dir, blank=False) as board:
        blocks = []

        def reset_once() -> None:
            blocks.append(1)
            if len(blocks) == 3:
                board.reset()

        assert bench.provision(board, progress=Watcher(reset_once)).ok
        assert len(blocks) > 3 and MARKER not in on_board(board)


def test_ctrl_c_in_the_middle(bench: SiteBench, run_dir: Path) -> None:
    """The board is not left in hold mode: it restarts, with its sign."""

    blocks: list[int] = []

    def stop() -> None:
        blocks.append(1)
        if len(blocks) == 4:
            raise Stopped

    with chip_board(run_dir, blank=False) as board:
        bench.provision(board)
        bench.firmware["/a/sportbox/large.mpy"] = random.Random(4).randbytes(9_000)
        with pytest.raises(Stopped):
            bench.provision(board, progress=Watcher(stop))
        board.said("sportbox: not provisioned: hafensport-rostock/box-1 is not finished")
        assert bench.provision(board).ok


def test_a_flash_that_keeps_nothing(bench: SiteBench, run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read back differs: the marker stays, the board says so."""
    with chip_board(run_dir, blank=False) as board:
        monkeypatch.setattr("host_tools.port.provision.is_whole", lambda *_: False)
        with pytest.raises(ToolError, match="does not keep what is written"):
            bench.provision(board)
        board.said("sportbox: not provisioned: hafensport-rostock/box-1 is not finished")


def test_a_board_that_sleeps(bench: SiteBench, run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console_module, "ENTRY_S", 0.5)
    files = {"/main.py": b"import machine\nmachine.deepsleep(600000)\n"}
    with chip_board(run_dir, blank=False, files=files) as board:
        board.until(lambda: board.state == "asleep", "sleep")
        with pytest.raises(Unreachable, match="asleep"):
            bench.provision(board)


def test_the_broker_is_reached(bench: SiteBench, run_dir: Path) -> None:
    """Known from the console alone; that it is not reached is a note, no failure."""
    with chip_board(run_dir, blank=False) as board:
        far = bench.provision(board, bench.order(reach_s=0.2))
        assert far.ok and far.facts["broker"] is False and "note: no broker within 0.2 s" in far.text
        box = bench.folder / "firmware" / "sportbox" / "box.py"
        text = box.read_text()
        box.write_text(text.replace("while True", "print('1.0 info broker reached')\n        while True"))
        bench.firmware = build_firmware(bench.folder / "firmware")
        near = bench.provision(board, bench.order(reach_s=5))
        assert near.facts["broker"] is True and "reached the broker" in near.text
