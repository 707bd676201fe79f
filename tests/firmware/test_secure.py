# runs on: micropython
"""What is made of a broker's certificate, by the ladder of clocks; mbedTLS alone is not asked."""

import unittest

from sportbox.core.clock import Clock
from sportbox.net import secure as module
from sportbox.net.message import Insecure
from sportbox.net.secure import Secure

NOW_S = 1800000000
DAY_S = 86400


class TimeKeeper:
    def __init__(self):
        self.lifted = []

    def now_ms(self):
        return 0

    def lift_wall(self, unix_s):
        self.lifted.append(unix_s)


class Bench:
    """A clock on one of its rungs, and certificates that are (beginning, end)."""

    def __init__(self, rung):
        self.clock = Clock()
        self.time = TimeKeeper()
        if rung == "floor":
            self.clock.set_floor(NOW_S, 0)
        elif rung == "rtc":
            self.clock.set_rtc(NOW_S, 0)
        elif rung == "ntp":
            self.clock.set_ntp(NOW_S, 0)
        self.secure = Secure("broker", self.clock, self.time)

    def says(self, begins_s, ends_s):
        """Of one certificate: "" if it is accepted."""
        self.secure._why = ""
        self.secure._validity = lambda certificate: (begins_s, ends_s)
        accepted = self.secure._check((begins_s, ends_s), 0) == 0
        return "" if accepted else self.secure._why


class TestDates(unittest.TestCase):
    def test_where_the_time_is_known_both_dates_count(self):
        for rung in ("rtc", "ntp"):
            bench = Bench(rung)
            self.assertEqual(bench.says(NOW_S - DAY_S, NOW_S + DAY_S), "")
            self.assertEqual(bench.says(NOW_S - DAY_S, NOW_S - 61), "expired")
            self.assertEqual(bench.says(NOW_S + 61, NOW_S + DAY_S), "not yet valid")
            self.assertEqual(bench.says(NOW_S + 59, NOW_S + DAY_S), "")
            self.assertEqual(bench.says(NOW_S - DAY_S, NOW_S - 59), "")

    def test_a_floor_refuses_what_is_over_and_nothing_else(self):
        bench = Bench("floor")
        self.assertEqual(bench.says(NOW_S - DAY_S, NOW_S - 1), "expired")
        self.assertEqual(bench.says(NOW_S + DAY_S, NOW_S + 2 * DAY_S), "")
        self.assertEqual(Bench("").says(NOW_S - 2 * DAY_S, NOW_S - DAY_S), "")

    def test_each_of_the_chain_is_looked_at(self):
        """The authority's comes first; what was wrong with it is not forgotten over the broker's own."""
        bench = Bench("ntp")
        bench.secure._validity = lambda certificate: certificate
        self.assertNotEqual(bench.secure._check((NOW_S - 2 * DAY_S, NOW_S - DAY_S), 1), 0)
        self.assertNotEqual(bench.secure._check((NOW_S - DAY_S, NOW_S + DAY_S), 0), 0)

    def test_what_cannot_be_read_is_refused(self):
        def broken(certificate):
            raise ValueError

        bench = Bench("ntp")
        bench.secure._validity = broken
        self.assertNotEqual(bench.secure._check(b"?", 0), 0)
        error = bench.secure._explain(ValueError("anything"))
        self.assertEqual((type(error), str(error)), (Insecure, "certificate: malformed"))


class Context:
    """Of mbedTLS: what it is asked to look at."""

    def __init__(self, protocol):
        self.protocol, self.verify_mode, self.verify_callback = protocol, None, None
        self.authorities, self.name = [], None

    def load_verify_locations(self, data):
        self.authorities.append(data)

    def wrap_socket(self, raw, server_hostname=None, do_handshake_on_connect=True):
        self.name = server_hostname
        Context.newest = self
        return self


class Tls:
    PROTOCOL_TLS_CLIENT, CERT_NONE, CERT_REQUIRED = 0, 0, 2
    SSLContext = Context


class TestWhatIsAskedFor(unittest.TestCase):
    def test_a_certificate_of_the_sites_authority_in_the_brokers_name(self):
        self.addCleanup(setattr, module, "tls", module.tls)
        module.tls = Tls
        secure = Bench("ntp").secure

        def read(name):
            if name != "ca.der":
                raise OSError(2)
            return b"authority"

        secure._read = read
        secure._wrap(None)
        context = Context.newest
        self.assertEqual((context.verify_mode, context.name), (Tls.CERT_REQUIRED, "broker"))
        self.assertEqual(context.authorities, [b"authority"])
        self.assertEqual(context.verify_callback, secure._check)


class TestMemory(unittest.TestCase):
    """No memory is one more connection that failed, whoever had none."""

    def test_in_each_of_its_forms(self):
        bench = Bench("ntp")
        for error in (MemoryError(), OSError(12), OSError(-0x7F00), OSError(-0x3F80)):
            bench.secure._why = ""
            self.assertEqual(str(bench.secure._explain(error)), "no memory for TLS")
        bench.secure._why = "memory"  # while the certificate was looked at
        self.assertEqual(str(bench.secure._explain(ValueError("bad cert"))), "no memory for TLS")
        self.assertEqual(bench.secure.short, 5)


if __name__ == "__main__":
    unittest.main()
