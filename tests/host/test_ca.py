"""The site's CA and what a board gets from it, read by strangers: openssl, and MicroPython's own TLS."""

import hmac
import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from host_tools.site import ca
from host_tools.site.load import load_site
from host_tools.site.resolve import device_config, device_secrets
from host_tools.site.vault import Vault
from host_tools.site.vaultcontents import signer_of
from tests.host.helpers import WARNEMUENDE
from tests.vaults import WIFI_PASSWORD, cheap_vault
from tests.vm.machine import executable

SITE = load_site(WARNEMUENDE)
MASTER = bytes(range(32))
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
AUTHORITY = ca.new_authority("warnemuende-mole", NOW)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    site_file = tmp_path / "x.yaml"
    site_file.write_bytes(WARNEMUENDE.read_bytes())
    return cheap_vault(site_file)


def key(device: str = "box-1", version: int = 1, master: bytes = MASTER) -> ec.EllipticCurvePrivateKey:
    return ca.device_private_key(master, SITE.site, device, version)


def scalar(private: ec.EllipticCurvePrivateKey) -> int:
    return private.private_numbers().private_value


def test_a_device_key_is_a_matter_of_master_device_and_version() -> None:
    assert scalar(key()) == scalar(key())
    found = [
        key(),
        key("box-2"),
        key(version=2),
        key(master=bytes(32)),
        ca.device_private_key(MASTER, "b", "box-1", 1),
    ]
    assert len({scalar(one) for one in found}) == 5
    assert all(0 < scalar(one) < ca.P256_ORDER for one in found)


def test_a_device_key_stays_what_it_was() -> None:
    """Boards in the field have this key: another derivation would void them all."""
    assert f"{scalar(key()):064x}" == "431c314fcf746c2b55955f57fc17e9b11e08b6c5e62e3e42023f83f6436304cc"


def test_a_device_key_by_hand() -> None:
    """HKDF (RFC 5869) in its two steps, then FIPS 186-5, A.2.1."""
    extracted = hmac.digest(b"sportbox/v1", MASTER, "sha256")
    info = b"warnemuende-mole/box-1/tls/1"
    first = hmac.digest(extracted, info + b"\x01", "sha256")
    seed = first + hmac.digest(extracted, first + info + b"\x02", "sha256")
    assert scalar(key()) == int.from_bytes(seed[:48], "big") % (ca.P256_ORDER - 1) + 1


def test_the_certificates_are_what_rfc_5280_asks_for() -> None:
    found = x509.load_der_x509_certificate(ca.issue(AUTHORITY, key().public_key(), "box-1", NOW))
    root = AUTHORITY.certificate
    root.verify_directly_issued_by(root)
    found.verify_directly_issued_by(root)
    assert found.subject.rfc4514_string() == "CN=box-1,O=warnemuende-mole"
    assert found.serial_number.bit_length() > 64
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value == x509.BasicConstraints(
        True, 0
    )
    own = found.extensions.get_extension_for_class(x509.BasicConstraints)
    assert own.critical
    assert not own.value.ca
    usage = found.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.digital_signature
    assert not usage.key_cert_sign
    assert found.not_valid_before_utc == NOW - timedelta(days=1)
    assert found.not_valid_after_utc == NOW + timedelta(days=3650)
    late = ca.issue(AUTHORITY, key().public_key(), "box-1", NOW + timedelta(days=15 * 365))
    assert x509.load_der_x509_certificate(late).not_valid_after_utc == root.not_valid_after_utc
    assert ca.issue(AUTHORITY, key().public_key(), "box-1", NOW) != ca.issue(
        AUTHORITY, key().public_key(), "box-1", NOW
    )


