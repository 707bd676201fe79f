"""`sportbox site plan` and `site apply` as a person types them: played boards, a broker without TLS."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.broker import BrokerProcess, free_port
from host_tools.cli import main
from host_tools.site import boards_provider, passphrase, workplace
from host_tools.site.load import load_site
from tests.brokers import start
from tests.host.grounds import MACS, WITH_WIFI, Ground
from tests.host.helpers import changed
from tests.vaults import PASSPHRASE


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with start("mosquitto", tmp_path_factory.mktemp("plan")) as running:
        yield running


@pytest.fixture
def ground(tmp_path: Path, broker: BrokerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr(boards_provider, "BACK_S", 0.4)
    made = Ground(tmp_path, broker.port)
    made.write(described(broker.port))
    yield made
    made.close()


def described(port: int, old: str = "telemetry_s: 30", new: str = "telemetry_s: 30") -> str:
    return changed(old, new, changed("port: 1883", f"port: {port}", WITH_WIFI))


def site(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> tuple[str, str]:
    assert main(["site", *map(str, words)]) == status
    found = capsys.readouterr()
    return found.out, found.err


def test_nobody_there_then_all_then_a_change(
    capsys: pytest.CaptureFixture[str], ground: Ground, broker: BrokerProcess
) -> None:
    out, err = site(capsys, "plan", ground.file, status=4)
    assert "boards: 2 changes" in out
    assert f"  ? box-1: no board yet: sportbox provision --site {ground.file} --device box-1" in out
    assert "note: 2 for you to do" in err
    assert "note: the broker is open (`tls: false`), and is not set up from here" in err
    out, err = site(capsys, "apply", ground.file, status=1)
    assert [line.partition(":")[0] for line in out.splitlines()] == ["left", "left"]
    assert "the same command again" in err
    for name in MACS:
        ground.provisioned(name)
    assert site(capsys, "plan", ground.file)[0] == "nothing would change\n"
    ground.write(described(broker.port, new="telemetry_s: 45"))
    out, err = site(capsys, "plan", ground.file, status=4)
    assert "+telemetry_s: 45" in out
    assert f"2 to bring, by: sportbox site apply {ground.file}" in err
    lines = [
        json.loads(line) for line in site(capsys, "plan", ground.file, "--json", status=4)[0].splitlines()
    ]
    assert [(line["part"], line["name"], line["what"]) for line in lines[:2]] == [
        ("boards", "box-1", "change"),
        ("boards", "court-1", "change"),
    ]
    assert "+telemetry_s: 45" in lines[0]["diff"]
    assert list(lines[2]) == ["note"]
    out, _ = site(capsys, "apply", ground.file)
    assert out == "all is as declared\n"
    assert site(capsys, "plan", ground.file)[0] == "nothing would change\n"
    out, err = site(capsys, "apply", ground.file, "--json")
    assert json.loads(out) == {"done": True, "left": []}
    assert "boards: nothing to do" in err


def test_a_board_that_is_away_is_left(
    capsys: pytest.CaptureFixture[str], ground: Ground, broker: BrokerProcess
) -> None:
    for name in MACS:
        ground.provisioned(name)
    ground.write(described(broker.port, new="telemetry_s: 45"))
    ground.boards["box-1"].say("offline")
    out, _ = site(capsys, "apply", ground.file, "--json", status=1)
    left = json.loads(out)["left"]
    assert len(left) == 1 and left[0].startswith("box-1: configuration; the board is offline")
    ground.boards["box-1"].say()
    site(capsys, "apply", ground.file)
    site(capsys, "plan", ground.file)


def test_one_at_a_time(capsys: pytest.CaptureFixture[str], ground: Ground) -> None:
    """Of those that change something; looking is free."""
    for name in MACS:
        ground.provisioned(name)
    with workplace.Workplace(ground.file, load_site(ground.file), ground.vault, ground.inventory).alone():
        for words in (["apply", ground.file], ["rotate", ground.file, "master"]):
            assert "another command changes broker and boards" in site(capsys, *words, status=1)[1]
        site(capsys, "plan", ground.file)
        site(capsys, "status", ground.file)
    site(capsys, "apply", ground.file)


def test_no_broker_there(capsys: pytest.CaptureFixture[str], ground: Ground) -> None:
    ground.write(described(free_port()))
    out, err = site(capsys, "plan", ground.file, status=3)
    assert out == ""
    assert "boards: unknown: no answer from the broker" in err and "hint: " in err
    (line, note) = site(capsys, "plan", ground.file, "--json", status=3)[0].splitlines()
    assert json.loads(line)["part"] == "boards" and "note" in json.loads(note)
    out, _ = site(capsys, "apply", ground.file, status=1)
    assert out.startswith("left: boards: no answer from the broker")


def test_a_broker_with_tls_that_does_not_run_yet(capsys: pytest.CaptureFixture[str], ground: Ground) -> None:
    ports = f"port: {free_port()}, tls: true, services_port: {free_port()}"
    ground.write(changed("port: 1883", ports, WITH_WIFI))
    out, err = site(capsys, "plan", ground.file, status=4)
    assert "  + mosquitto.conf: file" in out
    assert "boards: unknown: no answer from the broker at mqtts://" in err
    assert "hint: sportbox broker run" in err
    out, _ = site(capsys, "apply", ground.file, status=1)
    assert f"sportbox broker run {ground.file}" in out
    assert (ground.file.with_suffix(".broker") / "mosquitto.conf").is_file()
    site(capsys, "plan", ground.file, status=3)


def test_what_a_plan_needs(
    capsys: pytest.CaptureFixture[str], ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", "not the passphrase")
    assert "hint" in site(capsys, "plan", ground.file, status=2)[1]
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr(passphrase, "has_terminal", lambda: False)
    monkeypatch.setattr(workplace, "has_terminal", lambda: False)
    ground.provisioned("box-1")
    ground.write(ground.file.read_text().replace("wifi-main", "wifi-other"))
    _, err = site(capsys, "plan", ground.file, status=2)
    assert "boards: unknown: the vault has no Wi-Fi password `wifi-other`" in err
    assert "hint: sportbox vault set-wifi" in err
    out, _ = site(capsys, "apply", ground.file, status=1)
    assert "left: boards: the vault has no Wi-Fi password `wifi-other`" in out
    vault = ground.file.with_suffix(".vault")
    vault.unlink()
    assert f"there is no vault {vault}" in site(capsys, "plan", ground.file, status=2)[1]
