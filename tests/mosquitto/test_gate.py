"""Who gets in at a site's broker, each tried: certificates, passwords, plain TCP, client ids."""

import dataclasses
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from host_tools.brokers.boards import client_context
from host_tools.brokers.certificates import revoked_serials
from host_tools.brokers.mosquitto import CERTIFICATE, KEY, REVOKED
from host_tools.brokers.provider import BrokerProvider
from host_tools.brokers.wire import Line, Refused, Who, service
from host_tools.site import ca
from host_tools.site.login import login_of
from tests.mosquitto.bench import Bench, Pass, bench

YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench("gate", request) as made:
        yield made


def enters(site: Bench, port: int, who: Who) -> bool:
    try:
        Line("127.0.0.1", port, who).close()
    except Refused:
        return False
    return True


def test_a_board_of_the_site_gets_in(site: Bench) -> None:
    assert site.refused(site.issued("box-1")) is None


def test_without_certificate(site: Bench) -> None:
    assert site.refused(None) is not None


def test_with_another_sites_certificate(site: Bench) -> None:
    """Also of one whose CA is called the same."""
    for name in ("elsewhere", "mole"):
        assert site.refused(Pass(ca.new_authority(name), "box-1")) is not None


def test_with_one_that_vouches_for_itself_or_is_vouched_for_by_a_board(site: Bench) -> None:
    board = site.issued("box-1")
    by_board = ca.Authority(board.key, x509.load_der_x509_certificate(board.certificate))
    assert site.refused(Pass(by_board, "court-1")) is not None


def test_expired_and_not_yet_valid(site: Bench) -> None:
    now = datetime.now(UTC)
    assert site.refused(Pass(site.vault.ca, "box-1", now - ca.DEVICE_YEARS * YEAR - ca.SKEW)) is not None
    assert site.refused(Pass(site.vault.ca, "box-1", now + 3 * ca.SKEW)) is not None
    assert site.refused(Pass(site.vault.ca, "box-1", now - 9 * YEAR)) is None


def test_revoked(site: Bench) -> None:
    """And the one that came after it is not."""
    old, new = site.issued("box-1"), site.issued("box-1", version=2)
    site.inventory.revoke("box-1", 1, None, old.serial, "lost")
    assert old.serial in {f"{serial:x}" for serial in revoked_serials(site.site, site.inventory)}
    assert site.refused(old) is None
    parts = BrokerProvider(site.file, site.site, site.vault, site.inventory)
    assert REVOKED in [change.name for change in parts.changes()]
    assert parts.apply(parts.changes(), lambda _: None) == []
    assert site.refused(old) is not None
    assert site.refused(new) is None


def test_with_the_brokers_own_certificate(site: Bench) -> None:
    """It is for a server."""
    context = site.context()
    context.load_cert_chain(site.directory / CERTIFICATE, site.directory / KEY)
    assert not enters(site, site.site.broker.boards_port, Who("box-1", context))


def test_a_certificate_without_its_key(site: Bench) -> None:
    board = site.issued("box-1")
    with pytest.raises(ssl.SSLError):
        client_context([], None, board.certificate, ec.generate_private_key(ec.SECP256R1()))


def test_plain_tcp_is_closed(site: Bench) -> None:
    password = site.vault.password("manager")
    for port in (site.site.broker.boards_port, site.site.broker.services_port):
        assert not enters(site, port, Who("box-1"))
        assert not enters(site, port, Who("box-1", user="manager", password=password))


def test_wrong_passwords(site: Bench) -> None:
    login = login_of(site.site, site.vault, "booking")
    port = site.site.broker.services_port
    assert enters(site, port, service(login, "x"))
    others = site.vault.password("manager")
    for wrong in (others, login.password[:-1], login.password + "a", "", login.password.lower()):
        assert not enters(site, port, service(dataclasses.replace(login, password=wrong), "x"))
    for user in ("nobody", "box-1", "", "BOOKING", "booking "):
        assert not enters(site, port, service(dataclasses.replace(login, user=user), "x"))
    assert not enters(site, port, Who("x", login.context(), "booking"))
    assert not enters(site, port, Who("x", login.context()))


