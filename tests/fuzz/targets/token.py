"""Tokens as they come on `cmd`: taken apart and checked. Input: how to sign (a letter), then the text.

`r` leaves it as it is; `b`, `o`, `x` take it for claims and sign them with that key, `h` takes it for a
header and claims with a line break between them: so mutations come as far as what only the holders of keys
reach.
"""

import json

from sportbox.core import token as module
from sportbox.core.token import Refused

from tests.core import tokens
from tests.core.tokens import NONCE, NOW, SECRETS

REASONS = ("signature", "key", "role", "audience", "not_yet", "expired", "lifetime", "clock", "malformed")
KIDS = {b"b": "booking-1", b"o": "ops-1", b"x": "badge-1"}

_ACCESS = tokens.access()


def text(**changes):
    return json.dumps(tokens.claims(**changes)).encode()


SEEDS = [
    b"b" + text(),
    b"b" + text(aud=[tokens.AUDIENCE], nonce=NONCE, sub=None),
    b"o" + text(act="configure", args={"set": {"telemetry_s": 5}}, nonce=NONCE, cmp=None),
    b"o" + text(act="update", args={"sha256": "0" * 64, "size": 9000, "version": "0.2.0"}),
    b"o" + text(exp=NOW - 900, iat=NOW - 1000, nbf=None),
    b"x" + text(),
    b"h" + json.dumps(tokens.header(crit=["exp"])).encode() + b"\n" + text(),
    b"h" + json.dumps(tokens.header(alg="none")).encode() + b"\n" + text(),
    b"r" + tokens.token(tokens.claims()),
    b"r" + tokens.token(tokens.claims(), secret=b"?" * 32),
    b"r..",
]


def made(data):
    """The bytes that come, and the secret that they are signed with: None if nobody signed them here."""
    how, text = data[:1], data[1:]
    if how in KIDS:
        kid = KIDS[how]
        header = json.dumps(tokens.header(kid=kid)).encode()
        return tokens.seal(header, text, SECRETS[kid]), SECRETS[kid]
    if how == b"h":
        parts = text.split(b"\n")
        return tokens.seal(parts[0], b"\n".join(parts[1:]), SECRETS["ops-1"]), SECRETS["ops-1"]
    return text, None


def one(data):
    raw, secret = made(data)
    jti = module.claimed_jti(raw)
    assert jti is None or (0 < len(jti) <= 64 and module.is_text(jti)), jti
    for now_s, trusted in ((NOW, True), (0, False)):
        try:
            token = module.parse(raw)
            _ACCESS.check(token, now_s, trusted, NONCE)
        except Refused as refused:
            assert refused.args[0] in REASONS, refused
            continue
        check_believed(token, raw, secret, now_s, trusted)


def check_believed(token, raw, secret, now_s, trusted):
    """What was let through is what somebody with a key has said, for this board and this time."""
    signed, _, mac = raw.rpartition(b".")
    key = SECRETS[token.header["kid"]]
    assert secret is None or secret == key
    assert tokens.b64url(module.hmac_sha256(key, signed)) == mac, "not signed"
    claims = token.claims
    assert claims["aud"] in (tokens.AUDIENCE, [tokens.AUDIENCE])
    assert type(claims["exp"]) is int, "no whole number"
    assert claims["act"] in module.ACTS and 0 < len(claims["jti"]) <= 64
    assert token.role == "ops" or (token.role == "booking" and claims["act"] == "unlock")
    assert trusted or claims["nonce"] == NONCE
    fresh_repair = claims.get("nonce") == NONCE and claims["act"] == "configure"
    assert fresh_repair or now_s <= claims["exp"] + 60
    assert module.keep_until(token) > 0 and module.issued(token) >= 0
    assert isinstance(claims.get("args", {}), dict)
