"""What a kind of component is to the tools: its fields in the site file, the sockets it plugs into, the facts
that the firmware reads, and what can be wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from pydantic import Field

from host_tools.site.base import Level, Model, Name, Pin, Title, pin_number
from host_tools.site.explain import Explained, meant
from host_tools.site.uses import Use, Wire

if TYPE_CHECKING:
    from host_tools.site.boards import Board
    from host_tools.site.models import Device

Json = dict[str, Any]

ROLE_HELP = "socket of the board, where it is not the one of the component's own name"


class Component(Model):
    """What every component has."""

    title: Title | None = Field(None, description="name for people")
    role: Name | None = Field(None, description=ROLE_HELP)


class Socket(Model):
    """Pins of a board that belong together, as board.toml has them below [pins]."""

    def wires(self) -> list[Wire]:
        raise NotImplementedError


class PinSocket(Socket):
    """A socket of one pin."""

    use: ClassVar[Use]
    pin: Pin

    def wires(self) -> list[Wire]:
        return [Wire("pin", self.pin, self.use)]


C = TypeVar("C", bound=Component)


@dataclass(frozen=True)
class Part(Generic[C]):
    """A component of a device, its board's timings filled in."""

    name: str
    component: C
    device: Device
    board: Board

    def sibling(self, prefix: str) -> str:
        """The name of the component of another kind that has the same number."""
        return f"{prefix}-{self.name.rpartition('-')[2]}"

    @property
    def given(self) -> set[str]:
        """The fields that the site file sets."""
        return self.device.components[self.name].model_fields_set

    def has(self, name: str) -> bool:
        return name in self.device.components

    def or_none(self, name: str) -> str | None:
        return name if self.has(name) else None


@dataclass(frozen=True)
class Plug:
    """Where a component is plugged in. `fields`: the component's own fields, by the socket's part, where the
    site file names pins itself. `role`: the board's socket, None for pins of the site file's own."""

    role: str | None
    socket: Socket
    fields: dict[str, str] = field(default_factory=dict)


Plugged = Plug | Explained


class Kind(Generic[C]):
    """One kind. `prefix`: how its components' names begin; `name`: the kind in /config.json.

    `bare`: the socket model for a value without braces in board.toml, and the field it stands for; `forms`:
    those for a table. `own`: the fields with which the site file names pins itself, and the part of the
    socket that each replaces."""

    prefix: str
    name: str
    help: str
    heading: str  # of its fields in docs/site-file.md
    model: type[C]
    bare: tuple[type[Socket], str] | None = None
    forms: tuple[type[Socket], ...] = ()
    own: ClassVar[dict[str, str]] = {}
    ways: ClassVar[str] = ""
    """How the site file names all pins itself, for messages; empty: any one of `own` will do."""

    def own_socket(self, component: C, base: Socket | None) -> Socket | None:
        """The socket with the site file's own pins in it; None where they are not enough for one."""
        raise NotImplementedError

    def plugs(self, part: Part[C]) -> list[Plugged]:
        """Where the component is plugged in, or why it cannot be."""
        return [self.plug(part)]

    def plug(self, part: Part[C]) -> Plugged:
        component, board = part.component, part.board
        fields = {inner: outer for outer, inner in self.own.items() if getattr(component, outer) is not None}
        roles = board.roles(self.prefix)
        offered = ", ".join(roles) or "none"
        whole = next((outer for outer in self.own if outer in fields.values()), None)
        if component.role is not None and component.role not in roles:
            told = (
                f"board `{board.name}` has no such socket{meant(component.role, roles)} (it has: {offered})"
            )
            return Explained(("role",), f"{told} (got `{component.role}`)")
        base = board.pins.get(component.role or part.name)
        if fields:
            alone = self.own_socket(component, None)
            if alone is not None:
                if component.role is not None:
                    return Explained(("role",), f"give `role` or `{whole}`, not both")
                return Plug(None, alone, fields)
            merged = None if base is None else self.own_socket(component, base)
            if merged is not None:
                return Plug(component.role or part.name, merged, fields)
        if base is not None and not fields:
            return Plug(component.role or part.name, base)
        ways = self.ways or " or ".join(f"`{outer}`" for outer in self.own)
        if base is not None and whole is not None:
            socket = component.role or part.name
            told = f"does not go with the board's socket `{socket}`: leave it out, or give {ways}"
            return Explained((whole,), told)
        told = f"board `{board.name}` has no socket `{part.name}` (it has: {offered}): give `role`"
        return Explained((), f"{told}, or {ways}" if ways else told)

    def socket(self, part: Part[C]) -> Any:
        """The socket that the component is in; only for what `plugs` finds right."""
        found = self.plug(part)
        if isinstance(found, Explained):
            raise ValueError(found.message)
        return found.socket

    def facts(self, part: Part[C]) -> Json:
        """What /config.json says of the component, without its kind. Only for what is right."""
        raise NotImplementedError

    def check(self, part: Part[C]) -> Iterable[Explained]:
        """What is wrong with it; places are relative to the component."""
        return ()


def level(own: Level | None, usual: Level) -> Level:
    return usual if own is None else own


def contact(pin: Pin, active: Level) -> Json:
    return {"pin": pin_number(pin), "active": active}


def less_than(part: Part[Any], low: str, high: str, equal: bool = False) -> Iterator[Explained]:
    """That one duration is less than another, or at most as long; told of the one that the site file sets."""
    small, large = getattr(part.component, low), getattr(part.component, high)
    if small > large or (small == large and not equal):
        relation = "must not exceed" if equal else "must be less than"
        where = low if low in part.given or high not in part.given else high
        if where == low:
            yield Explained((low,), f"{relation} {high} ({large}) (got {small})")
        else:
            relation = "must not be less than" if equal else "must be more than"
            yield Explained((high,), f"{relation} {low} ({small}) (got {large})")


def needs_waking(part: Part[Any], what: str) -> Iterator[Explained]:
    """For what is useless on a board that sleeps."""
    if part.board.sleeps:
        told = f"{what} while the board sleeps: use a board that is always awake (`{part.board.name}` is not)"
        yield Explained((), told)


def needs_sibling(part: Part[Any], prefix: str, what: str) -> Iterator[Explained]:
    sibling = part.sibling(prefix)
    if not part.has(sibling):
        yield Explained((), f"needs {what} `{sibling}` on the same board")
