"""What tests of durable collecting share: a Mosquitto that keeps sessions, a publisher, a collector."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from host_tools.broker import BrokerProcess
from host_tools.collect import Message, collect
from host_tools.mqtt import Address, site_filter
from tests.brokers import start

SITE = "test-site"
BASE = f"sportbox/v1/{SITE}"
FILTERS = [site_filter(SITE)]
CLIENT = "collector"


class KeepingBroker(BrokerProcess):
    """Keeps sessions and what waits in them over a restart."""

    def _command(self) -> list[str]:
        command = super()._command()
        configuration = Path(command[-1])
        text = configuration.read_text().replace("persistence false", "persistence true")
        configuration.write_text(f"{text}persistence_location {self.state_dir}/\n")
        return command


def keeping_broker(run_dir: Path) -> BrokerProcess:
    start("mosquitto", run_dir / "probe").stop()  # skips where there is none
    return KeepingBroker.start("mosquitto", state_dir=run_dir / "broker")


def address_of(broker: BrokerProcess) -> Address:
    return Address(broker.host, broker.port)


class Publisher:
    """Publishes and waits for the broker's word."""

    def __init__(self, broker: BrokerProcess) -> None:
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(1000)
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()

    def publish(
        self, payloads: Sequence[bytes], topic: str = f"{BASE}/box-1/event", retain: bool = False
    ) -> None:
        sent = [self._client.publish(topic, payload, 1, retain) for payload in payloads]
        for one in sent:
            one.wait_for_publish(10)

    def __enter__(self) -> "Publisher":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()


class Collecting:
    """A collector in a thread. `taken` is what its `take` has seen, `talk` what it said."""

    def __init__(
        self,
        find: Callable[[], Address],
        filters: Sequence[str] = tuple(FILTERS),
        take: Callable[[Sequence[Message]], None] | None = None,
    ) -> None:
        self.taken: list[Message] = []
        self.talk: list[str] = []
        self.error: BaseException | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(find, filters, take or self.taken.extend))
        self._thread.start()

    def _run(
        self, find: Callable[[], Address], filters: Sequence[str], take: Callable[[Sequence[Message]], None]
    ) -> None:
        try:
            collect(find, CLIENT, filters, take, self.talk.append, self._stop)
        except BaseException as error:
            self.error = error

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in list(self.taken)]

    @property
    def connections(self) -> int:
        return sum("connected to" in line for line in list(self.talk))

    def end(self) -> None:
        self._stop.set()
        self._thread.join(15)
        assert not self._thread.is_alive(), "the collector does not end"


@contextmanager
def collecting(
    find: Callable[[], Address],
    filters: Sequence[str] = tuple(FILTERS),
    take: Callable[[Sequence[Message]], None] | None = None,
) -> Iterator[Collecting]:
    one = Collecting(find, filters, take)
    try:
        yield one
    finally:
        one.end()
