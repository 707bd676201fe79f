"""A bench of simulated boards with the project's firmware, a time server, and tokens for them.

    def test_something(bench: Bench, mosquitto: BrokerProcess) -> None:
        board = bench.add("box-1", (mosquitto.host, mosquitto.port))
        board.boot()

Everything that a board leaves behind (flash, console, world) lies below the test's `run_dir`.
"""

import asyncio
import functools
import os
import re
import secrets as random_bytes
import shutil
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from host_tools.build.firmware import FIRMWARE, build_firmware
from host_tools.sim.board import SimBoard
from host_tools.sim.flash import Template
from host_tools.sim.host import ZygoteHost
from host_tools.sim.timeserver import answer
from tests.brokers import wait_until
from tests.components import court, door, gate, lock
from tests.lateness import Patience

Json = dict[str, Any]
Address = tuple[str, int]

SITE = "test-site"
POLL_S = 0.01
ROLES = ("booking", "ops")


MQTT = {
    "keepalive_s": 30,
    "connect_ms": 5000,
    "ack_ms": 5000,
    "backoff_cap_ms": 4000,
    "window": 8,
    "packet_max": 2048,
}
"""The defaults of a site file."""

COMPONENTS: Json = {
    "lock-1": lock(1),
    "door-1": door(1),
    "lock-2": lock(2),
    "door-2": door(2),
    "gate-1": gate(),
    "court-1": court(),
}
"""More kinds: tests/components.py."""
RELEASE_S = 8.0
"""As long as somebody may take to pull at a door, on a machine that stands still for a while."""
DROP_S = 4.0
"""A strike is dropped 0.3 s after the door was seen open, and not only when its release is over."""
UNHURRIED: Json = {**COMPONENTS, "lock-1": lock(1, release_ms=int(1000 * RELEASE_S))}


def config_of(device: str, broker: Address, ntp: Address, **changes: Any) -> Json:
    """A board's /config.json: `mqtt` is merged into the defaults, `tls` is the broker's name with TLS,
    anything else replaces a part."""
    tls = changes.pop("tls", None)
    mqtt = {**MQTT, **changes.pop("mqtt", {})}
    return {
        "version": 1,
        "site": SITE,
        "device": device,
        "board": "box-esp32s3",
        "chip": "esp32s3",
        "hash": "0123456789ab",
        "broker": {"host": broker[0], "port": broker[1], **({"tls": {"name": tls}} if tls else {})},
        "ntp": {"host": ntp[0], "port": ntp[1]},
        "mqtt": mqtt,
        "telemetry_s": 1,
        "outbox": {"ordinary_bytes": 49152, "reserve_bytes": 16384, "batch_ms": 1000},
        "log_level": "info",
        "led": {"pin": 48, "active": 1},
        "components": COMPONENTS,
        **changes,
    }


class Board:
    """One simulated board with its keys: what a test does to it, and tokens for it."""

    def __init__(
        self, sim: SimBoard, config: Json, keys: dict[str, bytes], codes: dict[str, bytes] | None = None
    ) -> None:
        self.sim = sim
        self.config = config
        self.keys = keys
        self.codes = codes or {}
        self.name = sim.name
        self.base = f"sportbox/v1/{config['site']}/{self.name}"
        self.audience = f"{config['site']}/{self.name}"

    def boot(self) -> None:
        self.sim.boot()

    def cut(self) -> None:
        self.sim.cut()

    def set(self, component: str, value: str) -> Json:
        return self.sim.set(component, value)

    def pulses(self) -> dict[str, int]:
        """How often each lock was energised since the board was made."""
        return {name: facts["pulses"] for name, facts in self.sim.show()["locks"].items()}

    def energised(self, component: str = "lock-1") -> bool:
        return bool(self.sim.show()["locks"][component]["energised"])

    def claims(self, component: str | None = "lock-1", **changes: Any) -> Json:
        """The claims of a valid order; `changes` replace some, and None leaves one out."""
        now = int(time.time())
        claims = {
            "iss": "tests",
            "aud": self.audience,
            "sub": "booking-4711",
            "jti": uuid.uuid4().hex,
            "iat": now,
            "nbf": now,
            "exp": now + 900,
            "act": "unlock",
            "cmp": component,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(
        self,
        component: str | None = "lock-1",
        *,
        kid: str = "booking-1",
        secret: bytes | None = None,
        **changes: Any,
    ) -> str:
        """A token as a stranger's library makes it."""
        key = self.keys.get(kid, b"") if secret is None else secret
        return jwt.encode(self.claims(component, **changes), key, algorithm="HS256", headers={"kid": kid})


def jti_of(token: str) -> str:
    return str(jwt.decode(token, options={"verify_signature": False})["jti"])


class TimeServer:
    """An SNTP server on loopback, in a thread. `offset_s` is how wrong it is; `lies` come first, one an
    answer."""

    def __init__(self) -> None:
        self.offset_s = 0
        self.lies: list[int] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="time server", daemon=True)
        self._thread.start()

    @property
    def address(self) -> Address:
        host, port = self._socket.getsockname()
        return host, port

    def _serve(self) -> None:
        while True:
            query, sender = self._socket.recvfrom(512)
            if sender == self.address:  # stop() asks for the end
                return
            offset_s = self.lies.pop(0) if self.lies else self.offset_s
            now = time.time_ns() + offset_s * 1_000_000_000
            reply = answer(query, now, now)
            if reply is not None:
                self._socket.sendto(reply, sender)

    def stop(self) -> None:
        self._socket.sendto(b"end", self.address)
        self._thread.join(5)
        self._socket.close()


