"""`sportbox order`: gives a board an order, waits for its end, and prints what came of it."""

import asyncio
import time
from enum import StrEnum
from typing import Annotated, Any

import typer

from host_tools.commands.options import (
    BoardName,
    BrokerAndKeys,
    BrokerUrl,
    FromVault,
    Json,
    PassphraseFile,
    SiteFile,
    StateDir,
    new_app,
)
from host_tools.commands.ordered import OrderedBoard
from host_tools.errors import EXIT_DONE, EXIT_FAILED, Unreachable
from host_tools.mqtt import Address, Topics
from host_tools.output import emit, printable, say

app = new_app()

BACK_S = 60.0


class What(StrEnum):
    identify = "identify"
    reboot = "reboot"
    selftest = "selftest"
    crash = "crash"


EVENTS = {What.selftest: "device.selftest", What.crash: "device.crash_report"}
CHECKS = {
    "heap": "little memory is free, or only in small pieces",
    "flash": "it cannot write to its flash and read that back",
    "space": "little space is left on its flash",
    "clock": "it has no time: is the time server there?",
    "wifi": "it hears its Wi-Fi badly",
    "outbox": "events could not be written to its flash",
    "replay_log": "its log of used tokens could not be written",
}


@app.command()
def order(
    site_file: SiteFile,
    board: BoardName,
    what: Annotated[
        What, typer.Argument(metavar="WHAT", help="identify, reboot, selftest or crash", show_default=False)
    ],
    broker: BrokerUrl = None,
    state: StateDir = None,
    vault: FromVault = False,
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> int:
    """Order a board to show where it is, to restart, to look at itself, or to tell of its newest crash."""
    from host_tools.site.order import Ask, give

    ordered = OrderedBoard(site_file, board, BrokerAndKeys(state, vault, passphrase_file, broker))
    address, topics, key = ordered.address(), ordered.topics, ordered.key()
    began_s = time.monotonic()
    told = asyncio.run(give(address, topics, key, Ask(what.value, event=EVENTS.get(what)), say))
    info = told.info
    if what is What.reboot and told.result == "done":
        info = _wait_back(address, topics, told.info)
    if json_:
        head = {"device": board, "act": what.value, "result": told.result, "reason": told.reason}
        emit({**head, **{name: value for name, value in (told.data or {}).items() if name != "jti"}})
    elif told.data is None and told.result != "done":
        say(f"{board}: {printable(f'{told.result}, {told.reason}')[:80]}")
    elif what is What.identify:
        print(f"{board} blinks for ten seconds, and sounds if it has a buzzer")
    elif what is What.reboot:
        boot, reset = (printable(str(info.get(name)))[:20] for name in ("boot", "reset"))
        print(f"{board} is back after {time.monotonic() - began_s:.0f} s: boot {boot}, reset {reset}")
    elif what is What.selftest:
        _show_selftest(board, told.data or {})
    else:
        _show_crash(board, (told.data or {}).get("crash"))
    return EXIT_DONE if told.result == "done" else EXIT_FAILED


def _wait_back(address: Address, topics: Topics, before: dict[str, Any]) -> dict[str, Any]:
    from host_tools.site.order import back

    say(f"{topics.device} restarts")
    info = asyncio.run(back(address, topics, before, BACK_S))
    if info is None:
        raise Unreachable(
            f"`{topics.device}` has not come back within {BACK_S:.0f} s", "sportbox watch; sportbox doctor"
        )
    return info


def _show_selftest(board: str, data: dict[str, Any]) -> None:
    failed = data.get("failed")
    names = [printable(str(name))[:40] for name in failed] if isinstance(failed, list) else []
    print(f"{board}: {'all is well' if data.get('passed') is True else 'out of order: ' + ', '.join(names)}")
    for name in names:
        print(f"  {name:<12} {CHECKS.get(name, 'its state: sportbox watch')}")
    units = {"heap_free": "bytes of memory free", "flash_free": "bytes of flash free", "rssi": "dBm, Wi-Fi"}
    figures = [f"{printable(str(data.get(name)))[:20]} {unit}" for name, unit in units.items()]
    print("  " + ", ".join([*figures, f"clock {printable(str(data.get('clock')))[:20]}"]))


def _show_crash(board: str, crash: object) -> None:
    if not isinstance(crash, dict):
        print(f"{board} knows of no crash")
        return
    boot = f", in boot {printable(str(crash['boot']))[:12]}" if "boot" in crash else ""
    when = f", {printable(str(crash['time']))[:30]}" if "time" in crash else ""
    print(f"{board}: {printable(str(crash.get('task')))[:40]} fell{boot}{when}")
    print(f"  {printable(str(crash.get('error')))[:200]}")
    for line in str(crash.get("stack") or "").splitlines()[:40]:
        print(f"  {printable(line)[:200]}")
