"""A kit: everything of a site but its secrets, and nothing in it is believed."""

import hashlib
import json
import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from host_tools.cli import main
from host_tools.site import boards
from host_tools.site.inventory import Inventory
from host_tools.site.kit import kit_of
from host_tools.site.kitform import FILE_MAX_BYTES
from host_tools.site.load import load_site, read_site
from tests.host.helpers import ROSTOCK, STRALSUND, changed, write
from tests.vaults import PASSPHRASE, cheap_vault

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kit") / "kit.zip"
    assert main(["site", "export", str(ROSTOCK), "-o", str(path)]) == 0
    return path


def test_what_is_in_it(kit: Path) -> None:
    with zipfile.ZipFile(kit) as archive:
        names = archive.namelist()
        manifest = json.loads(archive.read("manifest.json"))
        for name in names[1:]:
            assert manifest["files"][name] == hashlib.sha256(archive.read(name)).hexdigest()
        assert archive.read("site.yaml") == ROSTOCK.read_bytes()
    assert {"site.yaml", "labels.json", "outputs/asyncapi.json", "docs/site-file.md"} <= set(names)
    assert {name for name in names if name.startswith("boards/")} == {
        f"boards/{board}/{file}"
        for board in ("box-esp32s3", "field-esp32c3")
        for file in ("board.toml", "README.md")
    }
    assert (manifest["site"], manifest["format"], manifest["site_file_version"]) == (
        "hafensport-rostock",
        1,
        2,
    )


def test_the_same_site_gives_the_same_kit(kit: Path) -> None:
    assert kit_of(ROSTOCK)[0] == kit.read_bytes()


def test_no_secret_gets_into_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site_file = tmp_path / "site.yaml"
    shutil.copy(ROSTOCK, site_file)
    vault = cheap_vault(site_file)
    vault.set_secret("frost", "the token of the frost server")
    inventory = Inventory.open(site_file)
    inventory.record("provision", "02:00:00:00:00:01", "box-1", key_version=1, serial="0badcafe")
    monkeypatch.chdir(tmp_path)
    assert main(["site", "export", "site.yaml"]) == 0
    secrets = [
        PASSPHRASE.encode(),
        b"muschelkalk 54",
        b"the token of the frost server",
        b"0badcafe",
        b"02:00:00:00:00:01",
        vault.master,
        vault.master.hex().encode(),
        vault.ca.key_der(),
        vault.password("manager").encode(),
        vault.password("booking").encode(),
    ]
    path = tmp_path / "hafensport-rostock-kit.zip"
    with zipfile.ZipFile(path) as archive:
        plain = b"\n".join(archive.read(name) + name.encode() for name in archive.namelist())
    for secret in secrets:
        assert secret not in plain
        assert secret not in path.read_bytes()
    assert b"hafensport" in plain  # what is looked for would be found


def test_an_old_site_file_goes_as_the_newest(tmp_path: Path) -> None:
    path = write(tmp_path, changed("version: 1", "# of the harbour\nversion: 1"))
    content, _ = kit_of(path)
    (tmp_path / "kit.zip").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "kit.zip") as archive:
        text = archive.read("site.yaml").decode()
    assert text.startswith("# of the harbour\nversion: 2\n")


def test_a_file_that_is_no_kit_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("mine")
    assert main(["site", "export", str(ROSTOCK), "-o", str(path)]) == 2
    assert "no kit" in capsys.readouterr().err
    assert path.read_text() == "mine"


