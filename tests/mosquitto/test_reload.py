"""What Mosquitto takes over of its files on SIGHUP, and what at the start alone (mosquitto.READ_AT_START)."""

import contextlib
from collections.abc import Callable, Iterator

import pytest

from host_tools.broker import free_port
from host_tools.brokers import running
from host_tools.brokers.certificates import broker_certificate
from host_tools.brokers.mosquitto import (
    AUTHORITIES,
    BOARDS_ACL,
    CERTIFICATE,
    CONF,
    KEY,
    PASSWORDS,
    READ_AT_START,
    REVOKED,
    SERVICES_ACL,
    Place,
    files,
)
from host_tools.brokers.passwords import hashed
from host_tools.brokers.wire import Line, Refused, Who, service
from host_tools.site import ca
from host_tools.site.login import login_of
from tests.mosquitto.bench import Bench, Pass, bench


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench("reload", request) as made:
        yield made


@contextlib.contextmanager
def changed(site: Bench, **files: Callable[[bytes], bytes]) -> Iterator[None]:
    """Other content for some files (by the names in NAMES), taken over by a reload."""
    assert site.broker is not None
    before = {NAMES[name]: (site.directory / NAMES[name]).read_bytes() for name in files}
    try:
        for name, change in files.items():
            (site.directory / NAMES[name]).write_bytes(change(before[NAMES[name]]))
        running.reload(site.directory, site.broker.services)
        yield
    finally:
        for name, content in before.items():
            (site.directory / name).write_bytes(content)
        running.restart(site.directory, site.broker.services)


NAMES = {
    "boards": BOARDS_ACL,
    "services": SERVICES_ACL,
    "passwords": PASSWORDS,
    "revoked": REVOKED,
    "certificate": CERTIFICATE,
    "authorities": AUTHORITIES,
    "conf": CONF,
}


def test_rights_of_those_that_are_connected_too(site: Bench) -> None:
    board, reader, booking = (
        site.board(site.issued("box-1")),
        site.service("recorder"),
        site.service("booking"),
    )
    reader.subscribe(f"{site.base}/#")
    booking.subscribe(f"{site.base}/#")
    event = f"pattern write {site.base}/%u/event\n".encode()
    ack = f"topic read {site.base}/+/ack\n".encode()
    with changed(
        site,
        boards=lambda text: text.replace(event, b""),
        services=lambda text: text.replace(ack, b""),
    ):
        board.publish(f"{site.base}/box-1/event", b"not any more")
        board.publish(f"{site.base}/box-1/ack", b"mark")
        board.publish(f"{site.base}/box-1/info", b"mark 2")
        reader.get(b"mark 2")
        booking.get(b"mark 2")
        assert [one.payload for one in reader.got] == [b"mark", b"mark 2"]
        assert [one.payload for one in booking.got] == [b"mark 2"]


def test_passwords(site: Bench) -> None:
    """Who is connected with the old one is put out."""
    login = login_of(site.site, site.vault, "booking")
    there = site.service("booking")
    other = site.service("dashboard")

    def another(text: bytes) -> bytes:
        lines = [line for line in text.decode().splitlines() if not line.startswith("booking:")]
        return "\n".join([*lines, hashed("booking", "another"), ""]).encode()

    with changed(site, passwords=another):
        with pytest.raises(Refused):
            Line("127.0.0.1", site.site.broker.services_port, service(login, "x"))
        other.ping()
        assert there.ended()


def test_revoked_certificates(site: Bench) -> None:
    stolen, good = site.issued("box-1"), site.issued("court-1")
    serial = int(stolen.serial, 16)
    with changed(site, revoked=lambda _: ca.revocation_list(site.vault.ca, [serial])):
        assert site.refused(stolen) is not None
        assert site.refused(good) is None


def test_the_brokers_certificate(site: Bench) -> None:
    """Nobody who is connected notices."""
    board = site.board(site.issued("box-1"))
    shown = Line("127.0.0.1", site.site.broker.boards_port, Who("x", site.context(site.issued("court-1"))))
    before = _serial(shown)
    with changed(site, certificate=lambda _: broker_certificate(site.site, site.vault, None)):
        line = Line("127.0.0.1", site.site.broker.boards_port, Who("x", site.context(site.issued("court-1"))))
        assert _serial(line) != before
        board.ping()
        line.close()


def _serial(line: Line) -> str:
    shown = line._socket.getpeercert()  # type: ignore[attr-defined]
    return str(shown["serialNumber"])


def test_who_is_connected_under_a_ca_that_is_gone_stays_until_a_restart(site: Bench) -> None:
    """Therefore the file is among those that need one. (Mosquitto 2.0.11 reads it again, too.)"""
    assert AUTHORITIES in READ_AT_START
    assert site.broker is not None
    board = site.issued("box-1")
    line = site.board(board)
    following = ca.new_authority("mole")
    new = ca.certificates_pem([following.certificate_der()])
    with changed(
        site,
        authorities=lambda _: new,
        revoked=lambda old: old + ca.revocation_list(following, []),
    ):
        line.ping()
        running.restart(site.directory, site.broker.services)
        assert line.ended()
        assert site.refused(board) is not None
        assert site.refused(Pass(following, "court-1")) is None


def test_ports_and_limits_are_of_the_start(site: Bench) -> None:
    assert CONF in READ_AT_START
    assert site.broker is not None
    port, there = free_port(), site.site.broker.boards_port
    who = Who("x", site.context(site.issued("box-1")))

    def moved(text: bytes) -> bytes:
        return text.replace(f"listener {there}".encode(), f"listener {port}".encode())

    with changed(site, conf=moved):
        Line("127.0.0.1", there, who).close()
        with pytest.raises(ConnectionRefusedError):
            Line("127.0.0.1", port, who)
        running.restart(site.directory, site.broker.services)
        Line("127.0.0.1", port, who).close()


def test_everything_else_is_taken_over_by_a_reload(site: Bench) -> None:
    """All files of the broker are in one of the tests above, or among those of a restart."""
    reloaded = {BOARDS_ACL, SERVICES_ACL, PASSWORDS, REVOKED, CERTIFICATE, KEY}
    assert not reloaded & READ_AT_START
    made = files(site.site, site.vault, (), Place(site.directory, "mosquitto"))
    assert set(made) <= reloaded | READ_AT_START