@functools.cache
def template(folder: Path | None = None) -> Template:
    """A flash with the project's firmware, or another one; built once a run."""
    return Template(build_firmware(folder))


def patched_firmware(
    folder: Path,
    changes: dict[str, list[tuple[str, str]]] | None = None,
    constants: dict[str, dict[str, int]] | None = None,
) -> Path:
    """A copy of the firmware below `folder`, by file: pieces of source replaced, each found once, and other
    values for constants."""
    copy = folder / "firmware"
    shutil.copytree(Path(os.environ.get("SPORTBOX_FIRMWARE") or FIRMWARE), copy)
    for name, replacements in (changes or {}).items():
        text = (copy / name).read_text()
        for old, new in replacements:
            assert text.count(old) == 1, f"{old!r} is not once in {name}"
            text = text.replace(old, new)
        (copy / name).write_text(text)
    for name, values in (constants or {}).items():
        text = (copy / name).read_text()
        for constant, value in values.items():
            line = re.compile(rf"^{constant} = const\(\d+\)", re.MULTILINE)
            text, count = line.subn(f"{constant} = const({value})", text)
            assert count == 1, f"{constant} is not once in {name}"
        (copy / name).write_text(text)
    return copy


class Bench:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.zygote = ZygoteHost(folder / "zygote.log")
        self.time_server = TimeServer()

    def add(
        self,
        name: str,
        broker: Address,
        *,
        firmware: Path | None = None,
        furnish: bool = True,
        ntp: Address | None = None,
        **changes: Any,
    ) -> Board:
        """A new board, without power yet."""
        config = config_of(name, broker, ntp or self.time_server.address, **changes)
        keys = {f"{role}-1": random_bytes.token_bytes(32) for role in ROLES}
        secrets: Json = {
            "wifi": {"ssid": "test", "password": ""},
            "broker": {"user": None, "password": None},
            "keys": {kid: {"role": kid[:-2], "k": key.hex()} for kid, key in keys.items()},
        }
        opened = {lock for part in config["components"].values() for lock in part.get("opens", [])}
        codes = {lock: random_bytes.token_bytes(20) for lock in opened}
        secrets["codes"] = {lock: key.hex() for lock, key in codes.items()}
        sim = SimBoard(self.folder / "boards" / name, self.zygote)
        sim.create(config, secrets, template(firmware))
        return Board(sim, config, keys, codes)

    def stop(self) -> None:
        self.zygote.stop()
        self.time_server.stop()


@pytest.fixture
def bench(run_dir: Path) -> Iterator[Bench]:
    running = Bench(run_dir)
    try:
        yield running
    finally:
        running.stop()


async def eventually(condition: Callable[[], object], what: str, timeout_s: float = 10.0) -> None:
    """As wait_until, while other coroutines of the test go on."""
    patience = Patience(timeout_s)
    while not condition():
        if patience.is_over():
            raise AssertionError(f"waited {timeout_s:g} s for: {what}")
        await asyncio.sleep(POLL_S)


async def gather_all(*scenes: Any) -> None:
    """Run scenes side by side; each comes to its end, then all that failed is told."""
    results = await asyncio.gather(*scenes, return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise BaseExceptionGroup("several scenes failed", failures)


__all__ = ["Bench", "Board", "bench", "eventually", "gather_all", "jti_of", "patched_firmware", "wait_until"]
