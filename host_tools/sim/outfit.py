"""What makes simulated boards a site: the broker, the time, and the files with which each becomes its device.

`Own` is a simulation by itself: an open broker and keys of its own in the state directory. `FromVault` is the
site as it is declared: its locked-down Mosquitto, and on each board what `sportbox provision` would write.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from host_tools import __version__
from host_tools.broker import BrokerProcess
from host_tools.errors import BadInput
from host_tools.mqtt import Address, parse_broker
from host_tools.output import printable
from host_tools.sim.board import CONFIG_FILE, SimBoard
from host_tools.sim.flash import Template, read_file, remove_files
from host_tools.sim.world import FLASH_FILE, mac_of
from host_tools.site import ca
from host_tools.site.credentials import Credentials
from host_tools.site.models import Site
from host_tools.site.resolve import device_config, device_secrets
from host_tools.site.secrets import load_or_create
from host_tools.site.workplace import Workplace

BROKER_KINDS: dict[str, Literal["auto", "mosquitto", "amqtt"]] = {
    "auto": "auto",
    "embedded": "amqtt",
    "mosquitto": "mosquitto",
}
RENEWALS = ("/renewal", "/next")
"""What a board keeps of renewals that came over the air; provisioned anew it has none."""

Numeric = tuple[str, int]
"""Host and port; the host is an address, for a name would block the board's VM."""


def kind_to_start(name: str) -> Literal["auto", "mosquitto", "amqtt"]:
    """What `--broker KIND` means; BadInput for anything else."""
    if name not in BROKER_KINDS:
        known = "|".join(kind for kind in BROKER_KINDS if kind != "auto")
        raise BadInput(f"--broker: there is no broker `{printable(name)}` to start", f"--broker {known}")
    return BROKER_KINDS[name]


@dataclass(frozen=True)
class Found:
    """A broker to connect to; `process` is None where somebody else runs it."""

    address: Address
    kind: str
    process: BrokerProcess | None = None


class Outfit(Protocol):
    ntp_port: int  # where the time server has to be; 0: anywhere

    def broker(self) -> Found:
        """Started where that is needed. Raises BadInput or ToolError."""

    def equip(self, board: SimBoard, template: Template, broker: Numeric, ntp: Numeric) -> None:
        """Make the board, which is off, its device; `broker` and `ntp` are where they really are."""


class Own:
    ntp_port = 0

    def __init__(self, site: Site, state_dir: Path, broker: str | None) -> None:
        """`broker`: a URL, the kind of one to start, or None for whatever there is."""
        self._site = site
        self._state_dir = state_dir
        self._broker = broker
        self._master: bytes | None = None

    def broker(self) -> Found:
        if self._broker is not None and self._broker not in BROKER_KINDS:
            return Found(parse_broker(self._broker), "given")
        process = BrokerProcess.start(BROKER_KINDS[self._broker or "auto"], state_dir=self._state_dir)
        return Found(parse_broker(process.url), process.kind, process)

    def equip(self, board: SimBoard, template: Template, broker: Numeric, ntp: Numeric) -> None:
        if self._master is None:
            self._master = load_or_create(self._state_dir, self._site.site)
        config = device_config(self._site, board.name, broker, ntp)
        board.create(config, device_secrets(self._site, board.name, self._master), template)


class FromVault:
    def __init__(self, place: Workplace) -> None:
        """Raises BadInput where the site cannot be on this computer, or is one of real boards."""
        check_is_here(place.site_file, place.site)
        self.ntp_port = place.site.ntp.port
        self._place = place
        self._credentials = Credentials(place.site, place.vault, place.inventory)
        self._check_no_real_board()

    def broker(self) -> Found:
        return own_broker(self._place)

    def equip(self, board: SimBoard, template: Template, broker: Numeric, ntp: Numeric) -> None:
        provision(board, template, self._credentials)

    def _check_no_real_board(self) -> None:
        """The inventory would take the simulated board for the device from then on."""
        site = self._place.site
        for row in self._place.inventory.boards():
            name = row.device
            if name in site.devices and name is not None and row.mac != mac_text(site.site, name):
                raise BadInput(
                    f"{name} is a real board in the inventory ({row.mac}), and would be taken for its place",
                    f"simulate a copy: sportbox site new copy.yaml --from {self._place.site_file}",
                )


def own_broker(place: Workplace) -> Found:
    """The site's Mosquitto with TLS, on this computer."""
    from host_tools.brokers.foreground import start_unless_it_runs

    process = start_unless_it_runs(place.site_file, place.site, place.vault, place.inventory)
    kind = "mosquitto, TLS" if process is not None else "runs already, TLS"
    return Found(place.address(), kind, process)


def provision(board: SimBoard, template: Template, credentials: Credentials) -> None:
    """What `sportbox provision` does to a real board, noted like that: a certificate that is good stays."""
    site, name = credentials.site, board.name
    flash = board.folder / FLASH_FILE
    files = credentials.files(name, read_file(flash, ca.CERTIFICATE_FILE) if flash.exists() else None)
    config, secrets = (json.loads(files.pop(path)) for path in (ca.CONFIG_FILE, ca.SECRETS_FILE))
    board.create(config, secrets, template, files)
    remove_files(flash, RENEWALS)
    credentials.inventory.record(
        "provision",
        mac_text(site.site, name),
        name,
        chip=config["chip"],
        board=config["board"],
        firmware=__version__,
        key_version=site.devices[name].key_version,
        serial=ca.serial_of(files[ca.CERTIFICATE_FILE]),
        digest=credentials.declared(name).digest,
        written_s=int(time.time()),
    )


def check_state(directory: Path, site: str) -> None:
    """BadInput where the boards in a state directory are another site's: they would keep its events."""
    for path in sorted((directory / "boards").glob(f"*/{CONFIG_FILE}")):
        try:
            theirs = json.loads(path.read_bytes())["site"]
        except (OSError, ValueError, KeyError, TypeError):
            continue  # a board that is made anew
        if theirs != site:
            raise BadInput(
                f"{directory} has the boards of site `{printable(str(theirs))}`, not of `{site}`",
                "give each site a directory of its own with --state DIR",
            )


def mac_text(site: str, device: str) -> str:
    """Of a simulated board, as the inventory has it."""
    return ":".join(f"{byte:02x}" for byte in mac_of(site, device))


def check_is_here(site_file: Path, site: Site) -> None:
    """BadInput unless broker and time server of the site file are to be on this computer."""
    from host_tools.brokers.mosquitto import is_loopback

    for what, host in (("broker", site.broker.host), ("ntp", site.ntp.host)):
        if not is_loopback(host):
            raise BadInput(
                f"{site_file}: `{what}` is at {host}, which is not this computer's loopback",
                "sportbox site new FILE --template laptop has both here: 127.0.0.1, and port 12300 for `ntp`",
            )
