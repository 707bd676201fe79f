"""Two real Mosquittos: what passes between a site and the city's centre, and what does not."""

import dataclasses
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from host_tools.brokers.provider import BrokerProvider
from host_tools.brokers.wire import Line, Refused, service
from host_tools.centre.members import dismiss
from host_tools.centre.out import put_out
from host_tools.errors import BadInput
from host_tools.site import ca
from host_tools.site.login import login_of
from host_tools.site.models import Site
from host_tools.site.openvault import Vault
from tests.brokers import wait_until
from tests.centre.bench import (
    BRIDGE_S,
    BridgedSite,
    CentreMosquitto,
    City,
    bridge_line,
    city,
    login,
    new_centre,
    payloads,
)
from tests.mosquitto.bench import Bench, Pass

EVENTS = 300
PACE_S = 0.002


@pytest.fixture(scope="module")
def hanse(request: pytest.FixtureRequest) -> Iterator[City]:
    with city("mosquitto", request) as made:
        made.bridged("mole")
        made.join("strand")
        made.broker.configure()
        made.broker.restart()
        made.sites[0].start()
        made.wait_for(made.sites[0], b"1")
        yield made


@pytest.fixture
def mole(hanse: City) -> BridgedSite:
    return hanse.sites[0]


def refused(hanse: City, with_: Pass | None, name: str) -> bool:
    try:
        bridge_line(hanse.centre, hanse.keys, with_, name).close()
    except Refused:
        return True
    return False


def test_a_boards_messages_reach_the_centre_retained_ones_also_who_comes_later(
    hanse: City, mole: BridgedSite
) -> None:
    board, early = mole.board(mole.issued("box-1")), hanse.service("dashboard")
    early.subscribe("sportbox/v1/#")
    board.publish(f"{mole.base}/box-1/event", b"event")
    board.publish(f"{mole.base}/box-1/lock-1/state", b"locked", retain=True)
    early.get(b"event")
    early.get(b"locked")
    late = hanse.service("recorder")
    late.subscribe("sportbox/v1/#")
    late.get(b"locked")
    assert any(one.retained and one.payload == b"locked" for one in late.got)


def test_an_order_of_the_citys_booking_reaches_the_board_and_its_answer_the_booking(
    hanse: City, mole: BridgedSite
) -> None:
    board, booking = mole.board(mole.issued("box-1")), hanse.service("booking")
    board.subscribe(f"{mole.base}/box-1/cmd")
    booking.subscribe("sportbox/v1/+/+/ack")
    booking.publish(f"{mole.base}/box-1/cmd", b"order")
    board.get(b"order")
    board.publish(f"{mole.base}/box-1/ack", b"answer")
    booking.get(b"answer")


def test_a_bridge_writes_below_its_own_site_alone_and_no_orders(hanse: City, mole: BridgedSite) -> None:
    reader = hanse.service("dashboard")
    reader.subscribe("sportbox/v1/#", "other/#")
    bridge = hanse.bridge("strand")
    for topic in (
        f"{mole.base}/box-1/event",
        f"{mole.base}/box-1/cmd",
        f"{mole.base}/bridge",
        "sportbox/v1/strand/box-1/cmd",
        "sportbox/v1/strand/box-1/other",
        "other/topic",
    ):
        bridge.publish(topic, b"forged", retain=True)
    bridge.publish("sportbox/v1/strand/box-1/event", b"own")  # comes after all of them
    reader.get(b"own")
    assert not [one for one in reader.got if one.payload == b"forged"]


def test_a_bridge_reads_its_own_orders_alone(hanse: City, mole: BridgedSite) -> None:
    bridge, booking = hanse.bridge("strand"), hanse.service("booking")
    bridge.subscribe("#", "sportbox/v1/+/+/cmd", "sportbox/v1/mole/#", "sportbox/v1/mole/box-1/cmd")
    booking.publish(f"{mole.base}/box-1/cmd", b"for another")
    booking.publish("sportbox/v1/strand/box-1/cmd", b"own order")
    bridge.get(b"own order")
    assert {one.payload for one in bridge.got} == {b"own order"}


def test_the_citys_services_have_their_rights_and_no_more(hanse: City) -> None:
    dashboard, booking, bridge = hanse.service("dashboard"), hanse.service("booking"), hanse.bridge("strand")
    bridge.subscribe("sportbox/v1/strand/+/cmd")
    booking.subscribe("sportbox/v1/#", "sportbox/v1/+/+/ack")
    dashboard.publish("sportbox/v1/strand/box-1/cmd", b"forged")
    booking.publish("sportbox/v1/strand/box-1/event", b"forged")
    booking.publish("sportbox/v1/strand/box-1/cmd", b"order")
    bridge.get(b"order")
    bridge.publish("sportbox/v1/strand/box-1/event", b"not for booking")
    bridge.publish("sportbox/v1/strand/box-1/ack", b"ack")
    booking.get(b"ack")
    assert {one.payload for one in bridge.got} == {b"order"}
    assert not {one.payload for one in booking.got} & {b"forged", b"not for booking"}


def test_only_a_good_certificate_of_this_centre_gets_in(hanse: City) -> None:
    keys, now = hanse.keys, datetime.now(UTC)
    assert not refused(hanse, Pass(keys.authority, "strand"), "strand")
    assert refused(hanse, None, "strand")
    assert refused(hanse, Pass(ca.new_authority("city"), "strand"), "strand")
    expired = Pass(keys.authority, "strand", now - timedelta(days=365 * ca.DEVICE_YEARS + 10))
    assert refused(hanse, expired, "strand")


