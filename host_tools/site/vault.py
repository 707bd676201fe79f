"""A site's vault: all its secrets in one encrypted file beside the site file (`x.yaml`, `x.vault`).

    vault = open_vault(site_file, site, passphrase_source(file))

The file's format is that of vaultfile.py, its contents those of vaultcontents.py; docs/vault.md tells
what the vault is for and against whom.
"""

from pathlib import Path

from host_tools.errors import BadInput
from host_tools.output import say
from host_tools.site import vaultfile
from host_tools.site.atomic import locked_for
from host_tools.site.inventory import Inventory, inventory_path
from host_tools.site.models import Site
from host_tools.site.openvault import Vault, contents_of, no_wifi_password, write
from host_tools.site.passphrase import TRIES, Source, normal, passphrase_source, too_short, wifi_source
from host_tools.site.sections import Wifi
from host_tools.site.vaultcontents import new_contents
from host_tools.words import tr

SUFFIX = ".vault"

__all__ = [
    "Vault",
    "ask_wifi",
    "networks_with_password",
    "new_vault",
    "no_wifi_password",
    "open_vault",
    "vault_path",
]


def vault_path(site_file: Path) -> Path:
    return site_file.with_suffix(SUFFIX)


def open_vault(
    site_file: Path, site: Site, source: Source | None = None, *, wifi: bool = True, create: bool = True
) -> Vault:
    """The vault beside the site file, made on first use (with `create`). With `wifi` it has the
    passwords of the site's Wi-Fi networks, which are asked for where it lacks them. Raises
    BadInput or ToolError, each with a cure."""
    source = source or passphrase_source()
    path = vault_path(site_file)
    if create and not path.exists():
        _check_not_lost(site_file)
    vault = (
        _create(path, site.site, source) if create and not path.exists() else _open(path, site.site, source)
    )
    if wifi:
        for network in networks_with_password(site):
            if network.password_secret not in vault.wifi_names:
                vault.set_wifi(network.password_secret or "", ask_wifi(site, network=network))
    return vault


def networks_with_password(site: Site) -> list[Wifi]:
    """The site's protected networks, one a secret."""
    found = {network.password_secret: network for network in site.wifi.values()}
    return [network for secret, network in found.items() if secret is not None]


def ask_wifi(site: Site, source: Source | None = None, network: Wifi | None = None) -> str:
    """The password of a network (of the site's first, where none is named), from who sets it. Where there are
    several, each has an environment variable of its own."""
    network = network or site.first_network
    several = len(networks_with_password(site)) > 1
    source = source or wifi_source(secret=network.password_secret if several else None)
    return source.new(tr("Password of the Wi-Fi network `{ssid}`: ", ssid=network.ssid), no_wifi_password)


def new_vault(site_file: Path, site: Site, passphrase: str, n: int = vaultfile.COST_N) -> Vault:
    """A new vault with a passphrase that is known; BadInput when one is there. `n` is scrypt's cost."""
    path = vault_path(site_file)
    vault = _made(path, site.site, normal(passphrase).encode(), n)
    if vault is None:
        raise BadInput(tr("{path} is there already", path=path), "sportbox vault show SITE.yaml")
    return vault


def _check_not_lost(site_file: Path) -> None:
    """Boards have keys of a vault that is not here: a new one would lock everybody out of them."""
    path = inventory_path(site_file)
    boards = Inventory.open(site_file).boards() if path.exists() else []
    known = [row.device for row in boards if row.device is not None and row.key_version is not None]
    if known:
        raise BadInput(
            tr(
                "{path} is gone, and boards have its keys: {names}",
                path=vault_path(site_file),
                names=", ".join(known),
            ),
            tr(
                "restore it from a backup; to begin anew with new keys for all boards, move {path} away",
                path=path,
            ),
        )


def _open(path: Path, site: str, source: Source) -> Vault:
    content = vaultfile.read_sealed(path)
    header = vaultfile.header_of(path, content, site)
    left = TRIES if source.asks else 1
    while True:
        left -= 1
        passphrase = source.known(tr("Passphrase of {path}: ", path=path))
        key = vaultfile.key_for(header, passphrase.encode())
        try:
            return Vault(path, key, contents_of(path, content, key))
        except vaultfile.WrongPassphrase as error:
            if not left:
                raise
            say(error.message)


def _create(path: Path, site: str, source: Source) -> Vault:
    """A new vault, unless another command is faster: then theirs, with the passphrase given here."""
    if source.asks:
        say(tr("note: making {path}, for the secrets of `{site}`", path=path, site=site))
        say(tr("note: keep its passphrase apart from it, and a copy of it elsewhere: it cannot be recovered"))
    passphrase = source.new(tr("New passphrase of {path}: ", path=path), too_short).encode()
    vault = _made(path, site, passphrase, vaultfile.COST_N)
    if vault is not None:
        return vault
    content = vaultfile.read_sealed(path)
    key = vaultfile.key_for(vaultfile.header_of(path, content, site), passphrase)
    return Vault(path, key, contents_of(path, content, key))


def _made(path: Path, site: str, passphrase: bytes, n: int) -> Vault | None:
    """None when there is one already."""
    key, contents = vaultfile.new_key(site, passphrase, n), new_contents(site)
    with locked_for(path.parent, path):
        if path.exists():
            return None
        write(path, key, contents)
    return Vault(path, key, contents)
