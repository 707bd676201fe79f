# runs on: micropython
"""What is reached by radio: refusals, silence and wrong answers first. Sockets are those of loopback."""

import asyncio
import sys
import unittest

from tests.firmware.selftest_played import Played
from tests.firmware.test_session import OPTIONS


class Radio:
    """An access point as the station sees it."""

    status = 1001
    joins = True
    refuses = None  # what active() raises
    rssi = [-60]
    dns = "127.0.0.1"


class WLAN:
    asked = False

    def __init__(self, interface):
        pass

    def active(self, on=None):
        if Radio.refuses is not None:
            raise Radio.refuses
        return True

    def config(self, *what, **settings):
        return b"\0" * 6

    def disconnect(self):
        self.asked = False

    def connect(self, ssid, password):
        self.asked = True

    def isconnected(self):
        return self.asked and Radio.joins

    def status(self, what=None):
        if what == "rssi":
            Radio.rssi.append(Radio.rssi.pop(0))
            return Radio.rssi[-1]
        return Radio.status

    def ifconfig(self):
        return ("127.0.0.1", "255.0.0.0", "127.0.0.1", Radio.dns)


class Network:
    STA_IF = 0


Network.WLAN = WLAN
sys.modules["network"] = Network

from selftest import reach  # noqa: E402
from sportbox.system.health import Uptime  # noqa: E402

CONNACK = b"\x20\x02\x00\x00"
SECRETS = {"wifi": {"ssid": "s", "password": "p"}, "broker": {"user": "box", "password": "secret"}}


class ReachCase(unittest.TestCase):
    def setUp(self):
        Radio.status, Radio.joins, Radio.rssi, Radio.dns = 1001, True, [-60], "127.0.0.1"
        self.now = Uptime()
        config = {
            "site": "s",
            "device": "box-1",
            "mqtt": OPTIONS,
            "broker": {"host": "127.0.0.1", "port": 1},
            "ntp": {"host": "127.0.0.1", "port": 1},
        }
        self.test = Played(self, config, SECRETS)
        self.test.now_ms = self.now.ms
        self.network = reach.Network(self.test)

    def ask(self, name, server=None):
        """With a server: `async server(reader, writer)` is what the broker does."""

        async def run():
            if server is None:
                return await getattr(self.network, name)()
            listening = None
            for port in range(21_000 + self.now.ms() * 7 % 9_000, 60_000):
                try:
                    listening = await asyncio.start_server(server, "127.0.0.1", port)
                    break
                except OSError:
                    continue
            self.test.config["broker"]["port"] = port
            try:
                return await getattr(self.network, name)()
            finally:
                listening.close()

        return asyncio.run(run())

    def joined(self):
        self.assertEqual(self.ask("wifi")[0], True)


class TestWifi(ReachCase):
    def test_a_wrong_password(self):
        Radio.joins = False
        for status in (202, 15):
            Radio.status = status
            begin_ms = self.now.ms()
            self.assertEqual(self.ask("wifi"), (False, None, "password"))
            self.assertLess(self.now.ms() - begin_ms, 5000, "told as soon as it is certain")
            self.assertGreaterEqual(self.now.ms() - begin_ms, 1000)

    def test_a_radio_that_does_not_switch_on(self):
        self.addCleanup(setattr, Radio, "refuses", None)
        for error in (OSError("Wifi Internal Error"), RuntimeError("Wifi Unknown Error 0x0101")):
            Radio.refuses = error
            begin_ms = self.now.ms()
            self.assertEqual(self.ask("wifi"), (False, None, "no_radio"))
            self.assertLess(self.now.ms() - begin_ms, 1000)
        Radio.refuses = None
        self.joined()

    def test_no_network(self):
        Radio.joins, Radio.status = False, 201
        self.assertEqual(self.ask("wifi"), (False, None, "no_network"))
        self.assertEqual(self.ask("broker"), (None, None, "no_wifi"))
        self.assertEqual(self.ask("time"), (None, None, "no_wifi"))

    def test_levels(self):
        for level, ok, why in (
            (-67, True, ""),
            (-68, True, "weak"),
            (-80, True, "weak"),
            (-81, False, "too_weak"),
        ):
            Radio.rssi = [level, -10, level, -99, level]
            found, value, told = self.ask("wifi")
            self.assertEqual((found, value["rssi_dbm"], told), (ok, level, why), "the median counts")


class TestNames(ReachCase):
    def test_no_answer_and_a_name_that_is_none(self):
        self.joined()
        self.test.config["broker"]["host"] = "broker.example"
        Radio.dns = "127.0.0.99"  # nobody is there
        self.assertEqual(self.ask("dns"), (False, "broker.example", "no_address"))
        self.assertEqual(self.ask("broker")[2], "no_address")

    def test_addresses_need_none(self):
        self.joined()
        self.assertEqual(self.ask("dns"), (True, [], ""))

    def test_a_time_server_that_is_away(self):
        self.joined()
        self.assertEqual(self.ask("time"), (False, "127.0.0.1", "no_answer"))


class TestBroker(ReachCase):
    def setUp(self):
        super().setUp()
        self.joined()
        self.heard = []

    def broker(self, connack, suback=None):
        """A broker that answers CONNECT and, with `suback`, SUBSCRIBE; then it listens, and hangs up."""

        async def serve(reader, writer):
            self.heard.append(await reader.read(512))
            writer.write(connack)
            await writer.drain()
            if suback is not None:
                subscribe = await reader.read(512)
                writer.write(b"\x90\x03" + subscribe[2:4] + suback)
                await writer.drain()
                self.heard.append(await reader.read(512))
            elif not connack:
                await asyncio.sleep_ms(3000)
            writer.close()
            await writer.wait_closed()

        return serve

    def test_away(self):
        self.assertEqual(self.ask("broker"), (False, "127.0.0.1:1", "unreachable"))

    def test_wrong_credentials(self):
        for code in (4, 5):
            found = self.ask("broker", self.broker(bytes([0x20, 2, 0, code])))
            self.assertEqual((found[0], found[2]), (False, "credentials"))

    def test_other_refusals(self):
        self.assertEqual(self.ask("broker", self.broker(bytes([0x20, 2, 0, 2])))[2], "refused")

    def test_no_broker_at_all(self):
        self.assertEqual(self.ask("broker", self.broker(b"\x15\x03"))[2], "closed")

    def test_no_subscription(self):
        found = self.ask("broker", self.broker(CONNACK, b"\x80"))
        self.assertEqual((found[0], found[2]), (False, "subscription"))

    def test_silence_is_bounded(self):
        self.test.config["mqtt"] = dict(OPTIONS)
        self.test.config["mqtt"]["connect_ms"] = 1000
        begin_ms = self.now.ms()
        found = self.ask("broker", self.broker(b""))
        self.assertEqual((found[0], found[2]), (False, "silent"))
        self.assertLess(self.now.ms() - begin_ms, 4000)

    def test_says_who_it_is_and_goodbye(self):
        ok, value, why = self.ask("broker", self.broker(CONNACK, b"\x01"))
        self.assertEqual((ok, why), (True, ""))
        self.assertTrue(value["broker"].startswith("127.0.0.1:"))
        self.assertIn(b"secret", self.heard[0])
        self.assertEqual(self.heard[1], b"\xe0\x00", "DISCONNECT: the last will stays quiet")
