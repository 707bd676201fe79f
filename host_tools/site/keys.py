"""Device keys, derived from the site's master secret: nothing to store a device, and rotation is a number."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

SALT = b"sportbox/v1"
KEY_BYTES = 32
CODE_KEY_BYTES = 20
ROLES = ("booking", "ops")


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


def key_id(role: str, version: int) -> str:
    """The `kid` of a token's header, which tells the board the key and its role."""
    return f"{role}-{version}"
