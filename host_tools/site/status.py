"""Declared against real, a row each: the broker and the boards. What `site status` shows."""

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from host_tools.errors import ToolError, Unreachable
from host_tools.site.boards_provider import BoardsProvider
from host_tools.site.workplace import Workplace


@dataclass(frozen=True)
class BrokerStatus:
    """None: not known from here."""

    part: str
    name: str  # where boards connect
    kind: str
    answers: bool
    as_declared: bool | None
    differs: str | None
    certificate_until: str | None
    why: str | None  # it does not answer


@dataclass(frozen=True)
class BoardStatus:
    """None: not known, as of boards that never came. `rest`: Wi-Fi, the CAs it trusts, its secrets."""

    part: str
    name: str
    state: str | None  # online, offline, sleeping
    board: str
    mac: str | None
    firmware: str | None
    micropython: str | None
    config: bool | None
    keys: bool | None
    certificate: bool | None
    rest: bool | None
    certificate_until: str | None
    clock: str | None
    differs: str | None


@dataclass(frozen=True)
class Status:
    broker: BrokerStatus
    boards: list[BoardStatus]
    notes: list[str]
    error: ToolError | None  # why boards could not be compared

    @property
    def rows(self) -> list[BrokerStatus | BoardStatus]:
        return [self.broker, *self.boards]

    @property
    def differing(self) -> list[BrokerStatus | BoardStatus]:
        """What is not as declared, as far as is known."""
        return [one for one in self.rows if one.differs is not None]


def status_of(place: Workplace) -> Status:
    """Raises ToolError."""
    boards = place.boards()
    problem: ToolError | None = None
    differing: dict[str, str] = {}
    try:
        differing = {change.name: change.text for change in boards.changes()}
    except ToolError as error:
        problem = error
    broker = _broker(place, problem if isinstance(problem, Unreachable) else None)
    rows = [_board(place, boards, name, differing.get(name)) for name in place.site.devices]
    notes = [*place.notes(), *([] if problem else boards.notes())]
    return Status(broker, rows, notes, problem)


def _broker(place: Workplace, unreachable: Unreachable | None) -> BrokerStatus:
    described = place.site.broker
    host = f"[{described.host}]" if ":" in described.host else described.host
    why = unreachable.message if unreachable else None
    provider = place.broker()
    differs: str | None = None
    until = None
    if provider is not None:
        changes = provider.changes()
        differs = ", ".join(f"{one.name} ({one.text})" for one in changes) or None
        until = _broker_certificate(place)
    return BrokerStatus(
        "broker",
        f"{host}:{described.boards_port}",
        described.kind,
        unreachable is None,
        None if provider is None else differs is None,
        differs,
        until,
        why,
    )


def _broker_certificate(place: Workplace) -> str | None:
    from host_tools.brokers.foreground import directory_of
    from host_tools.brokers.install import installed
    from host_tools.brokers.mosquitto import CERTIFICATE

    there = installed(directory_of(place.site_file, place.site)).get(CERTIFICATE)
    try:
        return None if there is None else _until(x509.load_pem_x509_certificate(there).not_valid_after_utc)
    except ValueError:
        return None  # no certificate: the file differs then, too


def _board(place: Workplace, boards: BoardsProvider, name: str, differs: str | None) -> BoardStatus:
    seen, found, ends = boards.seen(name), boards.same(name), boards.certificate_end(name)
    return BoardStatus(
        "boards",
        name,
        seen.availability,
        place.site.devices[name].board,
        _text(seen.info.get("mac")),
        _text(seen.info.get("firmware")),
        _text(seen.info.get("micropython")),
        None if found is None else found.config,
        None if found is None else found.keys,
        None if found is None else found.certificate,
        None if found is None else found.rest,
        None if ends is None else _until(ends),
        _text(seen.info.get("clock")),
        differs,
    )


def _text(value: object) -> str | None:
    return value[:80] if isinstance(value, str) else None


def _until(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
