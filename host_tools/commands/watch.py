"""`sportbox watch`: a live table of a site, or its messages one a line."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from host_tools.commands.options import (
    BrokerUrl,
    Json,
    PassphraseFile,
    SiteFile,
    StateDir,
    VaultLogin,
    new_app,
)
from host_tools.errors import EXIT_INTERRUPTED, Unreachable
from host_tools.mqtt import Address, connected, find_broker, site_filter, subscribe
from host_tools.output import emit, printable, say
from host_tools.retry import Backoff
from host_tools.site.live import LiveSite, Message, line_of, read_message
from host_tools.site.load import load_site
from host_tools.site.models import Site
from host_tools.site.state import state_dir

if TYPE_CHECKING:
    from rich.live import Live

app = new_app()

REDRAW_S = 0.25


@app.command()
def watch(
    site_file: SiteFile,
    broker: BrokerUrl = None,
    state: StateDir = None,
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> int:
    """Show what a site's boards, locks, doors and courts do, until Ctrl-C."""
    site = load_site(site_file)
    directory = state_dir(state)
    login = VaultLogin(site_file, site, "dashboard", passphrase_file)

    def find() -> Address:
        return find_broker(site, broker, directory, login)

    find()  # asks for a passphrase before the screen is a table
    if json_:
        return asyncio.run(_watch(site, find, _emit_message, say))
    if not sys.stdout.isatty():
        return asyncio.run(_watch(site, find, _line_printer(site.site), say))
    return asyncio.run(_watch_table(site, find))


def _emit_message(message: Message) -> None:
    emit({"topic": message.topic, "retained": message.retained, "payload": message.payload})


def _line_printer(site: str) -> Callable[[Message], None]:
    def show(message: Message) -> None:
        line = line_of(site, message)
        if line is not None:
            print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)

    return show


async def _watch(
    site: Site,
    find: Callable[[], Address],
    show: Callable[[Message], None],
    talk: Callable[[str], None],
) -> int:
    """Hand every message to `show` for ever; the connection is made anew when it breaks."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    address = find()
    known = False
    backoff = Backoff()
    try:
        while True:
            try:
                async for message in _messages(site, address, talk):
                    known = True
                    backoff.reset()
                    if message is not None:
                        show(message)
            except Unreachable as error:
                if not known:
                    raise  # nothing was ever there: a wrong address, most likely
                talk(f"{error.message}; trying again")
            await asyncio.sleep(backoff.next_s())
            address = find()  # a simulation started anew has another port
    except asyncio.CancelledError:
        return EXIT_INTERRUPTED


async def _messages(
    site: Site, address: Address, talk: Callable[[str], None]
) -> AsyncIterator[Message | None]:
    """None once connected, then messages, until the connection breaks."""
    import aiomqtt

    try:
        async with connected(address) as client:
            await subscribe(client, site_filter(site.site))
            talk(f"connected to {address}")
            yield None
            async for message in client.messages:
                payload = message.payload if isinstance(message.payload, bytes) else b""
                yield read_message(str(message.topic), payload, bool(message.retain))
    except aiomqtt.MqttError as error:
        raise Unreachable(f"lost the broker at {address}: {printable(str(error))}") from error


async def _watch_table(site: Site, find: Callable[[], Address]) -> int:
    from rich.console import Console
    from rich.live import Live

    from host_tools.commands.watch_table import Status, render

    console = Console()
    live_site = LiveSite(site)
    status = Status()
    with Live(console=console, auto_refresh=False, screen=True, redirect_stderr=False) as live:
        drawing = asyncio.create_task(_draw(live, lambda: render(live_site, status, console.size)))
        try:
            return await _watch(site, find, live_site.feed, status.talk)
        finally:
            drawing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await drawing


async def _draw(live: "Live", render: Callable[[], object]) -> None:
    while True:
        live.update(render(), refresh=True)  # type: ignore[arg-type]
        await asyncio.sleep(REDRAW_S)
