"""Whether a token may act: every refusal, in the order in which they are looked for."""

import unittest

from sportbox.core.token import Refused, parse

from tests.core import tokens
from tests.core.tokens import AUDIENCE, NONCE, NOW, SECRETS, claims, header

DAY_S = 86400


class AccessCase(unittest.TestCase):
    def reason(self, raw, now_s=NOW, trusted=True, nonce=NONCE):
        """Why it is refused, an empty string if it is not."""
        try:
            tokens.access().check(parse(raw), now_s, trusted, nonce)
        except Refused as refused:
            return refused.args[0]
        return ""

    def reason_of(self, now_s=NOW, trusted=True, the_header=None, **changes):
        return self.reason(tokens.token(claims(**changes), the_header), now_s, trusted)


class TestAccess(AccessCase):
    def test_a_good_token(self):
        self.assertEqual(self.reason_of(), "")

    def test_the_first_reason_counts(self):
        """A token with every fault; they are mended one by one, in the order of the refusals."""
        good = claims(nonce=NONCE)
        faults = dict(good, aud="elsewhere", act="dance", exp=NOW + 10 * DAY_S, nbf=NOW + DAY_S, nonce="old")
        head = header(kid="unknown", crit=["b64"])
        secret = b"wrong" * 8

        def now_it_is(reason, trusted=True):
            self.assertEqual(self.reason(tokens.token(faults, head, secret), NOW, trusted), reason)

        now_it_is("key")
        head["kid"] = "booking-1"
        now_it_is("signature")
        secret = None
        now_it_is("malformed")
        del head["crit"]
        now_it_is("malformed")
        faults["act"] = "reboot"
        now_it_is("audience")
        faults["aud"] = AUDIENCE
        now_it_is("role")
        faults["act"] = "unlock"
        now_it_is("lifetime")
        faults["nbf"], faults["exp"] = NOW - DAY_S, NOW - DAY_S + 100
        now_it_is("expired", trusted=False)
        faults["nbf"], faults["exp"] = NOW + 100, NOW + 200
        now_it_is("not_yet")
        now_it_is("clock", trusted=False)
        faults["nonce"] = NONCE
        now_it_is("", trusted=False)


class TestKeyAndSignature(AccessCase):
    def test_a_key_that_nobody_knows(self):
        for kid in ("booking-2", "", "BOOKING-1", None, 1, True, ["booking-1"], {"a": 1}):
            with self.subTest(kid=kid):
                raw = tokens.token(claims(), header(kid=kid), SECRETS["booking-1"])
                self.assertEqual(self.reason(raw), "key")

    def test_the_example_of_rfc_7515_has_no_key_here(self):
        raw = (
            b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog"
            b"Imh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
        )
        self.assertEqual(self.reason(raw), "key")

    def test_another_keys_signature(self):
        for secret in (SECRETS["booking-1"], b"", b"o" * 31, b"o" * 33):
            with self.subTest(secret=secret):
                raw = tokens.token(claims(), header(kid="ops-1"), secret)
                self.assertEqual(self.reason(raw), "signature")

    def test_any_changed_character_of_any_part(self):
        raw = tokens.token(claims())
        for i in range(0, len(raw), 3):
            if raw[i : i + 1] != b".":
                changed = raw[:i] + (b"A" if raw[i : i + 1] != b"A" else b"B") + raw[i + 1 :]
                self.assertIn(self.reason(changed), ("signature", "malformed", "key"), "character %d" % i)

    def test_a_mac_cut_short_or_drawn_out(self):
        head, body, mac = tokens.token(claims()).split(b".")
        for cut in (mac[:-3], mac[:4], mac[:2], mac + b"AAAA"):
            with self.subTest(cut=cut):
                self.assertIn(self.reason(head + b"." + body + b"." + cut), ("signature", "malformed"))
        self.assertEqual(self.reason(head + b"." + body + b"." + mac[:40]), "signature")

    def test_only_hs256(self):
        for alg in ("none", "None", "HS512", "HS384", "RS256", "hs256", "", None, 256, ["HS256"]):
            with self.subTest(alg=alg):
                self.assertEqual(self.reason_of(the_header=header(alg=alg)), "signature")

    def test_alg_none_without_a_mac(self):
        head, body, _ = tokens.token(claims(), header(alg="none")).split(b".")
        with self.assertRaises(Refused):
            parse(head + b"." + body + b".")

    def test_a_critical_extension_is_refused_whatever_it_is(self):
        for crit in (["b64"], [], ["exp"], "b64", False):
            with self.subTest(crit=crit):
                self.assertEqual(self.reason_of(the_header=header(crit=crit)), "malformed")


class TestShape(AccessCase):
    def test_claims_that_are_missing(self):
        self.assertEqual(self.reason_of(jti=None), "malformed")
        self.assertEqual(self.reason_of(act=None), "malformed")
        self.assertEqual(self.reason_of(exp=None), "malformed")
        self.assertEqual(self.reason_of(nbf=None, iat=None), "malformed")
        self.assertEqual(self.reason_of(aud=None), "audience")
        self.assertEqual(self.reason(tokens.token({})), "malformed")

    def test_claims_that_may_be_missing(self):
        for name in ("iss", "sub", "cmp", "nbf", "iat", "args"):
            with self.subTest(name=name):
                self.assertEqual(self.reason_of(**{name: None}), "")

    def test_claims_of_the_wrong_kind(self):
        for name in ("jti", "sub", "cmp"):
            for value in (5, True, ["a"], {}, "", "x" * 65):
                with self.subTest(name=name, value=value):
                    self.assertEqual(self.reason_of(**{name: value}), "malformed")
        for value in ([], "reset", 5, True):
            with self.subTest(args=value):
                self.assertEqual(self.reason_of(args=value), "malformed")

    def test_acts_that_there_are_not(self):
        for act in ("", "Unlock", "unlock ", "open", 1, True, ["unlock"], {"unlock": 1}):
            with self.subTest(act=act):
                self.assertEqual(self.reason_of(act=act), "malformed")

    def test_half_a_character_in_a_name(self):
        for name in (b"jti", b"sub", b"cmp"):
            with self.subTest(name=name):
                found = tokens.json.dumps(claims(jti="JTI", sub="SUB", cmp="CMP")).encode()
                raw = tokens.seal(
                    tokens.json.dumps(header()).encode(),
                    found.replace(name.upper(), b"\\ud83c"),
                    SECRETS["booking-1"],
                )
                self.assertEqual(self.reason(raw), "malformed")


