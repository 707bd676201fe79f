"""The proof of delivery finds every wrong right, at a real broker that answers as if all were well."""

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from host_tools.brokers import running
from host_tools.brokers.mosquitto import BOARDS_ACL, CONF, SERVICES_ACL
from host_tools.brokers.prove import prove_delivery
from host_tools.brokers.rights import matches
from host_tools.brokers.wire import Line, service
from host_tools.errors import Unreachable
from host_tools.site.login import login_of
from tests.mosquitto.bench import Bench, bench

BELOW = "sportbox/v1/mole"


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench("proof", request) as made:
        yield made


@dataclass(frozen=True)
class Wrong:
    """A line that is another one (or none, or one more), and what the proof has to say."""

    file: str
    line: str
    instead: str
    says: str


def device(kind: str, rest: str) -> str:
    return f"pattern {kind} {BELOW}/%u/{rest}\n"


MUTATIONS = {
    "event": Wrong(BOARDS_ACL, device("write", "event"), "", "a board publishes as `event` reaches nobody"),
    "state": Wrong(BOARDS_ACL, device("write", "+/state"), "", "publishes as `+/state` reaches nobody"),
    "get": Wrong(BOARDS_ACL, device("write", "update/get"), "", "publishes as `update/get` reaches nobody"),
    "cmd": Wrong(BOARDS_ACL, device("read", "cmd"), "", "a board does not get `cmd`: boards.acl needs"),
    "data": Wrong(BOARDS_ACL, device("read", "update/data"), "", "a board does not get `update/data`"),
    "obeys": Wrong(
        BOARDS_ACL,
        device("read", "cmd"),
        device("readwrite", "cmd"),
        "a board can publish `cmd`, and must not: see boards.acl",
    ),
    "every board": Wrong(
        BOARDS_ACL,
        device("write", "event"),
        f"pattern write {BELOW}/+/event\n",
        "a board can publish another board's `event`",
    ),
    "all orders": Wrong(
        BOARDS_ACL, device("read", "cmd"), f"pattern read {BELOW}/+/cmd\n", "gets another board's `cmd`"
    ),
    "typing mistake": Wrong(  # %c would be right, too, for a board's client id is its name
        BOARDS_ACL, device("write", "ack"), f"pattern write {BELOW}/%i/ack\n", "as `ack` reaches nobody"
    ),
    "booking reads": Wrong(
        SERVICES_ACL,
        f"topic read {BELOW}/+/ack\n",
        f"topic read {BELOW}/+/ack\ntopic read {BELOW}/+/event\n",
        "booking gets `event`, and must not",
    ),
    "booking is a board": Wrong(
        SERVICES_ACL,
        f"topic write {BELOW}/+/cmd\ntopic read {BELOW}/+/availability\n",
        f"topic write {BELOW}/+/+\ntopic read {BELOW}/+/availability\n",
        "booking can publish `availability`, `info`, `event`, `telemetry` and",
    ),
    "booking is deaf": Wrong(
        SERVICES_ACL, f"topic read {BELOW}/+/ack\n", "", "booking does not get `ack`: `user booking` in"
    ),
    "no orders": Wrong(
        SERVICES_ACL,
        f"topic write {BELOW}/+/cmd\ntopic read {BELOW}/+/availability\n",
        f"topic read {BELOW}/+/availability\n",
        "what booking publishes as `cmd` reaches nobody",
    ),
    "recorder is deaf": Wrong(
        SERVICES_ACL,
        f"user recorder\ntopic read {BELOW}/#\n",
        "user recorder\n",
        "recorder does not get `availability`: `user recorder` in services.acl needs `topic read",
    ),
    "dashboard writes": Wrong(
        SERVICES_ACL,
        "user dashboard\n",
        "user dashboard\ntopic write #\n",
        "dashboard can publish `availability`, `info`, `+/state`, `event` and",
    ),
    "recorder reads all": Wrong(
        SERVICES_ACL,
        "user recorder\n",
        "user recorder\ntopic read $SYS/#\n",
        "recorder gets $SYS/broker/version",
    ),
}


