"""The vault: made once, opened by its passphrase alone, no plain copy, no secret in what is said."""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from host_tools.errors import BadInput, ToolError
from host_tools.site import atomic, passphrase, vaultcontents, vaultfile
from host_tools.site.inventory import Inventory
from host_tools.site.load import load_site
from host_tools.site.passphrase import Source, passphrase_source
from host_tools.site.sections import Wifi
from host_tools.site.vault import open_vault, vault_path
from tests.host.helpers import STRALSUND
from tests.vaults import PASSPHRASE, WIFI_PASSWORD, cheap_vault, passphrase_file, reopened

SITE = load_site(STRALSUND)


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    path = tmp_path / "site" / "x.yaml"
    path.parent.mkdir()
    path.write_bytes(STRALSUND.read_bytes())
    return path


@pytest.fixture(autouse=True)
def typed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a person types; no terminal while it is empty."""
    words: list[str] = []
    monkeypatch.delenv(passphrase.PASSPHRASE_VARIABLE, raising=False)
    monkeypatch.delenv(passphrase.WIFI_VARIABLE, raising=False)
    monkeypatch.setattr(passphrase, "has_terminal", lambda: bool(words))
    monkeypatch.setattr(passphrase.getpass, "getpass", lambda prompt: words.pop(0))
    yield words
    assert not words, "not everything was asked for"


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vaults made here say in their header that they cost little."""
    monkeypatch.setattr(vaultfile, "COST_N", 16)


def others(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in ("x.yaml", "x.vault"))


def test_made_on_first_use_and_then_the_same(site_file: Path, typed: list[str], cheap: None) -> None:
    typed += [PASSPHRASE, PASSPHRASE, WIFI_PASSWORD, WIFI_PASSWORD]
    first = open_vault(site_file, SITE)
    assert (first.site, len(first.master), first.wifi_password(SITE)) == (SITE.site, 32, WIFI_PASSWORD)
    typed += [PASSPHRASE]
    second = open_vault(site_file, SITE)
    assert second.master == first.master
    assert second.ca.certificate == first.ca.certificate
    assert second.ca.key_der() == first.ca.key_der()
    assert second.wifi_password(SITE) == WIFI_PASSWORD


def test_cost_and_place(site_file: Path, tmp_path: Path) -> None:
    open_vault(site_file, SITE, passphrase_source(passphrase_file(tmp_path)), wifi=False)
    path = vault_path(site_file)
    header = vaultfile.header_of(path, path.read_bytes(), SITE.site)
    assert (header.n, header.r, header.p) == (2**16, 8, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert others(site_file.parent) == []


def test_nothing_in_it_is_readable(site_file: Path) -> None:
    made = cheap_vault(site_file)
    content = vault_path(site_file).read_bytes()
    for secret in (
        made.master,
        made.master.hex().encode(),
        WIFI_PASSWORD.encode(),
        PASSPHRASE.encode(),
        made.ca.key_der(),
    ):
        assert secret not in content
    assert b"x509" not in content


def test_two_that_make_it_at_once_agree(site_file: Path, tmp_path: Path, cheap: None) -> None:
    source = passphrase_source(passphrase_file(tmp_path))
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: open_vault(site_file, SITE, source, wifi=False).master, range(16)))
    assert len(set(found)) == 1
    assert others(site_file.parent) == []


def test_changes_at_once_are_all_kept(site_file: Path, tmp_path: Path) -> None:
    cheap_vault(site_file)
    opened = [reopened(site_file, tmp_path) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: opened[n].set_wifi(f"net-{n}", WIFI_PASSWORD), range(8)))
    assert reopened(site_file, tmp_path).wifi_names == sorted([*(f"net-{n}" for n in range(8)), "wifi-main"])


def test_wrong_passphrase(site_file: Path, typed: list[str]) -> None:
    cheap_vault(site_file)
    typed += ["wrong one, sorry"] * 3
    with pytest.raises(vaultfile.WrongPassphrase, match="does not open") as caught:
        open_vault(site_file, SITE)
    assert "backup" in str(caught.value.hint) or "restore" in str(caught.value.hint)
    typed += ["wrong one, sorry", PASSPHRASE]
    assert open_vault(site_file, SITE).wifi_names == ["wifi-main"]


@pytest.mark.parametrize("what", ["cut", "bit", "header", "empty", "text", "sum"])
def test_a_damaged_file_is_told_from_a_wrong_passphrase(site_file: Path, tmp_path: Path, what: str) -> None:
    cheap_vault(site_file)
    path = vault_path(site_file)
    whole = path.read_bytes()
    content = {
        "cut": whole[:-5],
        "bit": whole[:300] + bytes([whole[300] ^ 1]) + whole[301:],
        "header": whole.replace(b'"n":16', b'"n":32', 1),
        "empty": b"",
        "text": b"secrets\n" * 40,
        "sum": whole[:-1] + bytes([whole[-1] ^ 1]),
    }[what]
    path.write_bytes(content)
    with pytest.raises(BadInput, match="is damaged") as caught:
        reopened(site_file, tmp_path)
    assert "backup" in str(caught.value.hint)
    assert path.read_bytes() == content


