"""Topics, addresses, and which broker a command talks to."""

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from host_tools.broker import BrokerProcess
from host_tools.brokers.users import PROBE
from host_tools.errors import BadInput
from host_tools.mqtt import (
    Address,
    Login,
    Parsed,
    Topics,
    connected,
    find_broker,
    parse_broker,
    parse_topic,
    site_filter,
    unreachable,
)
from host_tools.site.load import load_site
from host_tools.site.state import running_simulation, state_dir
from tests.host.helpers import WORKSHOP

SITE = "hafensport-rostock"


def test_topics_are_those_of_the_protocol() -> None:
    topics = Topics(SITE, "box-1")
    base = "sportbox/v1/hafensport-rostock/box-1"
    assert topics.base == base
    assert topics.cmd == f"{base}/cmd"
    assert topics.ack == f"{base}/ack"
    assert topics.event == f"{base}/event"
    assert topics.availability == f"{base}/availability"
    assert topics.info == f"{base}/info"
    assert topics.telemetry == f"{base}/telemetry"
    assert topics.log == f"{base}/log"
    assert topics.state("lock-1") == f"{base}/lock-1/state"
    assert site_filter(SITE) == "sportbox/v1/hafensport-rostock/#"


@pytest.mark.parametrize(
    ("topic", "found"),
    [
        ("sportbox/v1/hafensport-rostock/box-1/event", Parsed("box-1", ("event",))),
        ("sportbox/v1/hafensport-rostock/box-1/lock-1/state", Parsed("box-1", ("lock-1", "state"))),
        ("sportbox/v1/hafensport-rostock/box-1", None),
        ("sportbox/v1/other/box-1/event", None),
        (f"sportbox/v1/hafensport-rostock/{PROBE}/event", None),
        ("sportbox/v2/hafensport-rostock/box-1/event", None),
        ("sportbox/v1/hafensport-rostock/Box 1/event", None),
        ("sportbox/v1/hafensport-rostock//event", None),
        ("", None),
    ],
)
def test_topics_taken_apart(topic: str, found: Parsed | None) -> None:
    assert parse_topic(topic, SITE) == found


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("mqtt://127.0.0.1:1884", Address("127.0.0.1", 1884)),
        ("mqtt://broker.example", Address("broker.example", 1883)),
        ("broker.example:1884", Address("broker.example", 1884)),
        ("mqtt://[::1]:1884/", Address("::1", 1884)),
    ],
)
def test_addresses(url: str, address: Address) -> None:
    assert parse_broker(url) == address


def test_a_lasting_session_has_an_id_that_only_the_password_gives() -> None:
    first = Login("recorder", "secret", ()).lasting("audit")
    assert first == Login("recorder", "secret", ()).lasting("audit")
    others = {
        Login("recorder", "other", ()).lasting("audit"),
        Login("recorder", "secret", ()).lasting("data"),
    }
    assert len({first, *others}) == 3
    assert first.startswith("audit-") and "secret" not in first


def test_an_address_is_shown_as_it_is_typed() -> None:
    for url in ("mqtt://127.0.0.1:1884", "mqtt://[::1]:1884"):
        assert str(parse_broker(url)) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mqtt://",
        "http://a",
        "mqtt://a:0",
        "mqtt://a:99999",
        "mqtt://a:b",
        "a:b",
        "mqtt://a/x",
        "mqtt://[::1",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse_broker(url)
    assert "mqtt://HOST:PORT" in (caught.value.hint or "")


def test_a_password_in_an_address_is_refused_and_not_repeated() -> None:
    with pytest.raises(BadInput) as caught:
        parse_broker("mqtt://user:geheim@broker.example")
    assert "geheim" not in str(caught.value) + (caught.value.hint or "")


def write_state(folder: Path, **changes: object) -> None:
    content = {"site": SITE, "broker": "mqtt://127.0.0.1:40123", "pid": os.getpid(), "later": 1, **changes}
    (folder / "site.json").write_text(json.dumps(content))


def test_the_broker_is_that_of_the_option_then_the_simulation_then_the_site(tmp_path: Path) -> None:
    site = load_site(WORKSHOP)
    assert find_broker(site, None, tmp_path) == Address("127.0.0.1", 18830)
    write_state(tmp_path, site="werkstatt")
    assert find_broker(site, None, tmp_path) == Address("127.0.0.1", 40123)
    assert find_broker(site, "mqtt://127.0.0.1:9", tmp_path) == Address("127.0.0.1", 9)


def test_a_simulation_of_another_site_or_one_that_ended_does_not_count(tmp_path: Path) -> None:
    write_state(tmp_path, site="other")
    assert running_simulation(tmp_path, SITE) is None
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(30)
    write_state(tmp_path, pid=ended.pid)
    assert running_simulation(tmp_path, SITE) is None


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"\xff", b'{"site": "hafensport-rostock"}', b'{"pid": "1"}']
)
def test_a_half_written_state_does_not_count(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "site.json").write_bytes(content)
    assert running_simulation(tmp_path, SITE) is None


@pytest.mark.parametrize("pid", [0, -1, 2**70])
def test_impossible_processes_do_not_count_as_running(tmp_path: Path, pid: int) -> None:
    write_state(tmp_path, pid=pid)
    assert running_simulation(tmp_path, SITE) is None


def test_the_state_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SPORTBOX_STATE", raising=False)
    assert state_dir(None) == Path(".sportbox")
    monkeypatch.setenv("SPORTBOX_STATE", "/tmp/x")
    assert state_dir(None) == Path("/tmp/x")
    assert state_dir(Path("y")) == Path("y")


def test_who_is_cancelled_while_connecting_leaves_nothing_behind(broker: BrokerProcess) -> None:
    """What is left behind complains on stderr when the broker goes."""
    address = parse_broker(broker.url)
    told: list[object] = []

    async def connect() -> None:
        async with connected(address):
            await asyncio.Event().wait()

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
        for steps in range(12):  # of the event loop, before the end
            task = asyncio.create_task(connect())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        broker.stop()
        await asyncio.sleep(0.2)

    asyncio.run(main())
    assert not told


def test_a_socket_that_closes_before_it_is_watched_is_no_stack_trace(
    broker: BrokerProcess, caplog: pytest.LogCaptureFixture
) -> None:
    """The broker ends the connection just as something is sent. Other faults are told as ever."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with connected(parse_broker(broker.url)):
            stream = socket.socket()
            loop.call_soon(loop.add_writer, stream.fileno(), print)
            stream.close()
            await asyncio.sleep(0)
            assert caplog.text == ""
            loop.call_soon(int, "no number")
            await asyncio.sleep(0)

    asyncio.run(main())
    assert "no number" in caplog.text


def test_why_there_is_no_answer_is_told_in_words() -> None:
    address = Address("127.0.0.1", 8884, Login("manager", "secret", ()))
    assert unreachable(address, Exception("lost")).message.endswith("mqtts://127.0.0.1:8884: lost")
    for text, words in [
        ("[Errno 111] Connection refused", "Connection refused"),
        ("_ssl.c:989: The handshake operation timed out", "The handshake operation timed out"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)", "wrong version number"),
    ]:
        assert unreachable(address, OSError(text)).message.endswith(f"mqtts://127.0.0.1:8884: {words}")
    foreign = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] (_ssl.c:1006)")
    foreign.verify_message = "self-signed certificate in certificate chain"
    told = unreachable(address, foreign)
    assert "is not the site's broker: self-signed" in told.message and "_ssl" not in told.message
    assert "ss -ltnp sport = :8884" in str(told.hint)
