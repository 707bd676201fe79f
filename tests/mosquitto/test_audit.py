"""The journal at a site's own broker: over TLS, as `recorder`, through a restart, and without the proof."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from host_tools.audit.journal import Journal
from host_tools.audit.place import Place
from host_tools.audit.service import Service
from host_tools.audit.store import entries_after
from host_tools.audit.verify import verify
from host_tools.brokers.prove import prove_delivery
from tests.brokers import wait_until
from tests.host.audits import Board
from tests.mosquitto.bench import Bench, bench
from tests.vaults import passphrase_file


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench("audit", request) as made:
        yield made


@contextmanager
def collecting(place: Place, said: list[str]) -> Iterator[None]:
    """Connected, until the end of the block."""
    stop = threading.Event()
    service = Service(Journal.open(place.store, place.key()), 30, said.append)
    before = len(said)
    thread = threading.Thread(target=service.run, args=(place.find_broker(None), stop))
    thread.start()
    try:
        wait_until(lambda: any("connected to mqtts:" in line for line in said[before:]), "a connection", 20)
        yield
    finally:
        stop.set()
        thread.join(20)
    assert not thread.is_alive()


def noted(place: Place) -> list[str]:
    with place.store.reading() as db:
        return [one.entry.id for one in entries_after(db, 0, 1_000)]


def test_the_journal_of_a_locked_down_site(site: Bench) -> None:
    assert site.broker is not None
    place = Place(site.file, None, passphrase_file(site.file.parent))
    said: list[str] = []
    board, box = Board(site=site.site.site), site.issued("box-1")
    topic = f"{site.base}/box-1/event"
    with collecting(place, said):
        assert prove_delivery(site.site, site.vault, lambda _: None) == []
        line = site.board(box)
        for event in [board.payload("door-1", "door.opened") for _ in range(3)]:
            line.publish(topic, event)
        wait_until(lambda: len(noted(place)) == 3, "three events", 20)
    for event in [board.payload("door-1", "door.closed") for _ in range(20)]:
        line.publish(topic, event)
    line.close()
    site.broker.stop()
    site.broker.launch()
    with collecting(place, said):
        wait_until(lambda: len(noted(place)) == 23, "what came while nobody collected", 20)
    assert noted(place) == [f"box-1-{board.boot}-{n}" for n in range(1, 24)]
    assert verify(place.store, place.key()).problem is None
    assert not any("left out" in one for one in said), said
