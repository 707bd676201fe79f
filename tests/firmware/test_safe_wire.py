# runs on: micropython
"""Safe mode's packets and its wall clock."""

import os
import struct
import sys
import unittest

from tests.firmware import scratch
from tests.firmware.safe_doubles import CONFIG, SECRETS, Line, Rtc, Time

import wire as wire_module  # isort: skip  # after the doubles
from sportbox.store import record  # isort: skip

BROKER = {"host": "broker", "port": 8883, "tls": {"name": "broker.test"}}
COMMAND = b"sportbox/v1/hafensport-rostock/box-1/cmd"


def packet(payload, first=0x32, topic=COMMAND, pid=b"\x00\x07"):
    body = len(topic).to_bytes(2, "big") + topic + pid + payload
    return bytes([first, len(body) & 0x7F | 0x80, len(body) >> 7]) + body


class TestPackets(unittest.TestCase):
    def setUp(self):
        self.taken = []
        self.fed = 0
        self.wire = wire_module.Wire(CONFIG, SECRETS, self.feed, self.take)

    def feed(self):
        self.fed += 1

    def take(self, topic, payload, retained):
        self.taken.append((topic, None if payload is None else bytes(payload), retained))

    def gets(self, data):
        """All packets of it."""
        self.wire.sock = Line(data)
        while self.wire.check_msg() is not None:
            pass
        return self.wire.sock

    def test_a_message_is_taken_then_acknowledged(self):
        line = self.gets(packet(b"one") + packet(b"two", 0x33, pid=b"\x01\x02"))
        self.assertEqual(self.taken, [(COMMAND, b"one", 0), (COMMAND, b"two", 1)])
        self.assertEqual(line.sent, b"\x40\x02\x00\x07\x40\x02\x01\x02")
        self.assertEqual(self.fed, 2)

    def test_one_without_acknowledgement(self):
        line = self.gets(packet(b"one", 0x30, pid=b""))
        self.assertEqual((self.taken, line.sent), ([(COMMAND, b"one", 0)], b""))

    def test_one_that_is_too_large_is_passed_over(self):
        line = self.gets(packet(bytes(1537)) + packet(bytes(1536)) + packet(b"", pid=b"\x00\x09"))
        self.assertEqual(
            [payload if payload is None else len(payload) for _, payload, _ in self.taken], [None, 1536, 0]
        )
        self.assertEqual(len(line.sent), 12)

    def test_a_ping_comes_in_time(self):
        """Every 20 s, whatever the firmware's rhythm is."""
        for keepalive_s, own_s in ((5, 30), (60, 60)):
            config = dict(CONFIG, mqtt={"keepalive_s": keepalive_s})
            wire = wire_module.Wire(config, SECRETS, self.feed, self.take)
            self.assertEqual(wire.keepalive, own_s)

    def test_an_answer_to_a_ping_counts(self):
        self.gets(b"\xd0\x00" + packet(b"one"))
        self.assertEqual((len(self.taken), self.fed), (1, 2))

    def test_a_connection_that_ends(self):
        whole = packet(b"one")
        for end in range(1, len(whole)):
            self.fed = 0
            with self.assertRaises((OSError, IndexError)):
                self.gets(whole[:end])
            self.assertEqual((self.taken, self.fed), ([], 0))

    def test_lengths_that_cannot_be(self):
        with self.assertRaises(OSError):
            self.gets(b"\x32\x03\x00\x05abcde\x00\x07")


