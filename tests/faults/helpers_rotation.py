"""A locked-down site of simulated boards at a real Mosquitto, on which something happens all the time."""

import contextlib
import itertools
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from host_tools.broker import free_port
from host_tools.brokers.foreground import SiteBroker, directory_of, start
from host_tools.brokers.provider import BrokerProvider
from host_tools.sim.board import SimBoard
from host_tools.sim.outfit import provision
from host_tools.site import ca
from host_tools.site.boards_provider import BoardsProvider
from host_tools.site.credentials import Credentials
from host_tools.site.inventory import Inventory
from host_tools.site.load import load_site
from host_tools.site.login import services_address
from host_tools.site.renew.push import Limits
from host_tools.site.rotation import Ground, Rotator
from tests.faults.helpers import Bench, template
from tests.vaults import cheap_vault

Json = dict[str, Any]
COURTS = 19
TICK_S = 0.05
HOLD_MS = 200
DOOR_TURNS = 20
LIMITS = Limits(final_s=30, info_s=15)


def site_of(boards_port: int, services_port: int, ntp: tuple[str, int]) -> str:
    court = {"board": "field-esp32c3", "components": {"court-1": {"hold_ms": HOLD_MS}}}
    box = {"board": "box-esp32s3", "components": {"lock-1": {}, "door-1": {}}}
    described = {
        "version": 1,
        "site": "rotating",
        "broker": {"host": "127.0.0.1", "port": boards_port, "tls": True, "services_port": services_port},
        "ntp": {"host": ntp[0], "port": ntp[1]},
        "defaults": {"telemetry_s": 2, "batch_ms": 200},
        "devices": {"box-1": box, **{f"court-{n}": court for n in range(1, COURTS + 1)}},
    }
    return json.dumps(described, indent=1)


class RunningSite:
    """Boards with what `sportbox provision` would write, at `ports` of a broker that runs already."""

    def __init__(self, folder: Path, bench: Bench, ports: tuple[int, int]) -> None:
        self.file = folder / "rotating.yaml"
        self.file.write_text(site_of(*ports, bench.time_server.address))
        self.vault = cheap_vault(self.file)
        self.inventory = Inventory.open(self.file)
        self.boards: dict[str, SimBoard] = {}
        self.port = ports[0]
        self._bench = bench

    def start_broker(self) -> SiteBroker:
        site = load_site(self.file)
        return start(site, self.vault, directory_of(self.file, site))

    @property
    def name(self) -> str:
        return self.vault.site

    def create(self) -> None:
        credentials = Credentials(load_site(self.file), self.vault, self.inventory)
        for name in credentials.site.devices:
            board = SimBoard(self._bench.folder / "boards" / name, self._bench.zygote)
            provision(board, template(), credentials)
            self.boards[name] = board

    def boot(self) -> None:
        for board in self.boards.values():
            board.boot()

    def rotator(self, said: Callable[[str], None]) -> Rotator:
        def ground() -> Ground:
            site = load_site(self.file)
            boards = BoardsProvider(self.file, site, self.vault, self.inventory, limits=LIMITS, width=20)
            return Ground(boards, BrokerProvider(self.file, site, self.vault, self.inventory))

        return Rotator(self.file, self.vault, ground, said)


class Ears:
    """Hears every event, as a service with a session that the broker keeps; and gives an order."""

    def __init__(self, site: RunningSite) -> None:
        self.seqs: dict[str, list[int]] = {}
        self.latest: dict[str, dict[str, Json]] = {}
        self.acks: dict[str, list[tuple[str, str | None]]] = {}
        self._changed = threading.Condition()
        address = services_address(load_site(site.file), site.vault)
        assert address.login is not None
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="ears", clean_session=False)
        self.client.username_pw_set(address.login.user, address.login.password)
        self._context = address.login.context()
        self.client.tls_set_context(self._context)
        self.client.reconnect_delay_set(0.05, 0.2)  # type: ignore[arg-type]
        self.client.on_connect = lambda *_: self.client.subscribe(f"sportbox/v1/{site.name}/#", 1)
        self.client.on_message = self._take
        self.client.connect_async(address.host, address.port, keepalive=60)
        self.client.loop_start()

    def trust(self, authority: ca.Authority) -> None:
        """Beside the CA of before."""
        self._context.load_verify_locations(cadata=authority.certificate_der())

    def _take(self, _client: object, _data: object, message: mqtt.MQTTMessage) -> None:
        device, rest = message.topic.split("/")[3:5]
        with contextlib.suppress(ValueError), self._changed:
            content = json.loads(message.payload)
            if rest == "event":
                self.seqs.setdefault(device, []).append(content["seq"])
            elif rest == "ack":
                self.acks.setdefault(content["jti"], []).append((content["result"], content["reason"]))
            elif rest in ("info", "telemetry"):
                self.latest.setdefault(device, {})[rest] = content
            self._changed.notify_all()

    def wait(self, condition: Callable[[], object], what: str, timeout_s: float = 20.0) -> None:
        with self._changed:
            if not self._changed.wait_for(condition, timeout_s):
                raise AssertionError(f"waited {timeout_s:g} s for {what}")

    def telemetry(self, device: str) -> Json:
        return self.latest.get(device, {}).get("telemetry", {})

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@contextlib.contextmanager
def people(boards: dict[str, SimBoard]) -> Iterator[Callable[[], int]]:
    """Somebody comes or goes somewhere, all the time; answers how often so far."""
    end, moves = threading.Event(), itertools.count()
    done = [0]

    def move() -> None:
        names = [name for name in boards if name != "box-1"]
        while not end.wait(TICK_S):
            turn = next(moves)
            name = names[turn % len(names)]
            there = turn // len(names) % 2 == 0
            boards[name].set("court-1", "occupied" if there else "free")
            if turn % DOOR_TURNS < 2:  # a box whose door is open is busy, and would wait with what is new
                boards["box-1"].set("door-1", "closed" if turn % DOOR_TURNS else "open")
            done[0] += 1

    thread = threading.Thread(target=move, name="people", daemon=True)
    thread.start()
    try:
        yield lambda: done[0]
    finally:
        end.set()
        thread.join()


def let_in(port: int, trusted: bytes, certificate: bytes, key: bytes, folder: Path) -> bool:
    """Whether the broker takes this certificate, and is one that `trusted` vouches for: a whole handshake,
    and the answer to a CONNECT, for in TLS 1.3 a client learns later that it was refused."""
    chain = folder / "chain.pem"
    chain.write_bytes(ca.certificates_pem([certificate]) + key)
    context = ssl.create_default_context(cadata=trusted)
    context.load_cert_chain(chain)
    connect = b"\x10\x0f\x00\x04MQTT\x04\x02\x00\x0a\x00\x03try"
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
        ):
            secure.sendall(connect)
            answer = secure.recv(4)
            return answer[:1] == b"\x20" and answer[3:] == b"\x00"
    except (OSError, ssl.SSLError):
        return False


def two_ports() -> tuple[int, int]:
    return free_port(), free_port()


def seconds() -> Callable[[str], None]:
    """Prints how long each step took."""
    last = [time.monotonic()]

    def step(text: str) -> None:
        now = time.monotonic()
        print(f"{now - last[0]:6.1f} s  {text}")
        last[0] = now

    return step
