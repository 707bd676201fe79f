"""`site apply` at a real broker: revoked boards that are still connected, and the proof at the end."""

import json
from collections.abc import Iterator

import pytest

from host_tools.brokers import acl, running
from host_tools.brokers.certificates import revoked_serials
from host_tools.brokers.mosquitto import REVOKED, SERVICES_ACL
from host_tools.brokers.prove import prove_delivery
from host_tools.brokers.provider import BrokerProvider
from host_tools.brokers.rights import trials
from host_tools.brokers.users import services
from host_tools.cli import main
from host_tools.site.ca import new_authority
from host_tools.site.openvault import with_changes
from host_tools.site.vaultcontents import signer_of
from tests.mosquitto.bench import Bench, bench
from tests.vaults import passphrase_file


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench("apply", request) as made:
        passphrase_file(made.file.parent)
        yield made


def provider(site: Bench) -> BrokerProvider:
    return BrokerProvider(site.file, site.site, site.vault, site.inventory)


def applied(site: Bench) -> list[str]:
    """What it said."""
    said: list[str] = []
    parts = provider(site)
    assert parts.apply(parts.changes(), said.append) == []
    assert provider(site).changes() == []
    return said


def revoke(site: Bench, name: str, serial: str, version: int = 1) -> None:
    site.inventory.revoke(name, version, None, serial, "a test")


def test_a_reload_alone_ends_no_connection(site: Bench) -> None:
    """Why boards have to be put out: Mosquitto looks at a certificate when it is shown, and never again."""
    assert site.broker is not None
    stolen = site.issued("box-1")
    line = site.board(stolen)
    revoke(site, "box-1", stolen.serial)
    wanted = provider(site)._wanted()[REVOKED]
    path = site.directory / REVOKED
    before = path.read_bytes()
    try:
        path.write_bytes(wanted.content)
        running.reload(site.directory, site.broker.services)
        assert site.refused(stolen) is not None
        reader = site.service("recorder")
        reader.subscribe(f"{site.base}/#")
        line.publish(f"{site.base}/box-1/event", b"still here")
        reader.get(b"still here")
    finally:
        path.write_bytes(before)


def test_who_is_revoked_is_put_out_and_nobody_else(site: Bench) -> None:
    stolen, other = site.issued("box-1"), site.issued("court-1")
    line, bystander = site.board(stolen), site.board(other)
    revoke(site, "box-1", stolen.serial)
    said = applied(site)
    assert any("put out" in one and one.endswith(": box-1") for one in said), said
    assert line.ended()
    assert site.refused(stolen) is not None
    bystander.ping()
    assert applied(site) == []
    another = site.issued("court-1", version=2)
    assert site.refused(another) is None
    revoke(site, "court-1", another.serial, version=2)
    said = applied(site)
    assert any(one.endswith(": court-1") for one in said), said  # box-1 is out already


def test_an_apply_that_was_cut_off_before_it_put_anybody_out_is_finished(
    site: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    stolen = site.issued("court-1", version=3)
    line = site.board(stolen)
    revoke(site, "court-1", stolen.serial, version=3)

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("host_tools.brokers.provider.put_out", cut)
        with pytest.raises(KeyboardInterrupt):
            provider(site).apply([], lambda _: None)
    assert [change.name for change in provider(site).changes()] == [REVOKED]
    applied(site)
    assert line.ended()


def test_a_device_that_is_no_longer_in_the_site_file_is_put_out(site: Bench) -> None:
    gone = site.issued("court-9")
    text = site.file.read_text()
    site.file.write_text(text + "  court-9: {board: field-esp32c3, components: {court-1: {}}}\n")
    applied(site)
    line = site.board(gone)
    site.file.write_text(text)
    applied(site)
    assert line.ended()
    assert site.refused(gone) is not None


def test_delivery_to_home_assistant_is_proven_too(site: Bench) -> None:
    text = site.file.read_text()
    site.file.write_text(f"{text}outputs: {{home_assistant: {{prefix: ha/house}}}}\n")
    applied(site)
    assert [one for one in trials(site.site) if one.topic.startswith("ha/house/") and one.readers]
    assert prove_delivery(site.site, site.vault, lambda _: None) == []
    site.file.write_text(text)
    applied(site)
    assert prove_delivery(site.site, site.vault, lambda _: None) == []


def test_while_the_ca_is_renewed_both_are_tried(site: Bench) -> None:
    following = signer_of(new_authority("mole"))
    site.vault.change(lambda now: with_changes(now, authorities=[*now.authorities, following]))
    applied(site)
    revoked = revoked_serials(site.site, site.inventory)
    assert revoked
    assert prove_delivery(site.site, site.vault, lambda _: None, revoked) == []
    site.vault.change(lambda now: with_changes(now, authorities=now.authorities[:1]))
    applied(site)
    assert prove_delivery(site.site, site.vault, lambda _: None, revoked) == []


def apply(site: Bench, capsys: pytest.CaptureFixture[str], status: int) -> tuple[list[str], str]:
    words = ["site", "apply", str(site.file), "--json"]
    assert main([*words, "--passphrase-file", str(site.file.parent / "passphrase")]) == status
    found = capsys.readouterr()
    return json.loads(found.out)["left"], found.err


def test_apply_proves_delivery(site: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    """The two boards are missing, so something is left; nothing of it is the broker's."""
    left, said = apply(site, capsys, 1)
    assert "delivery: proven" in said
    assert not [one for one in left if one.startswith(("broker", "delivery"))]
    assert [one.partition(":")[0] for one in left] == ["box-1", "court-1"], left


def test_an_apply_that_fails_its_proof_says_which_right_is_wrong(
    site: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    right = acl.services_acl(site.site)

    def wrong(_: object) -> str:
        return right.replace(f"user booking\ntopic write {site.base}/+/cmd\n", "user booking\n")

    with monkeypatch.context() as patch:
        patch.setattr("host_tools.brokers.acl.services_acl", wrong)
        left, said = apply(site, capsys, 1)
    assert left == [
        "delivery: what booking publishes as `cmd` reaches nobody: `user booking` in services.acl needs "
        f"`topic write {site.base}/+/cmd`",
    ]
    assert "boards:" not in said
    assert set(services(site.site)) == {line.split()[1] for line in right.splitlines() if line[:5] == "user "}
    left, said = apply(site, capsys, 1)
    assert f"~ {SERVICES_ACL}: file" in said
    assert "delivery: proven" in said
