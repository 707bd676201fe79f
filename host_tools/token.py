"""Access tokens: JWS compact, HS256, one kind for every way in (docs/PROTOCOL.md, access)."""

import base64
import binascii
import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.jwk import OctKey

ALGORITHM = "HS256"
LIFETIME_MAX_S = 86_400
JTI_SHOWN_MAX = 64
TOKEN_MAX_BYTES = 1_536  # of the firmware
ACTIONS = ("unlock", "lock", "identify", "reboot", "configure", "log", "update", "selftest", "crash")
BOOKING_ACTIONS = ("unlock",)


@dataclass(frozen=True)
class Order:
    """What a token asks of a board, and when it may."""

    site: str
    device: str
    component: str
    now_s: int
    valid_s: int
    act: str = "unlock"
    subject: str = "cli"
    not_before_s: int | None = None
    nonce: str | None = None
    args: dict[str, Any] = field(default_factory=dict)

    def claims(self) -> dict[str, Any]:
        starts_s = self.now_s if self.not_before_s is None else self.not_before_s
        found: dict[str, Any] = {
            "iss": f"sportbox:{self.site}",
            "aud": f"{self.site}/{self.device}",
            "sub": self.subject,
            "jti": uuid.uuid4().hex,
            "iat": self.now_s,
            "nbf": starts_s,
            "exp": starts_s + self.valid_s,
            "act": self.act,
            "cmp": self.component,
        }
        if self.args:
            found["args"] = self.args
        if self.nonce is not None:
            found["nonce"] = self.nonce
        return found


def make(claims: dict[str, Any], key: bytes, kid: str) -> str:
    """A signed token. Any JWT library makes the same: HS256 over the claims with the board's key."""
    header = {"alg": ALGORITHM, "typ": "JWT", "kid": kid}
    return jwt.encode(header, claims, OctKey.import_key(key), algorithms=[ALGORITHM])


def jwk(key: bytes, kid: str) -> dict[str, str]:
    """The key as a JSON Web Key, for a booking service."""
    return {
        "kty": "oct",
        "k": base64.urlsafe_b64encode(key).rstrip(b"=").decode(),
        "kid": kid,
        "alg": ALGORITHM,
    }


def unverified_claims(token: str) -> dict[str, Any] | None:
    """The claims as they stand in a token, proven by nothing; None if it is none."""
    parts = token.split(".")
    if len(parts) < 2:
        return None
    try:
        content = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        claims = json.loads(content)
    except (binascii.Error, ValueError, RecursionError):
        return None
    if base64.urlsafe_b64encode(content).rstrip(b"=").decode() != parts[1]:
        return None  # Python's decoder skips what is no base64url; boards do not
    return claims if isinstance(claims, dict) else None


def unverified_jti(token: str) -> str | None:
    """The `jti` by which a board's answer is known."""
    claims = unverified_claims(token)
    jti = claims.get("jti") if claims is not None else None
    return jti if isinstance(jti, str) and jti else None
