"""The embedded broker: amqtt 0.12.1, mended where a sports ground would notice.

    python -m host_tools.broker_amqtt --port 1883

amqtt brings packets, parsing and the protocol of one connection. What is between connections is done here;
0.12.1 by itself (the first six fail a test of tests/host/test_broker.py)

- gives every new connection every retained message that anybody subscribed to; with 1,000 boards it drowns;
- leaves the first connection of a client open when a second comes, and its last will comes later;
- never notices a client that falls silent, so its last will never comes;
- sends a message twice to a client with two subscriptions that match;
- sends at the subscription's QoS, whatever the publisher's was;
- acknowledges a message before it is handed on, and queues it twice in between: a kill loses those;
- can end the new session of a client when it cleans up the old one, and looks at every subscription of
  everybody, with log lines, for each message.

Persistent sessions are not kept (boards connect with a clean one); QoS 2 is taken and goes out as QoS 1.
Measured (tests/bench/broker_load.py, two cores, clients included): 1,000 boards, each with a last will, a
subscription and 4 retained states at QoS 1, are up in 2.2 s; 5,000 events at QoS 1 then take 1.5 s; 107 MB.
"""

import argparse
import asyncio
import logging
import signal
import sys
from typing import Any

import amqtt.broker
from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.errors import AMQTTError
from amqtt.mqtt.disconnect import DisconnectPacket
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.mqtt.puback import PubackPacket
from amqtt.mqtt.publish import PublishPacket
from amqtt.mqtt.subscribe import SubscribePacket
from amqtt.mqtt.unsubscribe import UnsubscribePacket
from amqtt.session import Session

LISTENER = "default"
BACKLOG = 1024
SENDS_MAX = 20_000
"""Unfinished sends to one client. A client that falls further behind is disconnected."""
KEEP_ALIVE_GRACE = 1.5
SHUTDOWN_S = 1.0
SUBSCRIPTION_REFUSED = 0x80

log = logging.getLogger("sportbox.broker")


class Reader(StreamReaderAdapter):  # type: ignore[misc]
    """A stream reader that tells whether something is waiting to be read."""

    @property
    def has_data(self) -> bool:
        return bool(self._reader._buffer)


class Handler(BrokerProtocolHandler):  # type: ignore[misc]
    """One connection."""

    broker: "SiteBroker"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sends: set[asyncio.Task[Any]] = set()

    async def handle_publish(self, publish_packet: PublishPacket) -> None:
        """Hand a message on, and only then acknowledge it."""
        topic, data, qos = publish_packet.topic_name, publish_packet.data, publish_packet.qos
        if not topic or "#" in topic or "+" in topic or topic.startswith("$"):
            log.warning("%s: forbidden topic %r", self.session.client_id, topic)
            await self.handle_connection_closed()
            return
        if qos == 2:
            await super().handle_publish(publish_packet)  # comes back through the queue of delivered messages
            return
        self.broker.route(topic, bytes(data or b""), qos, publish_packet.retain_flag)
        await asyncio.sleep(0)  # the sends begin before the acknowledgement
        if qos == 1:
            await self._send_packet(PubackPacket.build(publish_packet.packet_id))

    async def handle_subscribe(self, subscribe: SubscribePacket) -> None:
        wanted = subscribe.payload.topics
        codes = [self.broker.subscribe(self, topic, qos) for topic, qos in wanted]
        await self.mqtt_acknowledge_subscription(subscribe.variable_header.packet_id, codes)
        for (topic, _), code in zip(wanted, codes, strict=True):
            if code != SUBSCRIPTION_REFUSED:
                self.broker.send_retained(self, topic, code)

    async def handle_unsubscribe(self, unsubscribe: UnsubscribePacket) -> None:
        for topic in unsubscribe.payload.topics:
            self.broker.unsubscribe(self, topic)
        await self.mqtt_acknowledge_unsubscription(unsubscribe.variable_header.packet_id)

    def handle_read_timeout(self) -> None:
        """The client was silent for longer than its keep-alive (but not because this process was stopped)."""
        if self.reader is not None and not self.reader.has_data:
            log.info("%s: silent for too long", self.session.client_id)
            if self._disconnect_waiter is not None and not self._disconnect_waiter.done():
                self._disconnect_waiter.set_result(None)

    def send(self, topic: str, data: bytes, qos: int, retain: bool) -> None:
        """Start sending; order is kept, for tasks start in the order in which they were made."""
        if len(self._sends) >= SENDS_MAX:
            log.warning("%s: too slow, disconnected", self.session.client_id)
            self.handle_too_slow()
            return
        task = asyncio.ensure_future(self.mqtt_publish(topic, data, qos, retain))
        self._sends.add(task)
        task.add_done_callback(self._sent)

    def handle_too_slow(self) -> None:
        if self._disconnect_waiter is not None and not self._disconnect_waiter.done():
            self._disconnect_waiter.set_result(None)

    def _sent(self, task: asyncio.Task[Any]) -> None:
        self._sends.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.debug("not sent: %r", task.exception())


