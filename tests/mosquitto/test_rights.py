"""Rights at a site's broker, each tried.

Mosquitto answers what it forbids as if it allowed it, so what must not arrive is looked for: another message
goes after it on the same way, and arrives alone.
"""

import contextlib
from collections.abc import Iterator

import pytest

from host_tools.brokers.wire import Line, Message, Refused, Silent
from tests.mosquitto.bench import Bench, Pass, bench


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench("rights", request) as made:
        yield made


@pytest.fixture
def box(site: Bench) -> Line:
    return site.board(site.issued("box-1"))


@pytest.fixture
def court(site: Bench) -> Line:
    return site.board(site.issued("court-1"))


def only(reader: Line, mark: bytes) -> list[str]:
    """The topics of all that came until the mark, without the mark."""
    reader.get(mark)
    found = [one.topic for one in reader.got if one.payload != mark]
    reader.got.clear()
    return found


def test_a_board_publishes_nothing_outside_its_base(site: Bench, box: Line, court: Line) -> None:
    reader = site.service("recorder")
    reader.subscribe("#")
    for topic in (
        "box-1/event",
        "box-1/court-1/state",
        "box-1/availability",
        "box-1/ack",
        "box-1/cmd",
        "court-1",
        "court-1/cmd",
        "court-1/update/data",
        "court-1/court-1/cmd",
        "court-1/event/more",
        "bridge",
    ):
        court.publish(f"{site.base}/{topic}", b"lie")
        court.publish(f"{site.base}/{topic}", b"lie", retain=True)
    court.publish("sportbox/v1/other/court-1/event", b"lie")
    court.publish("homeassistant/lock/court-1/config", b"lie")
    court.publish(f"{site.base}/court-1/event", b"mark")
    assert only(reader, b"mark") == []


def test_a_board_hears_its_own_orders_alone(site: Bench, box: Line, court: Line) -> None:
    for wanted in ("#", "+/#", f"{site.base}/#", f"{site.base}/+/cmd", f"{site.base}/box-1/cmd", "$SYS/#"):
        assert court.subscribe(wanted) == [1]  # which is why it has to be looked for
    box.publish(f"{site.base}/box-1/event", b"x")
    box.publish(f"{site.base}/box-1/lock-1/state", b"x", retain=True)
    court.publish(f"{site.base}/court-1/event", b"x")
    manager = site.service("manager")
    manager.publish(f"{site.base}/box-1/cmd", b"order for another")
    manager.publish(f"{site.base}/court-1/update/data", b"block")
    manager.publish(f"{site.base}/court-1/cmd", b"mark")
    assert set(only(court, b"mark")) == {f"{site.base}/court-1/update/data"}
    box.publish(f"{site.base}/box-1/lock-1/state", b"", retain=True)


@pytest.mark.parametrize("name", ["manager", "booking", "recorder"])
def test_a_board_that_is_called_like_a_service_is_a_board(site: Bench, name: str, box: Line) -> None:
    liar = site.board(Pass(site.vault.ca, name))
    box.subscribe(f"{site.base}/box-1/cmd")
    liar.subscribe(f"{site.base}/#")
    liar.publish(f"{site.base}/box-1/cmd", b"lie")
    box.publish(f"{site.base}/box-1/event", b"x")
    manager = site.service("manager")
    manager.publish(f"{site.base}/box-1/cmd", b"mark")
    manager.publish(f"{site.base}/{name}/cmd", b"mark")
    assert only(box, b"mark") == []
    assert only(liar, b"mark") == []


@pytest.mark.parametrize("name", ["+", "#", "box-1/event", "box-1/#"])
def test_a_name_that_is_a_pattern_has_no_rights(site: Bench, name: str, box: Line) -> None:
    """No certificate of ours is like that."""
    reader = site.service("recorder")
    reader.subscribe(f"{site.base}/#")
    with contextlib.suppress(Refused):
        liar = site.board(Pass(site.vault.ca, name), client_id="liar")
        liar.subscribe(f"{site.base}/box-1/cmd", f"{site.base}/+/cmd", f"{site.base}/#")
        liar.publish(f"{site.base}/box-1/event", b"lie")
        site.service("manager").publish(f"{site.base}/box-1/cmd", b"order")
        liar.ping()
        assert liar.got == []
    box.publish(f"{site.base}/box-1/event", b"mark")
    assert set(only(reader, b"mark")) <= {f"{site.base}/box-1/cmd"}


