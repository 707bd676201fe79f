"""The bundle of an update is asked for, piece by piece. Loaded for as long as that takes: a board has little
memory to spare, so each piece is checked and written where it lies in the packet."""

import struct
import sys

from micropython import const

from sportbox import __version__
from sportbox.store import slots
from sportbox.store.bundle import Incoming
from sportbox.system.forget import forget

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from sportbox.box import Box

_RETRY_S = b"\x05\x0a\x14\x28\x3c"
_BAD_MAX = const(5)  # pieces in a row
_NO_DATA_MS = const(86400000)
_SLEEPER_NO_DATA_MS = const(3600000)  # being awake costs its battery
_PREFIX = const(12)  # of a piece: whose it is, and where it begins


class Pull:
    """`update` is that of the record of the slots."""

    may_abort = True

    def __init__(self, box: "Box", update: "dict[str, Any]", base: str = "") -> None:
        """Raises OSError."""
        self._box = box
        self._base = base
        self._digest = update["sha256"][:16]
        self._down = update["down"]
        self._incoming = Incoming(update["sha256"], update["size"], base)
        self._topic = (box.uplink.base + "/update/data").encode()
        self._connects = -1  # of the session, when it was subscribed
        self._fits = False  # this board may have it
        self._tries = self._bad = 0
        self._ask_ms = 0  # when to ask (again)
        self._came_ms = box.uptime.ms()
        self._failed = ""
        box.session.second = self

    def fail(self, reason: str) -> None:
        """It ends with the next tick, for this may be called with a packet in the buffer."""
        self._failed = self._failed or reason

    def give_way(self) -> None:
        """To orders for locks, which need the memory: it goes on later, where it was."""
        if not self._failed:
            self._leave({})

    def _leave(self, state: "dict[str, Any]") -> None:
        """Leaves the memory; resuming.py goes on with the record, read again if this one is empty."""
        box = self._box
        box.slots = state
        box.app.update = None
        box.session.second = None
        box.uplink.ask = b""
        del self._incoming  # first: to forget takes a little memory
        leave = forget  # what follows has none of this module's names any more
        leave("sportbox.store.bundle", "sportbox.system.pulling", emptied=True)
        leave("sportbox.store.slots")

    def tick(self, now_ms: int) -> None:
        """Once a second."""
        try:
            self._tick(now_ms)
        except MemoryError:
            self._box.uplink.short += 1
        except OSError:
            self.fail("flash")

    def _tick(self, now_ms: int) -> None:
        box = self._box
        if box.app.restart_at_ms is not None:
            return
        if self._failed or self._incoming.wanted() is None:
            self._go_on(now_ms)
        elif box.app.short_of_power:
            self.fail("power")
        elif now_ms - self._came_ms >= self._patience_ms():
            self.fail("no_data")
        elif box.session.up and self._connects != box.session.connects:
            box.session.subscribe(self._topic.decode())
            self._connects = box.session.connects
            self._tries = 0
            self._ask(now_ms)
        elif box.session.up and now_ms >= self._ask_ms:
            self._ask(now_ms)

    def _go_on(self, now_ms: int) -> None:
        if self._failed:
            state = slots.read(self._base)
            update = state["update"]
            if update is not None:
                update["state"], update["reason"] = "failed", self._failed
            self._leave(state)
            return
        from sportbox.system.finishing import Finish

        box = self._box
        box.app.update = finish = Finish(box, self._incoming, self._base)
        box.session.second = None
        box.uplink.ask = b""
        forget("sportbox.system.pulling", "sportbox.store.bundle")
        finish.tick(now_ms)

    def _patience_ms(self) -> int:
        power = self._box.config.get("power") or {}
        return _NO_DATA_MS if power.get("sleep") is None else _SLEEPER_NO_DATA_MS

    # ---- what the session calls

    def subscribed(self, code: int) -> None:
        if code > 1:  # the broker does not let it listen
            self.fail("no_data")

    def takes(self, packet: memoryview, topic_at: int, payload_at: int) -> bool:
        """False if the packet is for somebody else."""
        topic = self._topic
        try:
            begin = topic_at + 2  # behind its length
            if packet[topic_at + 1] != len(topic) or packet[begin : begin + len(topic)] != topic:
                return False
            if len(packet) > payload_at + _PREFIX:
                self._take(packet[payload_at:])
        except MemoryError:  # asked for again
            self._box.uplink.short += 1
        except OSError:
            self.fail("flash")
        return True

    def _take(self, payload: memoryview) -> None:
        incoming, now_ms = self._incoming, self._box.uptime.ms()
        wanted = incoming.wanted()
        at = struct.unpack_from("<I", payload, 8)[0]
        if self._failed or wanted is None or at != wanted[0] or payload[:8] != bytes.fromhex(self._digest):
            return
        if incoming.take(at, payload[_PREFIX:]):
            self._bad += 1
            if self._bad >= _BAD_MAX:
                self.fail("block")
        else:
            self._bad = self._tries = 0
            self._came_ms = now_ms
            self._box.history.wear.wrote(len(payload))
        self._ask(now_ms)

    def _ask(self, now_ms: int) -> None:
        """For the next piece, if one is missing and this board may have it. Raises OSError."""
        wanted = self._incoming.wanted()
        if wanted is None or self._failed:
            return
        if wanted[0] and not self._fits and self._incoming.manifest is not None:
            version = ".".join([str(number) for number in sys.implementation.version[:3]])
            board = self._box.config["board"]
            self._failed = self._incoming.refusal(board, version, __version__, self._down)
            self._fits = not self._failed
            if self._failed:
                return
        self._ask_ms = now_ms + _RETRY_S[min(self._tries, len(_RETRY_S) - 1)] * 1000
        self._tries += 1
        ask = '{"sha256":"%s","at":%d,"bytes":%d}' % (self._digest, wanted[0], wanted[1])
        self._box.uplink.ask = ask.encode()
        self._box.session.wake()
