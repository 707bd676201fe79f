"""A vault for tests, in a moment: the cost of scrypt stands in its header, as in any other vault."""

from pathlib import Path

from host_tools.site.load import load_site
from host_tools.site.passphrase import passphrase_source
from host_tools.site.vault import Vault, networks_with_password, new_vault, open_vault

PASSPHRASE = "correct horse battery"
WIFI_PASSWORD = "muschelkalk 54"


def cheap_vault(site_file: Path, passphrase: str = PASSPHRASE, wifi: str | None = WIFI_PASSWORD) -> Vault:
    """Make the vault of a site file. Commands open it with $SPORTBOX_PASSPHRASE or --passphrase-file."""
    site = load_site(site_file)
    vault = new_vault(site_file, site, passphrase, n=16)
    for network in networks_with_password(site):
        if wifi is not None:
            vault.set_wifi(network.password_secret or "", wifi)
    return vault


def passphrase_file(folder: Path, passphrase: str = PASSPHRASE) -> Path:
    """A file for --passphrase-file, for its owner alone."""
    path = folder / "passphrase"
    path.touch(0o600)
    path.write_text(passphrase + "\n")
    return path


def reopened(site_file: Path, folder: Path) -> Vault:
    """The vault as another command finds it."""
    source = passphrase_source(passphrase_file(folder))
    return open_vault(site_file, load_site(site_file), source, create=False)