def prove(site: Bench) -> list[str]:
    return prove_delivery(site.site, site.vault, lambda _: None)


def test_all_holds_and_nothing_stays(site: Bench) -> None:
    said: list[str] = []
    begun_s = time.monotonic()
    assert prove_delivery(site.site, site.vault, said.append) == []
    assert time.monotonic() - begun_s < 2
    assert len(said) == 1, said
    assert prove(site) == []
    reader = site.service("dashboard")
    reader.subscribe("#")
    reader.ping()
    assert reader.got == []


def test_nothing_waits_for_a_service_that_is_away(site: Bench) -> None:
    login = login_of(site.site, site.vault, "recorder")
    away = dataclasses.replace(service(login, "away"), lasting=True)
    port = site.site.broker.services_port
    with Line("127.0.0.1", port, away) as line:
        line.subscribe(f"{BELOW}/#")
    assert prove(site) == []
    site.board(site.issued("box-1")).publish(f"{BELOW}/box-1/event", b"mark")
    with Line("127.0.0.1", port, away) as line:
        line.get(b"mark")
        assert [one.payload for one in line.got] == [b"mark"]


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_wrong_right_is_found(site: Bench, name: str) -> None:
    wrong = MUTATIONS[name]
    path = site.directory / wrong.file
    right = path.read_text()
    assert right.count(wrong.line) == 1
    assert site.broker is not None
    try:
        path.write_text(right.replace(wrong.line, wrong.instead))
        running.reload(site.directory, site.broker.services)
        found = prove(site)
    finally:
        path.write_text(right)
        running.reload(site.directory, site.broker.services)
    assert any(wrong.says in one for one in found), found
    assert len(found) < 4, found


def test_a_proof_that_was_cut_off_is_cleaned_up_after_by_the_next(site: Bench) -> None:
    board = site.board(site.issued("_probe"))
    board.publish(f"{BELOW}/_probe/lock-1/state", b"left over", retain=True)
    board.publish(f"{BELOW}/_probe/availability", b"left over", retain=True)
    assert prove(site) == []
    reader = site.service("dashboard")
    reader.subscribe("#")
    reader.ping()
    assert reader.got == []


def test_an_open_door_is_found(site: Bench) -> None:
    assert site.broker is not None
    path = site.directory / CONF
    right = path.read_text()
    try:
        path.write_text(right.replace("allow_anonymous false", "allow_anonymous true"))
        running.restart(site.directory, site.broker.services)
        found = prove(site)
    finally:
        path.write_text(right)
        running.restart(site.directory, site.broker.services)
    assert found == [
        f"port {site.site.broker.services_port}, for services, lets in a client without password"
    ]


def test_a_list_of_revoked_certificates_that_is_not_read_is_found(site: Bench) -> None:
    found = prove_delivery(site.site, site.vault, lambda _: None, [0x5EED])
    assert len(found) == 1, found
    assert "lets in a certificate that was revoked (serial number 5eed)" in found[0]


def test_no_broker_is_told(site: Bench) -> None:
    assert site.broker is not None
    site.broker.stop()
    try:
        with pytest.raises(Unreachable):
            prove(site)
    finally:
        site.broker.launch()


def test_the_broker_of_another_vault_is_told_apart(site: Bench, tmp_path: Path) -> None:
    other = Bench(tmp_path).vault
    with pytest.raises(Unreachable, match=r"is not the site's broker: .*certificate") as found:
        prove_delivery(site.site, other, lambda _: None, [])
    assert "ss -ltnp" in str(found.value.hint) and "_ssl" not in found.value.message


def test_filters() -> None:
    assert matches("a/+/c", "a/b/c") and matches("a/#", "a/b/c") and matches("a/b", "a/b")
    assert not matches("a/+", "a/b/c") and not matches("a/+/c", "a/b") and not matches("#", "$SYS/a")
    assert matches("a/#", "a") and not matches("a/b", "a/b/c")
