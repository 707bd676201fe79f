"""What goes to the broker, and in which order: answers to orders, then what the board is (info, states,
`online`), then telemetry, then the events of the outbox.

Answers are kept in RAM until the broker has them, states go out anew on each connection and are asked for
when their turn comes; events come from flash.
"""

import json

from micropython import const

from sportbox.core.clock import rfc3339
from sportbox.net.message import Message
from sportbox.store.outbox import Outbox, Outgoing

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable

_ANSWERS_MAX = const(16)
_LOG_MAX = const(8)
_FIRST_CONNECT_MS = const(10000)  # a boot that took longer to reach the broker counts as an outage


class Uplink:
    more: "Callable[[], bytes | None] | None" = None  # lines of the log that were asked for
    ask = b""  # for a piece of an update

    def __init__(self, site: str, device: str, boot_id: str, outbox: Outbox) -> None:
        self.base = "sportbox/v1/%s/%s" % (site, device)
        self._outgoing = Message()
        self._source = "/%s/%s/" % (site, device)
        self._device = device
        self._boot_id = boot_id
        self._outbox = outbox
        self._answers: list[tuple[bytes, Callable[[], None] | None]] = []
        self._answers_sent = 0  # how many of them are in flight
        self._retained: dict[str, bytes] = {}  # topic below the base -> newest payload
        self._states: list[str] = []  # components
        self._dirty: list[str] = []  # of both
        self._logs: list[str] = []
        self._telemetry: "Callable[[], dict[str, object]] | None" = None
        self._state: "Callable[[str], dict[str, object]] | None" = None
        self._telemetry_due = False
        self._online_due = False
        self._was_up = False
        self._newest_seq = outbox.durable_seq
        self._historical_seq = outbox.durable_seq  # what an earlier boot left behind
        self.retries = 0  # messages sent again after a connection was lost
        self.answers_lost = 0
        self.short = 0  # telemetry for which there was no memory

    def describe(
        self, telemetry: "Callable[[], dict[str, object]]", state: "Callable[[str], dict[str, object]]"
    ) -> None:
        """Where telemetry and a component's state come from, asked when they are due."""
        self._telemetry = telemetry
        self._state = state

    def event(
        self,
        component: str,
        kind: str,
        data: "dict[str, object]",
        time_s: int,
        uptime_s: int,
        urgent: bool,
        at_once: bool = True,
    ) -> int:
        """Accepts an event. `time_s` is 0 while the clock cannot be trusted. Returns its number."""
        record = json.dumps([component, kind, time_s, uptime_s, self._boot_id, data])
        self._newest_seq = self._outbox.accept(record.encode(), urgent, at_once)
        return self._newest_seq

    def answer(
        self, jti: str | None, result: str, reason: str | None, time_s: int, done: "Callable[[], None] | None"
    ) -> None:
        """Answers an order. `done` belongs to a final answer, which is owed until the broker has it."""
        payload = {
            "jti": jti,
            "result": result,
            "reason": reason,
            "time": rfc3339(time_s) if time_s else None,
        }
        if len(self._answers) >= _ANSWERS_MAX:
            self._lose_answer()
        self._answers.append((json.dumps(payload).encode(), done))

    def _lose_answer(self) -> None:
        """Only a flood of tokens, or a broker that takes nothing, makes answers overflow: then the oldest
        that is no final one goes."""
        owed = [done is not None for _, done in self._answers]
        at = owed.index(False) if False in owed else 0
        self._answers.pop(at)
        if at < self._answers_sent:
            self._answers_sent -= 1
        self.answers_lost += 1

    def retain(self, topic: str, payload: "dict[str, object]") -> None:
        """The newest of a topic such as `info`; sent now and again on every connection."""
        self._retained[topic] = json.dumps(payload).encode()
        if topic not in self._dirty:
            self._dirty.append(topic)

    def retain_state(self, component: str) -> None:
        """A component's state is another one; sent now and again on every connection."""
        if component not in self._states:
            self._states.append(component)
        if component not in self._dirty:
            self._dirty.append(component)

    def log(self, line: str) -> None:
        if len(self._logs) >= _LOG_MAX:
            self._logs.pop(0)
        self._logs.append(line)

    def want_telemetry(self) -> None:
        self._telemetry_due = True

    def went_up(self, now_ms: int) -> None:
        """A connection stands: everything retained goes out again, `online` after it."""
        self.went_down()  # again: at the end of the last one there may have been no memory for it
        self._dirty = list(self._retained) + self._states
        self._online_due = True
        self._telemetry_due = True
        if self._was_up or now_ms > _FIRST_CONNECT_MS:
            self._historical_seq = self._newest_seq  # with what is not on flash yet
        self._was_up = True

    def went_down(self) -> None:
        self._answers_sent = 0
        self.retries += self._outbox.in_flight()
        self._outbox.rewind()

    def next_message(self) -> Message | None:
        """The next thing to publish, None if there is nothing."""
        if self._answers_sent < len(self._answers):
            item = self._answers[self._answers_sent]
            self._answers_sent += 1
            return self._message("ack", item[0], False, 1, lambda: self._answered(item))
        if self._dirty:
            name = self._dirty.pop(0)
            if name in self._retained:
                return self._message(name, self._retained[name], True, 1, None)
            assert self._state is not None
            return self._message(name + "/state", json.dumps(self._state(name)).encode(), True, 1, None)
        if self._online_due:
            self._online_due = False
            return self._message("availability", b"online", True, 1, None)
        if self._telemetry_due and self._telemetry is not None:
            self._telemetry_due = False
            try:
                return self._message("telemetry", json.dumps(self._telemetry()).encode(), False, 0, None)
            except MemoryError:  # the largest message by far: one less, and what matters goes on
                self.short += 1
        if self._logs:
            return self._message("log", self._logs.pop(0).encode(), False, 0, None)
        if self.ask:
            payload, self.ask = self.ask, b""
            return self._message("update/get", payload, False, 1, None)
        event = self._next_event()
        if event is not None:
            return event
        line = None if self.more is None else self.more()
        return None if line is None else self._message("log", line, False, 0, None)

    def _next_event(self) -> Message | None:
        out = self._outbox.take()
        while out is not None:
            try:
                event = self._envelope(out)
                break
            except (TypeError, ValueError):  # of another shape: another firmware has kept it
                self._outbox.pass_over(out)
                out = self._outbox.take()
        if out is None:
            return None
        return self._message("event", event, False, 1, lambda: self._outbox.ack(out))

    def _message(
        self, topic: str, payload: bytes, retain: bool, qos: int, done: "Callable[[], None] | None"
    ) -> Message:
        """The same object again, unless the last one waits still."""
        message = self._outgoing
        if message.topic:
            message = self._outgoing = Message()
        message.fill(self.base + "/" + topic, payload, retain, qos, done)
        return message

    def _answered(self, item: "tuple[bytes, Callable[[], None] | None]") -> None:
        if item in self._answers:
            self._answers.remove(item)
            self._answers_sent = max(0, self._answers_sent - 1)
        if item[1] is not None:
            item[1]()

    def _envelope(self, out: Outgoing) -> bytes:
        """The CloudEvent (1.0, JSON format) of a record."""
        component, kind, time_s, uptime_s, boot_id, data = json.loads(out.payload)
        out.release()
        event = {
            "specversion": "1.0",
            "id": "%s-%s-%d" % (self._device, boot_id, out.seq),
            "source": self._source + component,
            "type": "sportbox." + kind,
            "data": data,
            "seq": out.seq,
            "uptime": uptime_s,
            "bootid": boot_id,
        }
        if time_s:
            event["time"] = rfc3339(time_s)
        if out.seq <= self._historical_seq:
            event["historical"] = True
        return json.dumps(event).encode()
