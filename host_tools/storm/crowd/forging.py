"""Tokens with one thing wrong with them, by the reason for which a board refuses them."""

import base64
import json
import random
from collections.abc import Callable
from dataclasses import dataclass

from host_tools.storm.stage import Json
from host_tools.storm.weather.menu import log_uniform
from host_tools.token import JTI_SHOWN_MAX, LIFETIME_MAX_S, TOKEN_MAX_BYTES, make

LEEWAY_S = 60
MARGIN_S = 120
"""More than a board's clock is off by itself."""
DAY_S = 86_400
Keys = dict[str, bytes]


@dataclass(frozen=True)
class Made:
    raw: bytes
    claims: Json
    """What stands in it, as far as anything does."""
    jti: str | None
    """As the refusal names it."""


@dataclass(frozen=True)
class Forgery:
    make: Callable[[random.Random, Json, str, Keys], Made]
    good: bool | None = False
    takes_nonce: bool = False
    """Then the clock is not what it is refused for."""
    by_clock: bool = False
    """A board whose clock was lied to cannot know."""


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _made(claims: Json, key: bytes, kid: str) -> Made:
    return Made(make(claims, key, kid).encode(), claims, _shown(claims))


def _shown(claims: Json) -> str | None:
    jti = claims.get("jti")
    is_text = isinstance(jti, str) and jti != "" and all(" " <= char <= "~" for char in jti)
    return jti[:JTI_SHOWN_MAX] if is_text and isinstance(jti, str) else None


def _signature(rng: random.Random, claims: Json, role: str, keys: Keys) -> Made:
    kid = f"{role}-1"
    way = rng.choice(("strange key", "other role", "changed", "none", "flipped"))
    if way == "strange key":
        return _made(claims, rng.randbytes(32), kid)
    if way == "other role":
        return _made(claims, keys["booking-1"], "ops-1")
    head, body, mac = make(claims, keys[kid], kid).split(".")
    if way == "changed":
        claims = {**claims, "exp": claims["exp"] + 3600}
        body = _b64(json.dumps(claims).encode())
    elif way == "none":
        head = _b64(
            json.dumps({"alg": rng.choice(("none", "HS512", "RS256")), "typ": "JWT", "kid": kid}).encode()
        )
    else:
        flipped = bytearray(base64.urlsafe_b64decode(mac + "="))
        flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
        mac = _b64(bytes(flipped))
    return Made(f"{head}.{body}.{mac}".encode(), claims, _shown(claims))


def _key(rng: random.Random, claims: Json, role: str, keys: Keys) -> Made:
    kid = rng.choice(("booking-2", "ops-0", "ops-1-g2", "root", ""))
    return _made(claims, keys[f"{role}-1"], kid)


def _role(rng: random.Random, claims: Json, _: str, keys: Keys) -> Made:
    act = rng.choice(("lock", "identify", "reboot", "configure", "log", "update", "selftest", "crash"))
    args = {"args": {"reset": rng.choice(("clock", "replay_log"))}} if act == "configure" else {}
    return _made({**claims, "act": act, **args}, keys["booking-1"], "booking-1")


def _audience(rng: random.Random, claims: Json, role: str, keys: Keys) -> Made:
    right = str(claims["aud"])
    wrong = rng.choice(
        (f"{right}x", right.split("/")[0], "", "other/box-9", ["a/b", right], [right, right], None)
    )
    return _made({**claims, "aud": wrong}, keys[f"{role}-1"], f"{role}-1")


def _moved(claims: Json, by_s: int) -> Json:
    return {**claims, **{name: claims[name] + by_s for name in ("iat", "nbf", "exp")}}


def _late_s(rng: random.Random) -> int:
    return LEEWAY_S + MARGIN_S + log_uniform(rng, 1, DAY_S)


def _not_yet(rng: random.Random, claims: Json, role: str, keys: Keys) -> Made:
    return _made(_moved(claims, _late_s(rng)), keys[f"{role}-1"], f"{role}-1")


