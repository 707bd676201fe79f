"""Whatever is reached by radio: the access point, names, time, the broker. And the clock chip, which network
time is held against. Each check gives (ok, value, why)."""

import asyncio
import os
import time

from micropython import const
from sportbox.core.clock import rfc3339
from sportbox.drivers import chip
from sportbox.net import udp
from sportbox.net.message import Settings
from sportbox.net.wifi import Wifi

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.net.secure import Secure

    from selftest.board import Selftest

    Found = tuple[bool | None, object, str]

_JOIN_MS = const(16000)  # one attempt of net.wifi is 15 s
_STEADY_MS = const(1000)  # a refusal that stays: the first word may still be of an attempt before
_LOOK_MS = const(50)
_RETRIES = const(2)  # of the driver, before it tells why it cannot join
_GOOD_DBM = const(-67)  # Cisco, "Voice over Wireless LAN Design Guide": what a reliable link needs
_LEAST_DBM = const(-80)  # below, a door or a wet day is enough to lose it
_SAMPLES = const(5)
_SESSION_MS = const(12000)  # resolving, TCP, CONNACK and SUBACK have deadlines of their own below that
_LEAVE_MS = const(2000)
_AGREE_S = const(2)
# network.STAT_... of the ESP32 port: the reasons of esp_wifi_types.h (wifi_err_reason_t)
_NO_AP = (200, 201, 210, 211, 212)
_REFUSED = (15, 202, 203, 204)  # handshake timed out, AUTH_FAIL, ASSOC_FAIL, HANDSHAKE_TIMEOUT
_TLS = (
    ("wrong name", "tls_name"),
    ("unknown authority", "tls_authority"),
    ("not yet valid", "tls_early"),
    ("expired", "tls_expired"),
    ("our certificate", "tls_refused"),
    ("no memory", "tls_memory"),
    ("on the board", "tls_files"),
    ("certificate", "tls"),
    ("TLS", "tls"),
)
_NO_WIFI: "Found" = (None, None, "no_wifi")


