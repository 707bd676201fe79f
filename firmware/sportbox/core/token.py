"""Access tokens: JWS compact serialisation (RFC 7515) with HS256 (RFC 7518), claims as in RFC 7519.

`parse` takes a token apart without believing it, `Access.check` decides. The reasons of a refusal are
those of docs/PROTOCOL.md. Everything here is pure: the caller brings the time, the nonce and the
replay log.
"""

import binascii
import hashlib
import json

from micropython import const

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Hash(Protocol):
        def update(self, data: bytes | memoryview) -> object: ...
        def digest(self) -> bytes: ...


ACTS = ("unlock", "lock", "identify", "reboot", "configure", "log", "update", "selftest", "crash")

_BLOCK = const(64)  # bytes of a block of SHA-1 and SHA-256 (FIPS 180-4)
_LIFETIME_S = const(86400)
_LEEWAY_S = const(60)
_TEXT_MAX = const(64)  # characters of jti, sub, cmp
_TIME_MAX = const(1 << 40)
_LAST = (b"", b"", b"AQgw", b"AEIMQUYcgkosw048")  # what may end a text of base64url, by its length modulo 4


class Refused(Exception):
    """`args[0]` is the reason."""


class Token:
    """A token taken apart; nothing in it is verified, but `role`: that of its key, if that is right."""

    role = ""

    def __init__(
        self, header: "dict[str, object]", claims: "dict[str, object]", signed: memoryview, mac: bytes
    ) -> None:
        self.header = header
        self.claims = claims
        self.signed = signed
        self.mac = mac

    def text(self, name: str) -> str:
        """The claim as a string of 1 to 64 printable ASCII characters, or an empty one."""
        value = self.claims.get(name)
        return value if isinstance(value, str) and is_text(value) and len(value) <= _TEXT_MAX else ""

    def seconds(self, name: str) -> int | None:
        value = self.claims.get(name)
        if value is None:
            return None
        if type(value) is not int or not 0 <= value < _TIME_MAX:
            raise Refused("malformed")
        return value


def is_text(value: str) -> bool:
    """Printable ASCII: these strings travel on into events, logs and terminals. Its bytes are looked at, for
    each character would be a string of its own."""
    try:
        data = value.encode()
    except ValueError:  # half a character; MicroPython encodes it
        return False
    return value != "" and min(data) >= 0x20 and max(data) <= 0x7E


def hmac(hash_of: "Callable[[bytes], Hash]", key: bytes, message: "bytes | memoryview") -> bytes:
    """HMAC (RFC 2104) with a hash that works on blocks of 64 bytes. The pads are made by one XOR over the
    whole block, for a loop over its bytes takes a board about a millisecond."""
    if len(key) > _BLOCK:
        key = hash_of(key).digest()
    pad = bytearray(_BLOCK)
    pad[: len(key)] = key
    block = int.from_bytes(pad, "big")
    inner = hash_of(_pad(block, b"\x36"))
    inner.update(message)
    outer = hash_of(_pad(block, b"\x5c"))
    outer.update(inner.digest())
    return outer.digest()


def _pad(block: int, fill: bytes) -> bytes:
    return (block ^ int.from_bytes(fill * _BLOCK, "big")).to_bytes(_BLOCK, "big")


def hmac_sha256(key: bytes, message: "bytes | memoryview") -> bytes:
    return hmac(hashlib.sha256, key, message)


def same(a: bytes, b: bytes) -> bool:
    """Compares in a time that does not tell where the difference is."""
    if len(a) != len(b):
        return False
    difference = 0
    for i in range(len(a)):
        difference |= a[i] ^ b[i]
    return difference == 0


def un_b64url(text: bytes) -> bytes:
    """base64url without padding (RFC 7515, appendix C). Raises ValueError unless `text` is the one canonical
    encoding of something."""
    data = binascii.a2b_base64(text.replace(b"-", b"+").replace(b"_", b"/") + b"==="[: -len(text) % 4])
    rest = len(text) % 4
    if rest and text[-1] not in _LAST[rest]:  # its bits beyond the last byte are not 0
        raise ValueError("base64url")
    # it skips what is not of the alphabet, and takes that of base64, too
    if len(data) != len(text) * 3 // 4 or b"+" in text or b"/" in text or b"=" in text:
        raise ValueError("base64url")
    return data


