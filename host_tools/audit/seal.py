"""What makes a journal's entries hold together: a hash chain that anybody can follow, and a key that nobody
has who has the file alone.

    hash of entry n = SHA-256(hash of entry n-1, content of entry n)
    mac  of entry n = HMAC(key, hash of entry n)

The first entry follows the journal's start: the hash of its name and site, or of the newest entry that was
removed. Start and head (the newest entry) have a mac of their own, which no entry's can stand in for.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any, Literal

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
HASH_BYTES = 32
FORMAT = 1

EndName = Literal["start", "head"]


@dataclass(frozen=True)
class Entry:
    """`n` counts from 1 without a gap; `body` is what `canonical` made."""

    n: int
    at_s: int  # when it was noted
    source: str
    id: str
    body: str

    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found


@dataclass(frozen=True)
class Sealed:
    entry: Entry
    hash: bytes
    mac: bytes


@dataclass(frozen=True)
class End:
    """The start: the newest entry that is not there any more (0: all are there); or the head: the newest."""

    n: int
    at_s: int
    hash: bytes
    mac: bytes = b""

    def __str__(self) -> str:
        return f"{self.n}:{self.hash.hex()}"


def canonical(value: Any) -> str:
    """The one form in which a value is hashed and kept."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def first_hash(site: str, journal: str) -> bytes:
    """What the first entry of a journal follows."""
    return hashlib.sha256(canonical(["sportbox audit", FORMAT, site, journal]).encode()).digest()


def hash_of(before: bytes, entry: Entry) -> bytes:
    text = canonical([entry.n, entry.at_s, entry.source, entry.id, entry.body])
    return hashlib.sha256(before + text.encode()).digest()


class Key:
    """Seals entries and ends, and tells whether a seal is its own."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        self._secret = secret

    @classmethod
    def of_simulation(cls, master: bytes, site: str) -> "Key":
        """For a site without a vault."""
        info = f"{site}/audit".encode()
        return cls(HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=b"sportbox/v1", info=info).derive(master))

    def seal(self, before: bytes, entry: Entry) -> Sealed:
        chained = hash_of(before, entry)
        return Sealed(entry, chained, self._entry_mac(chained))

    def sealed_it(self, sealed: Sealed) -> bool:
        return hmac.compare_digest(self._entry_mac(sealed.hash), sealed.mac)

    def end(self, name: EndName, n: int, at_s: int, chained: bytes) -> End:
        return End(n, at_s, chained, self._end_mac(name, n, at_s, chained))

    def sealed_end(self, name: EndName, end: End) -> bool:
        return hmac.compare_digest(self._end_mac(name, end.n, end.at_s, end.hash), end.mac)

    def _entry_mac(self, chained: bytes) -> bytes:
        return hmac.digest(self._secret, b"entry" + chained, "sha256")

    def _end_mac(self, name: EndName, n: int, at_s: int, chained: bytes) -> bytes:
        return hmac.digest(self._secret, canonical([name, n, at_s, chained.hex()]).encode(), "sha256")
