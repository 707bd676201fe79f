"""Mosquitto's password file: a line a user, `user:$7$iterations$salt$hash`, PBKDF2 with SHA-512, salt of 12
bytes, salt and hash in base64 (mosquitto_passwd(1); src/password_mosq.h of its source).

The broker counts while all clients wait, and the passwords are random with 192 bits: so few iterations do.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Mapping

ITERATIONS = 101
"""As mosquitto_passwd has it."""
ITERATIONS_MAX = 1_000_000
SALT_BYTES = 12
HASH_BYTES = 64


def password_file(passwords: Mapping[str, str], before: bytes = b"") -> bytes:
    """Lines that are there and right are kept, so that making the file again changes nothing."""
    kept = _lines(before)
    lines = []
    for user, password in sorted(passwords.items()):
        line = kept.get(user)
        lines.append(line if line is not None and verifies(line, password) else hashed(user, password))
    return "".join(f"{line}\n" for line in lines).encode()


def renewed(before: bytes, after: bytes) -> list[str]:
    """The users whose line differs."""
    old, new = _lines(before), _lines(after)
    return sorted(user for user in old.keys() | new.keys() if old.get(user) != new.get(user))


def hashed(user: str, password: str) -> str:
    salt = secrets.token_bytes(SALT_BYTES)
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS, HASH_BYTES)
    return f"{user}:$7${ITERATIONS}${_base64(salt)}${_base64(made)}"


def verifies(line: str, password: str) -> bool:
    """Whether a line lets somebody in with this password."""
    try:
        _, kind, iterations, salt, made = line.partition(":")[2].split("$")
        count, wanted = int(iterations), base64.b64decode(made, validate=True)
        if kind != "7" or not 0 < count <= ITERATIONS_MAX or len(wanted) != HASH_BYTES:
            return False
        raw = base64.b64decode(salt, validate=True)
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hashlib.pbkdf2_hmac("sha512", password.encode(), raw, count), wanted)


def _lines(content: bytes) -> dict[str, str]:
    return {line.partition(":")[0]: line for line in content.decode("utf-8", "replace").split("\n") if line}


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
