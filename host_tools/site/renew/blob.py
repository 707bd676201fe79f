"""What a renewal carries: the files as one blob, cut into parts, each sealed for the board.

    {"files": {"/config.json": 812, "/certs/ca-next.der": 0, ...}}    a line of JSON
    the bytes of the files, in that order; a size of 0 removes the file

A part is 512 bytes of the blob. Sealed it is an IV (16 random bytes), then AES-256-CBC with PKCS#7 padding
(NIST SP 800-38A; RFC 5652, 6.3). The key is HMAC-SHA256 of the ops key that signs the token; the token's
signature, which a board checks first, tells that it is genuine.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from host_tools.site.ca import (
    CA_FILE,
    CERTIFICATE_FILE,
    CONFIG_FILE,
    KEY_FILE,
    NEXT_CA_FILE,
    SECRETS_FILE,
)

FILES = (CONFIG_FILE, SECRETS_FILE, CA_FILE, NEXT_CA_FILE, CERTIFICATE_FILE, KEY_FILE)
"""What a renewal may write on a board."""
PART_BYTES = 512
BLOB_MAX_BYTES = 24 * 1024
ID_SHOWN = 12
"""So many digits of its id a board tells in `info`."""

_PURPOSE = b"sportbox/seal/1"
_BLOCK_BITS = 128


@dataclass(frozen=True, repr=False)
class Renewal:
    """The files for one board; a second one of the same files has the same `id`."""

    blob: bytes

    @property
    def id(self) -> str:
        return hashlib.sha256(self.blob).hexdigest()

    @property
    def short_id(self) -> str:
        return self.id[:ID_SHOWN]

    @property
    def parts(self) -> list[bytes]:
        return [self.blob[at : at + PART_BYTES] for at in range(0, len(self.blob), PART_BYTES)]

    def args(self, part: int, key: bytes) -> dict[str, object]:
        """The arguments of the order that carries a part; `key` is the one that signs it."""
        sealed = base64.urlsafe_b64encode(seal(key, self.parts[part])).rstrip(b"=").decode()
        return {"renew": {"id": self.id, "part": part, "of": len(self.parts), "sealed": sealed}}


def pack(files: Mapping[str, bytes]) -> Renewal:
    """Every file that a renewal may write: what is not given goes from the board. ValueError for others."""
    if not set(files) <= set(FILES):
        raise ValueError(f"not for a renewal: {sorted(set(files) - set(FILES))}")
    contents = {path: files.get(path, b"") for path in FILES}
    sizes = {path: len(content) for path, content in contents.items()}
    header = json.dumps({"files": sizes}, separators=(",", ":")).encode() + b"\n"
    blob = header + b"".join(contents.values())
    if len(blob) > BLOB_MAX_BYTES:
        raise ValueError(f"a board takes at most {BLOB_MAX_BYTES} bytes at once, not {len(blob)}")
    return Renewal(blob)


def unpack(blob: bytes) -> dict[str, bytes]:
    """The files of a blob, as a board reads them; empty ones are to go."""
    header, _, rest = blob.partition(b"\n")
    files = {}
    for path, size in json.loads(header)["files"].items():
        files[path], rest = rest[:size], rest[size:]
    return files


IV_BYTES = _BLOCK_BITS // 8


def sealing_key(key: bytes) -> bytes:
    return hmac.digest(key, _PURPOSE, "sha256")


def seal(key: bytes, part: bytes, iv: bytes = b"") -> bytes:
    """`iv`: IV_BYTES that nobody else can know; fresh ones by themselves."""
    padder = PKCS7(_BLOCK_BITS).padder()
    iv = iv or secrets.token_bytes(IV_BYTES)
    encryptor = Cipher(algorithms.AES(sealing_key(key)), modes.CBC(iv)).encryptor()
    padded = padder.update(part) + padder.finalize()
    return iv + encryptor.update(padded) + encryptor.finalize()


def unseal(key: bytes, sealed: bytes) -> bytes:
    """What `seal` was given; ValueError for what it never made."""
    iv, rest = sealed[: _BLOCK_BITS // 8], sealed[_BLOCK_BITS // 8 :]
    decryptor = Cipher(algorithms.AES(sealing_key(key)), modes.CBC(iv)).decryptor()
    padded = decryptor.update(rest) + decryptor.finalize()
    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    return unpadder.update(padded) + unpadder.finalize()
