"""What a vault keeps: version 1 is read, the rest is made on first use and kept, and nothing shows."""

import base64
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from host_tools.errors import BadInput
from host_tools.site import vaultcontents, vaultfile
from host_tools.site.ca import new_authority
from host_tools.site.load import load_site
from host_tools.site.login import services_address
from host_tools.site.vault import Vault, vault_path
from tests.host.helpers import STRALSUND
from tests.vaults import WIFI_PASSWORD, cheap_vault, reopened


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    path = tmp_path / "x.yaml"
    path.write_bytes(STRALSUND.read_bytes())
    return path


def in_version_1(made: Vault) -> bytes:
    """What the vault was before there was version 2."""
    encoded = {
        "master": made.master,
        "ca_key": made.ca.key_der(),
        "ca_certificate": made.ca.certificate_der(),
    }
    return json.dumps(
        {
            "version": 1,
            "site": made.site,
            "wifi": {"wifi-main": WIFI_PASSWORD},
            **{name: base64.b64encode(value).decode() for name, value in encoded.items()},
        }
    ).encode()


def test_version_1_is_read_and_written_as_2_at_the_next_change(site_file: Path, tmp_path: Path) -> None:
    made = cheap_vault(site_file)
    path = vault_path(site_file)
    path.write_bytes(vaultfile.seal(made._key, in_version_1(made)))
    before = path.read_bytes()
    opened = reopened(site_file, tmp_path)
    assert (opened.master, opened.masters, opened.generation) == (made.master, {1: made.master}, 1)
    assert [one.certificate for one in opened.authorities] == [made.ca.certificate]
    assert opened.wifi_password(load_site(site_file)) == WIFI_PASSWORD
    assert (opened.rotation, opened.bridge, opened.is_original) == (None, None, True)
    assert path.read_bytes() == before
    password = opened.password("booking")
    again = reopened(site_file, tmp_path)
    assert (again.master, again.password("booking")) == (made.master, password)
    assert json.loads(vaultfile.unseal(path, path.read_bytes(), again._key))["version"] == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [('"master"', '"mistress"'), ('"version": 1', '"version": 3'), ('"site"', '"master"'), ("{", "[")],
)
def test_other_contents_are_damage(site_file: Path, tmp_path: Path, old: str, new: str) -> None:
    made = cheap_vault(site_file)
    text = in_version_1(made).decode()
    assert old in text
    vault_path(site_file).write_bytes(vaultfile.seal(made._key, text.replace(old, new, 1).encode()))
    with pytest.raises(BadInput, match="damaged"):
        reopened(site_file, tmp_path)


def test_made_on_first_use_and_kept(site_file: Path, tmp_path: Path) -> None:
    made = cheap_vault(site_file)
    booking, manager = made.password("booking"), made.password("manager")
    assert booking != manager
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", one) for one in (booking, manager))
    number = made.broker_key.private_numbers()
    made.set_bridge(b"certificate", b"key", b"ca")
    made.set_secret("frost", "token of a platform")
    again = reopened(site_file, tmp_path)
    assert again.passwords("manager", "booking") == {"manager": manager, "booking": booking}
    assert again.broker_key.private_numbers() == number
    assert again.bridge is not None
    assert (again.bridge.certificate, again.bridge.key, again.bridge.ca) == (b"certificate", b"key", b"ca")
    assert (again.secret_names, again.secret("frost")) == (["frost"], "token of a platform")
    assert again.master == made.master


def test_made_by_several_at_once_they_agree(site_file: Path, tmp_path: Path) -> None:
    cheap_vault(site_file)
    opened = [reopened(site_file, tmp_path) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(lambda one: one.password("booking"), opened))) == 1
        numbers = pool.map(lambda one: one.broker_key.private_numbers().private_value, opened)
        assert len(set(numbers)) == 1


def test_secrets_that_are_none(site_file: Path) -> None:
    made = cheap_vault(site_file)
    with pytest.raises(BadInput, match="no secret `frost`"):
        made.secret("frost")
    for name, value in (("Frost!", "x"), ("frost", ""), ("frost", "two\nlines"), ("frost", "x" * 2_001)):
        with pytest.raises(BadInput) as caught:
            made.set_secret(name, value)
        assert "two" not in str(caught.value)
    assert made.secret_names == []


def test_how_a_service_gets_in(site_file: Path, tmp_path: Path) -> None:
    made = cheap_vault(site_file)
    site = load_site(site_file)
    locked = site.model_copy(
        update={"broker": site.broker.model_copy(update={"tls": True, "server_name": "broker.example"})}
    )
    opened = site.model_copy(update={"broker": site.broker.model_copy(update={"tls": False})})
    plain = services_address(opened, made)
    assert (plain.login, plain.port) == (None, opened.broker.boards_port)
    address = services_address(locked, made, "booking")
    assert address.port == site.broker.services_port
    assert address.login is not None
    assert (address.login.user, address.login.password) == ("booking", made.password("booking"))
    assert (address.login.server_name, address.login.authorities) == (
        "broker.example",
        (made.ca.certificate_der(),),
    )
    assert made.password("booking") not in repr(address)
    other = vaultcontents.signer_of(new_authority(made.site))
    made.change(lambda now: now.model_copy(update={"authorities": [*now.authorities, other]}))
    both = services_address(locked, reopened(site_file, tmp_path)).login
    assert both is not None
    assert both.authorities == (made.ca.certificate_der(), other.certificate)
    both.context()
