"""Safe mode: what is left when both slots are in a boot loop. It joins the Wi-Fi, speaks MQTT, takes an
update and restarts; it can do nothing else.

No pin is ever touched, so the locks stay as they are. It is one blocking loop under a watchdog that is fed by
each packet of the broker and by each attempt that comes to an end by itself. So a broker, a name server or a
handshake that hangs costs a restart, and that leads back here.

Orders are tokens of role `ops`, but each must carry the nonce of this start, and which ones were used since
then is kept in RAM: so each counts once without a log on flash, which may be what is broken. `update` and
`reboot` are carried out; other acts are `busy`.

Blocks are asked for in `update/get` and come in `update/data`; the pull goes on where a restart, here or in
the firmware, cut it off. A bundle that is whole is left to the loader. No version is a downgrade here.

When nobody has ordered anything for half an hour, or after thirty shorter starts, the slots get another try.
"""

import json
import os
import sys
import time

import machine
import network
from micropython import const
from pull import Pull, past, update_of
from sportbox import __version__
from sportbox.core import token as tokens
from sportbox.core.token import Refused
from sportbox.drivers import rtcmem
from sportbox.store import slots
from wire import BEHIND_S, Wire

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    Facts = dict[str, Any]

_WATCHDOG_MS = const(60000)
_IDLE_MS = const(1800000)
_STARTS_MAX = const(30)
_JOIN_MS = const(15000)
_LOOK_MS = const(100)
_PAUSE_MS = const(4000)
_PING_MS = const(20000)
_POLL_MS = const(10)
_SIGN_S = const(5)
_USED_MAX = const(32)
_ACKS_MAX = const(16)