class Network:
    def __init__(self, test: "Selftest") -> None:
        self._test = test
        wifi = test.secrets["wifi"]
        self._wifi = Wifi(wifi["ssid"], wifi["password"], lambda up: None, test.now_ms, _random_bits)
        self._keeper: object = None

    # ---- Wi-Fi

    async def wifi(self) -> "Found":
        """Joined, and how well it is heard."""
        test, wifi = self._test, self._wifi
        if self._keeper is None:
            if not wifi.switch_on():
                return False, None, "no_radio"
            wifi.tell_refusals(_RETRIES)
            self._keeper = asyncio.create_task(wifi.run())
        begin_ms = since_ms = test.now_ms()
        refusal = ""
        while not wifi.up:
            now_ms = test.now_ms()
            found = _refusal(wifi.status())
            if found != refusal:
                refusal, since_ms = found, now_ms
            if refusal and now_ms - since_ms >= _STEADY_MS:
                return False, None, refusal
            if now_ms - begin_ms >= _JOIN_MS:
                return False, None, refusal or "not_joined"
            test.feed()
            await asyncio.sleep_ms(_LOOK_MS)
        levels = []
        for _ in range(_SAMPLES):
            level = wifi.rssi_dbm()
            if level is not None:
                levels.append(level)
            await asyncio.sleep_ms(_LOOK_MS)
        if not levels:
            return False, None, "lost"
        levels.sort()
        return _judge(levels[len(levels) // 2])

    # ---- names and time

    async def dns(self) -> "Found":
        if not self._wifi.up:
            return _NO_WIFI
        hosts = [self._test.config[name]["host"] for name in ("broker", "ntp")]
        names = [host for host in hosts if not udp.is_address(host)]
        for host in names:
            try:
                await udp.resolve(host, self._wifi.dns_server())
            except OSError:
                return False, host, "no_address"
            self._test.feed()
        return True, names, ""

    async def time(self) -> "Found":
        """The time server answers, and the chip's wall clock takes what it says."""
        if not self._wifi.up:
            return _NO_WIFI
        facts = self._test.config["ntp"]
        try:
            host = await udp.resolve(facts["host"], self._wifi.dns_server())
            unix_s = await udp.network_time(host, facts["port"])
        except OSError:
            unix_s = None
        if unix_s is None:
            return False, facts["host"], "no_answer"
        self._test.unix_s, self._test.unix_ms = unix_s, self._test.now_ms()
        chip.set_wall(unix_s)
        shown = "%04d-%02d-%02dT%02d:%02d:%02dZ" % tuple(time.gmtime(chip.wall_s())[:6])
        if shown not in [rfc3339(unix_s + passed_s) for passed_s in range(_AGREE_S + 1)]:
            return False, shown, "not_set"
        return True, rfc3339(unix_s), ""

    async def rtc(self) -> "Found":
        """The clock chip answers and agrees with network time; one that had lost its time is set, once."""
        from sportbox.drivers.ds3231 import Ds3231
        from sportbox.kit import Kit

        test = self._test
        clock = Ds3231(Kit(test.config, {}, None, None, test.now_ms).i2c())  # type: ignore[arg-type]
        try:
            shown_s = clock.read()
            if test.unix_s is None:
                if shown_s is None:
                    return False, None, "unset"
                return True, rfc3339(shown_s), "not_compared"
            now_s = test.unix_s + (test.now_ms() - test.unix_ms) // 1000
            why = "was_unset" if shown_s is None else ""
            if shown_s is None or abs(shown_s - now_s) > _AGREE_S:
                why = why or "was_off"
                clock.write(now_s)
                shown_s = clock.read()
        except OSError:
            return False, None, "no_answer"
        if shown_s is None or abs(shown_s - now_s) > _AGREE_S:
            return False, None, "does_not_keep"
        return True, rfc3339(shown_s), why

    # ---- the broker

    async def broker(self) -> "Found":
        """A session with the board's own credentials, and a clean goodbye: the broker's last will of this
        board stays quiet. Orders that come meanwhile are lost, as they are for a board that is away."""
        if not self._wifi.up:
            return _NO_WIFI
        from sportbox.net.packets import Packets
        from sportbox.net.session import Session

        test, config = self._test, self._test.config
        base = "sportbox/v1/%s/%s" % (config["site"], config["device"])
        user = test.secrets.get("broker") or {}
        name = "%s-%s" % (config["site"], config["device"])
        packets = Packets(name, config["mqtt"]["keepalive_s"], user.get("user"), user.get("password"))
        broker = config["broker"]
        try:
            await self._resolve(broker["host"])
        except OSError:
            return False, _where(broker), "no_address"
        session = Session(
            Settings(broker["host"], broker["port"], config["mqtt"]),
            packets,
            base + "/cmd",
            (base + "/availability", "offline"),
            lambda: None,
            lambda payload, retained: None,
            lambda: None,
            lambda why: None,
            self._resolve,
            test.now_ms,
            _random_bits,
            self._secure(broker.get("tls")),
        )
        begin_ms = test.now_ms()
        task = asyncio.create_task(session.run())
        session.set_link(True)
        try:
            while not session.up and not session.failures:
                now_ms = test.now_ms()
                session.check(now_ms)
                if now_ms - begin_ms >= _SESSION_MS:
                    return False, _where(broker), "silent"
                test.feed()
                await asyncio.sleep_ms(_LOOK_MS)
            if session.failures:
                return False, _where(broker), _reason(session.last_error)
            took_ms = test.now_ms() - begin_ms
            session.leave()
            begin_ms = test.now_ms()
            while not session.left.is_set() and test.now_ms() - begin_ms < _LEAVE_MS:
                await asyncio.sleep_ms(_LOOK_MS)
            return True, {"broker": _where(broker), "ms": took_ms}, ""
        finally:
            session.set_link(False)  # ends what may still be connected
            task.cancel()
            await asyncio.sleep_ms(0)

    def _secure(self, tls: "dict[str, str] | None") -> "Secure | None":
        """TLS as the app has it: dates are judged by network time if that was asked, else by the floor."""
        if tls is None:
            return None
        from sportbox.core.clock import Clock
        from sportbox.net.secure import Secure
        from sportbox.system.timekeeper import Timekeeper

        test = self._test
        clock = Clock()
        keeper = Timekeeper(clock, "/data", ("", 0), self._wifi, test.now_ms, _nothing, _nothing)
        keeper.open()
        if test.unix_s is not None:
            clock.set_ntp(test.unix_s, test.unix_ms)
        return Secure(tls["name"], clock, keeper)

    async def _resolve(self, host: str) -> str:
        return await udp.resolve(host, self._wifi.dns_server())


def _random_bits() -> int:
    return int.from_bytes(os.urandom(3), "little")


def _nothing(_: str) -> None:
    pass


def _refusal(status: int) -> str:
    if status in _NO_AP:
        return "no_network"
    return "password" if status in _REFUSED else ""


def _judge(rssi_dbm: int) -> "Found":
    if rssi_dbm < _LEAST_DBM:
        return False, {"rssi_dbm": rssi_dbm, "level": "poor"}, "too_weak"
    good = rssi_dbm >= _GOOD_DBM
    value = {"rssi_dbm": rssi_dbm, "level": "good" if good else "weak"}
    return True, value, "" if good else "weak"


def _where(broker: "dict[str, object]") -> str:
    return "%s:%s" % (broker["host"], broker["port"])


def _reason(error: str) -> str:
    """Of what a session says of its end. CONNACK codes: MQTT 3.1.1, table 3.1."""
    if "refused by the broker" in error:
        return "credentials" if error[-1:] in "45" else "refused"
    for part, why in _TLS:
        if part in error:
            return why
    if "subscription" in error:
        return "subscription"
    if "silent" in error or "packet" in error:
        return "silent"
    return "closed" if "closed" in error or "Malformed" in error else "unreachable"