class SiteBroker(amqtt.broker.Broker):  # type: ignore[misc]
    """Who is connected, who wants what, what is retained."""

    def __init__(self, config: BrokerConfig) -> None:
        super().__init__(config)
        self._exact: dict[str, dict[Handler, int]] = {}
        self._wild: dict[str, dict[Handler, int]] = {}
        self._retained: dict[str, tuple[bytes, int]] = {}
        Handler.broker = self

    def subscribe(self, handler: Handler, topic: str, qos: int) -> int:
        """Add a subscription; the granted QoS, or the code of a refusal."""
        levels = topic.split("/")
        if not topic or any(len(level) > 1 and ("#" in level or "+" in level) for level in levels):
            return SUBSCRIPTION_REFUSED
        if "#" in levels[:-1]:
            return SUBSCRIPTION_REFUSED
        granted = min(qos, 1)
        wild = "+" in levels or "#" in levels
        (self._wild if wild else self._exact).setdefault(topic, {})[handler] = granted
        return granted

    def unsubscribe(self, handler: Handler, topic: str) -> None:
        for table in (self._exact, self._wild):
            if topic in table:
                table[topic].pop(handler, None)
                if not table[topic]:
                    del table[topic]

    def route(self, topic: str, data: bytes, qos: int, retain: bool) -> None:
        """Send a message to all who want it, to each once; keep it when it is to be retained."""
        if retain:
            self._retained.pop(topic, None)
            if data:
                self._retained[topic] = (data, qos)
        receivers = dict(self._exact.get(topic, {}))
        for wanted, handlers in self._wild.items():
            if self._matches(topic, wanted):
                for handler, granted in handlers.items():
                    receivers[handler] = max(granted, receivers.get(handler, 0))
        for handler, granted in receivers.items():
            handler.send(topic, data, min(qos, granted), retain=False)

    def send_retained(self, handler: Handler, wanted: str, granted: int) -> None:
        for topic, (data, qos) in self._retained.items():
            if topic == wanted or self._matches(topic, wanted):
                handler.send(topic, data, min(qos, granted), retain=True)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self.external_connected(Reader(reader), StreamWriterAdapter(writer), LISTENER)
        except (AMQTTError, OSError, asyncio.CancelledError) as error:
            log.info("connection ended: %r", error)
        finally:
            writer.close()

    async def _handle_client_session(
        self, reader: Any, writer: Any, client_session: Session, handler: Handler, _server: Any, _name: str
    ) -> None:
        """From CONNACK to the end of a connection, in place of amqtt's."""
        await self._delete_session(client_session.client_id)
        client_session.keep_alive = round(client_session.keep_alive * KEEP_ALIVE_GRACE)
        handler.attach(client_session, reader, writer)
        self._sessions[client_session.client_id] = (client_session, handler)
        await handler.mqtt_connack_authorize(True)
        await handler.start()
        deliver = asyncio.ensure_future(self._deliver_qos2(handler))
        ending = None
        try:
            ending = await handler.wait_disconnect()
        finally:
            deliver.cancel()
            await self._end(client_session, handler, with_will=not isinstance(ending, DisconnectPacket))

    async def _deliver_qos2(self, handler: Handler) -> None:
        while True:
            message = await handler.mqtt_deliver_next_message()
            if message is None:
                return
            self.route(message.topic, bytes(message.data), 1, message.publish_packet.retain_flag)

    async def _delete_session(self, client_id: str) -> None:
        """Another connection under the same name ends the one before, with its last will."""
        session, handler = self._sessions.get(client_id, (None, None))
        if handler is not None:
            await self._end(session, handler, with_will=True)

    async def _end(self, session: Session, handler: Handler, with_will: bool) -> None:
        """Forget a connection, once, and close it."""
        if self._sessions.get(session.client_id, (None, None))[1] is handler:
            del self._sessions[session.client_id]
            for table in (self._exact, self._wild):
                for topic in [topic for topic, handlers in table.items() if handler in handlers]:
                    self.unsubscribe(handler, topic)
            if with_will and session.will_flag:
                will = bytes(session.will_message or b"")
                self.route(session.will_topic, will, session.will_qos or 0, bool(session.will_retain))
        await self._stop_handler(handler)

    async def _session_monitor(self) -> None:
        """Nothing to watch: a session ends with its connection."""


def configuration() -> BrokerConfig:
    """No $SYS topics, no packet log, anybody may connect; the listening is done here for a longer backlog."""
    return BrokerConfig(
        listeners={LISTENER: ListenerConfig(type=ListenerType.EXTERNAL)},
        plugins={"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
    )


async def serve(host: str, port: int) -> None:
    amqtt.broker.BrokerProtocolHandler = Handler
    broker = SiteBroker(configuration())
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await broker.start()
    server = await asyncio.start_server(broker.accept, host, port, backlog=BACKLOG)
    log.warning("listening on %s:%d", host, port)
    await stop.wait()
    server.close()
    try:
        await asyncio.wait_for(broker.shutdown(), SHUTDOWN_S)
    except TimeoutError:
        log.info("did not close every connection in time")


def main() -> int:
    parser = argparse.ArgumentParser(description="embedded MQTT broker of sportbox")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(serve(options.host, options.port))
    except OSError as error:
        print(f"error: cannot listen on {options.host}:{options.port}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
