"""What the session is given: messages to publish, and its limits."""

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable


class Insecure(Exception):
    """TLS failed; `args[0]` says why, for the log."""


class Message:
    """Something to publish; `done` is called once the broker has it (at QoS 0: once it is on its way). The
    session empties it as soon as it stands in a packet, for it never sends it again."""

    topic = ""  # free to be filled

    def fill(
        self, topic: str, payload: bytes, retain: bool, qos: int, done: "Callable[[], None] | None"
    ) -> "Message":
        self.topic = topic
        self.payload = payload
        self.retain = retain
        self.qos = qos
        self.done = done
        return self


class Settings:
    """Times in ms unless named otherwise."""

    def __init__(self, host: str, port: int, options: "dict[str, int]") -> None:
        self.host = host
        self.port = port
        self.keepalive_s = options["keepalive_s"]
        self.connect_ms = options["connect_ms"]
        self.ack_ms = options["ack_ms"]
        self.backoff_cap_ms = options["backoff_cap_ms"]
        self.window = options["window"]
        self.packet_max = options["packet_max"]
