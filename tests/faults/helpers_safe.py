"""Boards in safe mode, and who sends them blocks of a bundle."""

import json
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt

from host_tools.sim.flash import read_file, read_files, write_files
from host_tools.sim.world import FLASH_FILE
from host_tools.update.form import BLOCK_BYTES, Range, sha256
from host_tools.update.pack import pack
from tests.faults.helpers import Board, patched_firmware
from tests.faults.helpers_listen import Listener

MAIN = """\
import sys
sys.path[:] = ["/loader", ".frozen"]
from safe import run
run("starts")
"""
RESTARTS = b"import machine\nmachine.reset()\n"
PREFIX_BYTES = 8
ASKED = "sportbox/v1/+/+/update/get"
HEARD = "sportbox/v1/+/+/+"
"""All that concerns safe mode, without the blocks."""
SERIES = Range(first="1.0.0", below="2.0.0")


def safe_firmware(folder: Path, **constants: int) -> Path:
    """Firmware whose main.py knows nothing but safe mode."""
    firmware = patched_firmware(folder, constants={"loader/safe.py": {"_PAUSE_MS": 200, **constants}})
    (firmware / "main.py").write_text(MAIN)
    return firmware


def break_slots(board: Board, broken: str = "ab") -> None:
    """These slots restart as soon as they are entered; each counts as a way back. The board is off."""
    state = {"slot": "a", "spare": True, "fell": "", "update": None}
    text = json.dumps(state).encode()
    files = {"/slots": struct.pack("<I", zlib.crc32(text)) + text}
    for slot in broken:
        files |= {f"/{slot}/sportbox/__init__.py": b"", f"/{slot}/sportbox/run.py": RESTARTS}
    write_files(board.sim.folder / FLASH_FILE, files)


def small_bundle(board: str = "box-esp32s3", content: bytes = b"", series: Range = SERIES) -> bytes:
    """A bundle of a few blocks; nothing in it could run."""
    noise = b"".join(sha256(bytes([i, *content])).encode() for i in range(100))
    return pack({"sportbox/run.py": noise}, "0.2.0", [board], series, 6)


def order(board: Board, info: dict[str, Any], bundle: bytes, **changes: Any) -> str:
    """A token for an update."""
    args = {**args_of(bundle), **changes.pop("args", {})}
    return board.token(None, kid="ops-1", act="update", args=args, nonce=info["nonce"], **changes)


def args_of(bundle: bytes) -> dict[str, Any]:
    return {"sha256": sha256(bundle), "size": len(bundle), "version": "0.2.0"}


class Blocks:
    """Answers what boards ask for in `update/get`; `spoil` may change an answer, None is no answer."""

    def __init__(self, heard: Listener, bundle: bytes) -> None:
        self.bundle = bundle
        self.digest = ""  # that of the order, if it is another one
        self.asked: list[int] = []
        self.spoil: Callable[[int, bytes], bytes | None] = lambda at, data: data
        heard.client.message_callback_add(ASKED, self._asked)
        before = heard.subscriptions
        heard.client.subscribe(ASKED, qos=1)
        heard.wait_subscribed(before + 1)

    def _asked(self, client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        what = json.loads(message.payload)
        digest = self.digest or sha256(self.bundle)
        assert what["sha256"] == digest[: 2 * PREFIX_BYTES], what
        at, count = what["at"], what["bytes"]
        assert 0 < count <= BLOCK_BYTES
        self.asked.append(at)
        data = self.spoil(at, self.bundle[at : at + count])
        if data is not None:
            head = bytes.fromhex(what["sha256"]) + at.to_bytes(4, "little")
            topic = message.topic.removesuffix("get") + "data"
            client.publish(topic, head + data, qos=1)


def received(board: Board) -> bytes:
    """What has come of the bundle. The board is off."""
    return read_files(board.sim.folder).get("/update/bundle", b"")


def record_of(board: Board) -> dict[str, Any]:
    """The board's /slots. It is off."""
    found: dict[str, Any] = json.loads(read_files(board.sim.folder)["/slots"][4:])
    return found


def state_of(board: Board) -> str | None:
    """Of the update in the record; the board may run."""
    stored = read_file(board.sim.folder / FLASH_FILE, "/slots")
    return json.loads(stored[4:])["update"]["state"] if stored else None


def wall_s(board: Board) -> int:
    """The chip's wall clock, Unix seconds."""
    return board.sim.view.world.rtc_unix_s()


def wait_safe(heard: Listener, board: Board, boots: int = 1, timeout_s: float = 15.0) -> dict[str, Any]:
    """`info` of the n-th boot in safe mode."""

    def nonces() -> list[str]:
        seen = [m.content for m in heard.of(board, "info")]
        return list(dict.fromkeys(info["nonce"] for info in seen if info["firmware"] == "safe"))

    heard.wait(lambda _: len(nonces()) >= boots, f"{board.name} in safe mode, start {boots}", timeout_s)
    info: dict[str, Any] = heard.latest(board, "info")
    return info