def parse(raw: bytes) -> Token:
    """Raises Refused("malformed") unless `raw` is three dotted parts, the first two JSON objects, and
    MemoryError where it does not fit."""
    parts = raw.split(b".", 3)  # no more: a payload of dots must not cost a piece of memory each
    if len(parts) != 3 or not parts[2]:
        raise Refused("malformed")
    try:
        header = json.loads(un_b64url(parts[0]))
        claims = json.loads(un_b64url(parts[1]))
        mac = un_b64url(parts[2])
    except (ValueError, RuntimeError):  # RuntimeError: JSON nested too deep
        raise Refused("malformed")
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise Refused("malformed")
    return Token(header, claims, memoryview(raw)[: len(parts[0]) + 1 + len(parts[1])], mac)


def claimed_jti(raw: bytes) -> str | None:
    """The jti for the answer to a token that was refused: unverified, at most 64 characters."""
    parts = raw.split(b".", 2)
    if len(parts) < 2:
        return None
    try:
        claims = json.loads(un_b64url(parts[1]))
    except (ValueError, RuntimeError, MemoryError):
        return None
    return jti_of(claims) if isinstance(claims, dict) else None


def jti_of(claims: "dict[str, object]") -> str | None:
    """For the answer to a refused token that could be taken apart."""
    jti = claims.get("jti")
    return jti[:_TEXT_MAX] if isinstance(jti, str) and is_text(jti) else None


class Key:
    def __init__(self, role: str, secret: bytes) -> None:
        self.role = role
        self.secret = secret


class Access:
    """Decides whether a token may act on this device."""

    def __init__(self, audience: str, keys: "dict[str, Key]") -> None:
        self._audience = audience
        self._keys = keys

    def check(self, token: Token, now_s: int, trusted: bool, nonce: str) -> None:
        """Raises Refused. `now_s` is the best time (0 while unknown), `trusted` whether it can prove
        that a token is current; if not, the token must carry this boot's `nonce`."""
        header = token.header
        kid = header.get("kid")
        key = self._keys.get(kid) if isinstance(kid, str) else None
        if key is None:
            raise Refused("key")
        if header.get("alg") != "HS256" or not same(hmac_sha256(key.secret, token.signed), token.mac):
            raise Refused("signature")
        token.role = key.role
        if header.get("crit") is not None:  # RFC 7515, 4.1.11: what is not understood is refused
            raise Refused("malformed")
        self._check_shape(token)
        audience = token.claims.get("aud")
        if audience != self._audience and audience != [self._audience]:
            raise Refused("audience")
        if key.role != "ops" and (key.role != "booking" or token.claims["act"] != "unlock"):
            raise Refused("role")
        fresh = token.claims.get("nonce") == nonce
        repair = (
            fresh and token.claims["act"] == "configure"
        )  # must get through to a board with a wrong clock
        self._check_times(token, 0 if repair else now_s, trusted and not repair)
        if not trusted and not fresh:
            raise Refused("clock")

    def secret_of(self, token: Token) -> bytes:
        """The key of a token that was checked."""
        return self._keys[str(token.header["kid"])].secret

    def _check_shape(self, token: Token) -> None:
        claims = token.claims
        if claims.get("act") not in ACTS or not token.text("jti"):
            raise Refused("malformed")
        for name in ("sub", "cmp"):
            if claims.get(name) is not None and not token.text(name):
                raise Refused("malformed")
        if not isinstance(claims.get("args", {}), dict):
            raise Refused("malformed")

    def _check_times(self, token: Token, now_s: int, trusted: bool) -> None:
        expires_s = token.seconds("exp")
        issued_s = token.seconds("iat")
        begins_s = token.seconds("nbf")
        if begins_s is None:
            begins_s = issued_s
        if expires_s is None or begins_s is None:
            raise Refused("malformed")
        if expires_s - begins_s > _LIFETIME_S:
            raise Refused("lifetime")
        if now_s > expires_s + _LEEWAY_S:
            raise Refused("expired")
        if trusted and (now_s < begins_s - _LEEWAY_S or (issued_s or 0) > now_s + _LEEWAY_S):
            raise Refused("not_yet")


def issued(token: Token) -> int:
    """When it was made, Unix seconds; its begin where it does not say."""
    for name in ("iat", "nbf"):
        at_s = token.seconds(name)
        if at_s is not None:
            return at_s
    return 0


def keep_until(token: Token) -> int:
    """Until when (Unix seconds) the jti must be remembered: its end and the leeway."""
    expires_s = token.seconds("exp")
    assert expires_s is not None  # check() has seen it
    return expires_s + _LEEWAY_S
