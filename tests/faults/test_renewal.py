"""Renewals over the air on a simulated board, sent as the host's tools send them."""

import asyncio
import json
from pathlib import Path

from host_tools.mqtt import Address, Topics
from host_tools.sim.flash import read_files
from host_tools.site import ca
from host_tools.site.renew.blob import FILES, Renewal, pack
from host_tools.site.renew.push import Limits, Result, push
from tests.faults.helpers import SITE, Bench, Board
from tests.faults.helpers_listen import Listener
from tests.faults.helpers_tls import Server, TlsBroker, certified

LIMITS = Limits(final_s=60)


def files_of(board: Board) -> dict[str, bytes]:
    found = read_files(board.sim.folder)
    return {path: found[path] for path in FILES if path in found}


def pushed(board: Board, broker: TlsBroker, renewal: Renewal) -> Result:
    keys = board.keys

    def of(kids: list[str]) -> tuple[str, bytes] | None:
        return next(((kid, keys[kid]) for kid in kids if kid.startswith("ops") and kid in keys), None)

    address = Address(broker.host, broker.port)
    return asyncio.run(push(address, Topics(SITE, board.name), of, renewal, print, LIMITS))


def test_a_board_takes_everything_anew(bench: Bench, run_dir: Path) -> None:
    """Configuration, keys, authority and certificate, while the broker changes, too."""
    old, new = ca.new_authority(SITE), ca.new_authority(SITE)
    with (
        TlsBroker(run_dir / "broker", Server(old)).launch() as broker,
        Listener(broker.host, broker.port, run_dir) as heard,
    ):
        board = certified(bench, "box-1", broker.boards, old)
        board.boot()
        heard.wait_ready(board)
        before = files_of(board)
        info = heard.latest(board, "info")
        assert info["cert"] == ca.serial_of(before["/certs/device.der"])
        assert (info["keys"], info["renewal"]) == (["booking-1", "ops-1"], None)
        config = {**json.loads(before["/config.json"]), "hash": "ba9876543210", "telemetry_s": 2}
        secrets = json.loads(before["/secrets.json"])
        secrets["keys"] = {f"{kid}-g2": key for kid, key in secrets["keys"].items()}
        wanted = {
            **before,
            "/config.json": json.dumps(config).encode(),
            "/secrets.json": json.dumps(secrets).encode(),
        }
        wanted["/certs/ca-next.der"] = new.certificate_der()
        result = pushed(board, broker, pack(wanted))
        assert result.info["config"] == "ba9876543210"
        assert result.info["keys"] == ["booking-1-g2", "ops-1-g2"]
        heard.wait(lambda heard: heard.events(board, "device.renewal"), "the event")
        data = heard.events(board, "device.renewal")[0]["data"]
        assert data == {"id": result.info["renewal"], "result": "done", "reason": None}
        board.cut()
        assert files_of(board) == wanted
        assert not [path for path in read_files(board.sim.folder) if path.startswith("/next")]
        told = {e["id"]: e["type"] for e in heard.events(board) if "access" in e["type"]}
        assert list(told.values()) == ["sportbox.access.accepted", "sportbox.access.done"]
