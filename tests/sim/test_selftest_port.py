"""`sportbox selftest` as a technician types it, over the serial ports of simulated boards, side by side."""

import hashlib
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from host_tools.broker import BrokerProcess
from host_tools.build.firmware import Firmware, build_firmware, compile_firmware
from host_tools.port.record import read_record
from host_tools.port.selftest_code import VERSION_FILE
from host_tools.setup.paths import REPOSITORY
from host_tools.site.inventory import Inventory
from host_tools.site.load import load_site
from host_tools.site.resolve import device_config
from tests.faults.helpers import TimeServer, patched_firmware
from tests.sim.chips import TestChip, chip_board, shared_host

Json = dict[str, Any]

SITE = REPOSITORY / "sites" / "hafensport-rostock.yaml"
PASSWORD = "correct-horse-battery"
END_S = 60
PULL_S = 2.0
AGAIN_S = 1.0
MOVES = {
    "close": "closed",
    "pull": "pull",
    "walk_in": "occupied",
    "go_away": "free",
    "go_in": "in",
    "go_out": "out",
    "open_housing": "open",
    "close_housing": "closed",
    "type": "1234567890*#",
}


@dataclass
class Stage:
    folder: Path
    broker: tuple[str, int]
    ntp: tuple[str, int]
    site: Path = field(init=False)

    def __post_init__(self) -> None:
        self.site = self.folder / SITE.name
        shutil.copyfile(SITE, self.site)
        build_firmware()  # once, before threads want it

    def files(self, device: str, name: str | None = None) -> dict[str, bytes]:
        """What provisioning leaves on a board; `name` where another one is online by its own."""
        config = device_config(load_site(self.site), device, self.broker, self.ntp)
        config["device"] = name or device
        secrets = {
            "wifi": {"ssid": "test", "password": PASSWORD},
            "broker": {"user": None, "password": None},
            "keys": {"ops-1": {"role": "ops", "k": "5e" * 32}},
            "codes": {
                name: "5e" * 20 for name, facts in config["components"].items() if facts["kind"] == "lock"
            },
        }
        own = {"/config.json": json.dumps(config).encode(), "/secrets.json": json.dumps(secrets).encode()}
        files = {**build_firmware(), **own}
        digests = {path: hashlib.sha256(data).hexdigest() for path, data in files.items()}
        manifest = {"site": config["site"], "device": config["device"], "key_version": 7, "firmware": "0.1.0"}
        return {**files, "/manifest.json": json.dumps({**manifest, "files": digests}).encode()}

    def test(
        self, board: TestChip, *options: str, on: Callable[[Json], object] | None = None, lang: str = "en"
    ) -> tuple[int, list[Json], str]:
        """Runs the command; a hand does what the prompts ask for. Status, stdout, stderr."""
        command = [sys.executable, "-m", "host_tools.cli", "selftest", "--port", board.port, "--json"]
        command += ["-o", str(self.folder / "records"), "--lang", lang, *options]
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        timer = threading.Timer(END_S, process.kill)
        timer.start()
        lines: list[Json] = []
        try:
            assert process.stdout is not None and process.stderr is not None
            for text in process.stdout:
                lines.append(json.loads(text))
                move(board, lines)
                if on is not None and on(lines[-1]):
                    process.send_signal(signal.SIGINT)
            return process.wait(), lines, process.stderr.read()
        finally:
            timer.cancel()
            process.kill()
            process.wait()


def move(board: TestChip, lines: list[Json]) -> None:
    value = MOVES.get(lines[-1].get("expect", ""))
    if value is not None:
        threading.Thread(target=_move, args=(board, value, lines, lines[-1])).start()


def _move(board: TestChip, value: str, lines: list[Json], asked: Json) -> None:
    """A door is pulled until it moves; through a gate that polls, and was late, somebody goes once more."""
    end = time.monotonic() + PULL_S
    while time.monotonic() < end:
        found = board.sim.set(asked["component"], value)
        if "passed" in found:
            again = time.monotonic() + AGAIN_S
            while lines[-1] is asked and time.monotonic() < again:
                time.sleep(0.02)
            if lines[-1] is not asked:
                return
        elif found.get("moved", True):
            return
        time.sleep(0.02)