def test_each_has_its_own_port(site: Bench) -> None:
    """A certificate is no password, a password no certificate."""
    board = site.issued("box-1", version=2)
    assert not enters(site, site.site.broker.services_port, Who("box-1", site.context(board)))
    password = site.vault.password("manager")
    assert not enters(site, site.site.broker.boards_port, Who("x", site.context(), "manager", password))


def test_a_board_that_says_it_is_another_is_itself(site: Bench) -> None:
    """By client id, and by user and password: it takes nobody's place, and has nobody's rights."""
    box, court = site.issued("box-1", version=2), site.issued("court-1")
    there = site.board(box)
    reader = site.service("recorder")
    reader.subscribe(f"{site.base}/+/event", f"{site.base}/+/cmd")
    password = site.vault.password("manager")
    for who in (
        Who("box-1", site.context(court)),
        Who("box-1", site.context(court), "box-1", ""),
        Who("box-1", site.context(court), "manager", password),
    ):
        with Line("127.0.0.1", site.site.broker.boards_port, who) as liar:
            there.ping()
            liar.publish(f"{site.base}/box-1/event", b"lie")
            liar.publish(f"{site.base}/box-1/cmd", b"lie")
            liar.publish(f"{site.base}/court-1/event", who.client_id.encode() + repr(who.user).encode())
        reader.get(who.client_id.encode() + repr(who.user).encode())
    assert not [one for one in reader.got if one.payload == b"lie"]
    there.publish(f"{site.base}/box-1/event", b"still there")
    reader.get(b"still there")


def test_a_second_one_with_the_same_certificate_takes_the_place_of_the_first(site: Bench) -> None:
    """There is one board of a name: a stolen certificate shows by two that put each other out."""
    box = site.issued("box-1", version=2)
    first = site.board(box)
    second = site.board(box, client_id="quite-another")
    assert first.ended()
    second.ping()


def test_a_service_that_calls_itself_like_a_board_puts_it_out_and_gets_nothing(site: Bench) -> None:
    """Services choose their client ids, Mosquitto cannot forbid them any: docs/broker.md, limits."""
    box = site.issued("box-1", version=2)
    board = site.board(box)
    booking = site.service("booking", client_id="box-1")
    assert board.ended()
    booking.subscribe(f"{site.base}/box-1/#")
    booking.publish(f"{site.base}/box-1/event", b"lie")
    booking.publish(f"{site.base}/box-1/cmd", b"order")
    booking.ping()
    assert [one for one in booking.got if one.topic.endswith(("/cmd", "/event"))] == []
    site.board(box)
    assert booking.ended()


def test_who_takes_a_services_session_does_not_get_what_waits_there(site: Bench) -> None:
    """But they are gone for who they were for: so a session that lasts has an id that nobody knows."""
    mine = dataclasses.replace(service(login_of(site.site, site.vault, "recorder"), "known"), lasting=True)
    thiefs = dataclasses.replace(service(login_of(site.site, site.vault, "booking"), "known"), lasting=True)
    port = site.site.broker.services_port
    with Line("127.0.0.1", port, mine) as recorder:
        recorder.subscribe(f"{site.base}/#")
    board = site.board(site.issued("box-1", version=2))
    board.publish(f"{site.base}/box-1/event", b"waits")
    board.publish(f"{site.base}/box-1/ack", b"may be read")
    with Line("127.0.0.1", port, thiefs) as thief:
        thief.get(b"may be read")
        thief.ping()
        assert [one.payload for one in thief.got] == [b"may be read"]
    with Line("127.0.0.1", port, mine) as recorder:
        recorder.ping()
        assert b"waits" not in [one.payload for one in recorder.got]
