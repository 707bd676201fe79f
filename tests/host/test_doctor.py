"""What `sportbox doctor` makes of a computer, of what a console says, and of what a board answers."""

import binascii
import json
import os
import pty
import stat
from pathlib import Path
from typing import Any

import pytest

from host_tools.cli import main
from host_tools.port import machine
from host_tools.port.examine import Answer, answer_findings, heard_findings
from host_tools.port.findings import Finding
from host_tools.port.machine import check_machine, check_port, usb_devices
from host_tools.port.ports import PORTS_VARIABLE, Port

BLANK = "invalid header: 0xffffffff\r\n" * 3
LOOP = "ets Jul 29 2019 12:21:46\r\n\r\nrst:0xc (SW_CPU_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n" * 3
ROM = "rst:0x1 (POWERON_RESET),boot:0x3 (DOWNLOAD_BOOT)\r\nwaiting for download\r\n"


def by_what(findings: Any) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings}


@pytest.mark.parametrize(
    ("heard", "what", "text"),
    [
        (BLANK, "blank", "there is no MicroPython on it"),
        (LOOP, "loop", "it restarts again and again (3 times while listening)"),
        (ROM, "rom", "it waits in its boot loader"),
        ("Brownout detector was triggered\r\n", "brownout", "its supply voltage collapses"),
        ("sportbox: held for service\r\n>>> ", "held", "it is held for service: nothing of ours runs"),
        (
            "sportbox: not provisioned: no \x1b[2Jfile\r\n",
            "provisioned",
            "it is not provisioned: no \\x1b[2Jfile",
        ),
    ],
)
def test_what_a_console_means(heard: str, what: str, text: str) -> None:
    finding = by_what(heard_findings(heard))[what]
    assert finding.text == text
    assert finding.cure


def test_a_console_of_a_running_board_is_only_shown() -> None:
    (finding,) = heard_findings("\r\n".join(f"line {number}" for number in range(20)))
    assert finding.mark == "note"
    assert finding.facts["lines"] == [f"line {number}" for number in range(12, 20)]


def answer(**changed: Any) -> Answer:
    manifest = {"site": "hafensport", "device": "box-1", "firmware": "0.1.0", "key_version": 2}
    whole = {
        "version": "1.29.0",
        "machine": "Generic ESP32S3 module with ESP32S3",
        "mac": "3c8427112233",
        "free_bytes": 1_000_000,
        "total_bytes": 2_000_000,
        "reset": 1,
        "manifest": manifest,
        "marker": None,
        "crash": None,
        "config": True,
        "main": True,
    }
    return Answer.model_validate({**whole, **changed})


def test_a_provisioned_board() -> None:
    found = by_what(answer_findings(answer()))
    assert found["provisioned"].text == "it is box-1 of hafensport, firmware 0.1.0"
    assert found["chip"].facts["mac"] == "3c:84:27:11:22:33"
    assert all(finding.mark == "ok" for finding in found.values())


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"marker": b"{}".hex()}, "the last provisioning was cut off"),
        ({"manifest": None}, "its manifest is missing or damaged"),
        ({"manifest": {}}, "its manifest is missing or damaged"),
        ({"manifest": None, "config": False, "main": False}, "nothing of ours is on it"),
    ],
)
def test_a_board_that_is_nobody(changed: dict[str, Any], why: str) -> None:
    finding = by_what(answer_findings(answer(**changed)))["provisioned"]
    assert (finding.mark, finding.text) == ("wrong", f"it is not provisioned: {why}")
    assert finding.cure == "sportbox provision --site SITE.yaml --device NAME"


def test_a_crash_is_read_as_the_firmware_wrote_it(tmp_path: Path) -> None:
    from sportbox.store import record

    note = {"task": "radar-1", "error": "OSError 5", "stack": "Traceback\n  File a\nOSError: 5\n"}
    path = tmp_path / "crash"
    record.write(str(path), json.dumps(note).encode())
    finding = by_what(answer_findings(answer(crash=path.read_bytes().hex())))["crash"]
    assert "in radar-1: OSError 5" in finding.text
    assert finding.facts["stack"] == ["Traceback", "  File a", "OSError: 5"]
    broken = bytes(4) + path.read_bytes()[4:]
    assert "damaged" in by_what(answer_findings(answer(crash=broken.hex())))["crash"].text
    assert binascii.crc32(broken[4:]) != 0