def runs_again(board: TestChip) -> None:
    """After the self-test, not before."""
    board.until(
        lambda: "broker reached" in board.log().rpartition("held for service")[2],
        "the firmware after the test",
    )


def results(lines: list[Json]) -> dict[tuple[str, str], bool | None]:
    return {(line["check"], line["component"]): line["ok"] for line in lines if "check" in line}


def a_box_that_passes(stage: Stage) -> None:
    with chip_board(stage.folder, blank=False, name="box-1", files=stage.files("box-1")) as board:
        options = ("--with-hardware", "--site", str(stage.site), "--patience", "10")
        status, lines, said = stage.test(board, *options)
        assert status == 0, said
        found = results(lines)
        assert False not in found.values()
        assert {("lock", "lock-3"), ("door", "door-3"), ("gate", "gate-1"), ("keypad", "keypad-1")} <= set(
            found
        )
        record = read_record(Path(lines[-1]["record"]))
        assert (record.verdict, record.device, record.mac, record.key_version) == (
            "passed",
            "box-1",
            board.mac,
            7,
        )
        page = Path(lines[-1]["record"]).with_suffix(".html").read_text()
        for text in (page, record.model_dump_json(), json.dumps(lines), said):
            assert PASSWORD not in text and "5e5e5e5e" not in text
        row = Inventory.open(stage.site).board(board.mac)
        assert row is not None and row.selftest_ok
        runs_again(board)


def a_box_that_fails(stage: Stage) -> None:
    """In German, with a lock that jams; doors that are not asked for stay as they are."""
    with chip_board(stage.folder, blank=False, name="box-2", files=stage.files("box-1", "box-2")) as board:
        board.until(lambda: board.sim.show()["doors"], "its world")
        board.sim.set("door-2", "cut")
        options = ("--with-hardware", "--patience", "1", "--skip", "lock-1", "--skip", "keypad-1")
        status, lines, said = stage.test(board, *options, lang="de")
        assert status == 1
        assert [key for key, ok in results(lines).items() if ok is False] == [("door", "door-2")]
        assert "door-2: Tür 2 ging nie zu" in said and "GPIO 16" in said and "Bitte jetzt" not in said
        assert any(line.get("prompt") == "Bitte jetzt Tür 2 schließen." for line in lines)
        assert ("lock", "lock-1") not in results(lines) and board.sim.show()["locks"]["lock-1"]["pulses"] == 0
        assert read_record(Path(lines[-1]["record"])).skipped == ["lock-1", "keypad-1"]
        runs_again(board)


def a_court_that_is_interrupted(stage: Stage) -> None:
    """Ctrl-C: nothing is recorded, and the board starts again."""
    with chip_board(stage.folder, "esp32c3", blank=False, name="c-1", files=stage.files("court-1")) as board:
        before = len(list((stage.folder / "records").glob("court-1*")))
        status, _, _ = stage.test(board, on=lambda line: line.get("check") == "heap")
        assert status == 130
        assert len(list((stage.folder / "records").glob("court-1*"))) == before
        runs_again(board)
        status, lines, said = stage.test(board, "--with-hardware", "--patience", "8")
        assert status == 0, said
        assert ("pir", "pir-1") in results(lines)


def boards_that_are_refused(stage: Stage) -> None:
    """Another site's, one that is not provisioned, and one without our firmware: cause, cure, status."""
    other = stage.folder / "other.yaml"
    shutil.copyfile(REPOSITORY / "sites" / "stralsund-sundpark.yaml", other)
    with chip_board(stage.folder, "esp32c3", blank=False, name="c-2", files=stage.files("court-2")) as board:
        status, _, said = stage.test(board, "--site", str(other))
        assert status == 2 and "belongs to site `hafensport-rostock`" in said and "hint: " in said
        runs_again(board)
        board.cut()
        board.put({"/provisioning": b"{}"})
        board.boot()
        status, _, said = stage.test(board)
        assert status == 1 and "not provisioned" in said and "sportbox provision" in said
    with chip_board(stage.folder, "esp32c3", blank=False, name="c-3") as board:
        status, _, said = stage.test(board)
        assert status == 1 and "no firmware on the board" in said


