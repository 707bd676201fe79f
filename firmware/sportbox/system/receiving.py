"""A renewal on its way in: parts are put together on flash, checked and unpacked beside what is in use.

Loaded with the first part. What a part carries is sealed for this board: AES-256 in CBC mode, padded as in
RFC 5652, 6.3; that it is genuine the signature of its token has shown before.
"""

import gc
import json

from micropython import const

from sportbox.core.token import hmac_sha256, un_b64url
from sportbox.store import newfiles, record, renewal

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from sportbox.core.lock import Order

    Outcome = tuple[str, str | None]

_PART = const(512)
_PARTS_MAX = const(48)
_ID = const(64)
_AES_BLOCK = const(16)
_CBC = const(2)
_DAMAGED: "Outcome" = ("failed", "damaged")


class Receiver:
    seen = -1  # the size of what had come when somebody last wanted to know whether it goes on

    def __init__(self, base: str = "") -> None:
        self._base = base
        self._id = ""

    def refusal(self, args: "Any") -> str:
        """Of the arguments of an order: why they cannot be taken now, or an empty string."""
        if not isinstance(args, dict):
            return "malformed"
        part, of, digest, sealed = args.get("part"), args.get("of"), args.get("id"), args.get("sealed")
        if type(part) is not int or type(of) is not int or not 0 <= part < of <= _PARTS_MAX:
            return "malformed"
        if not isinstance(digest, str) or len(digest) != _ID or not isinstance(sealed, str):
            return "malformed"
        return "busy" if record.exists(self._base + renewal.READY) else ""

    def is_going(self) -> bool:
        """Whether something has come since the last question, so that one that was given up is in nobody's
        way for long."""
        size = newfiles.size(self._base + renewal.BLOB)
        seen, self.seen = self.seen, size
        return size not in (0, seen)

    def take(self, order: "Order") -> "Outcome":
        """What has become of a part that refusal() had nothing against: `done`, or `failed` and why. With the
        last one everything lies ready: `trial`, and what becomes of it the boots to come will tell."""
        args: "Any" = order.args["renew"]
        secret = order.secret
        order.args = {}  # the log of orders would keep it
        order.secret = b""
        gc.collect()
        try:
            outcome = self._take(args, hmac_sha256(secret, b"sportbox/seal/1"))
            if outcome[0] == "done" and args["part"] == args["of"] - 1:
                return self._finish(order.jti)
            return outcome
        except MemoryError:
            return "failed", "busy"  # later there may be enough
        except OSError:
            return "failed", "flash"

    def _take(self, args: "dict[str, Any]", key: bytes) -> "Outcome":
        path = self._base + renewal.BLOB
        part = args["part"]
        if part == 0:
            renewal.clear(self._base)
            record.make_dir(self._base + renewal.NEXT)
            self._id = args["id"]
        size = 0 if part == 0 or self._id != args["id"] else newfiles.size(path)
        if self._id != args["id"] or size < _PART * part:
            return "failed", "order"
        content = unseal(key, args["sealed"])
        is_last = part == args["of"] - 1
        if content is None or not (0 < len(content) <= _PART and (is_last or len(content) == _PART)):
            return _DAMAGED
        if size == _PART * part:  # else it is there already
            with open(path, "ab") as file:
                file.write(content)
        elif size != _PART * part + len(content) and is_last:
            return "failed", "order"
        return "done", None

    def _finish(self, jti: str) -> "Outcome":
        base = self._base
        if newfiles.digest(base + renewal.BLOB) != self._id or not self._unpack():
            self._id = ""
            renewal.clear(base)
            return _DAMAGED
        renewal.remove(base + renewal.BLOB)
        state = newfiles.new("trial", self._id, jti)
        state["keep"] = newfiles.digests(base)
        renewal.write(base + renewal.READY, state)
        return "trial", None

    def _unpack(self) -> bool:
        """False if the blob holds what no renewal may."""
        base = self._base
        with open(base + renewal.BLOB, "rb") as blob:
            header = blob.read(_PART).split(b"\n")[0]
            try:
                sizes = json.loads(header)["files"]
            except (ValueError, KeyError, TypeError):
                return False
            if not _is_allowed(sizes):
                return False
            if newfiles.size(base + renewal.BLOB) != len(header) + 1 + sum(sizes.values()):
                return False
            blob.seek(len(header) + 1)  # what follows is in the order of the text, which a dict does not keep
            record.make_dir(base + renewal.CERTS)
            for path in sorted(sizes, key=lambda path: header.find(b'"%s"' % path.encode())):
                newfiles.copy(blob, base + renewal.NEXT + path, sizes[path])
        for path in renewal.FILES:  # what the blob leaves out stays as it is
            if path not in sizes and record.exists(base + path):
                newfiles.copy_over(base, path)
        return True


def _is_allowed(sizes: "Any") -> bool:
    if not isinstance(sizes, dict):
        return False
    for path, size in sizes.items():
        if path not in renewal.FILES or type(size) is not int or size < 0:
            return False
        if size == 0 and path in renewal.NEEDED:
            return False
    return True


def unseal(key: bytes, sealed: str) -> "bytes | None":
    """None if it was not sealed with this key, as far as the padding tells."""
    from cryptolib import aes

    try:
        data = un_b64url(sealed.encode())
    except ValueError:
        return None
    if not 2 * _AES_BLOCK <= len(data) <= _PART + 2 * _AES_BLOCK or len(data) % _AES_BLOCK:
        return None
    plain: bytes = aes(key, _CBC, data[:_AES_BLOCK]).decrypt(data[_AES_BLOCK:])
    fill = plain[-1]
    if not 1 <= fill <= _AES_BLOCK or plain[-fill:] != bytes([fill]) * fill:
        return None
    return plain[:-fill]