class TestAudience(AccessCase):
    def test_this_device_alone(self):
        self.assertEqual(self.reason_of(aud=AUDIENCE), "")
        self.assertEqual(self.reason_of(aud=[AUDIENCE]), "")

    def test_another_or_one_of_several(self):
        for aud in (
            "hafensport-rostock/box-2",
            "hafensport-rostock/box-1 ",
            "hafensport-rostock/box-10",
            "hafensport-rostock",
            "*",
            "",
            [],
            [AUDIENCE, AUDIENCE],
            [AUDIENCE, "hafensport-rostock/box-2"],
            [[AUDIENCE]],
            {AUDIENCE: 1},
            1,
            True,
        ):
            with self.subTest(aud=aud):
                self.assertEqual(self.reason_of(aud=aud), "audience")


class TestRole(AccessCase):
    def test_what_each_role_may(self):
        for kid, act, reason in (
            ("booking-1", "unlock", ""),
            ("booking-1", "lock", "role"),
            ("booking-1", "identify", "role"),
            ("booking-1", "reboot", "role"),
            ("booking-1", "configure", "role"),
            ("ops-1", "unlock", ""),
            ("ops-1", "lock", ""),
            ("ops-1", "identify", ""),
            ("ops-1", "reboot", ""),
            ("ops-1", "configure", ""),
            ("badge-1", "unlock", "role"),
            ("badge-1", "reboot", "role"),
        ):
            with self.subTest(kid=kid, act=act):
                self.assertEqual(self.reason_of(the_header=header(kid=kid), act=act), reason)


class TestTimes(AccessCase):
    def test_the_edge_of_the_end(self):
        for trusted in (True, False):
            for late_s, reason in ((0, ""), (59, ""), (60, ""), (61, "expired"), (10**9, "expired")):
                with self.subTest(trusted=trusted, late_s=late_s):
                    found = self.reason_of(NOW + 900 + late_s, trusted, nonce=NONCE)
                    self.assertEqual(found, reason)

    def test_the_edge_of_the_beginning(self):
        for early_s, reason in ((0, ""), (59, ""), (60, ""), (61, "not_yet"), (DAY_S, "not_yet")):
            with self.subTest(early_s=early_s):
                self.assertEqual(self.reason_of(NOW - early_s), reason)
                self.assertEqual(self.reason_of(NOW - early_s, nbf=None), reason)  # iat stands in
                self.assertEqual(self.reason_of(NOW - early_s, iat=None), reason)

    def test_issued_in_the_future_though_valid_already(self):
        self.assertEqual(self.reason_of(iat=NOW + 60, nbf=NOW - 100), "")
        self.assertEqual(self.reason_of(iat=NOW + 61, nbf=NOW - 100), "not_yet")

    def test_a_lower_bound_cannot_say_not_yet(self):
        self.assertEqual(self.reason_of(NOW - DAY_S, trusted=False, nonce=NONCE), "")

    def test_the_edge_of_the_lifetime(self):
        for trusted in (True, False):
            with self.subTest(trusted=trusted):
                self.assertEqual(self.reason_of(NOW, trusted, exp=NOW + DAY_S, nonce=NONCE), "")
                self.assertEqual(self.reason_of(NOW, trusted, exp=NOW + DAY_S + 1, nonce=NONCE), "lifetime")
                self.assertEqual(
                    self.reason_of(NOW, trusted, nbf=None, exp=NOW + DAY_S + 1, nonce=NONCE), "lifetime"
                )

    def test_times_that_are_none(self):
        for name in ("exp", "nbf", "iat"):
            for value in (float(NOW), str(NOW), True, -1, 1 << 40, [NOW], {}):
                with self.subTest(name=name, value=value):
                    self.assertEqual(self.reason_of(**{name: value}), "malformed")


class TestNonce(AccessCase):
    def test_a_clock_that_is_trusted_needs_none(self):
        for nonce in (None, NONCE, "another", 5):
            with self.subTest(nonce=nonce):
                self.assertEqual(self.reason_of(nonce=nonce), "")

    def test_an_unknown_clock_and_a_floor_need_this_boots_nonce(self):
        for now_s in (0, NOW):
            for nonce, reason in (
                (NONCE, ""),
                (None, "clock"),
                ("", "clock"),
                (NONCE[:-1], "clock"),
                (NONCE.upper(), "clock"),
                (5, "clock"),
                ([NONCE], "clock"),
            ):
                with self.subTest(now_s=now_s, nonce=nonce):
                    self.assertEqual(self.reason_of(now_s, trusted=False, nonce=nonce), reason)

    def test_the_nonce_does_not_revive_what_is_expired_at_the_floor(self):
        self.assertEqual(self.reason_of(NOW + 961, trusted=False, nonce=NONCE), "expired")