def boards_with_another_self_test(stage: Stage) -> None:
    """Ours is brought where our firmware runs, its own serves another one, and else nothing is tested."""
    own, newer = compile_firmware().selftest, renumbered(stage.folder)
    files = stage.files("court-2", "court-4")
    stale = {
        VERSION_FILE: newer.selftest[VERSION_FILE],
        "/selftest/gone.mpy": b"",
        "/selftest/own.mpy": b"cut",
    }
    with chip_board(stage.folder, "esp32c3", blank=False, name="c-5", files={**files, **stale}) as board:
        status, lines, said = stage.test(board)
        assert status == 0, said
        assert ("files", "board") in results(lines)
        board.cut()
        there = {path: data for path, data in board.files().items() if path.startswith("/selftest/")}
        assert there == own
        board.put({f"/a/{path}": data for path, data in newer.slot.items()})
        board.boot()
        status, _, said = stage.test(board)
        assert status == 1 and "runs firmware 0.9.0, its self-test is for 0.1.0" in said and "hint: " in said
        runs_again(board)
        board.cut()
        board.put(newer.selftest)
        board.boot()
        status, lines, said = stage.test(board)
        assert status == 0, said
        assert results(lines)[("files", "board")] is None, "it is not the firmware that provisioning brought"
        assert read_record(Path(lines[-1]["record"])).firmware == "0.9.0"


def renumbered(folder: Path) -> Firmware:
    """The firmware and its self-test as they were if their version were another."""
    line = ('"0.1.0"', '"0.9.0"')
    changes = {"sportbox/__init__.py": [line], "selftest/__init__.py": [line]}
    return compile_firmware(patched_firmware(folder, changes))


def a_technician_at_a_terminal(stage: Stage) -> None:
    """In German: the lamp is confirmed, the court is skipped, and a table comes last."""
    with chip_board(stage.folder, "esp32c3", blank=False, name="c-4", files=stage.files("court-3")) as board:
        master, slave = pty.openpty()
        command = [sys.executable, "-m", "host_tools.cli", "selftest", "--port", board.port, "--lang", "de"]
        command += ["--with-hardware", "-o", str(stage.folder / "terminal")]
        process = subprocess.Popen(command, stdin=slave, stderr=slave, stdout=subprocess.PIPE, text=True)
        os.close(slave)
        try:
            shown = answer(master, {"Blinkt die Statuslampe? [j/n]": b"j\n", "[w und Enter: weiter]": b"w\n"})
            assert process.wait(END_S) == 0, shown
            assert process.stdout is not None
            table = process.stdout.read()
        finally:
            process.kill()
            process.wait()
            os.close(master)
        assert "Feld 3: bitte jetzt betreten" in shown and " s " in shown, "and a countdown"
        assert "Statuslampe" in table and "nicht geprüft" in table and "weggelassen" in table
        (path,) = (stage.folder / "terminal").glob("*.json")
        record = read_record(path)
        found = {result.component: result.ok for result in record.results if result.check in ("led", "pir")}
        assert (
            record.verdict == "passed" and record.language == "de" and found == {"led": True, "pir-3": None}
        )


def answer(master: int, answers: dict[str, bytes]) -> str:
    """Reads the terminal to its end; each answer is typed when its question is there."""
    shown, end = "", time.monotonic() + END_S
    waiting = dict(answers)
    while time.monotonic() < end:
        if not select.select([master], [], [], 0.1)[0]:
            continue
        try:
            shown += os.read(master, 65536).decode(errors="replace")
        except OSError:  # EIO: nobody has it open any more
            return shown
        for question in [question for question in waiting if question in shown]:
            os.write(master, waiting.pop(question))
    raise AssertionError(shown)


def test_selftest_over_serial_ports(run_dir: Path, mosquitto: BrokerProcess) -> None:
    server = TimeServer()
    stage = Stage(run_dir, (mosquitto.host, mosquitto.port), server.address)
    shared_host()  # once, before threads want it
    scenes = (
        a_box_that_passes,
        a_box_that_fails,
        a_court_that_is_interrupted,
        boards_that_are_refused,
        boards_with_another_self_test,
        a_technician_at_a_terminal,
    )
    try:
        with ThreadPoolExecutor(len(scenes)) as pool:
            futures = {scene.__name__: pool.submit(scene, stage) for scene in scenes}
        failures = [f"{name}: {e}" for name, one in futures.items() if (e := one.exception()) is not None]
    finally:
        server.stop()
    if failures:
        pytest.fail("\n\n".join(failures))