def test_services_need_a_password(hanse: City) -> None:
    known = login(hanse.centre, hanse.keys, "dashboard")
    wrong = service(type(known)("dashboard", "wrong", known.authorities), "test-wrong")
    with pytest.raises(Refused):
        Line("127.0.0.1", hanse.centre.services_port, wrong)


def is_heard(hanse: City, bridge: Line, site: str) -> bool:
    """Whether what a site's bridge sends reaches a service."""
    reader = hanse.service("dashboard")
    reader.subscribe(f"sportbox/v1/{site}/#", "sportbox/v1/strand/#")
    bridge.publish(f"sportbox/v1/{site}/box-1/event", b"own")
    hanse.bridge("strand").publish("sportbox/v1/strand/box-1/event", b"later")
    reader.get(b"later")
    return b"own" in {one.payload for one in reader.got}


def test_a_site_that_has_left_loses_its_rights_at_a_reload_and_is_refused(hanse: City) -> None:
    made = hanse.join("weg")
    hanse.broker.configure()
    hanse.broker.restart()
    assert not refused(hanse, made, "weg")
    bridge = bridge_line(hanse.centre, hanse.keys, made, "weg", lasting=True)
    assert is_heard(hanse, bridge, "weg")
    dismiss(hanse.keys, "weg")
    hanse.reload()
    assert refused(hanse, made, "weg")
    assert not is_heard(hanse, bridge, "weg")  # the connection stands, and has no rights
    with pytest.raises(BadInput, match="member"):
        put_out(hanse.centre, hanse.keys, "strand")
    assert put_out(hanse.centre, hanse.keys, "weg") == "127.0.0.1"
    assert bridge.ended()


@pytest.mark.parametrize("restart_site", [False, True], ids=["cut-off", "and-restarted"])
def test_cut_off_for_a_while_everything_arrives_once_and_in_order(
    hanse: City, mole: BridgedSite, restart_site: bool
) -> None:
    topic, name = f"{mole.base}/court-1/event", f"test-order-{restart_site}"
    with hanse.service("recorder", name, lasting=True) as reader:
        reader.subscribe(topic)
    wanted = [b"%d" % number for number in range(EVENTS)]
    hanse.broker.stop()
    board = mole.board(mole.issued("court-1"))
    for one in wanted[: EVENTS // 2]:
        board.publish(topic, one)
    if restart_site:
        mole.restart()
        board = mole.board(mole.issued("court-1"))
    for one in wanted[EVENTS // 2 :]:
        board.publish(topic, one)
    hanse.broker.restart()
    going_on = GoingOn(board, topic, wanted)
    going_on.start()
    reader = hanse.service("recorder", name, lasting=True)
    reader.until(lambda: len(reader.got) > EVENTS)
    going_on.stop.set()
    going_on.join(BRIDGE_S)
    reader.until(lambda: reader.got[-1].payload == wanted[-1])
    assert payloads(reader, topic) == wanted


class GoingOn(threading.Thread):
    """A board that speaks while the bridge connects: what comes then must not overtake what waits."""

    def __init__(self, board: Line, topic: str, sent: list[bytes]) -> None:
        super().__init__(daemon=True)
        self._board, self._topic, self._sent = board, topic, sent
        self.stop = threading.Event()

    def run(self) -> None:
        while not self.stop.wait(PACE_S):
            self._sent.append(b"%d" % len(self._sent))
            self._board.publish(self._topic, self._sent[-1])


def test_the_centre_knows_which_sites_are_cut_off_and_orders_wait_for_them(
    hanse: City, mole: BridgedSite
) -> None:
    assert mole.broker is not None
    hanse.wait_for(mole, b"1")
    who = dataclasses.replace(service(login_of(mole.site, mole.vault), "test-lasting"), lasting=True)
    with Line("127.0.0.1", mole.site.broker.services_port, who) as listener:
        listener.subscribe(f"{mole.base}/box-1/cmd")
    mole.broker.stop()
    hanse.wait_for(mole, b"0")
    hanse.service("booking").publish(f"{mole.base}/box-1/cmd", b"while you were out")
    mole.broker.restart()
    hanse.wait_for(mole, b"1")
    with Line("127.0.0.1", mole.site.broker.services_port, who) as listener:
        listener.get(b"while you were out")


def test_a_site_tells_nothing_to_a_false_centre(hanse: City, mole: BridgedSite) -> None:
    """The last one that needs the true one: the bridge takes its time to try again."""
    hanse.broker.stop()
    _, others = new_centre(hanse.folder / "false", "mosquitto", ["127.0.0.1"])
    with CentreMosquitto(hanse.centre, others, hanse.folder / "false-broker").launch() as false:
        wait_until(lambda: "unknown ca" in false.log_path.read_text(), "the site refusing", BRIDGE_S)
        assert "as mole" not in false.log_path.read_text()


def test_what_is_missing_for_a_bridge_is_noted(hanse: City, mole: BridgedSite) -> None:
    def notes(site: Site, vault: Vault) -> list[str]:
        return BrokerProvider(mole.file, site, vault, mole.inventory).notes()

    without = mole.site.model_copy(update={"broker": mole.site.broker.model_copy(update={"bridge": None})})
    fresh = Bench(hanse.folder, "fresh")
    assert notes(mole.site, mole.vault) == notes(without, fresh.vault) == []
    assert "no broker.bridge" in notes(without, mole.vault)[0]
    assert "has to join" in notes(mole.site, fresh.vault)[0]
