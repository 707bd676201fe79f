"""`sportbox inventory`: what people, spreadsheets and scripts get."""

import csv
import io
import json
from pathlib import Path

import pytest

from host_tools.cli import main
from host_tools.site.inventory import Inventory, inventory_path
from host_tools.site.inventory_report import csv_text
from tests.host.helpers import STRALSUND

A, B = "aa:bb:cc:00:00:01", "aa:bb:cc:00:00:02"


@pytest.fixture
def site_file(tmp_path: Path) -> Path:
    path = tmp_path / "x.yaml"
    path.write_bytes(STRALSUND.read_bytes())
    return path


@pytest.fixture
def store(site_file: Path) -> Inventory:
    Inventory.open(site_file)
    store = Inventory(inventory_path(site_file), clock=lambda: 1_795_500_000)
    store.record("flash", A, chip="esp32s3", micropython="1.29.0")
    store.record("provision", A, "box-1", key_version=1, serial="5e1", firmware="0.1.0")
    store.record("selftest", A, "box-1", ok=True)
    store.record("flash", B, chip="esp32c3")
    store.revoke("box-1", 0, B, "5e0", "=replaced")
    return store


def run(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> tuple[str, str]:
    assert main(["inventory", *(str(word) for word in words)]) == status
    found = capsys.readouterr()
    return found.out, found.err


def test_a_table_for_people(capsys: pytest.CaptureFixture[str], site_file: Path, store: Inventory) -> None:
    out, err = run(capsys, site_file)
    lines = out.splitlines()
    assert lines[0].split()[:3] == ["device", "board", "MAC"]
    assert lines[1].startswith(f"box-1    box-esp32s3    {A}  esp32s3  ok       2026-11-24 07:00  1")
    assert "passed" in lines[1]
    assert lines[2].startswith("court-1  field-esp32c3")
    assert "missing" in lines[2]
    assert lines[3].split()[:3] == [B, "esp32c3", "spare"]
    assert "without a provisioned board: court-1" in err
    assert "revoked credentials: 1" in err
    assert "not finished" not in err
    store.begin_replacement("court-1", B, 1)
    assert "not finished, repeat the command: court-1" in run(capsys, site_file)[1]
    out, err = run(capsys, site_file, "--lang", "de")
    assert "bestanden" in out
    assert "ohne eingerichtete Platine: court-1" in err


def test_what_a_later_key_version_makes_old(
    capsys: pytest.CaptureFixture[str], site_file: Path, store: Inventory
) -> None:
    text = site_file.read_text()
    site_file.write_text(
        text.replace("    board: box-esp32s3\n", "    board: box-esp32s3\n    key_version: 2\n")
    )
    out, err = run(capsys, site_file, "--device", "box-1")
    assert "old keys" in out
    assert "provision them again: box-1" in err


def test_before_anything_was_done(capsys: pytest.CaptureFixture[str], site_file: Path) -> None:
    out, err = run(capsys, site_file)
    assert out.count("missing") == 2
    assert "box-1, court-1" in err
    assert not inventory_path(site_file).exists()
    out, err = run(capsys, site_file, "--history")
    assert (out, err) == ("", "nothing is noted\n")


def test_json(capsys: pytest.CaptureFixture[str], site_file: Path, store: Inventory) -> None:
    out, err = run(capsys, site_file, "--json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["status"] for row in rows] == ["ok", "missing", "spare"]
    assert rows[0]["since"] == "2026-11-24T06:00:00Z"
    assert (rows[0]["serial"], rows[0]["selftest"]) == ("5e1", "passed")
    assert err == ""
    out, _ = run(capsys, site_file, "--json", "--history", "--device", "box-1")
    assert [json.loads(line)["action"] for line in out.splitlines()] == ["provision", "selftest"]
    out, _ = run(capsys, site_file, "--json", "--revoked")
    assert json.loads(out)["serial"] == "5e0"


def test_csv(capsys: pytest.CaptureFixture[str], site_file: Path, store: Inventory, tmp_path: Path) -> None:
    out, _ = run(capsys, site_file, "--csv", "-")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [row["device"] for row in rows] == ["box-1", "court-1", ""]
    assert rows[0]["title"] == "Ballbox"
    file = tmp_path / "out.csv"
    _, err = run(capsys, site_file, "--revoked", "--csv", file)
    assert str(file) in err
    with file.open(encoding="utf-8-sig", newline="") as text:
        assert next(csv.DictReader(text))["why"] == "'=replaced"
    _, err = run(capsys, site_file, "--csv", tmp_path / "none" / "out.csv", status=1)
    assert "cannot write" in err


@pytest.mark.parametrize("text", ["=1+1", "+1", "-x", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(text: str) -> None:
    line = csv_text(["a", "b"], [{"a": text, "b": -1}])
    assert next(csv.reader(io.StringIO(line.partition("\r\n")[2], newline=""))) == [f"'{text}", "-1"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--csv", "-", "--json"], "two forms"),
        (["--history", "--revoked"], "two lists"),
        (["--device", "box-7"], "no board `box-7`"),
    ],
)
def test_refused(capsys: pytest.CaptureFixture[str], site_file: Path, words: list[str], told: str) -> None:
    _, err = run(capsys, site_file, *words, status=2)
    assert told in err