class TestWallClock(unittest.TestCase):
    """In the chip's seconds; a board's begin in 2000."""

    def setUp(self):
        Rtc.wall = None

    def test_the_begin_of_a_certificate(self):
        expected_s = wire_module.time.mktime((2026, 11, 29, 12, 30, 15, 0, 0))
        for before in (b"", b"\x30\x82\x17\x0dsomething else", b"\x17\x0d"):
            self.assertEqual(
                wire_module.begin_of(before + b"\x17\x0d261129123015Z\x17\x0d361129123015Z"), expected_s
            )
        for none in (b"", b"\x17\x0d", b"\x17\x0d2611-9123015Z"):
            self.assertEqual(wire_module.begin_of(none), 0)

    def test_it_is_never_set_back(self):
        now_s = int(wire_module.time.time())
        wire_module.lift(now_s - 10)
        self.assertEqual(Rtc.wall, None)
        wire_module.lift(now_s + 1000)
        date = wire_module.time.gmtime(now_s + 1000)
        self.assertEqual(Rtc.wall[:3] + Rtc.wall[4:7], date[:6])

    def test_what_flash_remembers(self):
        now_s = int(wire_module.time.time())
        path = scratch.folder(self) + "/floor"
        self.addCleanup(setattr, wire_module, "_FLOOR", wire_module._FLOOR)
        wire_module._FLOOR = path
        record.write(path, struct.pack("<I", now_s + 5000))
        wire_module.Wire(CONFIG, SECRETS, None, None)
        date = wire_module.time.gmtime(now_s + 5000)
        self.assertEqual(Rtc.wall[:3] + Rtc.wall[4:7], date[:6])
        Rtc.wall = None
        record.write(path, struct.pack("<I", 5))
        wire_module.Wire(CONFIG, SECRETS, None, None)
        self.assertEqual(Rtc.wall, None)
        record.write(path, struct.pack("<I", now_s + 5000))
        scratch.flip(path, -1)
        wire_module.Wire(CONFIG, SECRETS, None, None)
        self.assertEqual(Rtc.wall, None)

    def test_a_time_server_that_is_behind(self):
        clock = Time()
        before_s = clock.epoch_s
        clock.gmtime = wire_module.time.gmtime
        self.addCleanup(setattr, wire_module, "time", wire_module.time)
        wire_module.time = clock

        class Server:
            @staticmethod
            def settime():
                clock.epoch_s -= 86400

        sys.modules["ntptime"] = Server
        self.addCleanup(sys.modules.pop, "ntptime")
        wire_module.Wire(CONFIG, SECRETS, None, None).ask_time()
        self.assertEqual(Rtc.wall[:3] + Rtc.wall[4:7], clock.gmtime(before_s)[:6])

    def test_network_time_is_asked_until_it_answers(self):
        asked = []

        class Server:
            host = ""

            @staticmethod
            def settime():
                asked.append(Server.host)
                if len(asked) == 1:
                    raise IndexError  # a short answer

        sys.modules["ntptime"] = Server
        self.addCleanup(sys.modules.pop, "ntptime")
        wire = wire_module.Wire(CONFIG, SECRETS, None, None)
        wire.ask_time()
        self.assertEqual(wire.server_time, "time")
        wire.ask_time()
        self.assertEqual((wire.server_time, asked), (None, ["time", "time"]))


def certificate(date):
    return b"\x30\x82\x17\x0d" + date + b"Z\x17\x0d501231235959Z"


class Tls:
    """The module: what the context was made of, and how the handshake ends."""

    PROTOCOL_TLS_CLIENT, CERT_REQUIRED = 1, 2

    def __init__(self, wrong=""):
        self.wrong = wrong
        self.trusted = []
        self.chain = None

    def SSLContext(self, protocol):
        return self

    def load_verify_locations(self, der):
        self.trusted.append(der)

    def load_cert_chain(self, own, key):
        self.chain = own, key

    def wrap_socket(self, raw, server_hostname):
        self.verify_callback(memoryview(b"authority"), 1)
        self.verify_callback(memoryview(certificate(b"491231000000")), 0)
        if self.wrong:
            raise ValueError(self.wrong)
        return raw, server_hostname, self.verify_mode


class TestTls(unittest.TestCase):
    def setUp(self):
        folder = scratch.folder(self) + "/"
        self.files = {"ca.der": b"first", "device.der": certificate(b"470101000000"), "device.key": b"key"}
        for name, content in self.files.items():
            scratch.write(folder + name, content)
        self.addCleanup(setattr, wire_module, "_CERTS", wire_module._CERTS)
        wire_module._CERTS = folder
        self.addCleanup(setattr, wire_module, "tls", wire_module.tls)
        self.addCleanup(sys.modules.pop, "ussl")
        self.wire = wire_module.Wire(dict(CONFIG, broker=BROKER), SECRETS, None, None)
        self.wire.server_time = None
        self.folder = folder
        Rtc.wall = None

    def shakes(self, wrong=""):
        wire_module.tls = Tls(wrong)
        import ussl  # as umqtt does

        return ussl.wrap_socket("raw")

    def test_who_is_believed_and_what_is_shown(self):
        self.assertEqual(self.shakes(), ("raw", "broker.test", Tls.CERT_REQUIRED))
        self.assertEqual(wire_module.tls.trusted, [b"first"])
        self.assertEqual(wire_module.tls.chain, (self.files["device.der"], b"key"))
        self.assertEqual(Rtc.wall[:3], (2047, 1, 1))  # the begin of its own
        scratch.write(self.folder + "ca-next.der", b"second")
        self.shakes()
        self.assertEqual(wire_module.tls.trusted, [b"first", b"second"])

    def test_a_broker_that_is_younger(self):
        for wrong, year in (
            ("\nThe certificate validity starts in the future\n", 2049),
            ("\nThe certificate validity starts in the future\nNot correctly signed\n", 2047),
            ("\nThe certificate is not correctly signed by the trusted CA\n", 2047),
        ):
            with self.assertRaises(ValueError):
                self.shakes(wrong)
            self.assertEqual(Rtc.wall[0], year)

    def test_a_board_without_a_certificate(self):
        os.remove(self.folder + "device.der")
        self.shakes()
        self.assertEqual((wire_module.tls.chain, Rtc.wall), (None, None))

    def test_no_authority(self):
        """Nobody is believed then: mbedTLS itself is asked."""
        os.remove(self.folder + "ca.der")
        with self.assertRaises(ValueError):
            self.wire.wrap_socket("raw")


if __name__ == "__main__":
    unittest.main()
