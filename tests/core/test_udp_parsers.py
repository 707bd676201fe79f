"""Answers over UDP come from anybody: what they may hold, and what is discarded."""

import struct
import unittest

from sportbox.net.udp import first_address, is_address, server_time

QUESTION = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x06broker\x07example\x00\x00\x01\x00\x01"
NTP_OF_1970 = 2208988800


def dns_answer(records, count=None, rcode=0):
    """A DNS answer to QUESTION with the records in this order."""
    head = b"\x12\x34\x81" + bytes([0x80 | rcode]) + b"\x00\x01"
    head += struct.pack("!H", len(records) if count is None else count) + b"\x00\x00\x00\x00"
    return head + QUESTION[12:] + b"".join(records)


def dns_record(data, kind=1, name=b"\xc0\x0c", length=None, dns_class=1):
    return name + struct.pack("!HHIH", kind, dns_class, 300, len(data) if length is None else length) + data


def address(answer):
    return first_address(answer, len(QUESTION))


class TestIsAddress(unittest.TestCase):
    def test_dotted_decimals(self):
        for host in ("127.0.0.1", "0.0.0.0", "255.255.255.255", "192.168.4.1"):
            with self.subTest(host=host):
                self.assertTrue(is_address(host))

    def test_anything_else_is_a_name(self):
        for host in (
            "",
            "broker",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "1.2.3.",
            "a.b.c.d",
            "-1.2.3.4",
            "1.2.3.4 ",
        ):
            with self.subTest(host=host):
                self.assertFalse(is_address(host))


class TestDns(unittest.TestCase):
    def test_one_address(self):
        self.assertEqual(address(dns_answer([dns_record(bytes([192, 168, 4, 1]))])), "192.168.4.1")

    def test_the_first_address_behind_aliases(self):
        alias = dns_record(b"\x04host\xc0\x13", kind=5)
        records = [alias, dns_record(bytes([10, 0, 0, 7])), dns_record(bytes([10, 0, 0, 8]))]
        self.assertEqual(address(dns_answer(records)), "10.0.0.7")

    def test_names_that_are_spelt_out(self):
        for name in (
            b"\x06broker\x07example\x00",
            b"\x06broker\xc0\x13",
            b"\x00",
            b"\x3f" + b"x" * 63 + b"\x00",
        ):
            with self.subTest(name=name):
                self.assertEqual(
                    address(dns_answer([dns_record(bytes([10, 0, 0, 1]), name=name)])), "10.0.0.1"
                )

    def test_an_error_of_the_server(self):
        for rcode in (1, 2, 3, 5, 15):
            with self.subTest(rcode=rcode):
                self.assertIsNone(address(dns_answer([dns_record(bytes([10, 0, 0, 1]))], rcode=rcode)))

    def test_no_record(self):
        self.assertIsNone(address(dns_answer([])))

    def test_no_ipv4_address_among_them(self):
        ipv6 = dns_record(b"\x20\x01" + b"\0" * 13 + b"\x01", kind=28)
        self.assertIsNone(address(dns_answer([ipv6])))
        self.assertEqual(address(dns_answer([ipv6, dns_record(bytes([10, 0, 0, 1]))])), "10.0.0.1")

    def test_an_address_of_the_wrong_size_is_none(self):
        for data in (b"", b"\x0a\x00\x00", b"\x0a\x00\x00\x01\x02"):
            with self.subTest(data=data):
                self.assertIsNone(address(dns_answer([dns_record(data)])))

    def test_cut_off_anywhere(self):
        """Also within the address itself: half of one must not become another."""
        whole = dns_answer([dns_record(b"\x04host\xc0\x13", kind=5), dns_record(bytes([10, 20, 30, 40]))])
        self.assertEqual(address(whole), "10.20.30.40")
        for size in range(len(QUESTION), len(whole)):
            self.assertIsNone(address(whole[:size]), "cut at %d" % size)

    def test_more_records_promised_than_there_are(self):
        self.assertIsNone(address(dns_answer([], count=65535)))
        alias = dns_record(b"\x00", kind=5)
        self.assertIsNone(address(dns_answer([alias], count=65535)))

    def test_a_length_beyond_the_answer(self):
        self.assertIsNone(address(dns_answer([dns_record(b"\x00", kind=5, length=65535)], count=2)))

    def test_pointers_in_a_circle_are_not_followed(self):
        at = len(QUESTION)
        circle = struct.pack("!H", 0xC000 | at)
        self.assertEqual(address(dns_answer([dns_record(bytes([10, 0, 0, 1]), name=circle)])), "10.0.0.1")
        self.assertIsNone(address(dns_answer([circle * 40], count=16)))

    def test_only_so_many_records_are_looked_at(self):
        records = [dns_record(b"", kind=5)] * 16 + [dns_record(bytes([10, 0, 0, 1]))]
        self.assertIsNone(address(dns_answer(records)))

    def test_noise_is_survived(self):
        whole = dns_answer([dns_record(b"\x04host\xc0\x13", kind=5), dns_record(bytes([10, 0, 0, 1]))])
        for i in range(len(QUESTION), len(whole)):
            for value in (0x00, 0x3F, 0x40, 0xBF, 0xC0, 0xFF):
                found = address(whole[:i] + bytes([value]) + whole[i + 1 :])
                self.assertTrue(found is None or is_address(found), "byte %d = %d" % (i, value))