def test_openssl_verifies_them(tmp_path: Path) -> None:
    authority = ca.new_authority(SITE.site)
    for name, der in {
        "ca": authority.certificate_der(),
        "device": ca.issue(authority, key().public_key(), "box-1"),
    }.items():
        pem = x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)
        (tmp_path / f"{name}.pem").write_bytes(pem)
    command = [
        "openssl",
        "verify",
        "-x509_strict",
        "-purpose",
        "sslclient",
        "-CAfile",
        "ca.pem",
        "device.pem",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "device.pem: OK\n", done.stderr


@pytest.mark.parametrize(
    ("what", "good"),
    [
        ("same", True),
        ("device", False),
        ("version", False),
        ("authority", False),
        ("soon", False),
        ("early", False),
        ("ends with the CA", True),
        ("over", False),
        ("itself", False),
        ("damaged", False),
        ("nothing", False),
    ],
)
def test_a_certificate_is_kept_while_it_is_good(what: str, good: bool) -> None:
    public, device, authority, now = key().public_key(), "box-1", AUTHORITY, NOW
    made = ca.issue(AUTHORITY, public, "box-1", NOW)
    days = timedelta(days=1)
    match what:
        case "device":
            device = "box-2"
        case "version":
            public = key(version=2).public_key()
        case "authority":
            authority = ca.new_authority(SITE.site, NOW)
        case "soon":
            now = NOW + (3650 - 300) * days
        case "early":
            now = NOW - 2 * days
        case "ends with the CA":
            made = ca.issue(AUTHORITY, public, "box-1", NOW + 7200 * days)
            now = NOW + 7250 * days
        case "over":
            now = NOW + 7400 * days
        case "itself":
            made, public = AUTHORITY.certificate_der(), AUTHORITY.key.public_key()
        case "damaged":
            made = made[:-20] + bytes(20)
        case "nothing":
            made = b""
    assert ca.is_good(made, authority, public, device, now) is good


def test_the_files_of_a_board(vault: Vault) -> None:
    files = ca.board_files(SITE, "box-1", vault)
    assert json.loads(files["/config.json"]) == device_config(SITE, "box-1")
    assert json.loads(files["/secrets.json"]) == device_secrets(SITE, "box-1", vault.master, WIFI_PASSWORD)
    assert json.loads(files["/secrets.json"])["wifi"]["password"] == WIFI_PASSWORD
    assert files["/certs/ca.der"] == vault.ca.certificate_der()
    private = serialization.load_der_private_key(files["/certs/device.key"], None)
    certificate = x509.load_der_x509_certificate(files["/certs/device.der"])
    assert private.public_key() == certificate.public_key()
    assert ca.serial_of(files["/certs/device.der"]) == f"{certificate.serial_number:x}"


def test_a_second_time_nothing_changes(vault: Vault) -> None:
    first = ca.board_files(SITE, "box-1", vault)
    assert ca.board_files(SITE, "box-1", vault, first["/certs/device.der"]) == first
    other = ca.board_files(SITE, "box-1", vault, b"something else")
    assert {path for path in first if first[path] != other[path]} == {"/certs/device.der"}


def test_micropython_takes_them(vault: Vault, tmp_path: Path) -> None:
    files = ca.board_files(SITE, "box-1", vault)
    for path, content in files.items():
        (tmp_path / Path(path).name).write_bytes(content)
    program = (
        "import tls\n"
        "def read(name):\n"
        "    with open(name, 'rb') as file:\n"
        "        return file.read()\n"
        "context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)\n"
        "context.load_cert_chain(read('device.der'), read('device.key'))\n"
        "context.load_verify_locations(read('ca.der'))\n"
        "print('taken')\n"
    )
    vm = executable()
    assert vm, "no micropython"
    done = subprocess.run([vm, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "taken\n", done.stderr


def openssl(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_the_broker_s_certificate(tmp_path: Path) -> None:
    """It names hosts and addresses, and is for servers alone: openssl says so."""
    broker = ec.generate_private_key(ec.SECP256R1())
    names = ["broker.example", "192.0.2.7", "2001:db8::7"]
    made = ca.issue_server(AUTHORITY, broker.public_key(), names, NOW)
    (tmp_path / "ca.pem").write_bytes(ca.certificates_pem([AUTHORITY.certificate_der()]))
    (tmp_path / "broker.pem").write_bytes(ca.certificates_pem([made]))
    moment = str(int(NOW.timestamp()))
    verify = ["verify", "-attime", moment, "-CAfile", "ca.pem"]
    for asked in (
        ["-verify_hostname", names[0]],
        ["-verify_ip", names[1]],
        ["-verify_hostname", names[1]],
        ["-verify_ip", names[2]],
    ):
        told = openssl(tmp_path, *verify, "-purpose", "sslserver", *asked, "broker.pem")
        assert told == "broker.pem: OK\n", told
    assert "OK" not in openssl(tmp_path, *verify, "-purpose", "sslclient", "broker.pem")
    assert "OK" not in openssl(tmp_path, *verify, "-verify_hostname", "other.example", "broker.pem")
    assert ca.key_pem(broker).startswith(b"-----BEGIN EC PRIVATE KEY-----")


def test_revoked_is_refused_and_the_rest_is_not(tmp_path: Path) -> None:
    devices = {name: ca.issue(AUTHORITY, key(name).public_key(), name, NOW) for name in ("box-1", "box-2")}
    revoked = int(ca.serial_of(devices["box-1"]), 16)
    (tmp_path / "ca.pem").write_bytes(ca.certificates_pem([AUTHORITY.certificate_der()]))
    (tmp_path / "crl.pem").write_bytes(ca.revocation_list(AUTHORITY, [revoked, revoked], NOW))
    for name, certificate in devices.items():
        (tmp_path / f"{name}.pem").write_bytes(ca.certificates_pem([certificate]))
    in_years = str(int((NOW + timedelta(days=9 * 365)).timestamp()))
    check = ["verify", "-attime", in_years, "-CAfile", "ca.pem", "-CRLfile", "crl.pem", "-crl_check"]
    assert "certificate revoked" in openssl(tmp_path, *check, "box-1.pem")
    assert openssl(tmp_path, *check, "box-2.pem") == "box-2.pem: OK\n"


def test_while_master_and_ca_are_renewed_a_board_has_old_and_new(vault: Vault) -> None:
    first = ca.board_files(SITE, "box-1", vault)
    other = signer_of(ca.new_authority(SITE.site))
    new = bytes(range(32))
    vault.change(
        lambda now: now.model_copy(
            update={"masters": {**now.masters, 2: new}, "authorities": [other, *now.authorities]}
        )
    )
    files = ca.board_files(SITE, "box-1", vault, first["/certs/device.der"])
    assert files["/certs/ca.der"] == other.certificate
    assert files["/certs/ca-next.der"] == first["/certs/ca.der"]
    assert ca.is_good(
        files["/certs/device.der"],
        vault.ca,
        ca.device_private_key(new, SITE.site, "box-1", 1).public_key(),
        "box-1",
    )
    old, both = (json.loads(one["/secrets.json"]) for one in (first, files))
    assert list(both["keys"]) == ["booking-1-g2", "ops-1-g2", "booking-1", "ops-1"]
    assert {kid: both["keys"][kid] for kid in old["keys"]} == old["keys"]
    assert both["codes_before"] == old["codes"] != both["codes"]
