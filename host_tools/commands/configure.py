"""`sportbox configure`: changes a part of a board's configuration over the broker. The board goes back by
itself when it does not reach the broker with it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
from host_tools.errors import EXIT_DONE, EXIT_FAILED, BadInput
from host_tools.output import emit, printable, say
from host_tools.site.resolve import device_config

if TYPE_CHECKING:
    from host_tools.site.boardlog import Key
    from host_tools.site.inventory import Inventory
    from host_tools.site.models import Site
    from host_tools.site.order import Told
    from host_tools.site.setting import Change

app = new_app()

FINAL_S = 240.0
"""120 s of trial with Wi-Fi, and restarts."""
FINAL_WIFI_S = 900.0
"""600 s where the Wi-Fi is another one."""
REASONS = {
    "unreachable": "with what is new it did not reach the broker",
    "damaged": "the new files could not be read",
    "flash": "its flash does not take the new files",
    "busy": "it had no memory for it just now",
    "power": "it lost its power before it began",
}


@app.command()
def configure(
    site_file: SiteFile,
    board: BoardName,
    pairs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="K=V...", help="for example telemetry_s=30 broker.port=8883", show_default=False
        ),
    ] = None,
    wifi_password_file: Annotated[
        Path | None,
        typer.Option(
            "--wifi-password-file",
            metavar="F",
            help="file with another password of its Wi-Fi",
            show_default=False,
        ),
    ] = None,
    broker: BrokerUrl = None,
    state: StateDir = None,
    vault: FromVault = False,
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> int:
    """Change a part of a board's configuration: it restarts, and goes back if that keeps it away."""
    from host_tools.site.order import Ask, give
    from host_tools.site.setting import read_change

    ordered = OrderedBoard(site_file, board, BrokerAndKeys(state, vault, passphrase_file, broker))
    change = read_change(pairs or [], _password(wifi_password_file))
    address, key = ordered.address(), ordered.key()
    known = _Known(site_file, ordered.site, board)
    final_s = FINAL_WIFI_S if change.secret else FINAL_S
    ask = Ask(
        "configure",
        lambda info: known.args(change, key, info),
        final_s=final_s,
        silent=_moved(site_file, change),
        is_change=True,
    )
    told = asyncio.run(give(address, ordered.topics, key, ask, say))
    if json_:
        head = {"device": board, "set": change.names, "secret": sorted(change.secret.get("wifi", {}))}
        emit({**head, "result": told.result, "reason": told.reason, "config": told.info.get("config")})
    else:
        _tell(known, change, told)
    return EXIT_DONE if told.result == "done" else EXIT_FAILED


@dataclass(frozen=True)
class _Known:
    """What is known here of a board's configuration."""

    site_file: Path
    site: "Site"
    board: str

    def args(self, change: "Change", key: "Key", info: dict[str, Any]) -> dict[str, Any]:
        """Of the order. Where it is known what the board has, it is told the hash of what it will have, so
        that `site plan` can show the difference; else it marks the one that it has."""
        from host_tools.site.setting import changed

        had = info.get("config")
        before = self._config(had) if isinstance(had, str) and not change.secret else None
        if before is None:
            return change.args(key.secret, None)
        after = changed(before, change)
        inventory = self._inventory()
        if inventory is not None:
            from host_tools.site.inventory_issued import note_config

            note_config(inventory, after)
        return change.args(key.secret, after["hash"])

    def _config(self, digest: str) -> dict[str, Any] | None:
        """The one with this hash."""
        declared = device_config(self.site, self.board)
        if declared["hash"] == digest:
            return declared
        inventory = self._inventory()
        if inventory is None:
            return None
        from host_tools.site.inventory_issued import config_of

        return config_of(inventory, digest)

    def _inventory(self) -> "Inventory | None":
        """None where there is none: none is made for a simulation."""
        from host_tools.site.inventory import Inventory, inventory_path

        return Inventory.open(self.site_file) if inventory_path(self.site_file).exists() else None


def _moved(site_file: Path, change: "Change") -> str | None:
    """A board that is told of another broker answers there."""
    if "broker" not in change.plain:
        return None
    return f"its answer goes to the broker that it was told of: sportbox watch {site_file} --broker URL"


def _password(path: Path | None) -> str | None:
    if path is None:
        return None
    from host_tools.site.openvault import no_wifi_password
    from host_tools.site.passphrase import read_secret

    option = "--wifi-password-file"
    password = read_secret(path, option)
    wrong = no_wifi_password(password)
    if wrong is not None:
        raise BadInput(f"{option}: {path}: {wrong}")
    return password


def _tell(known: _Known, change: "Change", told: "Told") -> None:
    from host_tools.site.setting import declared

    board = known.board
    if told.result != "done":
        why = REASONS.get(str(told.reason), printable(str(told.reason))[:80])
        print(f"{board} has what it had before: {why}")
        return
    values = [f"{name} = {printable(str(value))}" for name, value in change.names.items()]
    if "password" in change.secret.get("wifi", {}):
        values.append("another Wi-Fi password")
    print(f"{board} uses it: {', '.join(values)}")
    kept = [name for name, value in change.names.items() if declared(known.site, board, name) != value]
    if kept or change.secret:
        say(f"note: to keep it put it into {known.site_file} or the vault, which `site apply` brings")
