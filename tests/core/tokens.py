"""Makes access tokens for tests; its HMAC is held against RFC 4231 in test_token.py."""

import binascii
import json

from sportbox.core.token import Access, Key, hmac_sha256

AUDIENCE = "hafensport-rostock/box-1"
NOW = 1795366800  # 2026-11-22T17:00:00Z
NONCE = "0123456789abcdef"
SECRETS = {"booking-1": b"b" * 32, "ops-1": b"o" * 32, "badge-1": b"x" * 32}


def b64url(data):
    text = binascii.b2a_base64(data).rstrip(b"\n=")
    return text.replace(b"+", b"-").replace(b"/", b"_")


def access():
    roles = {"booking-1": "booking", "ops-1": "ops", "badge-1": "badge"}
    return Access(AUDIENCE, {kid: Key(role, SECRETS[kid]) for kid, role in roles.items()})


def claims(**changes):
    """The claims of a good token; a change to None leaves the claim out."""
    found = {
        "iss": "booking.rostock.example",
        "aud": AUDIENCE,
        "sub": "citizen-4711",
        "jti": "order-1",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + 900,
        "act": "unlock",
        "cmp": "lock-2",
    }
    found.update(changes)
    return {name: value for name, value in found.items() if value is not None}


def header(**changes):
    found = {"alg": "HS256", "typ": "JWT", "kid": "booking-1"}
    found.update(changes)
    return {name: value for name, value in found.items() if value is not None}


def seal(header_json, claims_json, secret):
    """A token of any two texts, signed."""
    signed = b64url(header_json) + b"." + b64url(claims_json)
    return signed + b"." + b64url(hmac_sha256(secret, signed))


def token(the_claims, the_header=None, secret=None):
    the_header = header() if the_header is None else the_header
    if secret is None:
        secret = SECRETS.get(the_header.get("kid"), b"?" * 32)
    return seal(json.dumps(the_header).encode(), json.dumps(the_claims).encode(), secret)
