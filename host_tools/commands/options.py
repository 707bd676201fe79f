"""Arguments and options that several commands share."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from host_tools.errors import BadInput
from host_tools.output import printable, say

if TYPE_CHECKING:  # what a site is takes longer to load than all else: `--help` does not wait for it
    from host_tools.mqtt import Login
    from host_tools.site.keys import Master
    from host_tools.site.models import Site
    from host_tools.site.openvault import Vault

SiteFile = Annotated[Path, typer.Argument(metavar="SITE.yaml", help="the site file", show_default=False)]
BoardName = Annotated[str, typer.Argument(metavar="BOARD", help="a board of the site", show_default=False)]
StateDir = Annotated[
    Path | None,
    typer.Option(
        "--state",
        metavar="DIR",
        help="state directory of the simulated site [default: $SPORTBOX_STATE, else .sportbox]",
        show_default=False,
    ),
]
BrokerUrl = Annotated[
    str | None,
    typer.Option(
        "--broker",
        metavar="URL",
        help="mqtt://HOST:PORT [default: that of the simulation in DIR, else the site's]",
        show_default=False,
    ),
]
BrokerToStart = Annotated[
    str,
    typer.Option(
        "--broker",
        metavar="KIND",
        help="mosquitto or embedded [default: Mosquitto where it is installed]",
        show_default=False,
    ),
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="F",
        help="file with the vault's passphrase [default: $SPORTBOX_PASSPHRASE, else a prompt]",
        show_default=False,
    ),
]
FromVault = Annotated[
    bool,
    typer.Option(
        "--vault", help="keys of the vault beside the site file, also where a simulation has some of its own"
    ),
]
Json = Annotated[bool, typer.Option("--json", help="one JSON object a line on stdout")]
PortNames = Annotated[
    list[str] | None,
    typer.Option(
        "--port",
        metavar="P",
        help="serial port of the board, may be given several times [default: the only one]",
        show_default=False,
    ),
]
AllPorts = Annotated[bool, typer.Option("--all", help="all boards that are plugged in, at once")]

_UNITS_S = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)")


def new_app() -> typer.Typer:
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def duration_s(text: str, option: str) -> int:
    """`90s`, `15m`, `2h`, `1d` or plain seconds."""
    match = _DURATION.fullmatch(text)
    if match is None:
        raise BadInput(
            f"{option}: `{printable(text)}` is no duration", f"{option} 90s, {option} 15m or {option} 2h"
        )
    return int(match.group(1)) * _UNITS_S[match.group(2)]


@dataclass(frozen=True)
class KeysFrom:
    """Where the options say that a site's keys are."""

    state: Path | None = None
    vault: bool = False
    passphrase: Path | None = None


@dataclass(frozen=True)
class BrokerAndKeys(KeysFrom):
    """And where they say that its broker is."""

    broker: str | None = None


def keys_of(site_file: Path, site: "Site", chosen: KeysFrom, login: "VaultLogin | None" = None) -> "Master":
    """The master secret behind the keys that a command prints: the newest one."""
    from host_tools.site.keys import Master

    masters = masters_of(site_file, site, chosen, login)
    if len(masters) > 1:
        say("note: keys of the new master secret; boards take it while `sportbox site rotate` runs")
    newest = max(masters)
    return Master(masters[newest], newest)


def masters_of(
    site_file: Path, site: "Site", chosen: KeysFrom, login: "VaultLogin | None" = None
) -> dict[int, bytes]:
    """The master secrets by generation: of real boards from the vault beside the site file, of simulated ones
    from their state directory. Where both are there a note tells which it was."""
    from host_tools.site.passphrase import passphrase_source
    from host_tools.site.state import state_dir
    from host_tools.site.vault import open_vault, vault_path

    path = vault_path(site_file)
    wanted = chosen.vault or chosen.passphrase is not None
    if wanted and chosen.state is not None:
        raise BadInput(
            "--state names a simulation, --vault and --passphrase-file the vault", "give one of them"
        )
    is_theirs = path.exists() and not is_simulated(chosen.state, site.site)
    if wanted or is_theirs or _runs_from_vault(chosen, site):
        if login is not None:
            vault = login.vault
        else:
            source = passphrase_source(chosen.passphrase)
            vault = open_vault(site_file, site, source, wifi=False, create=False)
        say(f"note: keys of {path}")
        return vault.masters
    directory = state_dir(chosen.state)
    master = master_secret(directory, site.site)
    if path.exists():
        say(f"note: keys of the simulation in {directory}; --vault takes those of {path}")
    return {1: master}


class VaultLogin:
    """How a service gets in at a locked-down broker. The vault is opened when that is asked for first."""

    def __init__(self, site_file: Path, site: "Site", user: str, passphrase_file: Path | None) -> None:
        self._site_file = site_file
        self._site = site
        self._user = user
        self._passphrase_file = passphrase_file
        self._vault: Vault | None = None

    def __call__(self) -> "Login":
        from host_tools.site.login import login_of

        return login_of(self._site, self.vault, self._user)

    @property
    def vault(self) -> "Vault":
        if self._vault is None:
            from host_tools.site.passphrase import passphrase_source
            from host_tools.site.vault import open_vault

            source = passphrase_source(self._passphrase_file)
            self._vault = open_vault(self._site_file, self._site, source, wifi=False, create=False)
        return self._vault


def is_simulated(state: Path | None, site: str) -> bool:
    """Whether a state directory was chosen, or the default one has secrets of this site."""
    from host_tools.site.secrets import site_of
    from host_tools.site.state import state_dir

    return _is_named(state) or site_of(state_dir(state)) == site


def is_kept_in_simulation(site_file: Path, state: Path | None, site: str) -> bool:
    """Whether what is noted of a site lies in a state directory, not beside the site file: that of real
    boards and that of a simulation never mix."""
    from host_tools.site.vault import vault_path

    return _is_named(state) or (not vault_path(site_file).exists() and is_simulated(state, site))


def _is_named(state: Path | None) -> bool:
    from host_tools.site.state import STATE_VARIABLE

    return state is not None or bool(os.environ.get(STATE_VARIABLE))


def _runs_from_vault(chosen: KeysFrom, site: "Site") -> bool:
    """Whether `sim up --vault` runs there: its boards have the keys of the vault."""
    from host_tools.site.state import running_simulation, state_dir

    simulation = running_simulation(state_dir(chosen.state), site.site)
    return simulation is not None and simulation.is_locked_down


def master_secret(directory: Path, site: str) -> bytes:
    """The master secret of a simulated site; says so when it had to be made, for the boards must know it."""
    from host_tools.site.secrets import FILE_NAME, load_or_create

    fresh = not (directory / FILE_NAME).exists()
    master = load_or_create(directory, site)
    if fresh:
        say(f"note: made a new master secret for `{site}` in {directory / FILE_NAME}")
        say("note: boards that have another one refuse what it makes; --state DIR names the folder of theirs")
    return master
