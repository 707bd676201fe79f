"""The log on a board's flash: what is there after crashes and power cuts, and what must never be."""

from pathlib import Path
from typing import Any

from host_tools.broker import BrokerProcess
from host_tools.sim.board import SimBoard
from host_tools.sim.flash import read_files
from tests.faults.helpers import Bench, Board, patched_firmware, template, wait_until
from tests.faults.helpers_listen import Listener
from tests.faults.helpers_stage import side_by_side

Json = dict[str, Any]

BOX = "sportbox/box.py"
LOOP = "            stuck = self.supervisor.stuck(self.uptime.ms())\n"
HOUSE = "            self.beat_ms = now_ms\n"
PASSWORD = "a broker's pass phrase"
ON_FLASH = "sportbox/system/log.py"


def lines_of(board: Board) -> list[str]:
    files = read_files(board.sim.folder)
    text = (files.get("/data/log-old", b"") + files.get("/data/log", b"")).decode()
    assert text == "" or text.endswith("\n")
    return text.splitlines()


def has(board: Board, part: str) -> bool:
    return any(part in line for line in lines_of(board))


def starts_and_crashes_are_there_afterwards(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    broken = "            if self.history.boots == 1 and self.uptime.ms() > 1500: self._no_such()\n"
    firmware = patched_firmware(bench.folder, {BOX: [(LOOP, broken + LOOP)]})
    board = bench.add("box-1", (broker.host, broker.port), firmware=firmware)
    board.boot()
    heard.wait_ready(board, boots=2, timeout_s=30)
    wait_until(lambda: has(board, "crashed before this start"), "the crash on flash")
    board.sim.brownout()
    heard.wait_ready(board, boots=3)
    wait_until(lambda: has(board, "reset brownout"), "the start on flash")
    board.cut()
    texts = [line.split(" ", 3) for line in lines_of(board)]
    starts = [(boot, text) for boot, _, _, text in texts if text.startswith("starts: ")]
    assert [boot for boot, _ in starts] == ["1", "2", "3"]
    assert [text.split(",")[0] for _, text in starts] == [
        "starts: reset power_on",
        "starts: reset hard",
        "starts: reset brownout",
    ]
    (crash,) = [(boot, level, text) for boot, _, level, text in texts if "crashed" in text]
    assert crash[:2] == ("2", "error")
    assert "AttributeError" in crash[2] and "_no_such" in crash[2]


def a_task_that_crashes_is_noted_within_seconds(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    once = (
        "            if now_ms > 1500 and not self.supervisor.restarts:\n                raise OSError(5)\n"
    )
    quick = {"_PAUSE_MS": 1000}
    firmware = patched_firmware(bench.folder, {BOX: [(HOUSE, HOUSE + once)]}, {ON_FLASH: quick})
    board = bench.add("box-1", (broker.host, broker.port), firmware=firmware)
    board.boot()
    wait_until(lambda: has(board, "error task house: OSError"), "the line on flash")
    assert has(board, "info broker reached"), "what waited went with it"
    wait_until(lambda: has(board, "info time 20"), "the time")
    board.cut()


def secretive(bench: Bench, broker: BrokerProcess, firmware: Path) -> Board:
    """A board whose login has a password."""
    board = bench.add("box-1", (broker.host, broker.port), firmware=firmware)
    secrets: Json = {
        "wifi": {"ssid": "test", "password": ""},
        "broker": {"user": "box-1", "password": PASSWORD},
        "keys": {kid: {"role": kid[:-2], "k": key.hex()} for kid, key in board.keys.items()},
        "codes": {},
    }
    sim = SimBoard(bench.folder / "secretive" / "box-1", bench.zygote)
    sim.create(board.config, secrets, template(firmware))
    return Board(sim, board.config, board.keys)


def no_secret_is_written_whatever_an_error_says(bench: Bench, broker: BrokerProcess, heard: Listener) -> None:
    """Errors that repeat the whole of secrets.json, the password and the newest token: of a task, of the
    session, and of the program itself."""
    spill = """\
            if self.uptime.ms() > 700 and self.supervisor.restarts < 2:
                raise ValueError(open('/secrets.json').read())
"""
    fall = (
        "            if self.history.boots == 1 and self.uptime.ms() > 6000:\n"
        "                raise ValueError(open('/secrets.json').read())\n"
    )
    parse = "            token = self._with_room(tokens.parse, raw)\n"
    repeat = '            raise RuntimeError("%s %s" % (raw.decode(), raw))\n'
    changes = {
        BOX: [(HOUSE, HOUSE + spill), (LOOP, fall + LOOP)],
        "sportbox/access.py": [(parse, repeat + parse)],
    }
    firmware = patched_firmware(bench.folder, changes, {ON_FLASH: {"_PAUSE_MS": 500}})
    board = secretive(bench, broker, firmware)
    board.boot()
    heard.wait_ready(board)
    token = board.token()
    heard.send(board, token)
    wait_until(lambda: has(board, "RuntimeError"), "the error of the token")
    wait_until(lambda: sum("ValueError" in line for line in lines_of(board)) > 1, "the task's errors", 20)
    wait_until(lambda: has(board, "crashed before this start: main: ValueError"), "the program's", 30)
    board.cut()
    text = "\n".join(lines_of(board))
    assert "***" in text
    secrets = [PASSWORD, PASSWORD.split()[-1], *token.split("."), *(key.hex() for key in board.keys.values())]
    for secret in secrets:
        assert secret[:20] not in text


def test_what_is_on_flash(run_dir: Path) -> None:
    side_by_side(
        run_dir,
        starts_and_crashes_are_there_afterwards,
        a_task_that_crashes_is_noted_within_seconds,
        no_secret_is_written_whatever_an_error_says,
    )
