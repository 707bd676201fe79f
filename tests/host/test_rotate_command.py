"""`sportbox site rotate` as a person types it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.broker import BrokerProcess
from host_tools.cli import main
from host_tools.site import boards_provider
from tests.brokers import start
from tests.host.grounds import MACS, WITH_WIFI, Ground
from tests.host.helpers import changed
from tests.vaults import PASSPHRASE


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with start("mosquitto", tmp_path_factory.mktemp("rotate")) as running:
        yield running


@pytest.fixture
def ground(tmp_path: Path, broker: BrokerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", PASSPHRASE)
    monkeypatch.setattr(boards_provider, "BACK_S", 0.4)
    made = Ground(tmp_path, broker.port)
    made.write(changed("port: 1883", f"port: {broker.port}", WITH_WIFI))
    for name in MACS:
        made.provisioned(name)
    yield made
    made.close()


def run(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> tuple[str, str]:
    assert main(["site", "rotate", *map(str, words)]) == status
    found = capsys.readouterr()
    return found.out, found.err


def test_from_begin_to_end(capsys: pytest.CaptureFixture[str], ground: Ground) -> None:
    assert run(capsys, ground.file, "master", "--status")[0] == "master: no renewal has begun\n"
    ground.boards["box-1"].say("offline")
    _, err = run(capsys, ground.file, "master", status=1)
    assert "box-1: keys" in err
    assert "run the same command again" in err
    out, _ = run(capsys, ground.file, "master", "--status", "--json")
    assert json.loads(out)["step"] == "switch"
    assert list(json.loads(out)["lacking"]) == ["box-1"]
    _, err = run(capsys, ground.file, "master", "--finish", status=1)
    assert "error: boards without the new master secret: box-1" in err
    ground.boards["box-1"].say()
    _, err = run(capsys, ground.file, "master")
    assert f"sportbox site rotate {ground.file} master --finish" in err
    assert "all boards have what they need" in run(capsys, ground.file, "master", "--status")[0]
    out, err = run(capsys, ground.file, "master", "--finish", "--json")
    assert "the old master secret is void" in err
    assert json.loads(out) == {"what": "master", "do": "finish", "done": True, "left": []}
    assert set(ground.boards["box-1"].keys) == {"booking-1-g2", "ops-1-g2"}


def test_one_board_and_what_is_no_order(capsys: pytest.CaptureFixture[str], ground: Ground) -> None:
    _, err = run(capsys, ground.file, "device", "court-1")
    assert "court-1 has new keys" in err
    assert set(ground.boards["court-1"].keys) == {"booking-2", "ops-2"}
    for words in (
        ["device"],
        ["master", "box-1"],
        ["device", "box-1", "--finish"],
        ["master", "--finish", "--abort"],
        ["device", "box-7"],
        ["ca", "--finish"],
        ["everything"],
    ):
        assert "hint" in run(capsys, ground.file, *words, status=2)[1] or words[0] in ("everything", "device")
