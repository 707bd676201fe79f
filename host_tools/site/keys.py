"""Device keys, derived from the site's master secret: nothing to store a device, and rotation is a number."""

import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SALT = b"sportbox/v1"
KEY_BYTES = 32
CODE_KEY_BYTES = 20
ROLES = ("booking", "ops")

_KID = re.compile(r"(booking|ops)-([0-9]{1,4})(?:-g([0-9]{1,4}))?")


def device_key(master: bytes, site: str, device: str, role: str, version: int) -> bytes:
    """The 32-byte HS256 key of one role on one device."""
    if role not in ROLES:
        raise ValueError(f"no such role: {role}")
    info = f"{site}/{device}/{role}/{version}".encode()
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=SALT, info=info).derive(master)


def code_key(master: bytes, site: str, device: str, lock: str, version: int) -> bytes:
    """The 20-byte HOTP key of one lock's keypad codes (RFC 4226: as long as a SHA-1)."""
    info = f"{site}/{device}/{lock}/code/{version}".encode()
    return HKDF(algorithm=SHA256(), length=CODE_KEY_BYTES, salt=SALT, info=info).derive(master)


def key_id(role: str, version: int, generation: int = 1) -> str:
    """The `kid` of a token's header, which tells the board the key and its role. `generation` is that of the
    master secret: `booking-1`, and after the first rotation `booking-1-g2`."""
    return f"{role}-{version}" + (f"-g{generation}" if generation > 1 else "")


@dataclass(frozen=True)
class KeyName:
    role: str
    version: int
    generation: int


def read_key_id(kid: str) -> KeyName | None:
    """A `kid` taken apart; None for one that `key_id` does not make."""
    match = _KID.fullmatch(kid)
    if match is None:
        return None
    found = KeyName(match[1], int(match[2]), int(match[3] or 1))
    return found if key_id(found.role, found.version, found.generation) == kid else None


@dataclass(frozen=True, repr=False)
class Master:
    """A master secret and its generation."""

    secret: bytes
    generation: int = 1

    def key(self, site: str, device: str, role: str, version: int) -> bytes:
        return device_key(self.secret, site, device, role, version)

    def key_id(self, role: str, version: int) -> str:
        return key_id(role, version, self.generation)