def test_a_full_flash() -> None:
    assert by_what(answer_findings(answer(free_bytes=50_000)))["space"].mark == "wrong"
    none = by_what(answer_findings(answer(free_bytes=0, total_bytes=0)))["space"]
    assert none.text == "there is no file system on it"


def test_usb_chips_without_a_port(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, vid, pid, tty in (
        ("1-1", "1a86", "7523", None),
        ("1-2", "10c4", "ea60", "ttyUSB0"),
        ("1-3", "046d", "c52b", None),
    ):
        folder = run_dir / name / f"{name}:1.0"
        folder.mkdir(parents=True)
        (run_dir / name / "idVendor").write_text(f"{vid}\n")
        (run_dir / name / "idProduct").write_text(f"{pid}\n")
        if tty:
            (folder / tty).mkdir()
    (run_dir / "usb1").mkdir()
    devices = usb_devices(run_dir)
    assert [(device.chip, device.has_port) for device in devices] == [("CH340", False), ("CP210x", True)]
    monkeypatch.setattr("shutil.which", lambda name: None)
    (finding,) = machine.driver_findings(devices)
    assert finding.text == "a CH340 (1a86:7523) is plugged in, but it has no serial port"
    assert finding.cure == "`sudo modprobe ch341`, then plug it in again"
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    (finding,) = machine.driver_findings(devices)
    assert "apt remove brltty" in str(finding.cure)


def test_modem_manager(run_dir: Path) -> None:
    (run_dir / "42").mkdir()
    (run_dir / "42" / "comm").write_text("ModemManager\n")
    (finding,) = machine.modem_manager(run_dir, run_dir / "no.rules")
    assert "60-sportbox.rules" in str(finding.cure)
    (run_dir / "60.rules").touch()
    assert not list(machine.modem_manager(run_dir, run_dir / "60.rules"))


def test_a_port_without_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "may_use", lambda device: False)
    finding = check_port(Port("/dev/ttyUSB0", "CP2102", 0x10C4, 0xEA60))
    assert (finding.mark, finding.text) == (
        "wrong",
        "/dev/ttyUSB0: CP210x (10c4:ea60), which you may not use",
    )


def test_versions_and_programs(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = run_dir / "mpflash"
    program.write_text("#!/bin/sh\necho 'mpflash, version 1.29.0'\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("SPORTBOX_MPFLASH", str(program))
    monkeypatch.setenv(PORTS_VARIABLE, "")
    monkeypatch.setattr("importlib.metadata.version", lambda name: "4.8.1" if name == "esptool" else "1.29.0")
    found = by_what(check_machine())
    assert found["mpflash"].facts["version"] == "1.29.0"
    assert (found["esptool"].mark, found["esptool"].cure) == ("wrong", "make setup")
    assert found["mpremote"].mark == "ok"
    assert found["ports"].mark == "wrong"


def test_udev_rule(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--udev"]) == 0
    rule = capsys.readouterr().out
    for vendor in ("10c4", "1a86", "0403", "303a"):
        assert f'SUBSYSTEM=="tty", ATTRS{{idVendor}}=="{vendor}", TAG+="uaccess"' in rule


def test_listening_to_a_silent_board(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("host_tools.port.examine.LISTEN_S", 0.1)
    main_end, inner = pty.openpty()
    device = os.ttyname(inner)
    monkeypatch.setenv(PORTS_VARIABLE, device)
    try:
        assert main(["doctor", "--port", device, "--no-interrupt", "--json"]) == 0
    finally:
        os.close(main_end)
        os.close(inner)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["what"] for line in lines] == ["port", "silent"]
