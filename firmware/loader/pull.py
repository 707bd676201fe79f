"""What safe mode does with an update: asks for one piece after the other until all are there and right."""

import time

from micropython import const
from sportbox.core.token import Refused
from sportbox.store.bundle import Incoming

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    Facts = dict[str, Any]

_FAULTS_MAX = const(5)
_ASKS_MAX = const(32)  # in vain for 29 minutes: before the slots have a try, where this would begin anew
_ASK_S = const(5)
_ASK_MAX_S = const(60)
_ENOSPC = const(28)


class Pull:
    """Set `ask_ms` to the present to ask at once, as after a connection was lost."""

    def __init__(self, update: "Facts", info: "Facts") -> None:
        """`info` is that of the board. Raises OSError."""
        self.info = info
        self.prefix = bytes.fromhex(update["sha256"][:16])
        self.incoming = Incoming(update["sha256"], update["size"])
        self.ask_ms = time.ticks_ms()
        self.asks = self.faults = 0
        self.reason = ""
        self.judged = False

    def take(self, payload: memoryview) -> bool:
        """What came in `update/data`; whether it was asked for."""
        wanted = self.incoming.wanted()
        at = int.from_bytes(payload[8:12], "little")
        if payload[:8] != self.prefix or not wanted or wanted[0] != at:
            return False
        self.ask_ms = time.ticks_ms()
        self.asks = 0
        try:
            reason = self.incoming.take(at, payload[12:])
            self.faults = self.faults + 1 if reason else 0
            if self.faults >= _FAULTS_MAX:
                self.reason = reason
        except OSError as error:
            self.reason = "space" if error.errno == _ENOSPC else "flash"
        except MemoryError as error:  # it is asked for again
            print("sportbox: safe mode:", error)
        return True

    def step(self) -> "str | None":
        """None while it goes on, then an empty string if the bundle is whole, else why it failed."""
        incoming = self.incoming
        try:
            if not self.reason and not self.judged and incoming.manifest:
                self.reason = incoming.refusal(self.info["board"], self.info["micropython"], "0.0.0", True)
                self.judged = True
            if self.reason:
                return self.reason
            if not incoming.wanted():
                return incoming.hash_step()
        except OSError:
            return "flash"
        return "no_data" if self.asks == _ASKS_MAX and past(self.ask_ms, 0) else None

    def ask(self) -> "Facts | None":
        """What to ask for now."""
        wanted = self.incoming.wanted()
        if not wanted or not past(self.ask_ms, 0):
            return None
        pause_s = min(_ASK_S << self.asks, _ASK_MAX_S)
        self.ask_ms = time.ticks_add(time.ticks_ms(), 1000 * pause_s)
        self.asks += 1
        return {"sha256": self.prefix.hex(), "at": wanted[0], "bytes": wanted[1]}


def past(since_ms: "Any", ms: int) -> bool:
    return time.ticks_diff(time.ticks_ms(), since_ms) >= ms


def update_of(jti: str, args: "Facts") -> "Facts":
    """What an order asks for, as the record has it. Raises Refused."""
    try:
        update = {name: args[name] for name in ("sha256", "size", "version")}
        digest, size, down = update["sha256"], update["size"], args.get("allow_downgrade", False)
        if len(bytes.fromhex(digest)) != 32 or digest != digest.lower() or type(size) is not int or size < 1:
            raise ValueError
        if len([int(n) for n in update["version"].split(".")]) != 3 or type(down) is not bool:
            raise ValueError
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Refused("malformed")
    update.update({"jti": jti, "down": down, "state": "pull", "boots": 0, "reason": None})
    return update
