"""A site's broker as a child: it lets in who it should, and starts again when it is ended for new files."""

from collections.abc import Iterator

import pytest

from host_tools.brokers import running
from host_tools.errors import ToolError
from tests.brokers import wait_until
from tests.mosquitto.bench import Bench, bench


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench("start", request) as made:
        yield made


def test_boards_and_services_get_in_and_hear_each_other(site: Bench) -> None:
    board, booking = site.board(site.issued("box-1")), site.service("booking")
    board.subscribe(f"{site.base}/box-1/cmd")
    booking.publish(f"{site.base}/box-1/cmd", b"order")
    board.get(b"order")
    booking.subscribe(f"{site.base}/+/ack")
    board.publish(f"{site.base}/box-1/ack", b"answer")
    booking.get(b"answer")


def test_a_second_one_is_not_started(site: Bench) -> None:
    with pytest.raises(ToolError, match="already"):
        site.start()


def test_it_comes_back_when_it_is_ended_and_keeps_what_is_retained(site: Bench) -> None:
    assert site.broker is not None
    board = site.board(site.issued("court-1"))
    board.publish(f"{site.base}/court-1/court-1/state", b"free", retain=True)
    before = site.broker.broker_pid
    running.restart(site.directory, site.broker.services)
    assert site.broker.broker_pid != before
    reader = site.service("dashboard")
    reader.subscribe(f"{site.base}/#")
    reader.get(b"free")


def test_ended_with_its_parent_it_is_gone(site: Bench) -> None:
    assert site.broker is not None
    site.broker.restart()
    pid = site.broker.broker_pid
    site.broker.kill()
    wait_until(lambda: running.pid_of(site.directory) is None, f"the end of {pid}")
    site.broker.restart()
