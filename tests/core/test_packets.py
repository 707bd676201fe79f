"""The packets that umqtt.simple makes, byte by byte against MQTT 3.1.1, and what it reads."""

import struct
import unittest

from sportbox.net.packets import PUBLISH_MORE, Malformed, Packets, field, put_publish, remaining_length


def text(value):
    """A string as MQTT writes it (1.5.3): two bytes of length in bytes, then UTF-8."""
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("!H", len(data)) + data


def length_bytes(length):
    """The remaining length (2.2.3)."""
    found = b""
    while True:
        length, digit = length // 128, length % 128
        found += bytes([digit | 0x80 if length else digit])
        if not length:
            return found


def packet(first, body):
    return bytes([first]) + length_bytes(len(body)) + body


def make(user=None, password=None, keepalive_s=30, client_id="hafensport-rostock-box-1"):
    return Packets(client_id, keepalive_s, user, password)


def published(topic, payload, retain, pid):
    """Between other packets: neither is touched."""
    topic = field(topic)
    out = bytearray(b"\xaa" * (5 + len(topic) + len(payload) + PUBLISH_MORE))
    end = put_publish(out, 5, topic, payload, retain, pid)
    assert bytes(out[:5]) == b"\xaa" * 5
    assert bytes(out[end:]) == b"\xaa" * (len(out) - end), "what follows is not touched, and there was room"
    return bytes(out[5:end])


class TestConnect(unittest.TestCase):
    def test_clean_session_and_a_retained_will(self):
        """3.1: protocol level 4; flags: will QoS 1 (0x08), will retain (0x20), will (0x04), clean (0x02)."""
        sent = make().connect("sportbox/v1/site/box-1/availability", "offline")
        body = text("MQTT") + b"\x04\x2e\x00\x1e" + text("hafensport-rostock-box-1")
        body += text("sportbox/v1/site/box-1/availability") + text("offline")
        self.assertEqual(bytes(sent), packet(0x10, body))

    def test_user_and_password(self):
        sent = make("box-1", "geheim").connect("t", "w")
        body = text("MQTT") + b"\x04\xee\x00\x1e" + text("hafensport-rostock-box-1") + text("t") + text("w")
        self.assertEqual(bytes(sent), packet(0x10, body + text("box-1") + text("geheim")))

    def test_a_user_without_a_password(self):
        sent = bytes(make("box-1").connect("t", "w"))
        self.assertIn(text("box-1"), sent)
        self.assertEqual(sent[1], len(sent) - 2)

    def test_lengths_are_of_bytes_not_of_characters(self):
        sent = make("bücher", "straße ☃", client_id="kästchen").connect("straße/t", "tschüß")
        body = text("MQTT") + b"\x04\xee\x00\x1e" + text("kästchen") + text("straße/t") + text("tschüß")
        self.assertEqual(bytes(sent), packet(0x10, body + text("bücher") + text("straße ☃")))

    def test_keepalives_of_more_than_a_byte(self):
        for keepalive_s in (0, 255, 256, 65535):
            with self.subTest(keepalive_s=keepalive_s):
                sent = make(keepalive_s=keepalive_s).connect("t", "w")
                self.assertEqual(bytes(sent[10:12]), struct.pack("!H", keepalive_s))

    def test_a_remaining_length_of_two_bytes(self):
        sent = make().connect("t" * 100, "w")
        self.assertEqual(remaining_length(sent, len(sent)), (len(sent) - 3, 3))

    def test_every_connection_has_its_own_packet(self):
        packets = make()
        first = bytes(packets.connect("t", "w"))
        published("t", b"x", False, 1)
        self.assertEqual(bytes(packets.connect("t", "w")), first)


class TestSmallPackets(unittest.TestCase):
    def test_subscribe(self):
        """3.8: the fixed header's flags are 0b0010; one filter at QoS 1."""
        for pid in (1, 255, 256, 65535):
            with self.subTest(pid=pid):
                sent = make().subscribe("sportbox/v1/s/b/cmd", pid)
                body = struct.pack("!H", pid) + text("sportbox/v1/s/b/cmd") + b"\x01"
                self.assertEqual(bytes(sent), packet(0x82, body))

    def test_ping_and_puback(self):
        self.assertEqual(bytes(make().ping()), b"\xc0\x00")
        self.assertEqual(bytes(make().puback(65535)), b"\x40\x02\xff\xff")
        self.assertEqual(bytes(make().puback(1)), b"\x40\x02\x00\x01")


class TestPublish(unittest.TestCase):
    def test_qos_1_has_a_packet_id_and_qos_0_has_none(self):
        for pid, retain, first in ((0, False, 0x30), (0, True, 0x31), (7, False, 0x32), (7, True, 0x33)):
            with self.subTest(pid=pid, retain=retain):
                body = text("a/b") + (struct.pack("!H", pid) if pid else b"") + b"payload"
                self.assertEqual(bytes(published("a/b", b"payload", retain, pid)), packet(first, body))

    def test_the_first_and_the_last_packet_id(self):
        for pid in (1, 256, 65534, 65535):
            with self.subTest(pid=pid):
                self.assertEqual(
                    bytes(published("t", b"", False, pid)),
                    packet(0x32, text("t") + struct.pack("!H", pid)),
                )

    def test_sizes_around_every_length_byte(self):
        for length in (3, 127, 128, 129, 2047, 16383, 16384, 16385):
            with self.subTest(length=length):
                payload = b"x" * (length - 3)
                sent = published("t", payload, False, 0)
                self.assertEqual(bytes(sent), packet(0x30, text("t") + payload))

    def test_a_payload_of_any_bytes_and_a_topic_beyond_ascii(self):
        payload = bytes(range(256))
        self.assertEqual(
            bytes(published("größe", payload, False, 5)),
            packet(0x32, text("größe") + b"\x00\x05" + payload),
        )


class TestRemainingLength(unittest.TestCase):
    def test_every_edge(self):
        """The table of 2.2.3."""
        for length, written in (
            (0, b"\x00"),
            (127, b"\x7f"),
            (128, b"\x80\x01"),
            (16383, b"\xff\x7f"),
            (16384, b"\x80\x80\x01"),
            (2097151, b"\xff\xff\x7f"),
            (2097152, b"\x80\x80\x80\x01"),
            (268435455, b"\xff\xff\xff\x7f"),
        ):
            with self.subTest(length=length):
                buffer = bytearray(b"\x30" + written + b"rest")
                self.assertEqual(remaining_length(buffer, len(buffer)), (length, 1 + len(written)))
                self.assertEqual(
                    remaining_length(memoryview(buffer), 1 + len(written)), (length, 1 + len(written))
                )
                for size in range(1 + len(written)):
                    self.assertEqual(remaining_length(buffer, size), (-1, 0))

    def test_a_fifth_byte_is_malformed(self):
        for written in (b"\x80\x80\x80\x80\x01", b"\xff\xff\xff\xff\x7f", b"\xff\xff\xff\xff\xff"):
            with self.subTest(written=written):
                buffer = bytearray(b"\x30" + written)
                with self.assertRaises(Malformed):
                    remaining_length(buffer, len(buffer))
                with self.assertRaises(Malformed):  # and told as soon as it can be
                    remaining_length(buffer, 5)

    def test_what_lies_behind_the_received_is_not_read(self):
        """The buffer is larger than what has come, and holds old bytes."""
        self.assertEqual(remaining_length(bytearray(b"\x30\x05old bytes"), 1), (-1, 0))
        self.assertEqual(remaining_length(bytearray(b"\x30\x85\x01old"), 2), (-1, 0))
