"""What the broker sends on one connection: as it is, or as a slow or malformed peer would."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from host_tools.storm.agenda import Ticket
from host_tools.storm.network import wire
from host_tools.storm.network.pipe import SERVER_ROOM, Pipe

if TYPE_CHECKING:
    from host_tools.storm.network.broker import Broker

_ODD = 0.3  # how often a malformed peer is that
_PACE_US = (20_000, 400_000)  # of a slow one, for one to four bytes
_BAD_BEGINS = (
    b"\x00",
    b"\x0f",
    b"\x10",
    b"\x21",
    b"\x36",
    b"\x82",
    b"\xa2",
    b"\xd1",
    b"\xf0",
    b"\x30\xff\xff\xff\xff",
    b"\x90\x7f",
)
"""What a server may never begin with: so that no noise is an answer by chance."""


class Outlet:
    def __init__(self, broker: "Broker", pipe: Pipe) -> None:
        self._broker = broker
        self._pipe = pipe
        self.last_pid = 0  # of what the board published
        self._is_silent = False  # after half a packet or noise nothing more may come
        self._slowly = bytearray()
        self._pace: Ticket | None = None

    def send(self, packet: bytes) -> bool:
        """True: it has been handed to the network, whole."""
        if self._is_silent or not self._pipe.is_open:
            return False
        mode = self._broker.mode
        if mode == "slow" or self._slowly:
            return self._slow(packet)
        if mode != "ok":
            odd = _ODDITIES.get(mode)
            if odd is not None:
                return odd(self, packet)
        self._pipe.send(packet)
        return True

    def end(self) -> None:
        """Nothing of it is on the agenda any more."""
        self._is_silent = True
        self._broker.agenda.cancel(self._pace)

    def _slow(self, packet: bytes) -> bool:
        if len(self._slowly) + len(packet) > SERVER_ROOM:
            return False
        self._slowly += packet
        if self._pace is None:
            self._trickle()
        return True

    def _trickle(self) -> None:
        self._pace = None
        broker = self._broker
        if broker.is_frozen:
            self._pace = broker.agenda.after(_PACE_US[1], self._trickle)
            return
        count = broker.rng.randrange(1, 5) if broker.mode == "slow" else len(self._slowly)
        self._pipe.send(bytes(self._slowly[:count]))
        del self._slowly[:count]
        if self._slowly:
            self._pace = broker.agenda.after(broker.rng.randrange(*_PACE_US), self._trickle)

    def _mute(self, _packet: bytes) -> bool:
        return False

    def _no_puback(self, packet: bytes) -> bool:
        if packet[0] == wire.PUBACK:
            return False
        self._pipe.send(packet)
        return True

    def _double_puback(self, packet: bytes) -> bool:
        self._pipe.send(packet * 2 if packet[0] == wire.PUBACK else packet)
        return True

    def _half_packet(self, packet: bytes) -> bool:
        rng = self._broker.rng
        self._is_silent = rng.random() < _ODD
        self._pipe.send(packet[: rng.randrange(1, len(packet))] if self._is_silent else packet)
        return not self._is_silent

    def _bad_bytes(self, packet: bytes) -> bool:
        rng = self._broker.rng
        self._is_silent = rng.random() < _ODD
        if self._is_silent:
            noise = rng.randbytes(rng.randrange(1, 40)).replace(b"\x40", b"\x41")
            packet = rng.choice(_BAD_BEGINS) + noise
        self._pipe.send(packet)
        return not self._is_silent

    def _stray_puback(self, packet: bytes) -> bool:
        rng = self._broker.rng
        if packet[0] != wire.CONNACK and rng.random() < _ODD:
            stray = (self.last_pid + rng.randrange(10_000, 50_000)) % 65_535 + 1
            self._pipe.send(wire.puback(stray))
        self._pipe.send(packet)
        return True


_ODDITIES: dict[str, Callable[[Outlet, bytes], bool]] = {
    "mute": Outlet._mute,
    "no_puback": Outlet._no_puback,
    "double_puback": Outlet._double_puback,
    "half_packet": Outlet._half_packet,
    "bad_bytes": Outlet._bad_bytes,
    "stray_puback": Outlet._stray_puback,
}
MODES = ("ok", "slow", "refuse_code", *_ODDITIES)
