"""`sportbox sim network`: broker and time server at a site file's addresses, for boards on a workbench."""

import asyncio
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from host_tools.commands.options import BrokerToStart, Json, PassphraseFile, SiteFile
from host_tools.errors import EXIT_DONE, BadInput
from host_tools.output import emit, say

if TYPE_CHECKING:
    from host_tools.sim.outfit import Found
    from host_tools.site.models import Site


def network(
    site_file: SiteFile,
    broker: BrokerToStart = "auto",
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> int:
    """Run a broker and a time server where the site file says, on this computer, until Ctrl-C.

    For boards, simulated or real, that were provisioned for that site and have no network of their own yet.
    Where the site has TLS it is the site's own broker, from the vault.
    """
    from host_tools.sim.outfit import check_is_here
    from host_tools.sim.timeserver import TimeServer
    from host_tools.site.load import load_site

    site = load_site(site_file)
    check_is_here(site_file, site)

    async def serve(folder: Path) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        time_server = await TimeServer.start(site.ntp.port)
        found = (
            _own(site_file, site, broker, passphrase_file) if site.broker.tls else _open(site, broker, folder)
        )
        try:
            if json_:
                emit({"broker": str(found.address), "kind": found.kind, "ntp_port": time_server.port})
            else:
                say(f"broker: {found.address} ({found.kind}), time server: UDP port {time_server.port}")
                say("Ctrl-C ends both")
            await stop.wait()
        finally:
            if found.process is not None:
                found.process.stop()
            time_server.stop()

    with tempfile.TemporaryDirectory(prefix="sportbox-network-") as folder:
        asyncio.run(serve(Path(folder)))
    return EXIT_DONE


def _open(site: "Site", broker: str, folder: Path) -> "Found":
    from host_tools.broker import BrokerProcess
    from host_tools.mqtt import parse_broker
    from host_tools.sim.outfit import Found, kind_to_start

    process = BrokerProcess.start(kind_to_start(broker), site.broker.boards_port, state_dir=folder)
    return Found(parse_broker(process.url), process.kind, process)


def _own(site_file: Path, site: "Site", broker: str, passphrase_file: Path | None) -> "Found":
    """The site's Mosquitto with TLS."""
    from host_tools.brokers.mosquitto import check_kind
    from host_tools.sim.outfit import own_broker
    from host_tools.site.workplace import open_workplace

    check_kind(site.broker)
    if broker not in ("auto", "mosquitto"):
        raise BadInput(f"--broker {broker}: the site has TLS, and its own broker is a Mosquitto")
    return own_broker(open_workplace(site_file, passphrase_file, create=True))
