"""`sportbox vault`, and which keys `grant`, `key` and `code` take: of the vault or of a simulation."""

import json
import re
from pathlib import Path

import pytest

from host_tools.cli import main
from host_tools.site import passphrase
from host_tools.site.keys import code_key, device_key
from host_tools.site.secrets import load_or_create
from host_tools.site.vault import Vault, vault_path
from host_tools.token import jwk
from tests.host.helpers import WARNEMUENDE
from tests.vaults import PASSPHRASE, WIFI_PASSWORD, cheap_vault, passphrase_file, reopened

SITE = "warnemuende-mole"


@pytest.fixture
def site_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("SPORTBOX_STATE", "SPORTBOX_PASSPHRASE", "SPORTBOX_WIFI_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(passphrase, "has_terminal", lambda: False)
    path = tmp_path / "x.yaml"
    path.write_bytes(WARNEMUENDE.read_bytes())
    return path


@pytest.fixture
def vault(site_file: Path) -> Vault:
    return cheap_vault(site_file)


def key_line(master: bytes) -> dict[str, str]:
    return jwk(device_key(master, SITE, "box-1", "booking", 1), "booking-1")


def run(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> tuple[str, str]:
    assert main([str(word) for word in words]) == status
    found = capsys.readouterr()
    for secret in (PASSPHRASE, WIFI_PASSWORD):
        assert secret not in found.out + found.err
    return found.out, found.err


def test_keys_of_the_vault(
    capsys: pytest.CaptureFixture[str],
    site_file: Path,
    vault: Vault,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", PASSPHRASE)
    out, err = run(capsys, "key", site_file, "box-1")
    assert json.loads(out) == key_line(vault.master)
    assert err == f"note: keys of {vault.path}\n"
    monkeypatch.delenv("SPORTBOX_PASSPHRASE")
    given = ("--passphrase-file", passphrase_file(tmp_path))
    out, _ = run(capsys, "code", site_file, "box-1", "lock-2", "--slot", "2026-11-24T10:00", *given)
    assert re.fullmatch(r"\d{8}\n", out)
    assert code_key(vault.master, SITE, "box-1", "lock-2", 1)
    out, _ = run(capsys, "grant", site_file, "box-1", "lock-2", *given)
    assert out.count(".") == 2
    assert not (tmp_path / ".sportbox").exists()


def test_no_vault_no_question(capsys: pytest.CaptureFixture[str], site_file: Path, tmp_path: Path) -> None:
    out, err = run(capsys, "key", site_file, "box-1")
    assert json.loads(out) == key_line(load_or_create(tmp_path / ".sportbox", SITE))
    assert "vault" not in err
    _, err = run(capsys, "key", site_file, "box-1", "--vault", status=2)
    assert "there is no vault" in err
    assert not vault_path(site_file).exists()


@pytest.mark.parametrize("how", ["option", "variable", "default"])
def test_a_simulation_keeps_its_keys(
    capsys: pytest.CaptureFixture[str],
    site_file: Path,
    vault: Vault,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    folder = tmp_path / (".sportbox" if how == "default" else "state")
    own = load_or_create(folder, SITE)
    words: list[object] = ["key", site_file, "box-1"]
    if how == "option":
        words += ["--state", folder]
    elif how == "variable":
        monkeypatch.setenv("SPORTBOX_STATE", str(folder))
    out, err = run(capsys, *words)
    assert json.loads(out) == key_line(own)
    assert "keys of the simulation" in err
    assert "--vault takes those" in err
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", PASSPHRASE)
    if how == "option":
        _, err = run(capsys, *words, "--vault", status=2)
        assert "give one of them" in err
    else:
        out, _ = run(capsys, *words, "--vault")
        assert json.loads(out) == key_line(vault.master)


def test_the_simulation_of_another_site_is_not_in_the_way(
    capsys: pytest.CaptureFixture[str], site_file: Path, vault: Vault, tmp_path: Path
) -> None:
    load_or_create(tmp_path / ".sportbox", "another-site")
    out, _ = run(capsys, "key", site_file, "box-1", "--passphrase-file", passphrase_file(tmp_path))
    assert json.loads(out) == key_line(vault.master)


def test_wrong_and_missing_passphrase(
    capsys: pytest.CaptureFixture[str], site_file: Path, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, err = run(capsys, "key", site_file, "box-1", status=2)
    assert out == ""
    assert "no terminal" in err
    assert "hint: " in err
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", "not the right one")
    out, err = run(capsys, "key", site_file, "box-1", status=2)
    assert (out, "does not open" in err) == ("", True)
    assert "not the right one" not in err


def test_show(capsys: pytest.CaptureFixture[str], site_file: Path, vault: Vault, tmp_path: Path) -> None:
    given = ("--passphrase-file", passphrase_file(tmp_path))
    out, _ = run(capsys, "vault", "show", site_file, *given)
    assert "Wi-Fi passwords: wifi-main" in out
    out, _ = run(capsys, "vault", "show", site_file, "--json", *given)
    assert json.loads(out)["wifi"] == ["wifi-main"]
    out, _ = run(capsys, "vault", "show", site_file, "--lang", "de", *given)
    assert "WLAN-Passwörter" in out


def test_set_wifi_makes_the_vault_if_need_be(
    capsys: pytest.CaptureFixture[str], site_file: Path, tmp_path: Path
) -> None:
    given = ("--passphrase-file", passphrase_file(tmp_path))
    wifi = tmp_path / "wifi"
    wifi.touch(0o600)
    wifi.write_text("dünen\n")
    _, err = run(capsys, "vault", "set-wifi", site_file, "--password-file", wifi, *given, status=2)
    assert "8 to 63" in err
    wifi.write_text("sand und meer\n")
    _, err = run(capsys, "vault", "set-wifi", site_file, "--password-file", wifi, *given)
    assert "is set" in err
    assert "sand und meer" not in err
    assert reopened(site_file, tmp_path).wifi_names == ["wifi-main"]


def test_passwd(
    capsys: pytest.CaptureFixture[str],
    site_file: Path,
    vault: Vault,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = ("--passphrase-file", passphrase_file(tmp_path))
    monkeypatch.setenv("SPORTBOX_NEW_PASSPHRASE", "a new one, longer")
    run(capsys, "vault", "passwd", site_file, *given)
    run(capsys, "vault", "show", site_file, *given, status=2)
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", "a new one, longer")
    run(capsys, "vault", "show", site_file)
    run(capsys, "vault", status=2)


def test_secrets_of_outputs(
    capsys: pytest.CaptureFixture[str],
    site_file: Path,
    vault: Vault,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("SPORTBOX_SECRET", "a token of a platform")
    _, err = run(capsys, "vault", "set-secret", site_file, "frost")
    assert "secret `frost` is set" in err
    assert f"note: {site_file} names no secret `frost`" in err
    file = passphrase_file(tmp_path, "another token")
    run(capsys, "vault", "set-secret", site_file, "orion", "--secret-file", file)
    assert "no name" in run(capsys, "vault", "set-secret", site_file, "Orion!", status=2)[1]
    monkeypatch.delenv("SPORTBOX_SECRET")
    assert "no terminal" in run(capsys, "vault", "set-secret", site_file, "third", status=2)[1]
    vault.password("booking")
    out, _ = run(capsys, "vault", "show", site_file)
    assert "secrets of outputs: frost, orion" in out
    assert "passwords at the broker: booking" in out
    assert "token" not in out
    facts = json.loads(run(capsys, "vault", "show", site_file, "--json")[0])
    assert (facts["secrets"], facts["passwords"], facts["generation"]) == (["frost", "orion"], ["booking"], 1)
