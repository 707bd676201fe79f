"""The gate between the boards and the broker, and the subscriber on the other side."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from host_tools.demo.account import Ledger
from host_tools.demo.network import Network
from host_tools.demo.witness import Witness
from host_tools.mqtt import Address
from host_tools.site.live import Message

SITE = "harbour"
Work = Callable[[Network], Awaitable[None]]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        if data == b"die":
            break
        writer.write(data)
    writer.close()


def through_gate(work: Work) -> None:
    async def run() -> None:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        network = Network(Address("127.0.0.1", server.sockets[0].getsockname()[1]))
        await network.start()
        try:
            async with asyncio.timeout(10):
                await work(network)
        finally:
            await network.stop()
            server.close()

    asyncio.run(run())


async def ask(network: Network, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(network.address.host, network.address.port)
    try:
        writer.write(data)
        return await reader.read(100)
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_an_open_gate_carries_both_ways() -> None:
    async def work(network: Network) -> None:
        assert await ask(network, b"hello") == b"hello"

    through_gate(work)


def test_a_shut_gate_lets_nobody_through() -> None:
    async def work(network: Network) -> None:
        network.is_open = False
        assert await ask(network, b"hello") == b""
        network.is_open = True
        assert await ask(network, b"hello") == b"hello"

    through_gate(work)


def test_a_broker_that_dies_is_noticed_at_once() -> None:
    async def work(network: Network) -> None:
        assert await ask(network, b"die") == b""

    through_gate(work)


def witness() -> tuple[Witness, Ledger, list[Any]]:
    ledger, fresh = Ledger(), list[Any]()
    return Witness(SITE, Address("127.0.0.1", 1), ledger, lambda _, event: fresh.append(event)), ledger, fresh


def event(seq: int, **data: object) -> Message:
    payload = {
        "specversion": "1.0",
        "id": f"box-1-b-{seq}",
        "source": f"/{SITE}/box-1/gate-1",
        "type": "sportbox.gate.passed",
        "data": data,
        "seq": seq,
    }
    return Message(f"sportbox/v1/{SITE}/box-1/event", False, payload)


def test_the_subscriber_notes_every_event_and_tells_new_ones() -> None:
    heard, ledger, fresh = witness()
    for seq in (1, 2, 1):
        heard.take(event(seq, direction="in"))
    assert [found.seq for found in ledger.events] == [1, 2, 1]
    assert [found and found.seq for found in fresh] == [1, 2, None]
    assert heard.saw("box-1", "gate-1", "gate.passed", since=1, direction="in")
    assert not heard.saw("box-1", "gate-1", "gate.passed", since=2)
    assert not heard.saw("box-1", "gate-1", "gate.passed", direction="out")


@pytest.mark.parametrize("rest", ["event", "ack"])
@pytest.mark.parametrize("payload", ["garbage", {}, [], 5, {"result": 1}])
def test_what_cannot_be_read_is_counted(rest: str, payload: object) -> None:
    heard, ledger, _ = witness()
    heard.take(Message(f"sportbox/v1/{SITE}/box-1/{rest}", False, payload))
    assert ledger.malformed == 1


def test_other_sites_are_none_of_its_business() -> None:
    heard, ledger, _ = witness()
    heard.take(Message("sportbox/v1/elsewhere/box-1/event", False, "garbage"))
    assert ledger.malformed == 0


def test_a_retained_state_does_not_count_as_said_now() -> None:
    heard, _, _ = witness()
    topic = f"sportbox/v1/{SITE}/box-1/availability"
    heard.take(Message(topic, True, "online"))
    assert not heard.is_online("box-1")
    heard.take(Message(topic, False, "online"))
    assert heard.is_online("box-1")
