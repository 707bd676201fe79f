"""The bridge at a site's own broker: over TLS, with the vault or with what `site login` wrote."""

from collections.abc import Iterator

import pytest

from host_tools.cli import main
from tests.data.service import Service
from tests.data.things import Things
from tests.host.audits import Board
from tests.mosquitto.bench import Bench, bench
from tests.vaults import passphrase_file


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench("bridge", request) as made:
        yield made


@pytest.fixture
def platform() -> Iterator[Service]:
    found = Service(Things())
    yield found
    found.close()


def test_with_the_vault_and_without(
    site: Bench, platform: Service, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert isinstance(platform.application, Things)
    monkeypatch.chdir(site.file.parent)
    monkeypatch.setattr("host_tools.data.bridge.run.QUIET_S", 0.5)
    text = site.file.read_text().replace("version: 1", "version: 2")
    position = "position: {latitude: 54.0, longitude: 12.0}"
    site.file.write_text(f"{text}{position}\noutputs: {{sensorthings: {{url: '{platform.url}/v1.1'}}}}\n")
    key = ["--passphrase-file", str(passphrase_file(site.file.parent))]
    login = site.file.with_name("login.json")
    assert main(["site", "login", str(site.file), "recorder", "--out", str(login), *key]) == 0
    assert main(["bridge", str(site.file), "--once", *key]) == 0
    board, line = Board(site=site.site.site), site.board(site.issued("box-1"))
    for _ in range(3):
        line.publish(f"{site.base}/box-1/event", board.payload("door-1", "door.opened"))
    monkeypatch.delenv("SPORTBOX_PASSPHRASE", raising=False)
    assert main(["bridge", str(site.file), "--once", "--login", str(login)]) == 0
    found = platform.application.observations("mole/box-1/door-1/event")
    assert [one["parameters"]["id"] for one in found] == [f"box-1-{board.boot}-{n}" for n in (1, 2, 3)]
    password = site.vault.password("recorder")
    captured = capfd.readouterr()
    assert password not in captured.out + captured.err
    assert main(["bridge", str(site.file), "--once", "--login", str(login), "--broker", "mqtt://a"]) == 2
