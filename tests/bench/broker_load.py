"""How many boards a broker carries: a thousand raw clients come up as boards do.

    .venv/bin/python tests/bench/broker_load.py amqtt 1000

Each connects with a last will, subscribes to its commands and publishes 4 retained states at QoS 1, one after
the other; a watcher counts what arrives. Then every board publishes 5 events, and the broker is killed and
everybody comes back.

Measured with 1,000 boards on two cores, clients included, the same before and after the kill:
Mosquitto 2.0.11: all up in 0.5 s, 5,000 events in 0.4 s, 13 MB. amqtt as mended here: 2.2 s, 1.5 s, 107 MB.
"""

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from host_tools.broker import BrokerProcess, Kind

STATES = 4
EVENTS = 5
TIMEOUT_S = 300


def text(value: str) -> bytes:
    return len(value).to_bytes(2, "big") + value.encode()


def packet(first: int, body: bytes) -> bytes:
    length, head = len(body), bytearray([first])
    while length > 127:
        head.append(length & 127 | 128)
        length >>= 7
    head.append(length)
    return bytes(head) + body


class Raw:
    """As little of an MQTT client as will do."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer, self.packet_id = reader, writer, 0

    @classmethod
    async def connect(cls, broker: BrokerProcess, name: str) -> "Raw":
        self = cls(*await asyncio.open_connection(broker.host, broker.port))
        body = b"\x00\x04MQTT\x04\x2e\x00\x3c" + text(name) + text(f"s/{name}/availability") + text("offline")
        self.writer.write(packet(0x10, body))
        assert (await self.read())[0] == 0x20
        return self

    async def read(self) -> tuple[int, bytes]:
        first = (await self.reader.readexactly(1))[0]
        length = shift = 0
        while True:
            byte = (await self.reader.readexactly(1))[0]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first, await self.reader.readexactly(length)

    async def subscribe(self, topic: str) -> None:
        self.packet_id += 1
        self.writer.write(packet(0x82, self.packet_id.to_bytes(2, "big") + text(topic) + b"\x01"))
        assert (await self.read())[0] == 0x90

    async def publish(self, topic: str, data: bytes, retain: bool) -> None:
        self.packet_id += 1
        body = text(topic) + self.packet_id.to_bytes(2, "big") + data
        self.writer.write(packet(0x33 if retain else 0x32, body))
        assert (await self.read())[0] == 0x40


class Watcher:
    """Subscribes to everything and counts distinct messages."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()

    async def run(self, client: Raw) -> None:
        while True:
            first, body = await client.read()
            if first & 0xF0 == 0x30:
                end = 2 + int.from_bytes(body[:2], "big")
                if first & 0x06:
                    client.writer.write(b"\x40\x02" + body[end : end + 2])
                    end += 2
                self.seen.add(body[end:])

    async def until(self, wanted: int) -> None:
        deadline = time.monotonic() + TIMEOUT_S
        while len(self.seen) < wanted:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.seen)} of {wanted} arrived")
            await asyncio.sleep(0.02)


async def come_up(broker: BrokerProcess, number: int, mark: str) -> Raw:
    name = f"board-{number}"
    board = await Raw.connect(broker, name)
    await board.subscribe(f"s/{name}/cmd")
    for state in range(STATES):
        await board.publish(f"s/{name}/{state}", f"{mark}-{name}-{state}".encode(), retain=True)
    return board


async def load(broker: BrokerProcess, boards: int) -> None:
    for mark in ("first", "again"):
        started = time.monotonic()
        watcher = Watcher()
        watching = await Raw.connect(broker, "watcher")
        await watching.subscribe("#")
        task = asyncio.ensure_future(watcher.run(watching))
        fleet = await asyncio.gather(*(come_up(broker, number, mark) for number in range(boards)))
        await watcher.until(boards * STATES)
        print(f"{broker.kind}: {boards} boards up ({mark}) in {time.monotonic() - started:.1f} s")
        started = time.monotonic()
        for event in range(EVENTS):
            body = f"{mark}-event-{event}-".encode()
            jobs = (board.publish("s/event", body + b"%d" % n, False) for n, board in enumerate(fleet))
            await asyncio.gather(*jobs)
        await watcher.until(boards * (STATES + EVENTS))
        print(f"{broker.kind}: {boards * EVENTS} events in {time.monotonic() - started:.1f} s")
        task.cancel()
        if mark == "first":
            broker.kill()
            broker.restart()


def main() -> None:
    kind: Kind = "mosquitto" if sys.argv[1] == "mosquitto" else "amqtt"
    with tempfile.TemporaryDirectory() as folder, BrokerProcess.start(kind, state_dir=Path(folder)) as broker:
        asyncio.run(load(broker, int(sys.argv[2])))
        status = Path(f"/proc/{broker.pid}/status").read_text()
        print(f"{kind}:", next(line for line in status.splitlines() if line.startswith("VmHWM")))
        print(broker.log_path.read_text()[-2000:] if kind == "amqtt" else "")


if __name__ == "__main__":
    main()