def run(why: str) -> None:
    """Comes back with Ctrl-C only."""
    try:
        safe = Safe(load("/config.json"), load("/secrets.json"), why)
    except Exception as error:  # whatever is wrong with what the host tools wrote
        for _ in range(_IDLE_MS // 1000 // _SIGN_S):
            print("sportbox: not provisioned: safe mode:", error)
            time.sleep(_SIGN_S)
        another_try()
    count()
    print("sportbox: safe mode:", why)
    while True:
        try:
            safe.join()
            safe.wire.connect()
            safe.serve()
        except Exception as error:  # umqtt also raises what it did not expect
            print("sportbox: safe mode:", type(error).__name__, error)
        if safe.wire.sock:
            safe.wire.sock.close()  # without a farewell: the last will is published
        time.sleep_ms(int.from_bytes(os.urandom(2), "big") % _PAUSE_MS)
        safe.dog.feed()
        safe.look_at_time()


def load(path: str) -> "Facts":
    try:
        with open(path) as file:
            content: "Facts" = json.load(file)
            return content
    except (OSError, ValueError) as error:
        raise ValueError("%s: %s" % (path, error))


def count() -> None:
    """The starts of safe mode since the slots had a try."""
    notes = rtcmem.load()
    notes["safe"] = notes.get("safe", 0) + 1
    try:
        rtcmem.save(notes)
    except ValueError as error:  # it is full
        print("sportbox: safe mode:", error)
    if notes["safe"] > _STARTS_MAX:
        another_try()


def another_try() -> None:
    """For the slots: forgets that they could not start."""
    notes = rtcmem.load()
    kept = [key for key in notes if key not in ("starts", "safe")]  # less than before: it fits
    rtcmem.save({key: notes[key] for key in kept})
    machine.reset()


class Safe:
    pull: "Pull | None" = None
    leave = False  # when all answers are gone

    def __init__(self, config: "Facts", secrets: "Facts", why: str) -> None:
        """Raises for what is not as the host tools write it; the watchdog is not armed then."""
        place = "%s/%s" % (config["site"], config["device"])
        self.base = "sportbox/v1/%s/" % place
        self.keys = {kid: tokens.Key(k["role"], bytes.fromhex(k["k"])) for kid, k in secrets["keys"].items()}
        self.access = tokens.Access(place, self.keys)
        self.wifi = secrets["wifi"]["ssid"], secrets["wifi"]["password"]
        try:
            self.radio()  # random numbers are only random while it is on
        except (OSError, RuntimeError) as error:  # the next join asks again
            print("sportbox: safe mode:", error)
        self.wire = Wire(config, secrets, lambda: self.dog.feed(), self.take)
        self.wire.set_last_will(self.base + "availability", b"offline", True, 1)
        self.used: "list[str]" = []
        self.acks: "list[Facts]" = []
        self.order_ms = time.ticks_ms()
        self.state = slots.read()
        self.info = {
            "device": config["device"],
            "board": config["board"],
            "firmware": "safe",
            "loader": __version__,
            "why": why,
            "micropython": ".".join([str(number) for number in sys.implementation.version[:3]]),
            "mac": ":".join(["%02x" % byte for byte in machine.unique_id()]),
            "bootid": os.urandom(6).hex(),
            "clock": "unknown",
            "nonce": os.urandom(8).hex(),
            "keys": sorted(self.keys),
            "slot": self.state["slot"],
        }
        self.dog = machine.WDT(timeout=_WATCHDOG_MS)
        update = self.state["update"]
        if update and update["state"] == "pull":
            self.begin_pull()
        elif update and update["reason"]:
            self.ack(update["jti"], "failed", update["reason"])

    def radio(self) -> "network.WLAN":
        """Raises OSError, RuntimeError."""
        self.wlan = network.WLAN(network.STA_IF)
        self.wlan.active(True)
        return self.wlan

    def join(self) -> None:
        """Raises OSError, RuntimeError."""
        wlan = self.radio()
        if not wlan.isconnected():
            wlan.disconnect()
            wlan.connect(*self.wifi)
        for _ in range(_JOIN_MS // _LOOK_MS):
            if wlan.isconnected():
                return
            time.sleep_ms(_LOOK_MS)
        wlan.active(False)
        raise OSError("no Wi-Fi")

    def serve(self) -> None:
        """While the connection stands. Raises OSError when it does not."""
        wire = self.wire
        wire.subscribe(self.base + "cmd", 1)
        wire.subscribe(self.base + "update/data", 1)
        self.tell = True
        self.ping_ms = time.ticks_ms()
        if self.pull:
            self.pull.ask_ms = self.ping_ms
        while self.wlan.isconnected():
            if wire.check_msg() is None:
                time.sleep_ms(_POLL_MS)
            if self.acks:
                self.publish("ack", self.acks[0], False)
                self.acks.pop(0)
            elif self.tell:
                self.tell = False
                update = self.state["update"]
                facts = update and {"state": update["state"], "version": update["version"]}
                self.publish("info", dict(self.info, update=facts))
                wire.publish(self.base + "availability", b"online", True, 1)
            elif self.leave:
                another_try()
            elif self.pull:
                self.work(self.pull)
            if past(self.ping_ms, _PING_MS):
                self.ping_ms = time.ticks_ms()
                wire.ping()  # the answer feeds the watchdog
            self.look_at_time()
        raise OSError("Wi-Fi lost")

    def publish(self, topic: str, content: "Facts", retain: bool = True) -> None:
        self.wire.publish(self.base + topic, json.dumps(content), retain, 1)

    def look_at_time(self) -> None:
        if past(self.order_ms, _IDLE_MS):
            another_try()

    # ---- orders

    def take(self, topic: bytes, payload: "memoryview | None", retained: int) -> None:
        """A message. Whatever is wrong with it, the connection goes on."""
        if not topic.endswith(b"/cmd"):
            if self.pull and payload and self.pull.take(payload):
                self.order_ms = time.ticks_ms()
            return
        jti = None
        try:
            if payload is None:
                raise Refused("too_large")
            raw = bytes(payload)
            jti = tokens.claimed_jti(raw)
            if retained:
                raise Refused("retained")
            token = tokens.parse(raw)
            self.access.check(token, int(time.time()) + BEHIND_S, False, str(self.info["nonce"]))
            self.order(token.text("jti"), token.claims)
        except Refused as refused:
            self.ack(jti, "rejected", refused.args[0])
        except (MemoryError, OSError):
            self.ack(jti, "rejected", "busy")

    def order(self, jti: str, claims: "Facts") -> None:
        """Raises Refused, OSError."""
        args, act = claims.get("args") or {}, claims["act"]
        update = self.state["update"]
        if self.pull and jti == update["jti"]:
            return self.ack(jti, "accepted")  # the same token while its order runs
        if jti in self.used:
            raise Refused("replayed")
        abort = act == "update" and args == {"abort": True}
        if act not in ("update", "reboot") or self.leave or len(self.used) >= _USED_MAX:
            raise Refused("busy")
        if claims.get("cmp") not in (None, "device"):
            raise Refused("malformed")
        if act == "update" and abort != bool(self.pull):
            raise Refused("busy")
        new = None
        if act == "update" and not abort:
            new = update_of(jti, args)
            if update and update["sha256"] != new["sha256"]:
                slots.clear()
            self.note(new)
        self.used.append(jti)
        self.order_ms = time.ticks_ms()
        self.ack(jti, "accepted")
        if new:
            return self.begin_pull()
        if abort:
            self.fail("aborted")
        self.leave = not abort
        self.ack(jti, "done")

    def ack(self, jti: "str | None", result: str, reason: "str | None" = None) -> None:
        if len(self.acks) < _ACKS_MAX:  # a flood: the record tells the final answer at the next start
            self.acks.append({"jti": jti, "result": result, "reason": reason, "time": None})

    # ---- the update

    def note(self, update: "Facts") -> None:
        """What has become of it. Raises OSError."""
        slots.write(dict(self.state, update=update))
        self.state["update"] = update
        self.tell = True

    def begin_pull(self) -> None:
        try:
            self.pull = Pull(self.state["update"], self.info)
        except OSError:
            self.fail("flash")

    def work(self, pull: "Pull") -> None:
        """One step."""
        outcome = pull.step()
        if outcome is None:
            ask = pull.ask()
            if ask:
                self.publish("update/get", ask, False)
            return
        try:
            if not outcome:
                self.note(dict(self.state["update"], state="ready"))
                self.leave = True
                self.pull = None
        except OSError:
            outcome = "flash"
        if outcome:
            self.fail(outcome)

    def fail(self, reason: str) -> None:
        update = dict(self.state["update"], state="failed", reason=reason)
        self.pull = None
        self.ack(update["jti"], "failed", reason)
        try:
            self.note(update)
            if reason != "no_data":  # the rest may come another time
                slots.clear()
        except OSError as error:
            print("sportbox: safe mode:", error)
