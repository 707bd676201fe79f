"""This firmware's session as the app uses it: it asks for the next message whenever its window has room, and
`check` looks at its deadlines while it works."""

import asyncio
import time

from sportbox.net.message import Message, Settings
from sportbox.net.packets import Packets
from sportbox.net.session import Session
from tally import COUNT, HOST, PAYLOAD, PORT, QOS, TOPIC, WARM_UP, WINDOW, Tally

OPTIONS = {
    "keepalive_s": 60,
    "connect_ms": 60000,  # under valgrind everything takes long
    "ack_ms": 60000,
    "backoff_cap_ms": 4000,
    "window": WINDOW,
    "packet_max": 2048,
}


class Source:
    def __init__(self):
        self.left = 0
        self.message = Message()  # the same one again, as the uplink does
        self.acknowledged = self.done  # asked for each time it would be another object
        self.unacknowledged = 0
        self.over = asyncio.Event()

    def next_message(self):
        if not self.left:
            return None
        self.left -= 1
        return self.message.fill(TOPIC, PAYLOAD, False, QOS if self.left else 1, self.acknowledged)

    def done(self):
        self.unacknowledged -= 1
        if not self.unacknowledged:
            self.over.set()

    async def publish(self, session, count):
        self.left = self.unacknowledged = count
        self.over.clear()
        session.wake()
        await self.over.wait()


async def resolve(host):
    return host


async def check(session):
    while True:
        session.check(time.ticks_ms())
        await asyncio.sleep_ms(1000)


async def main():
    source, up = Source(), asyncio.Event()
    session = Session(
        Settings(HOST, PORT, OPTIONS),
        Packets("bench", OPTIONS["keepalive_s"], None, None),
        "sportbox/v1/bench/box-1/cmd",
        ("sportbox/v1/bench/box-1/availability", "offline"),
        source.next_message,
        lambda payload, retained: None,
        up.set,
        lambda why: print("session down:", why) if why else None,
        resolve,
        time.ticks_ms,
        lambda: 0,
    )
    session.set_link(True)
    tasks = [asyncio.create_task(session.run()), asyncio.create_task(check(session))]
    await up.wait()
    await source.publish(session, WARM_UP)
    tally = Tally()
    tally.begin()
    await source.publish(session, COUNT)
    tally.end()
    assert session.connects == 1, session.last_error
    session.leave()
    await session.left.wait()
    for task in tasks:
        task.cancel()


asyncio.run(main())