def _expired(rng: random.Random, claims: Json, role: str, keys: Keys) -> Made:
    valid_s = claims["exp"] - claims["nbf"]
    return _made(_moved(claims, -valid_s - _late_s(rng)), keys[f"{role}-1"], f"{role}-1")


def _lifetime(rng: random.Random, claims: Json, role: str, keys: Keys) -> Made:
    too_long = {**claims, "exp": claims["nbf"] + LIFETIME_MAX_S + log_uniform(rng, 1, 10_000_000)}
    return _made(too_long, keys[f"{role}-1"], f"{role}-1")


def _clock(rng: random.Random, claims: Json, role: str, keys: Keys) -> Made:
    """A nonce of another start of the board: a board that knows the time does not look at it."""
    return _made({**claims, "nonce": rng.randbytes(8).hex()}, keys[f"{role}-1"], f"{role}-1")


def _too_large(rng: random.Random, claims: Json, role: str, keys: Keys) -> Made:
    padded = {**claims, "args": {"pad": "x" * rng.randint(TOKEN_MAX_BYTES, 3 * TOKEN_MAX_BYTES)}}
    made = _made(padded, keys[f"{role}-1"], f"{role}-1")
    return Made(made.raw, claims, None)  # nobody looks into it


def _malformed(rng: random.Random, claims: Json, role: str, keys: Keys) -> Made:
    way = rng.randrange(3)
    if way == 0:
        raw = rng.choice(
            (b"{}", b"unlock", b"..", b"a.b.c", bytes(range(256)), rng.randbytes(rng.randint(1, 400)))
        )
        return Made(raw, {}, None)
    wrong: list[Json] = [
        {"jti": ""},
        {"jti": 7},
        {"jti": None},
        {"jti": "j" * (JTI_SHOWN_MAX + 1)},
        {"act": "open"},
        {"act": None},
        {"cmp": "lock-99"},
        {"cmp": 1},
        {"sub": "s" * 65},
        {"sub": ["x"]},
        {"args": []},
        {"args": "x"},
        {"exp": str(claims["exp"])},
        {"exp": claims["exp"] + 0.5},
        {"exp": -1},
        {"exp": None},
        {"nbf": True},
        {"nbf": 1 << 40},
        {"iat": "now"},
    ]
    changed = {**claims, **rng.choice(wrong)}
    if way == 1:
        return _made(changed, keys[f"{role}-1"], f"{role}-1")
    text = make(claims, keys[f"{role}-1"], f"{role}-1")
    return Made(*rng.choice(_cut_up(text, claims)))


def _cut_up(text: str, claims: Json) -> list[tuple[bytes, Json, str | None]]:
    jti = _shown(claims)
    return [
        (text.rpartition(".")[0].encode(), claims, jti),
        (f"{text}.".encode(), claims, jti),
        (f"{text}=".encode(), claims, jti),
        (f"{text} ".encode(), claims, jti),
        (b"." + text.encode(), {}, None),
        (_nested(text), {}, None),
    ]


def _nested(text: str) -> bytes:
    """Claims nested deeper than a board's parser goes."""
    head, _, mac = text.split(".")
    return f"{head}.{_b64(b'[' * 400 + b']' * 400)}.{mac}".encode()


FORGERIES: dict[str, Forgery] = {
    "signature": Forgery(_signature, takes_nonce=True),
    "key": Forgery(_key, takes_nonce=True),
    "role": Forgery(_role, takes_nonce=True),
    "audience": Forgery(_audience, takes_nonce=True),
    "not_yet": Forgery(_not_yet, by_clock=True),
    "expired": Forgery(_expired, by_clock=True),
    "lifetime": Forgery(_lifetime, takes_nonce=True),
    "clock": Forgery(_clock, good=None),
    "malformed": Forgery(_malformed, takes_nonce=True),
    "too_large": Forgery(_too_large),
}
