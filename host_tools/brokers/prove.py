"""Proof of delivery: what may pass the broker arrives, and nothing else does.

    wrong = prove_delivery(site, vault, say)      # sentences; empty when all holds

Mosquitto answers a forbidden SUBSCRIBE or PUBLISH like an allowed one, so a wrong right would make boards
delete events that nobody got. Here everybody, the services and a board called `_probe`, sends every kind of
message, allowed or not. Nothing is waited for: when all was sent, allowed messages go after it on the same
ways, and what has not arrived before them does not arrive. (Who gets none of these asks the broker for an
answer, PINGRESP, which comes after all that it has for that client.)

All messages of the trials are of QoS 0, so they stay in no session of a service that is away.
"""

import contextlib
import secrets
import ssl
import time
from collections.abc import Callable, Collection, Iterable
from types import TracebackType

from host_tools.brokers.boards import as_board
from host_tools.brokers.gate import open_doors
from host_tools.brokers.rights import BOARD, COMPONENT, ELSEWHERE, Trial, filters, parties, trials, verdicts
from host_tools.brokers.running import LOG_HINT
from host_tools.brokers.users import BOOKING, DASHBOARD, PROBE, base
from host_tools.brokers.wire import Line, Message, Refused, Silent, service
from host_tools.errors import ToolError, Unreachable
from host_tools.site.login import login_of
from host_tools.site.models import Site
from host_tools.site.openvault import Vault

WAIT_S = 5.0
"""For each answer: after a restart all boards come back at once. Without them the whole takes 0.1 s."""
SHOWN_MAX = 3


def prove_delivery(
    site: Site, vault: Vault, say: Callable[[str], None], revoked: Collection[int] = ()
) -> list[str]:
    """What is wrong at the site's broker, a sentence each. `revoked`: serial numbers that must not count.
    Raises Unreachable, and ToolError for a broker that ends connections."""
    begun_s = time.monotonic()
    try:
        with Proof(site, vault) as proof:
            found = proof.rights() or [*proof.retained(), *proof.foreign_will()]
        found += open_doors(site, vault, revoked, WAIT_S)
    except Refused as error:
        raise ToolError(
            f"the broker does not let in the probe or a service: {error}",
            LOG_HINT,
        ) from error
    except ssl.SSLCertVerificationError as error:
        raise Unreachable(
            f"whoever answers at {site.broker.host} is not the site's broker: {error.verify_message}",
            "another broker has one of its ports, or its files are those of another vault or CA:"
            " `ss -ltnp` there says who listens",
        ) from error
    except (Silent, OSError) as error:
        raise Unreachable(
            f"the broker at {site.broker.host} went silent while its delivery was proven: {error}",
            "sportbox site apply SITE.yaml, once more",
        ) from error
    if not found:
        say(f"delivery: proven with {len(trials(site))} messages in {time.monotonic() - begun_s:.1f} s")
    return found