def test_rostocks_site_becomes_stralsunds(
    kit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "stralsund.yaml"
    assert main(["site", "import", str(kit), "--site", "strelasund", "-o", str(path)]) == 0
    told = capsys.readouterr().out
    site, notes = read_site(path)
    before = load_site(ROSTOCK)
    assert site == before.model_copy(update={"site": "strelasund"})
    fields = ["site", "title", "broker.host", "wifi.main.ssid"]
    assert [note.field for note in notes] == fields
    for note in notes:
        assert f"{path}:{note.line}: {note.field}" in told
    text = path.read_text()
    assert "# One board a court." in text
    for old, new in (
        ("Hafensport Rostock", "Sportplatz am Strelasund"),
        ("127.0.0.1", "mqtt.stralsund.example"),
        ("ssid: hafensport", "ssid: strelasund"),
    ):
        text = changed(old, new, text)
    lines = [line for line in text.splitlines(keepends=True) if "# change this:" not in line]
    path.write_text("".join(lines))
    site, notes = read_site(path)
    assert notes == []
    assert (site.broker.host, site.broker.tls, site.first_network.ssid) == (
        "mqtt.stralsund.example",
        True,
        "strelasund",
    )
    assert "rostock" not in path.read_text().lower().replace("harbour of rostock", "")
    old, new = cheap_vault(write(tmp_path, ROSTOCK.read_bytes())), cheap_vault(path)
    assert (old.site, new.site) == ("hafensport-rostock", "strelasund")
    assert old.master != new.master


def test_every_place_is_marked(tmp_path: Path) -> None:
    text = (
        "version: 2\nsite: a\ntitle: A\nlabel_url: 'https://a.example/{device}'\n"
        "position: {latitude: 1.0, longitude: 2.0}\n"
        "broker:\n  host: b.example\n  bridge:\n    host: c.example\n"
        "wifi:\n  one: {ssid: x}\n  two:\n    ssid: y\n"
        "outputs: {sensorthings: {url: https://f.example}, ngsi_ld: {url: https://o.example}}\n"
        "devices:\n  b:\n    board: sim\n    components: {door-1: }\n"
    )
    content, _ = kit_of(write(tmp_path, text))
    (tmp_path / "kit.zip").write_bytes(content)
    target = tmp_path / "new.yaml"
    assert main(["site", "import", str(tmp_path / "kit.zip"), "--site", "b", "-o", str(target)]) == 0
    assert [note.field for note in read_site(target)[1]] == [
        *["site", "title", "label_url", "position", "broker.host", "broker.bridge.host"],
        *["wifi.one.ssid", "wifi.two.ssid", "outputs.sensorthings.url, outputs.ngsi_ld.url"],
    ]


def test_it_is_not_written_over_another(
    kit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "mine")
    assert main(["site", "import", str(kit), "--site", "new", "-o", str(path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert main(["site", "import", str(kit), "--site", "New!", "-o", str(tmp_path / "x.yaml")]) == 2
    assert "is no name" in capsys.readouterr().err


def test_boards_that_are_missing_or_differ_are_told(
    kit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = tmp_path / "boards"
    shutil.copytree(boards.boards_dir() / "field-esp32c3", ours / "field-esp32c3")
    toml = ours / "field-esp32c3" / "board.toml"
    toml.write_text(toml.read_text() + "# ours\n")
    monkeypatch.setenv(boards.BOARDS_VARIABLE, str(ours))
    path = tmp_path / "new.yaml"
    assert main(["site", "import", str(kit), "--site", "new", "-o", str(path)]) == 0
    err = capsys.readouterr().err
    assert "note: board `box-esp32s3` is not here" in err
    assert "note: board `field-esp32c3` is another one here" in err


def packed(path: Path, files: Files, how: Callable[[zipfile.ZipInfo], None] = lambda info: None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            how(info)
            archive.writestr(info, content)
    return path


def contents(kit: Path) -> Files:
    with zipfile.ZipFile(kit) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_manifest(files: Files, **changes: object) -> Files:
    manifest = json.loads(files["manifest.json"])
    manifest["files"] = {
        name: hashlib.sha256(found).hexdigest() for name, found in files.items() if name != "manifest.json"
    }
    return {**files, "manifest.json": json.dumps({**manifest, **changes}).encode()}


def _without(name: str) -> Callable[[Files], Files]:
    return lambda files: {other: content for other, content in files.items() if other != name}


DAMAGED: list[tuple[Callable[[Files], Files], str]] = [
    (lambda files: {**files, "../../evil.md": b"x"}, "../../evil.md"),
    (lambda files: {**files, "/etc/passwd": b"x"}, "/etc/passwd"),
    (lambda files: {**files, "docs/../../evil.md": b"x"}, "which no kit does"),
    (lambda files: {**files, "boards\\..\\evil.md": b"x"}, "which no kit does"),
    (lambda files: {**files, "site.vault": b"x"}, "site.vault"),
    (lambda files: {**files, "docs/more.md": b"x"}, "docs/more.md that its manifest does not"),
    (lambda files: {**files, "docs/site-file.md": b"x"}, "docs/site-file.md is not what"),
    (lambda files: {**files, "docs/site-file.md": b"x" * (FILE_MAX_BYTES + 1)}, "too large"),
    (lambda files: {**files, **{f"docs/{n}.md": b"" for n in range(200)}}, "more than 200 files"),
    (_without("labels.json"), "lacks labels.json"),
    (_without("manifest.json"), "no manifest.json"),
    (lambda files: with_manifest(_without("site.yaml")(files)), "no site.yaml"),
    (lambda files: {**files, "manifest.json": b"[" * 100_000}, "manifest.json that is none"),
    (lambda files: {**files, "manifest.json": b"[]"}, "manifest.json that is none"),
    (lambda files: with_manifest(files, format=2), "newer kit (2)"),
    (lambda files: with_manifest(files, site_file_version=3), "version 3"),
    (lambda files: with_manifest(files, site="other"), "is of other"),
    (lambda files: with_manifest({**files, "site.yaml": b"version: 2\n"}), "site.yaml that is none"),
    (lambda files: with_manifest({**files, "site.yaml": b"[]"}), "site.yaml that is none"),
]


@pytest.mark.parametrize(("change", "words"), DAMAGED)
def test_a_kit_that_is_wrong(
    kit: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Files], Files],
    words: str,
) -> None:
    path = packed(tmp_path / "bad.zip", change(contents(kit)))
    target = tmp_path / "new.yaml"
    assert main(["site", "import", str(path), "--site", "new", "-o", str(target)]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert "hint: " in err
    assert [found.name for found in tmp_path.iterdir()] == ["bad.zip"]


def _link(info: zipfile.ZipInfo) -> None:
    info.external_attr = (stat.S_IFLNK | 0o777) << 16


def test_links_and_what_is_no_zip(kit: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = str(tmp_path / "new.yaml")
    link = packed(tmp_path / "link.zip", contents(kit), _link)
    half = tmp_path / "half.zip"
    half.write_bytes(kit.read_bytes()[:20_000])
    flipped = bytearray(kit.read_bytes())
    flipped[200] ^= 0xFF
    bad = tmp_path / "flipped.zip"
    bad.write_bytes(flipped)
    for path, words in (
        (link, "no ordinary file"),
        (half, "no zip file, or a damaged one"),
        (bad, "damaged"),
        (STRALSUND, "no zip file"),
        (tmp_path / "none.zip", "cannot read"),
    ):
        assert main(["site", "import", str(path), "--site", "new", "-o", target]) == 2
        assert words in capsys.readouterr().err
