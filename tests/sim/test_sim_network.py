"""`sim network`: what a workbench needs, where the site file says it is."""

import json
import signal
import socket
from pathlib import Path

import pytest

from host_tools.broker import find_mosquitto, free_port
from host_tools.sim.timeserver import PACKET_BYTES
from host_tools.site.load import load_site
from host_tools.site.login import services_address
from host_tools.site.present import who_is_there
from tests.e2e.commands import ROSTOCK, sportbox, start
from tests.vaults import PASSPHRASE, cheap_vault

SITE = """\
version: 1
site: bench
broker: {{host: 127.0.0.1, port: {broker}{more}}}
ntp: {{host: localhost, port: {ntp}}}
devices: {{court-1: {{board: field-esp32c3, components: {{court-1: {{}}}}}}}}
"""


def test_broker_and_time_server_are_there_until_ctrl_c(run_dir: Path) -> None:
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", 0))
        broker, ntp = tcp.getsockname()[1], udp.getsockname()[1]
        path = run_dir / "site.yaml"
        path.write_text(SITE.format(broker=broker, ntp=ntp, more=""))
        taken = sportbox("sim", "network", path, state=run_dir, status=1)
        assert f"UDP port {ntp}" in taken.stderr
    with start("sim", "network", path, "--json", state=run_dir) as running:
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())
        assert (told["broker"], told["ntp_port"]) == (f"mqtt://127.0.0.1:{broker}", ntp)
        socket.create_connection(("127.0.0.1", broker), 5).close()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(b"\x23" + bytes(PACKET_BYTES - 1), ("127.0.0.1", ntp))
            assert len(client.recv(100)) == PACKET_BYTES
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 0


@pytest.mark.skipif(find_mosquitto() is None, reason="Mosquitto is not installed")
def test_a_site_with_tls_has_its_own_broker(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", PASSPHRASE)
    path, services = run_dir / "site.yaml", free_port()
    path.write_text(
        SITE.format(broker=free_port(), ntp=free_port(), more=f", tls: true, services_port: {services}")
    )
    vault = cheap_vault(path)
    refused = sportbox("sim", "network", path, "--broker", "embedded", state=run_dir, status=2)
    assert "the site has TLS" in refused.stderr
    with start("sim", "network", path, "--json", state=run_dir) as running:
        assert running.stdout is not None
        told = json.loads(running.stdout.readline())
        assert (told["broker"], told["kind"]) == (f"mqtts://127.0.0.1:{services}", "mosquitto, TLS")
        assert who_is_there(services_address(load_site(path), vault), "bench", [], 1) == {}
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 0


def test_a_site_elsewhere_is_not_played(run_dir: Path) -> None:
    told = sportbox("sim", "network", ROSTOCK, state=run_dir, status=2).stderr
    assert "`ntp` is at ptbtime1.ptb.de" in told
    assert "127.0.0.1" in told