class Proof:
    """Everybody's connections. Leaving it takes the retained messages of the probe away again."""

    def __init__(self, site: Site, vault: Vault) -> None:
        self._site = site
        self._vault = vault
        self._mark = secrets.token_hex(4)
        self._probe = f"{base(site.site)}/{PROBE}"
        self._lines: dict[str, Line] = {}

    def __enter__(self) -> "Proof":
        try:
            for name in parties(self._site):
                if name != BOARD:
                    who = service(login_of(self._site, self._vault, name), f"{PROBE}-{name}-{self._mark}")
                    self._lines[name] = Line(
                        self._site.broker.host, self._site.broker.services_port, who, WAIT_S
                    )
                    self._lines[name].subscribe(*filters(self._site), qos=0)
            self._board(Message(f"{self._probe}/availability", self._text("will"), retained=True))
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            # When something failed before, that is what has to be told; the next proof takes away what stays.
            with contextlib.suppress(*([] if error is None else [Silent, Refused, OSError])):
                self._forget()
        finally:
            self._close()

    def rights(self) -> list[str]:
        """Every kind of message from everybody."""
        tried = trials(self._site)
        for name, line in self._lines.items():
            line.cast(Message(one.topic, self._text(one.number)) for one in tried if one.sender == name)
        for line in self._lines.values():
            line.ping()  # the broker has passed on all of these before it passes on the next
        after = self._text("after")
        for name, line in self._lines.items():
            line.cast(Message(one.topic, after) for one in tried if one.sender == name and one.readers)
        for line in self._lines.values():
            line.ping()
        for line in self._lines.values():
            _arrived(line, after)
        return verdicts(self._site, tried, self._who_got(tried)) + self._overheard()

    def retained(self) -> list[str]:
        """State and last will are kept; a board can tell an order that is kept from a new one."""
        state, order = f"{self._probe}/{COMPONENT}/state", f"{self._probe}/cmd"
        self._lines[BOARD].cast([Message(state, self._text("state"), retained=True)])
        self._lines[BOARD].ping()
        self._lines[BOOKING].cast([Message(order, self._text("order"), retained=True)])
        self._lines[BOOKING].ping()
        self._lines[BOARD].vanish()
        self._board()  # in its place: the broker has noticed that the one before it is gone
        found = []
        reader = self._lines[DASHBOARD]
        if not _arrived(reader, self._text("will")):
            found.append("the last will of a board that vanishes reaches nobody")
        reader.got.clear()
        reader.subscribe(*filters(self._site), qos=0)
        for what in ("state", "will"):
            if not _arrived(reader, self._text(what), retained=True):
                found.append(f"the {what} of a board is not kept for those who come later")
        if not _arrived(self._lines[BOARD], self._text("order")):
            found.append("an order that is retained does not reach a board that comes later")
        elif any(one.topic == order and not one.retained for one in self._lines[BOARD].got):
            found.append("a board cannot tell that an order is retained, and would obey it")
        return found

    def foreign_will(self) -> list[str]:
        """A board leaves no will in another's name."""
        will = Message(f"{base(self._site.site)}/{ELSEWHERE}/availability", self._text("foreign"))
        try:
            self._board(will)
        except Refused:
            self._board()
            return []
        self._lines[BOARD].vanish()
        self._board()
        mark = self._text("next")
        self._lines[BOARD].cast([Message(f"{self._probe}/ack", mark)])
        self._lines[BOARD].ping()
        return [
            f"{name} gets a board's last will in another board's name"
            for name, line in self._lines.items()
            if name != BOARD and _arrived(line, mark) and _has(line, self._text("foreign"))
        ]

    def _board(self, will: Message | None = None) -> None:
        """The probe's connection, in the place of the one before. It listens to everything."""
        who = as_board(self._site, self._vault, PROBE, will)
        self._lines.pop(BOARD, None)
        self._lines[BOARD] = Line(self._site.broker.host, self._site.broker.boards_port, who, WAIT_S)
        self._lines[BOARD].subscribe("#", "$SYS/#", qos=0)

    def _text(self, what: object) -> bytes:
        return f"proof {self._mark} {what}".encode()

    def _who_got(self, tried: Iterable[Trial]) -> dict[int, set[str]]:
        numbers = {self._text(one.number): one.number for one in tried}
        got: dict[int, set[str]] = {}
        for name, line in self._lines.items():
            for one in line.got:
                if one.payload in numbers:
                    got.setdefault(numbers[one.payload], set()).add(name)
        return got

    def _overheard(self) -> list[str]:
        """What came that is none of ours."""
        found = []
        for name, line in self._lines.items():
            topics = {
                one.topic: None
                for one in line.got
                if one.topic.startswith("$SYS/")
                or (
                    (name == BOARD and not one.topic.startswith(f"{self._probe}/"))
                    and not one.payload.startswith(b"proof ")
                )
            }
            shown = ", ".join(list(topics)[:SHOWN_MAX])
            if topics:
                more = f" and {len(topics) - SHOWN_MAX} more" if len(topics) > SHOWN_MAX else ""
                found.append(f"{name} gets {shown}{more}, and must not")
        return found

    def _forget(self) -> None:
        """Takes away everything that is retained below the probe, also by a proof that was cut off."""
        own = (f"{self._probe}/{topic}" for topic in ("availability", "info", f"{COMPONENT}/state"))
        self._lines[BOARD].cast(Message(topic, b"", retained=True) for topic in own)
        self._lines[BOARD].ping()
        self._lines[BOOKING].cast([Message(f"{self._probe}/cmd", b"", retained=True)])
        self._lines[BOOKING].ping()

    def _close(self) -> None:
        for line in self._lines.values():
            line.close()
        self._lines.clear()


def _arrived(line: Line, payload: bytes, retained: bool = False) -> bool:
    """Whether it has come, after the broker has passed it on or dropped it."""
    if not _has(line, payload, retained):
        line.ping()
    return _has(line, payload, retained)


def _has(line: Line, payload: bytes, retained: bool = False) -> bool:
    return any(one.payload == payload and one.retained >= retained for one in line.got)