def test_a_changed_header_does_not_open(site_file: Path, tmp_path: Path) -> None:
    """Also if whoever changed it has made the sum right: the header is authenticated."""
    cheap_vault(site_file)
    path = vault_path(site_file)
    body = path.read_bytes()[: -vaultfile.SUM_BYTES].replace(b'"p":1', b'"p":1 ', 1)
    path.write_bytes(body + hashlib.sha256(body).digest())
    with pytest.raises(vaultfile.WrongPassphrase):
        reopened(site_file, tmp_path)


@pytest.mark.parametrize(
    "change", [{"n": 2**22, "r": 32}, {"n": 15}, {"nonce": "00"}, {"salt": ""}, {"kdf": "md5"}]
)
def test_a_header_that_none_of_ours_has(site_file: Path, tmp_path: Path, change: dict[str, object]) -> None:
    cheap_vault(site_file)
    path = vault_path(site_file)
    line, _, rest = path.read_bytes().partition(b"\n")
    body = json.dumps({**json.loads(line), **change}, separators=(",", ":")).encode() + b"\n" + rest[:-32]
    path.write_bytes(body + hashlib.sha256(body).digest())
    with pytest.raises(BadInput, match="is damaged"):
        reopened(site_file, tmp_path)


def test_a_newer_version_and_another_site(site_file: Path, tmp_path: Path) -> None:
    cheap_vault(site_file)
    path = vault_path(site_file)
    other = SITE.model_copy(update={"site": "other-site"})
    with pytest.raises(BadInput, match="vault of site `stralsund-sundpark`, not of `other-site`"):
        open_vault(site_file, other, create=False)
    path.write_bytes(path.read_bytes().replace(b'"version":1', b'"version":2', 1))
    with pytest.raises(BadInput, match="newer sportbox") as caught:
        reopened(site_file, tmp_path)
    assert "update" in str(caught.value.hint)


def test_no_vault_and_no_place_for_one(site_file: Path, tmp_path: Path, cheap: None) -> None:
    source = passphrase_source(passphrase_file(tmp_path))
    with pytest.raises(BadInput, match="there is no vault"):
        open_vault(site_file, SITE, source, create=False)
    with pytest.raises(ToolError, match="cannot write"):
        open_vault(tmp_path / "none" / "x.yaml", SITE, source)
    vault_path(site_file).mkdir()
    with pytest.raises(ToolError, match="cannot read"):
        open_vault(site_file, SITE, source)


def test_a_lost_vault_is_not_made_anew(site_file: Path, tmp_path: Path, cheap: None) -> None:
    source = passphrase_source(passphrase_file(tmp_path))
    store = Inventory.open(site_file)
    store.record("flash", "aa:bb:cc:00:00:01")
    open_vault(site_file, SITE, source, wifi=False)
    vault_path(site_file).unlink()
    store.record("provision", "aa:bb:cc:00:00:01", "box-1", key_version=1)
    with pytest.raises(BadInput, match="boards have its keys: box-1") as caught:
        open_vault(site_file, SITE, source, wifi=False)
    assert "x.inventory.db" in str(caught.value.hint)
    assert not vault_path(site_file).exists()


def test_a_file_of_somebody_else(site_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cheap_vault(site_file)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadInput, match="belongs to somebody else"):
        open_vault(site_file, SITE, Source(), wifi=False)


def test_a_write_that_fails_leaves_the_old_one(site_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = cheap_vault(site_file)
    before = vault_path(site_file).read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ToolError, match="the disk is full") as caught:
            made.set_wifi("wifi-main", "another password")
    assert "another" not in str(caught.value)
    assert vault_path(site_file).read_bytes() == before
    assert others(site_file.parent) == []