def test_booking_reads_no_events(site: Bench, box: Line) -> None:
    booking = site.service("booking")
    for wanted in ("#", f"{site.base}/#", f"{site.base}/+/event", f"{site.base}/box-1/event", "$SYS/#"):
        assert booking.subscribe(wanted) == [1]
    for rest in ("event", "telemetry", "log", "update/get"):
        box.publish(f"{site.base}/box-1/{rest}", b"private")
    site.service("manager").publish(f"{site.base}/box-1/cmd", b"an order of somebody else")
    box.publish(f"{site.base}/box-1/lock-1/state", b"unlocked")
    box.publish(f"{site.base}/box-1/ack", b"mark")
    assert set(only(booking, b"mark")) == {f"{site.base}/box-1/lock-1/state"}


@pytest.mark.parametrize("user", ["booking", "dashboard", "recorder", "manager"])
def test_no_service_publishes_as_a_board(site: Bench, user: str, box: Line) -> None:
    reader = site.service("dashboard", client_id="reader")
    reader.subscribe("#")
    service = site.service(user)
    for rest in ("availability", "info", "lock-1/state", "event", "telemetry", "ack", "log", "update/get"):
        service.publish(f"{site.base}/box-1/{rest}", b"lie")
        service.publish(f"{site.base}/box-1/{rest}", b"lie", retain=True)
    service.publish(f"{site.base}/bridge", b"lie")
    box.publish(f"{site.base}/box-1/event", b"mark")
    assert only(reader, b"mark") == []


@pytest.mark.parametrize(("user", "may"), [("booking", 1), ("manager", 1), ("dashboard", 0), ("recorder", 0)])
def test_who_gives_orders(site: Bench, user: str, may: int, box: Line) -> None:
    box.subscribe(f"{site.base}/box-1/cmd")
    site.service(user).publish(f"{site.base}/box-1/cmd", b"order")
    site.service("manager", client_id="other").publish(f"{site.base}/box-1/cmd", b"mark")
    assert only(box, b"mark") == [f"{site.base}/box-1/cmd"] * may


@pytest.mark.parametrize(("user", "may"), [("booking", 0), ("manager", 1), ("dashboard", 0), ("recorder", 0)])
def test_who_sends_updates(site: Bench, user: str, may: int, box: Line) -> None:
    box.subscribe(f"{site.base}/box-1/cmd", f"{site.base}/box-1/update/data")
    site.service(user).publish(f"{site.base}/box-1/update/data", b"block")
    site.service("manager", client_id="other").publish(f"{site.base}/box-1/cmd", b"mark")
    assert only(box, b"mark") == [f"{site.base}/box-1/update/data"] * may


def test_the_last_will_of_a_board_is_kept(site: Bench) -> None:
    topic = f"{site.base}/court-1/availability"
    board = site.board(site.issued("court-1"), will=Message(topic, b"offline", retained=True))
    board.publish(topic, b"online", retain=True)
    reader = site.service("booking")
    reader.subscribe(topic)
    reader.get(b"online")
    board.vanish()
    reader.get(b"offline")
    later = site.service("recorder")
    later.subscribe(topic)
    later.get(b"offline")
    assert later.got == [Message(topic, b"offline", retained=True)]
    site.board(site.issued("court-1")).publish(topic, b"", retain=True)


def test_a_board_leaves_no_will_in_anothers_name(site: Bench, box: Line) -> None:
    topic = f"{site.base}/box-1/availability"
    reader = site.service("recorder")
    reader.subscribe(f"{site.base}/#")
    certificate = site.issued("court-1")
    with contextlib.suppress(Refused):
        site.board(certificate, will=Message(topic, b"offline", retained=True)).vanish()
    site.board(certificate)  # takes the place of the one before: its will is out, if there is one
    box.publish(f"{site.base}/box-1/event", b"mark")
    assert topic not in only(reader, b"mark")


def test_an_order_that_is_kept_is_told_from_a_new_one(site: Bench, box: Line) -> None:
    """Boards refuse it as `retained`: Mosquitto cannot forbid it for some topics alone."""
    topic = f"{site.base}/box-1/cmd"
    booking = site.service("booking")
    booking.publish(topic, b"order", retain=True)
    box.subscribe(topic)
    box.get(b"order")
    assert box.got == [Message(topic, b"order", retained=True)]
    booking.publish(topic, b"", retain=True)


def test_a_packet_that_is_too_large_ends_the_connection(site: Bench, box: Line) -> None:
    """It gets no PUBACK: the board would take that for delivered."""
    reader = site.service("recorder")
    reader.subscribe(f"{site.base}/#")
    with pytest.raises((Silent, OSError)):
        box.publish(f"{site.base}/box-1/event", bytes(70_000))
    again = site.board(site.issued("box-1"))
    again.publish(f"{site.base}/box-1/event", b"mark")
    assert only(reader, b"mark") == []
