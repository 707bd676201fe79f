"""`sportbox sim network`: broker and time server at a site file's addresses, for boards on a workbench."""

import asyncio
import signal
import tempfile
from ipaddress import ip_address
from pathlib import Path

from host_tools.commands.options import BrokerToStart, Json, SiteFile
from host_tools.errors import EXIT_DONE, BadInput
from host_tools.output import emit, say


def network(
    site_file: SiteFile,
    broker: BrokerToStart = "auto",
    json_: Json = False,
) -> int:
    """Run a broker and a time server where the site file says, on this computer, until Ctrl-C.

    For boards, simulated or real, that were provisioned for that site and have no network of their own yet.
    """
    from host_tools.broker import BrokerProcess
    from host_tools.sim.outfit import kind_to_start
    from host_tools.sim.timeserver import TimeServer
    from host_tools.site.load import load_site

    kind = kind_to_start(broker)
    site = load_site(site_file)
    for what, host in (("broker", site.broker.host), ("ntp", site.ntp.host)):
        if not is_loopback(host):
            raise BadInput(
                f"{site_file}: `{what}` is at {host}, which is not this computer's loopback",
                "in a copy for the workbench: broker: {host: 127.0.0.1, port: 18830} and"
                " ntp: {host: 127.0.0.1, port: 12300}",
            )

    async def serve(folder: Path) -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        time_server = await TimeServer.start(site.ntp.port)
        with BrokerProcess.start(kind, site.broker.boards_port, state_dir=folder) as running:
            if json_:
                emit({"broker": running.url, "kind": running.kind, "ntp_port": time_server.port})
            else:
                say(f"broker: {running.url} ({running.kind}), time server: UDP port {time_server.port}")
                say("Ctrl-C ends both")
            await stop.wait()
        time_server.stop()

    with tempfile.TemporaryDirectory(prefix="sportbox-network-") as folder:
        asyncio.run(serve(Path(folder)))
    return EXIT_DONE


def is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
