"""Everything that a site says, at least once: for services that keep it.

    collect(find, "audit-hafensport-rostock", [site_filter(site)], take, say, stop)

The broker keeps a session for the client's name. Messages are handed over in batches, and acknowledged when
`take` has returned: what was not acknowledged comes again after whatever cut it off, so `take` commits what
it gets, and knows what it had before.
"""

import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from host_tools.brokers.users import PROBE
from host_tools.errors import Unreachable
from host_tools.mqtt import CONNECT_S, KEEPALIVE_S, Address, unreachable
from host_tools.output import printable
from host_tools.retry import CAP_S, Backoff

if TYPE_CHECKING:
    import paho.mqtt.client as paho
    from paho.mqtt.reasoncodes import ReasonCode

BATCH_MESSAGES = 500
BATCH_S = 0.2
"""A batch is handed over when nothing more is there, but no later than this after its first message."""
TURN_S = 0.2
"""How soon `stop` is seen."""
FILTERS_MAX = 200
"""At a time. A RabbitMQ of three takes 4 ms for each that is new, and a large site has thousands there."""
_REFUSED = 0x80
_DEVICE = 3
"""Place of the device's name in a topic."""


@dataclass(frozen=True)
class Message:
    topic: str
    payload: bytes
    retained: bool


def collect(
    find: Callable[[], Address],
    client_id: str,
    filters: Sequence[str],
    take: Callable[[Sequence[Message]], None],
    say: Callable[[str], None],
    stop: threading.Event,
) -> None:
    """Hand over messages until `stop`. `find` is asked before each connection. A broker that is out of reach
    at the very start is Unreachable, for its address may be wrong; later it is tried again for ever. What
    `take` raises comes out of here, and its batch comes again next time.

    The same message may come twice. What the broker retains comes at each connection, `retained`.
    """
    backoff = Backoff()
    known = False
    while not stop.is_set():
        session, begin = None, None
        try:
            session = _Session(find(), client_id, filters)
            session.open(stop)
            say(_greeting(session, known))
            known, begin = True, time.monotonic()
            session.run(take, stop)
        except Unreachable as error:
            if not known:
                raise
            say(f"{error.message}; trying again")
        finally:
            if session is not None:
                session.close()
        if (
            begin is not None and time.monotonic() - begin > CAP_S
        ):  # one that is put out at once again and again is not well
            backoff.reset()
        stop.wait(backoff.next_s())


def _greeting(session: "_Session", known: bool) -> str:
    text = f"connected to {session.address}"
    if known and not session.kept:
        text += "; it has forgotten this session, and what it should have kept meanwhile"
    return text


class _Session:
    """One connection of the durable session."""

    def __init__(self, address: Address, client_id: str, filters: Sequence[str]) -> None:
        import paho.mqtt.client as paho  # here, for it takes its time
        from paho.mqtt.enums import CallbackAPIVersion

        self.address = address
        self.kept = False
        self._filters = list(filters)
        self._batch: list[paho.MQTTMessage] = []
        self._answer: str | None = None  # to CONNECT: empty is well
        self._subscribed: list[bool] = []
        if address.login is not None:
            client_id = address.login.lasting(client_id)
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id, clean_session=False, manual_ack=True
        )
        self._client.connect_timeout = CONNECT_S
        if address.login is not None:
            self._client.username_pw_set(address.login.user, address.login.password)
            self._client.tls_set_context(address.login.context())
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = lambda _client, _userdata, message: self._batch.append(message)

    def open(self, stop: threading.Event) -> None:
        """Until the broker has said that it delivers. Raises Unreachable."""
        try:
            self._client.connect(self.address.host, self.address.port, KEEPALIVE_S)
        except (OSError, ssl.CertificateError, ValueError) as error:
            raise unreachable(self.address, error) from error
        self._wait(lambda: self._answer is not None, stop)
        if self._answer:
            raise Unreachable(
                f"the broker at {self.address} refuses: {printable(self._answer)}",
                "`sportbox site apply SITE.yaml` brings the broker the services' passwords",
            )
        for begin in range(0, len(self._filters), FILTERS_MAX):
            self._subscribe(self._filters[begin : begin + FILTERS_MAX], stop)

    def _subscribe(self, filters: Sequence[str], stop: threading.Event) -> None:
        self._subscribed = []
        self._client.subscribe([(one, 1) for one in filters])
        self._wait(lambda: bool(self._subscribed), stop)
        for topic, well in zip(filters, self._subscribed, strict=False):
            if not well:
                raise Unreachable(f"the broker refuses a subscription to {printable(topic)}")

    def run(self, take: Callable[[Sequence[Message]], None], stop: threading.Event) -> None:
        """Hand over until `stop`. Unreachable when the connection breaks."""
        while not stop.is_set():
            lost = self._fill()
            if self._batch:
                self._hand_over(take)
            if lost:
                raise Unreachable(f"lost the broker at {self.address}: {lost}")

    def close(self) -> None:
        """In order, if it stands; the session stays."""
        self._client.disconnect()
        self._client.loop_misc()

    def _fill(self) -> str:
        """A batch, if there is one. What is wrong with the connection, else nothing."""
        lost = self._turn(TURN_S)
        begin, before = time.monotonic(), 0
        while not lost and before < len(self._batch) < BATCH_MESSAGES and time.monotonic() - begin < BATCH_S:
            before = len(self._batch)
            lost = self._turn(0)
        return lost

    def _hand_over(self, take: Callable[[Sequence[Message]], None]) -> None:
        batch, self._batch = self._batch, []
        wanted = [
            Message(one.topic, bytes(one.payload), bool(one.retain)) for one in batch if self._is_wanted(one)
        ]
        if wanted:
            take(wanted)
        for one in batch:
            self._client.ack(one.mid, one.qos)

    def _is_wanted(self, message: "paho.MQTTMessage") -> bool:
        """The session may know filters of an earlier program; a proof of delivery plays a board."""
        from paho.mqtt.client import topic_matches_sub

        parts = message.topic.split("/", _DEVICE + 1)
        if len(parts) > _DEVICE and parts[_DEVICE] == PROBE:
            return False
        return any(topic_matches_sub(one, message.topic) for one in self._filters)

    def _wait(self, condition: Callable[[], bool], stop: threading.Event) -> None:
        deadline = time.monotonic() + CONNECT_S
        while not condition() and not stop.is_set():
            lost = self._turn(TURN_S)
            if condition():
                return
            if lost:
                raise unreachable(self.address, ConnectionError(lost))
            if time.monotonic() > deadline:
                raise unreachable(self.address, TimeoutError("it accepts connections and says nothing"))

    def _turn(self, timeout_s: float) -> str:
        from paho.mqtt.client import MQTT_ERR_SUCCESS, error_string

        code = self._client.loop(timeout_s)
        return "" if code == MQTT_ERR_SUCCESS else printable(error_string(code))

    def _on_connect(
        self,
        _client: "paho.Client",
        _userdata: object,
        flags: "paho.ConnectFlags",
        reason: "ReasonCode",
        _properties: object,
    ) -> None:
        self.kept = bool(flags.session_present)
        self._answer = str(reason) if reason.is_failure else ""

    def _on_subscribe(
        self,
        _client: "paho.Client",
        _userdata: object,
        _mid: int,
        reasons: "list[ReasonCode]",
        _properties: object,
    ) -> None:
        self._subscribed = [reason.value < _REFUSED for reason in reasons]
