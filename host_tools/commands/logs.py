"""`sportbox logs`: what a board has noted about itself, also before its last restart."""

import asyncio
import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from host_tools.brokers.users import DASHBOARD, MANAGER
from host_tools.commands.options import (
    BrokerAndKeys,
    BrokerUrl,
    FromVault,
    Json,
    PassphraseFile,
    StateDir,
    new_app,
)
from host_tools.commands.ordered import OrderedBoard
from host_tools.errors import EXIT_DONE, BadInput
from host_tools.mqtt import Address, Topics, connected, subscribe, unreachable
from host_tools.output import emit, printable, say
from host_tools.site import loglines

app = new_app()


class Level(StrEnum):
    debug = "debug"
    info = "info"
    warning = "warning"
    error = "error"


@app.command()
def logs(
    site_file: Annotated[
        Path | None, typer.Argument(metavar="SITE.yaml", help="the site file", show_default=False)
    ] = None,
    board: Annotated[
        str | None, typer.Argument(metavar="BOARD", help="a board of the site", show_default=False)
    ] = None,
    port: Annotated[
        str | None,
        typer.Option(
            "--port", metavar="P", help="read the board on this serial port instead", show_default=False
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", help="its new lines, until Ctrl-C")] = False,
    level: Annotated[
        Level | None,
        typer.Option("--level", help="lines from this level on, until it restarts", show_default=False),
    ] = None,
    broker: BrokerUrl = None,
    state: StateDir = None,
    vault: FromVault = False,
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> int:
    """Print the log that a board keeps on its flash, the oldest line first: over the broker, or a cable."""
    if site_file is None:
        if follow or level is not None:
            raise BadInput(
                "--follow and --level need a site file and a board", "sportbox logs SITE.yaml BOARD"
            )
        return _at_port(port, json_)
    if board is None:
        raise BadInput("which board of the site?", f"sportbox logs {printable(str(site_file))} BOARD")
    if port is not None:
        raise BadInput("a board is at a port or at the broker", "leave out --port, or SITE.yaml and BOARD")
    if follow and level is not None:
        raise BadInput("--follow and --level exclude each other", "first --level, then --follow")
    options = BrokerAndKeys(state, vault, passphrase_file, broker)
    ordered = OrderedBoard(site_file, board, options, DASHBOARD if follow else MANAGER)
    address, topics = ordered.address(), ordered.topics
    if follow:
        return asyncio.run(_follow(address, topics, json_))
    from host_tools.site.boardlog import ask_ring, set_level

    key = ordered.key()
    if level is not None:
        asyncio.run(set_level(address, topics, key, level.value))
        say(f"`{board}` logs from {level.value} on, until it restarts")
        return EXIT_DONE
    told = asyncio.run(ask_ring(address, topics, key))
    if told.lost:
        say(f"note: {told.lost} lines got lost on the way")
    return _show(told.lines, json_)


def _at_port(port: str | None, json_: bool) -> int:
    from host_tools.port.ports import choose
    from host_tools.port.ring import read_ring

    (one,) = choose(None if port is None else [port])
    say("note: the board is interrupted, and starts anew afterwards")
    return _show(read_ring(one), json_)


def _show(texts: list[str], json_: bool) -> int:
    lines, damaged = loglines.read(texts)
    show = loglines.show(json_)
    for line in lines:
        show(line)
    if damaged:
        say(f"note: {damaged} damaged lines are left out")
    if not lines:
        say("the board has kept no lines yet")
    return EXIT_DONE


async def _follow(address: Address, topics: Topics, json_: bool) -> int:
    import aiomqtt

    async with connected(address) as client:
        try:
            await subscribe(client, topics.log)
            say(f"connected to {address}")
            async for message in client.messages:
                content = message.payload if isinstance(message.payload, bytes) else b""
                _show_live(content[:1_000].decode("utf-8", "replace"), json_)
        except aiomqtt.MqttError as error:
            raise unreachable(address, error) from error
    return EXIT_DONE


def _show_live(text: str, json_: bool) -> None:
    line = loglines.parse(f"0 {text}")
    if line is None:
        return  # of the log on flash, which somebody has asked for
    if json_:
        emit({"uptime": line.uptime_ms / 1000, "level": line.level, "text": line.text})
    else:
        since = f"+{line.uptime_ms / 1000:.3f}"
        print(f"{time.strftime('%H:%M:%S')}  {since:12}  {line.level:7}  {printable(line.text)}", flush=True)
