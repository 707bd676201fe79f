"""`sportbox site status` and `site login` as a person types them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from host_tools.broker import BrokerProcess, free_port
from host_tools.cli import main
from tests.brokers import start
from tests.host.grounds import MACS, WITH_WIFI, Ground
from tests.host.helpers import changed
from tests.vaults import PASSPHRASE

TLS = "port: 18883, tls: true, services_port: 18884"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with start("mosquitto", tmp_path_factory.mktemp("status")) as running:
        yield running


@pytest.fixture
def ground(tmp_path: Path, broker: BrokerProcess, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", PASSPHRASE)
    made = Ground(tmp_path, broker.port)
    made.write(changed("port: 1883", f"port: {broker.port}", WITH_WIFI))
    yield made
    made.close()


def site(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> tuple[str, str]:
    assert main(["site", *map(str, words)]) == status
    found = capsys.readouterr()
    return found.out, found.err


def rows(capsys: pytest.CaptureFixture[str], ground: Ground, status: int = 0) -> dict[str, dict[str, Any]]:
    lines = [
        json.loads(line)
        for line in site(capsys, "status", ground.file, "--json", status=status)[0].splitlines()
    ]
    return {line["name"]: line for line in lines if "name" in line}


def test_declared_against_real(
    capsys: pytest.CaptureFixture[str], ground: Ground, broker: BrokerProcess
) -> None:
    ground.provisioned("box-1")
    found = rows(capsys, ground)
    assert list(found) == [f"127.0.0.1:{broker.port}", *MACS]
    assert found[f"127.0.0.1:{broker.port}"]["answers"] is True
    assert found[f"127.0.0.1:{broker.port}"]["as_declared"] is None
    box, court = found["box-1"], found["court-1"]
    assert [box[name] for name in ("state", "config", "keys", "certificate", "rest", "differs")] == [
        "online",
        True,
        True,
        True,
        True,
        None,
    ]
    assert box["mac"] == MACS["box-1"] and len(box["certificate_until"]) == len("2036-11-26")
    assert court["config"] is None and court["state"] is None
    assert "no board yet" in court["differs"]
    ground.write(
        changed("board: box-esp32s3", "board: box-esp32s3\n    key_version: 2", WITH_WIFI).replace(
            "port: 1883", f"port: {broker.port}"
        )
    )
    box = rows(capsys, ground)["box-1"]
    assert (box["config"], box["keys"], box["certificate"]) == (True, False, False)
    ground.boards["box-1"].say("offline")
    out, err = site(capsys, "status", ground.file)
    assert f"broker 127.0.0.1:{broker.port} (mosquitto): answers" in out
    assert "offline" in out and "differs" in out and "box-1: keys (booking-2, ops-2), certificate" in out
    assert "2 not as declared" in err


def test_no_broker_there(capsys: pytest.CaptureFixture[str], ground: Ground) -> None:
    ground.provisioned("box-1")
    ground.write(changed("port: 1883", f"port: {free_port()}", WITH_WIFI))
    found = rows(capsys, ground, status=3)
    assert found["box-1"]["state"] is None and found["box-1"]["certificate_until"] is not None
    out, err = site(capsys, "status", ground.file, status=3)
    assert "silent" in out and "error: no answer from the broker" in err


def test_a_password_that_is_not_there(capsys: pytest.CaptureFixture[str], ground: Ground) -> None:
    ground.provisioned("box-1")
    ground.write(ground.file.read_text().replace("wifi-main", "wifi-other"))
    found = rows(capsys, ground, status=2)
    assert (found["box-1"]["state"], found["box-1"]["config"]) == ("online", None)
    assert "hint: sportbox vault set-wifi" in site(capsys, "status", ground.file, status=2)[1]


def test_a_service_gets_what_it_needs(capsys: pytest.CaptureFixture[str], ground: Ground) -> None:
    ground.write(changed("port: 1883", TLS, WITH_WIFI))
    password = ground.vault.password("booking")
    out, err = site(capsys, "login", ground.file, "booking")
    assert password not in out + err and "mqtts://127.0.0.1:18884" in out and "--out FILE" in err
    out, err = site(capsys, "login", ground.file, "booking", "--json")
    assert "password" not in json.loads(out)
    file, ca = ground.file.with_name("booking.json"), ground.file.with_name("ca.pem")
    out, err = site(capsys, "login", ground.file, "booking", "--out", file, "--ca", ca)
    assert out == "" and password not in err
    assert file.stat().st_mode & 0o777 == 0o600
    found = json.loads(file.read_text())
    assert (found["user"], found["password"], found["port"]) == ("booking", password, 18884)
    assert found["publish"] == [f"sportbox/v1/{ground.name}/+/cmd"]
    (trusted,) = x509.load_pem_x509_certificates(ca.read_bytes())
    assert trusted == ground.vault.ca.certificate
    out, _ = site(capsys, "login", ground.file, "booking", "--out", "-")
    assert json.loads(out) == found
    ground.vault.change(_second_ca)
    site(capsys, "login", ground.file, "booking", "--ca", ca)
    assert len(x509.load_pem_x509_certificates(ca.read_bytes())) == 2


def _second_ca(now: Any) -> Any:
    from host_tools.site.ca import new_authority
    from host_tools.site.vaultcontents import signer_of

    return now.model_copy(update={"authorities": [*now.authorities, signer_of(new_authority(now.site))]})


def test_what_is_no_login(capsys: pytest.CaptureFixture[str], ground: Ground) -> None:
    _, err = site(capsys, "login", ground.file, "bookng", status=2)
    assert "did you mean `booking`?" in err
    out, err = site(capsys, "login", ground.file, "dashboard")
    assert "mqtt://127.0.0.1" in out and "the broker is open" in err
    assert "no TLS" in site(capsys, "login", ground.file, "dashboard", "--ca", "x", status=2)[1]
    ground.write(changed("port: 1883", TLS, WITH_WIFI))
    _, err = site(
        capsys, "login", ground.file, "dashboard", "--out", ground.file.with_name("no") / "f", status=2
    )
    assert f"cannot write {ground.file.with_name('no') / 'f'}: there is no such" in err and "hint: " in err