def sntp_answer(unix_s=1795366800, fraction=0, leap=0, version=4, mode=4, stratum=2):
    first = leap << 6 | version << 3 | mode
    seconds = (unix_s + NTP_OF_1970) % (1 << 32)
    return bytes([first, stratum]) + b"\x00" * 38 + struct.pack("!II", seconds, fraction)


class TestSntp(unittest.TestCase):
    def test_the_transmit_time(self):
        self.assertEqual(server_time(sntp_answer()), 1795366800)

    def test_it_is_rounded(self):
        for fraction, rounded in ((0, 0), ((1 << 31) - 1, 0), (1 << 31, 1), ((1 << 32) - 1, 1)):
            with self.subTest(fraction=fraction):
                self.assertEqual(server_time(sntp_answer(fraction=fraction)), 1795366800 + rounded)

    def test_a_server_that_does_not_know_the_time(self):
        self.assertIsNone(server_time(sntp_answer(leap=3)))
        for leap in (0, 1, 2):
            self.assertIsNotNone(server_time(sntp_answer(leap=leap)))

    def test_a_kiss_of_death_and_strata_that_there_are_not(self):
        for stratum in (0, 16, 17, 255):
            with self.subTest(stratum=stratum):
                self.assertIsNone(server_time(sntp_answer(stratum=stratum)))
        for stratum in (1, 15):
            with self.subTest(stratum=stratum):
                self.assertIsNotNone(server_time(sntp_answer(stratum=stratum)))

    def test_what_is_no_servers_answer(self):
        for mode in (0, 1, 2, 3, 5, 6, 7):
            with self.subTest(mode=mode):
                self.assertIsNone(server_time(sntp_answer(mode=mode)))

    def test_an_empty_time(self):
        answer = sntp_answer()
        self.assertIsNone(server_time(answer[:40] + b"\x00" * 8))

    def test_the_era_that_begins_in_2036(self):
        for unix_s in (2085978495, 2085978497, 2147483648, 2840140799):
            with self.subTest(unix_s=unix_s):
                self.assertEqual(server_time(sntp_answer(unix_s)), unix_s)

    def test_a_time_before_this_firmware_or_far_ahead_is_a_server_that_has_lost_its_time(self):
        self.assertEqual(server_time(sntp_answer(1735689600)), 1735689600)
        for unix_s in (1735689599, 0, 1160000000, 1451606400, 2840140800, 4102444800):  # 2006: GPS roll-over
            with self.subTest(unix_s=unix_s):
                self.assertIsNone(server_time(sntp_answer(unix_s)))

    def test_bytes_behind_the_answer_do_not_matter(self):
        self.assertEqual(server_time(sntp_answer() + b"\xff" * 20), 1795366800)
