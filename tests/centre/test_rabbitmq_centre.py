"""A centre that is a RabbitMQ of three real nodes: who gets in, rights, limits, and the loss of a node."""

import contextlib
import itertools
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest

from host_tools.brokers.wire import Line, Message, Refused, Silent, service
from host_tools.centre.members import dismiss
from host_tools.centre.out import put_out
from host_tools.centre.topics import filters_for
from host_tools.collect import Message as Collected
from host_tools.collect import collect
from host_tools.mqtt import Address
from host_tools.site import ca
from tests.brokers import wait_until
from tests.centre.bench import BridgedSite, bridge_line, login, payloads
from tests.centre.cluster import HOSTS, WAIT_S, Cluster, cluster
from tests.mosquitto.bench import Pass

EVENTS = 900

pytestmark = pytest.mark.timeout(400)  # the first test waits for three Erlangs


@pytest.fixture(scope="module")
def hanse(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    with cluster(request) as made:
        made.join("strand")
        made.left = made.join("weg")
        dismiss(made.keys, "weg")
        made.sites.append(BridgedSite(made.folder, "mole", made.centre, made.keys))
        made.start()
        made.sites[0].start()
        yield made


@pytest.fixture
def mole(hanse: Cluster) -> BridgedSite:
    return hanse.sites[0]


def refused(hanse: Cluster, with_: Pass | None, name: str) -> bool:
    try:
        bridge_line(hanse.centre, hanse.keys, with_, name).close()
    except Refused:
        return True
    return False


def test_only_a_good_certificate_of_this_centre_gets_in(hanse: Cluster) -> None:
    keys, long_ago = hanse.keys, datetime.now(UTC) - timedelta(days=365 * ca.DEVICE_YEARS + 10)
    assert not refused(hanse, Pass(keys.authority, "strand"), "strand")
    assert refused(hanse, None, "strand")
    assert refused(hanse, Pass(ca.new_authority("city"), "strand"), "strand")
    assert refused(hanse, Pass(keys.authority, "strand", long_ago), "strand")
    assert refused(hanse, Pass(keys.authority, "nobody"), "nobody")


@pytest.mark.parametrize("password", ["", "wrong"])
@pytest.mark.parametrize("user", ["dashboard", "strand"])
def test_services_need_their_password_and_sites_have_none(hanse: Cluster, user: str, password: str) -> None:
    known = login(hanse.centre, hanse.keys, "dashboard")
    wrong = service(type(known)(user, password, known.authorities), user)
    with pytest.raises(Refused):
        Line(HOSTS[0], hanse.centre.services_port, wrong)


def test_a_bridge_writes_below_its_own_site_alone_and_no_orders(hanse: Cluster) -> None:
    reader = hanse.service("dashboard", ".w")
    reader.subscribe("sportbox/v1/#")
    for topic in (
        "sportbox/v1/mole/box-1/event",
        "sportbox/v1/mole/bridge",
        "sportbox/v1/strand/box-1/cmd",
        "sportbox/v1/strand/box-1/other",
        "other/topic",
    ):
        with pytest.raises((Silent, OSError)):  # its connection is ended
            hanse.bridge("strand").publish(topic, b"forged", retain=True)
    own = hanse.bridge("strand")
    own.publish("sportbox/v1/strand/box-1/event", b"own")
    own.publish("sportbox/v1/strand//state/state", b"an empty level passes as it does at the site")
    reader.get(b"own")
    assert not [one for one in reader.got if one.payload == b"forged"]


def test_a_bridge_reads_its_own_orders_alone(hanse: Cluster) -> None:
    for topic in ("#", "sportbox/v1/+/+/cmd", "sportbox/v1/mole/+/cmd", "sportbox/v1/strand/#"):
        with pytest.raises((Silent, OSError)):
            hanse.bridge("strand").subscribe(topic)
    bridge, booking = hanse.bridge("strand"), hanse.service("booking")
    bridge.subscribe("sportbox/v1/strand/+/cmd")
    booking.publish("sportbox/v1/mole/box-1/cmd", b"for another")
    booking.publish("sportbox/v1/strand/box-1/cmd", b"own order")
    bridge.get(b"own order")
    assert {one.payload for one in bridge.got} == {b"own order"}


def test_under_the_client_id_of_another_nothing_is_read(hanse: Cluster) -> None:
    with pytest.raises((Silent, OSError)):
        hanse.bridge("strand", client_id="elsewhere").subscribe("sportbox/v1/strand/+/cmd")


def test_the_citys_services_have_their_rights_and_no_more(hanse: Cluster) -> None:
    for user, topic in (
        ("dashboard", "sportbox/v1/strand/box-1/cmd"),
        ("recorder", "sportbox/v1/strand/box-1/cmd"),
        ("booking", "sportbox/v1/strand/box-1/event"),
    ):
        with pytest.raises((Silent, OSError)):
            hanse.service(user).publish(topic, b"forged")
    with pytest.raises((Silent, OSError)):
        hanse.service("booking").subscribe("sportbox/v1/#")
    booking, bridge = hanse.service("booking", ".acks"), hanse.bridge("strand")
    booking.subscribe("sportbox/v1/+/+/ack", "sportbox/v1/+/+/+/state", "sportbox/v1/+/bridge")
    bridge.publish("sportbox/v1/strand/box-1/ack", b"ack")
    booking.get(b"ack")


def test_a_site_that_has_left_is_refused(hanse: Cluster) -> None:
    assert refused(hanse, hanse.left, "weg")


def test_sites_join_and_leave_while_it_runs(hanse: Cluster) -> None:
    reader, new = hanse.service("dashboard", ".new", host=HOSTS[1]), hanse.join("new")
    reader.subscribe("sportbox/v1/new/#")
    assert refused(hanse, new, "new")
    hanse.take_over()
    bridge = bridge_line(hanse.centre, hanse.keys, new, "new", HOSTS[2], lasting=True)
    bridge.subscribe("sportbox/v1/new/+/cmd")
    bridge.publish("sportbox/v1/new/box-1/event", b"hello")
    reader.get(b"hello")
    dismiss(hanse.keys, "new")
    hanse.configure()
    assert refused(hanse, new, "new")
    hanse.take_over()
    # Who does not pause keeps the rights that it had, until its connection ends.
    put_out(hanse.centre, hanse.keys, "new")
    assert bridge.ended()
    assert refused(hanse, new, "new")


def test_a_retained_message_needs_its_exact_topic_and_its_node(hanse: Cluster, mole: BridgedSite) -> None:
    """The limits that docs/centre.md tells, and the way around them."""
    topic = f"{mole.base}/box-1/lock-1/state"
    mole.board(mole.issued("box-1")).publish(topic, b"locked", retain=True)
    filters = filters_for(mole.site, "rabbitmq")
    reader = hanse.service("dashboard")
    reader.subscribe(*filters)
    reader.get(b"locked")
    assert [one for one in reader.got if one.payload == b"locked" and one.retained]
    with_wildcards, elsewhere = (
        hanse.service("dashboard", ".a"),
        hanse.service("dashboard", ".b", host=HOSTS[1]),
    )
    for line, subscribed in ((with_wildcards, filters[-1:]), (elsewhere, filters)):
        line.subscribe(*subscribed)
    for line in (with_wildcards, elsewhere):
        line.subscribe("sportbox/v1/strand/#")
        hanse.bridge("strand").publish("sportbox/v1/strand/box-1/event", b"mark")
        line.get(b"mark")
        assert b"locked" not in payloads(line, topic)


def test_quality_2_becomes_1(hanse: Cluster) -> None:
    assert hanse.service("dashboard", ".q2").subscribe("sportbox/v1/#", qos=2) == [1]


def test_events_and_answers_go_to_the_city_and_orders_to_the_site(hanse: Cluster, mole: BridgedSite) -> None:
    board, booking, reader = (
        mole.board(mole.issued("box-1")),
        hanse.service("booking"),
        hanse.service("recorder"),
    )
    reader.subscribe(f"{mole.base}/#", mole.link)
    reader.until(lambda: payloads(reader, mole.link)[-1:] == [b"1"])
    board.subscribe(f"{mole.base}/box-1/cmd")
    booking.subscribe("sportbox/v1/+/+/ack")
    booking.publish(f"{mole.base}/box-1/cmd", b"order")
    board.get(b"order")
    board.publish(f"{mole.base}/box-1/ack", b"answer")
    board.publish(f"{mole.base}/box-1/event", b"event")
    booking.get(b"answer")
    reader.get(b"event")


def test_a_node_dies_and_nothing_is_lost_that_was_acknowledged(hanse: Cluster, mole: BridgedSite) -> None:
    """The node that bridge and publisher are connected to, while messages flow."""
    topic, direct = f"{mole.base}/court-1/event", "sportbox/v1/strand/court-1/event"
    with hanse.service("recorder", ".all", lasting=True, host=HOSTS[1]) as reader:
        reader.subscribe(topic, direct)
    board, publisher = mole.board(mole.issued("court-1")), Publisher(hanse.bridge("strand"), direct)
    collector = Collector(hanse, [*(f"{mole.base}/box-{number}/info" for number in range(300)), topic])
    collector.start()
    wait_until(collector.is_there.is_set, "a session at the first node", WAIT_S)
    publisher.start()
    sent = [b"%d" % number for number in range(EVENTS)]
    for one in sent:
        board.publish(topic, one)
        if one == sent[EVENTS // 3]:
            wait_until(lambda: len(publisher.acknowledged) > EVENTS // 9, "messages that flow", WAIT_S)
            hanse.nodes[0].kill()
    publisher.join(WAIT_S)
    reader = hanse.service("recorder", ".all", lasting=True, host=HOSTS[2])
    reader.subscribe(topic, direct)
    reader.until(lambda: reader.got[-1:] == [Message(topic, sent[-1])])
    reader.until(lambda: set(publisher.acknowledged) <= set(payloads(reader, direct)))
    assert list(dict.fromkeys(payloads(reader, topic))) == sent  # once more, perhaps, but never out of order
    wait_until(lambda: set(sent) <= set(collector.got), "the journal going on at another node", WAIT_S)
    collector.stop.set()
    collector.join(WAIT_S)
    late = hanse.service(
        "dashboard", ".late", host=HOSTS[1]
    )  # where the bridge is now, and tells its states anew
    late.subscribe(f"{mole.base}/box-1/lock-1/state")
    late.get(b"locked")


class Publisher(threading.Thread):
    """Publishes, one after the other, until its connection ends."""

    def __init__(self, line: Line, topic: str) -> None:
        super().__init__(daemon=True)
        self._line, self._topic = line, topic
        self.acknowledged: list[bytes] = []

    def run(self) -> None:
        with contextlib.suppress(Silent, OSError):
            while True:
                payload = b"%d" % len(self.acknowledged)
                self._line.publish(self._topic, payload)
                self.acknowledged.append(payload)


class Collector(threading.Thread):
    """What journal and data outputs do, at one node after the other."""

    def __init__(self, hanse: Cluster, filters: list[str]) -> None:
        super().__init__(daemon=True)
        known = login(hanse.centre, hanse.keys, "recorder")
        addresses = itertools.cycle(Address(host, hanse.centre.services_port, known) for host in HOSTS)
        self.got: list[bytes] = []
        self.is_there, self.stop = threading.Event(), threading.Event()
        self._find, self._filters = lambda: next(addresses), filters

    def run(self) -> None:
        collect(self._find, "recorder.journal", self._filters, self._take, self._say, self.stop)

    def _take(self, messages: Sequence[Collected]) -> None:
        self.got += [one.payload for one in messages]

    def _say(self, text: str) -> None:
        self.is_there.set()
