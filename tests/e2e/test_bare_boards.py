"""From bare boards to devices that are online, with nothing but the commands of a technician."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from host_tools.broker import BrokerProcess
from host_tools.sim.chip.image import sim_image
from tests.brokers import wait_until
from tests.e2e.commands import ROSTOCK, SPORTBOX, json_lines
from tests.faults.helpers import TimeServer
from tests.faults.helpers_listen import Listener
from tests.sim.chips import TestChip, chip_board

Json = dict[str, Any]

COMMAND_S = 150
ONLINE_S = 30.0
PASSPHRASE = "a test's own passphrase"
WIFI_PASSWORD = "a test's own Wi-Fi"
COURTS = 15
ODD: dict[int, Json] = {
    3: {"faults": ["bad-sector=0x12000"]},
    7: {"chip": "esp32"},
    11: {"faults": ["busy"]},
}
CAUSES = {3: "0x12000", 7: "ESP32", 11: "in use"}


@pytest.fixture
def time_server() -> Iterator[TimeServer]:
    server = TimeServer()
    yield server
    server.stop()


class Desk:
    """A technician's folder: the sample site with a broker of its own, images, and the command."""

    def __init__(self, folder: Path, broker: BrokerProcess, time_server: TimeServer) -> None:
        self.folder = folder
        self.site_file = folder / "site.yaml"
        site = yaml.safe_load(ROSTOCK.read_text())
        site["broker"] = {"host": broker.host, "port": broker.port}
        site["ntp"] = {"host": time_server.address[0], "port": time_server.address[1]}
        self.site: Json = site
        self.write_site()
        self.images: list[str] = []
        for chip in ("esp32", "esp32s3", "esp32c3"):
            path = folder / f"{chip}.bin"
            path.write_bytes(sim_image(chip))
            self.images += ["--image", str(path)]

    def write_site(self) -> None:
        self.site_file.write_text(yaml.safe_dump(self.site, sort_keys=False, allow_unicode=True))

    def run(self, *arguments: object, status: int = 0, ports: list[TestChip] | None = None) -> list[Json]:
        """A command with --json, and what it printed."""
        environment = {
            **os.environ,
            "SPORTBOX_PASSPHRASE": PASSPHRASE,
            "SPORTBOX_WIFI_PASSWORD": WIFI_PASSWORD,
            "SPORTBOX_PORTS": ",".join(board.port for board in ports or []),
        }
        done = subprocess.run(
            [str(SPORTBOX), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=COMMAND_S,
            env=environment,
            cwd=self.folder,
            check=False,
        )
        assert done.returncode == status, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return json_lines(done.stdout) if "--json" in arguments else [{"text": done.stdout.strip()}]


@pytest.fixture
def desk(run_dir: Path, mosquitto: BrokerProcess, time_server: TimeServer) -> Desk:
    return Desk(run_dir, mosquitto, time_server)


def online(heard: Listener) -> set[str]:
    """The devices that say so."""
    latest = {m.topic: m.payload for m in heard.messages if m.topic.endswith("/availability")}
    return {topic.split("/")[3] for topic, payload in latest.items() if payload == b"online"}


def test_a_blank_chip_of_each_kind_becomes_a_device(desk: Desk, mosquitto: BrokerProcess) -> None:
    """flash, provision, selftest; then a citizen opens a compartment of the new box."""
    courts = {"court-9": {"board": "box-esp32", "components": {"lock-2": {}, "door-2": {}}}}
    desk.site["devices"].update(courts)
    desk.write_site()
    kinds = {"box-1": "esp32s3", "court-1": "esp32c3", "court-9": "esp32"}
    with ExitStack() as stack:
        heard = stack.enter_context(Listener(mosquitto.host, mosquitto.port, desk.folder))
        boards = {
            name: stack.enter_context(
                chip_board(desk.folder, chip, name=name, flash_mib=4 if chip == "esp32c3" else 8)
            )
            for name, chip in kinds.items()
        }
        ports = list(boards.values())
        desk.run("flash", "--all", *desk.images, "--json", ports=ports)
        for name, board in boards.items():
            desk.run("provision", "--port", board.port, "--site", "site.yaml", "--device", name)
        wait_until(lambda: online(heard) >= set(kinds), "three devices online", ONLINE_S)

        tests = desk.run("selftest", "--port", boards["box-1"].port, "--site", "site.yaml", "--json")
        assert tests
        assert len(list((desk.folder / "site.records").glob("*.html"))) == 1
        wait_until(lambda: len(told(heard, "box-1", "info")) >= 2, "the box back at work", ONLINE_S)
        wait_until(lambda: told(heard, "box-1", "info")[-1]["clock"] == "ntp", "its clock set", ONLINE_S)

        token = desk.run("grant", "site.yaml", "box-1", "lock-2")[0]["text"]
        heard.client.publish(f"sportbox/v1/{desk.site['site']}/box-1/cmd", token, qos=1).wait_for_publish(10)
        wait_until(lambda: bool(boards["box-1"].sim.set("door-2", "pull")["moved"]), "the door to open")
        wait_until(lambda: "done" in [a["result"] for a in told(heard, "box-1", "ack")], "done")
    known = desk.run("inventory", "site.yaml", "--json")
    assert {line["device"] for line in known if line.get("mac")} == set(kinds)


def told(heard: Listener, device: str, rest: str) -> list[Json]:
    return [json.loads(m.payload) for m in heard.messages if m.topic.endswith(f"/{device}/{rest}")]


def test_sixteen_at_once_three_of_them_faulty(desk: Desk, mosquitto: BrokerProcess) -> None:
    """Thirteen succeed; three are named with cause and cure."""
    court = {"board": "field-esp32c3", "components": {"court-1": {}}}
    desk.site["devices"] = {f"court-{n}": json.loads(json.dumps(court)) for n in range(1, COURTS + 1)}
    desk.write_site()
    with ExitStack() as stack:
        heard = stack.enter_context(Listener(mosquitto.host, mosquitto.port, desk.folder))
        boards = [
            stack.enter_context(
                chip_board(desk.folder, **{"chip": "esp32c3", "name": f"b{n:02}", **ODD.get(n, {})})
            )
            for n in range(16)
        ]
        images = desk.images[-2:]
        flashed = desk.run("flash", "--all", *images, "--json", ports=boards, status=1)
        check_named(flashed, boards)
        good = [board for n, board in enumerate(boards) if n not in ODD]
        desk.run("provision", "--all", "--site", "site.yaml", "--json", ports=good)
        wait_until(lambda: len(online(heard)) == 13, "thirteen devices online", ONLINE_S)
        again = desk.run("provision", "--all", "--site", "site.yaml", "--json", ports=good)
        assert [line["changed"] for line in again if "changed" in line] == [False] * 13
    known = desk.run("inventory", "site.yaml", "--json")
    assert len({line["device"] for line in known if line.get("mac")}) == 13


def check_named(lines: list[Json], boards: list[TestChip]) -> None:
    """The three that failed have cause and cure, each its own; all others went through."""
    failed = {line["port"]: line for line in lines if line.get("ok") is False}
    assert set(failed) == {boards[n].port for n in CAUSES}
    assert sum(line.get("ok") is True for line in lines) == 13
    for n, cause in CAUSES.items():
        line = failed[boards[n].port]
        assert cause in line["message"]
        assert line["hint"]
