"""`sim network`: what a workbench needs, where the site file says it is."""

import json
import signal
import socket
from pathlib import Path

from host_tools.sim.timeserver import PACKET_BYTES
from tests.e2e.commands import ROSTOCK, sportbox, start

SITE = """\
version: 1
site: bench
broker: {{host: 127.0.0.1, port: {broker}}}
ntp: {{host: localhost, port: {ntp}}}
devices: {{court-1: {{board: field-esp32c3, components: {{court-1: {{}}}}}}}}
"""


def test_broker_and_time_server_are_there_until_ctrl_c(run_dir: Path) -> None:
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", 0))
        broker, ntp = tcp.getsockname()[1], udp.getsockname()[1]
        path = run_dir / "site.yaml"
        path.write_text(SITE.format(broker=broker, ntp=ntp))
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


def test_a_site_elsewhere_is_not_played(run_dir: Path) -> None:
    told = sportbox("sim", "network", ROSTOCK, state=run_dir, status=2).stderr
    assert "`ntp` is at ptbtime1.ptb.de" in told
    assert "127.0.0.1" in told
