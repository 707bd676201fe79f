"""`sportbox centre`: what it makes and says, and that no secret is said, or written for all to read."""

import base64
import json
import stat
from pathlib import Path

import pytest
from cryptography import x509

from host_tools.centre.keyfile import FILE, VARIABLE, Keys, open_keys, source_of
from host_tools.centre.model import load_centre
from host_tools.cli import main
from host_tools.errors import BadInput
from host_tools.site import passphrase
from tests.centre.bench import new_centre
from tests.host.helpers import WARNEMUENDE
from tests.vaults import PASSPHRASE, WIFI_PASSWORD, cheap_vault, reopened

SITE = "warnemuende-mole"


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv(VARIABLE, PASSPHRASE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(passphrase, "has_terminal", lambda: False)


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    path = tmp_path / "x.yaml"
    path.write_bytes(WARNEMUENDE.read_bytes())
    cheap_vault(path)
    return path


@pytest.fixture
def centre(tmp_path: Path) -> Path:
    new_centre(tmp_path / "city", "mosquitto", ["mq.city.invalid"])
    return tmp_path / "city"


def keys_of(folder: Path) -> Keys:
    return open_keys(folder, load_centre(folder), source_of(None))


def secrets_of(keys: Keys) -> list[str]:
    """All that must be nowhere but in the key file and in the broker's private files."""
    kept = keys.contents
    raw = [kept.authority.key, *kept.node_keys.values()]
    return [*kept.passwords.values(), kept.cookie, *(base64.b64encode(one).decode()[10:] for one in raw)]


def run(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> tuple[str, str]:
    assert main([str(word) for word in ("centre", *words)]) == status
    found = capsys.readouterr()
    for secret in (PASSPHRASE, WIFI_PASSWORD, "PRIVATE KEY"):
        assert secret not in found.out + found.err
    return found.out, found.err


def test_new_makes_a_file_that_loads_and_a_key_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "hro"
    words = ("new", folder, "--kind", "rabbitmq", "--host", "a.city", "--host", "b.city", "--host", "c.city")
    out, _ = run(capsys, *words, "--json")
    assert json.loads(out) == {
        "centre": "hro",
        "kind": "rabbitmq",
        "directory": str(folder),
        "hosts": ["a.city", "b.city", "c.city"],
    }
    assert load_centre(folder).endpoints == [("a.city", 8883), ("b.city", 8883), ("c.city", 8883)]
    assert stat.S_IMODE((folder / FILE).stat().st_mode) == 0o600
    before = (folder / FILE).read_bytes()
    _, err = run(capsys, *words, status=2)
    assert "there is a centre" in err
    assert (folder / FILE).read_bytes() == before
    assert keys_of(folder).members == {}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--kind", "mosquitto", "--host", "a", "--host", "b"), "a Mosquitto is one node"),
        (("--kind", "rabbitmq", "--host", "a.x", "--host", "b.x"), "1, 3, 5 or 7 nodes"),
        (("--kind", "rabbitmq", "--host", "plain"), "`plain`"),
        (("--kind", "mosquitto", "--host", "a b"), "hosts.0: must be a host name"),
        (("--kind", "mosquitto", "--host", "a", "--port", "8884"), "ports are the same"),
        (("--kind", "mosquitto", "--host", "a", "--name", "A"), "centre: must be a name"),
        (("--kind", "kafka", "--host", "a"), "kafka"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_made(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    _, err = run(capsys, "new", tmp_path / "hro", *words, status=2)
    assert told in err
    assert not (tmp_path / "hro").exists()


def test_a_mistake_in_the_file_is_told_with_its_line(
    capsys: pytest.CaptureFixture[str], centre: Path
) -> None:
    path = centre / "centre.yaml"
    path.write_text(path.read_text().replace("kind: mosquitto", "kimd: mosquitto"))
    _, err = run(capsys, "show", centre, status=2)
    assert f"{path}:4: kimd: " in err
    assert "did you mean `kind`" in err


def test_join_fills_the_vault_once_and_tells_what_the_site_file_lacks(
    capsys: pytest.CaptureFixture[str], centre: Path, site_file: Path, tmp_path: Path
) -> None:
    port = load_centre(centre).port
    lacking = f"broker: {{bridge: {{host: mq.city.invalid, port: {port}}}}}"
    out, err = run(capsys, "join", centre, site_file, "--json")
    found = json.loads(out)
    assert (found["site"], found["joined"], found["missing"]) == (SITE, True, lacking)
    assert lacking in err
    bridge = reopened(site_file, tmp_path).bridge
    assert bridge is not None
    certificate = x509.load_pem_x509_certificate(bridge.certificate)
    certificate.verify_directly_issued_by(keys_of(centre).authority.certificate)
    out, _ = run(capsys, "join", centre, site_file, "--json")
    assert json.loads(out)["joined"] is False
    assert reopened(site_file, tmp_path).bridge == bridge
    run(capsys, "join", centre, site_file, "--again")
    assert reopened(site_file, tmp_path).bridge != bridge
    assert keys_of(centre).contents.revoked == [f"{certificate.serial_number:x}"]


def test_two_files_join_a_site_that_is_elsewhere(
    capsys: pytest.CaptureFixture[str], centre: Path, site_file: Path, tmp_path: Path
) -> None:
    asked, given = tmp_path / "x.csr", tmp_path / "x.pem"
    run(capsys, "request", site_file, "-o", asked)
    out, _ = run(capsys, "admit", centre, asked, "-o", given, "--json")
    at_centre = json.loads(out)
    out, _ = run(capsys, "accept", site_file, given, "--json")
    assert json.loads(out)["ca_sha256"] == at_centre["ca_sha256"]
    vault = reopened(site_file, tmp_path)
    assert vault.bridge is not None
    assert not vault.has_bridge_key
    assert b"PRIVATE" not in asked.read_bytes() + given.read_bytes()
    out, _ = run(capsys, "join", centre, site_file, "--json")
    assert json.loads(out)["joined"] is False
    _, err = run(capsys, "accept", site_file, given, status=2)
    assert "does not answer" in err


@pytest.mark.parametrize("content", [b"", b"x", b"\xff" * 40_000])
def test_what_is_no_request_and_no_answer_is_told(
    capsys: pytest.CaptureFixture[str], centre: Path, site_file: Path, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "x"
    path.write_bytes(content)
    for words in (("admit", centre, path, "-o", tmp_path / "y"), ("accept", site_file, path)):
        _, err = run(capsys, *words, status=2)
        assert str(path) in err
    _, err = run(capsys, "admit", centre, tmp_path / "absent", "-o", tmp_path / "y", status=2)
    assert "cannot read" in err
    assert keys_of(centre).members == {}


def test_who_is_no_member_cannot_leave(
    capsys: pytest.CaptureFixture[str], centre: Path, site_file: Path
) -> None:
    run(capsys, "join", centre, site_file)
    _, err = run(capsys, "leave", centre, "mole", status=2)
    assert f"those that have: {SITE}" in err
    run(capsys, "leave", centre, SITE)
    out, _ = run(capsys, "show", centre)
    assert "no site has joined" in out
    _, err = run(capsys, "out", centre, SITE, status=3)
    assert "cannot be reached" in err


def test_a_site_cannot_take_the_name_of_a_service(
    capsys: pytest.CaptureFixture[str], centre: Path, site_file: Path
) -> None:
    site_file.write_text(site_file.read_text().replace(f"site: {SITE}", "site: booking"))
    site_file.with_suffix(".vault").unlink()
    cheap_vault(site_file)
    _, err = run(capsys, "join", centre, site_file, status=2)
    assert "`booking`" in err


def test_config_twice_changes_nothing_and_secrets_are_in_private_files_alone(
    capsys: pytest.CaptureFixture[str], centre: Path, site_file: Path, tmp_path: Path
) -> None:
    run(capsys, "join", centre, site_file)
    out_dir = tmp_path / "out"
    out, _ = run(capsys, "config", centre, "-o", out_dir, "--at", "/etc/mosquitto/centre", "--json")
    assert "mosquitto.conf" in json.loads(out)["changed"]
    assert "keyfile /etc/mosquitto/centre/broker.key" in (out_dir / "mosquitto.conf").read_text()
    out, _ = run(capsys, "config", centre, "-o", out_dir, "--at", "/etc/mosquitto/centre", "--json")
    assert json.loads(out)["changed"] == []
    run(capsys, "login", centre, "dashboard", "--out", tmp_path / "login.json", "--ca", tmp_path / "ca.pem")
    given = json.loads((tmp_path / "login.json").read_text())
    keys = keys_of(centre)
    assert given["password"] == keys.contents.passwords["dashboard"]
    assert given["ca"] == (tmp_path / "ca.pem").read_text()
    for words in ((), ("--json",)):
        out, _ = run(capsys, "login", centre, "dashboard", *words)
        assert given["password"] not in out
    _, err = run(capsys, "login", centre, "dashbord", status=2)
    assert "did you mean `dashboard`" in err
    for path in tmp_path.rglob("*"):
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            content = path.read_bytes()
            assert not [one for one in secrets_of(keys) if one.encode() in content.replace(b"\n", b"")], path


def test_a_wrong_passphrase_and_a_lost_key_file_are_told(
    capsys: pytest.CaptureFixture[str], centre: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "something else")
    _, err = run(capsys, "show", centre, status=2)
    assert "does not open" in err
    assert "something else" not in err
    (centre / FILE).unlink()
    _, err = run(capsys, "show", centre, status=2)
    assert "restore it from a backup" in err


def test_a_sites_vault_is_no_key_file(centre: Path, site_file: Path) -> None:
    (centre / FILE).write_bytes(site_file.with_suffix(".vault").read_bytes())
    with pytest.raises(BadInput):
        keys_of(centre)


def test_a_key_of_another_kind_asks_for_nothing(
    capsys: pytest.CaptureFixture[str], centre: Path, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mole")])
    key = ec.generate_private_key(ec.SECP384R1())
    asked = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    (tmp_path / "x.csr").write_bytes(asked.public_bytes(serialization.Encoding.PEM))
    _, err = run(capsys, "admit", centre, tmp_path / "x.csr", "-o", tmp_path / "x.pem", status=2)
    assert "is no request" in err