def test_a_lock_that_nobody_lets_go(site_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = cheap_vault(site_file)
    monkeypatch.setattr(atomic, "LOCK_WAIT_S", 0.05)
    with atomic.locked_folder(site_file.parent), pytest.raises(ToolError, match="cannot write"):
        made.set_wifi("wifi-main", WIFI_PASSWORD)


def test_the_passphrase_is_changed(site_file: Path, tmp_path: Path, cheap: None) -> None:
    made = cheap_vault(site_file)
    master = made.master
    made.set_passphrase("fünf lange wörter reichen völlig")
    with pytest.raises(vaultfile.WrongPassphrase):
        reopened(site_file, tmp_path)
    decomposed = "fu\u0308nf lange wo\u0308rter reichen vo\u0308llig"
    source = passphrase_source(passphrase_file(tmp_path, decomposed))
    assert open_vault(site_file, SITE, source).master == master
    made.set_wifi("second", WIFI_PASSWORD)  # the open one goes on
    with pytest.raises(BadInput, match="at least 12"):
        made.set_passphrase("short")


def test_where_the_passphrase_comes_from(
    site_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cheap_vault(site_file)
    with pytest.raises(BadInput, match="no terminal") as caught:
        open_vault(site_file, SITE)
    assert "--passphrase-file" in str(caught.value.hint)
    assert "$SPORTBOX_PASSPHRASE" in str(caught.value.hint)
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", PASSPHRASE)
    assert open_vault(site_file, SITE).site == SITE.site
    file = passphrase_file(tmp_path, "another one, wrong")
    with pytest.raises(vaultfile.WrongPassphrase):  # the file comes first
        open_vault(site_file, SITE, passphrase_source(file))
    for mode in (0o640, 0o604, 0o620):
        file.chmod(mode)
        with pytest.raises(BadInput, match="readable by others") as caught:
            open_vault(site_file, SITE, passphrase_source(file))
        assert caught.value.hint == f"chmod 600 {file}"


@pytest.mark.parametrize("content", [b"", b"\n", b"a\nb\n", b"\xff" * 20, b"x" * 2_000])
def test_a_passphrase_file_that_is_none(site_file: Path, tmp_path: Path, content: bytes) -> None:
    cheap_vault(site_file)
    file = passphrase_file(tmp_path)
    file.write_bytes(content)
    with pytest.raises(BadInput, match="one line of text"):
        open_vault(site_file, SITE, passphrase_source(file))
    file.unlink()
    with pytest.raises(BadInput, match="cannot read"):
        open_vault(site_file, SITE, passphrase_source(file))


def test_a_new_passphrase_is_long_and_typed_twice(
    site_file: Path, typed: list[str], cheap: None, capsys: pytest.CaptureFixture[str]
) -> None:
    typed += ["short", PASSPHRASE, PASSPHRASE + "x", PASSPHRASE, PASSPHRASE]
    open_vault(site_file, SITE, wifi=False)
    err = capsys.readouterr().err
    assert "at least 12" in err
    assert "not the same" in err
    vault_path(site_file).unlink()
    typed += ["short"] * 3
    with pytest.raises(BadInput, match="nothing was set"):
        open_vault(site_file, SITE, wifi=False)
    assert not vault_path(site_file).exists()


def test_the_wifi_password(site_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = cheap_vault(site_file, wifi=None)
    with pytest.raises(BadInput, match="no Wi-Fi password `wifi-main`"):
        made.wifi_password(SITE)
    source = passphrase_source(passphrase_file(tmp_path))
    with pytest.raises(BadInput, match="no terminal"):
        open_vault(site_file, SITE, source)
    monkeypatch.setenv("SPORTBOX_WIFI_PASSWORD", "short")
    with pytest.raises(BadInput, match="8 to 63"):
        open_vault(site_file, SITE, source)
    monkeypatch.setenv("SPORTBOX_WIFI_PASSWORD", "long enough")
    assert open_vault(site_file, SITE, source).wifi_password(SITE) == "long enough"
    monkeypatch.delenv("SPORTBOX_WIFI_PASSWORD")
    assert reopened(site_file, tmp_path).wifi_password(SITE) == "long enough"
    open_net = SITE.model_copy(update={"wifi": {"main": Wifi(ssid="open")}})
    assert made.wifi_password(open_net) == ""


def test_no_secret_in_repr_and_errors(site_file: Path, tmp_path: Path) -> None:
    made = cheap_vault(site_file)
    contents = made._contents
    shown = repr(made) + repr(contents) + str(contents) + repr(made._key) + repr(made.ca)
    shown += repr(passphrase_source(passphrase_file(tmp_path)))
    broken = vaultfile.seal(
        made._key, contents.model_dump_json().replace('"version":2', '"version":"2x"').encode()
    )
    vault_path(site_file).write_bytes(broken)
    with pytest.raises(BadInput) as caught:
        reopened(site_file, tmp_path)
    error = caught.value
    shown += repr(error) + str(error.__context__) + str(error.__cause__)
    for secret in (
        WIFI_PASSWORD,
        PASSPHRASE,
        repr(made.master)[2:12],
        made.master.hex()[:8],
        repr(made.ca.key_der())[2:12],
    ):
        assert secret not in shown
    assert vaultcontents.Contents.model_config["hide_input_in_errors"]


def test_no_two_writes_have_the_same_nonce() -> None:
    key = vaultfile.new_key("stralsund", b"passphrase", 16)
    nonces = [json.loads(vaultfile.seal(key, b"x").partition(b"\n")[0])["nonce"] for _ in range(100)]
    assert {len(nonce) for nonce in nonces} == {2 * vaultfile.NONCE_BYTES}
    assert len(set(nonces)) == 100
