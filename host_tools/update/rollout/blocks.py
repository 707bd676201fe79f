"""`update/get` and `update/data`: a board asks for a piece of the bundle and gets it.

asked = read_request(payload, bundle)      None for what is none, or is about another bundle
publish(slice_of(asked, bundle))
"""

import struct
from dataclasses import dataclass
from typing import Any

from host_tools.update.form import BLOCK_BYTES, sha256

NAME_DIGITS = 16
"""So many digits of the bundle's SHA-256 stand in a request, half as many bytes in an answer."""
_HEAD = struct.Struct("<8sI")


@dataclass(frozen=True, repr=False)
class Source:
    """A bundle to be handed out."""

    data: bytes
    sha256: str

    @classmethod
    def of(cls, data: bytes) -> "Source":
        return cls(data, sha256(data))


@dataclass(frozen=True)
class Request:
    at: int
    count: int


def read_request(message: dict[str, Any], source: Source) -> Request | None:
    """None for what is damaged, about another bundle or beyond its end."""
    at, count = _whole(message.get("at")), _whole(message.get("bytes"))
    if message.get("sha256") != source.sha256[:NAME_DIGITS]:
        return None
    if not 0 < count <= BLOCK_BYTES or not 0 <= at < len(source.data):
        return None
    return Request(at, min(count, len(source.data) - at))


def around(request: Request, source: Source) -> list[Request]:
    """What a board may want whose last known request this is: that again, or what comes next."""
    after = request.at + request.count
    if after >= len(source.data):
        return [request]
    return [request, Request(after, min(BLOCK_BYTES, len(source.data) - after))]


def slice_of(request: Request, source: Source) -> bytes:
    name = bytes.fromhex(source.sha256[:NAME_DIGITS])
    return _HEAD.pack(name, request.at) + source.data[request.at : request.at + request.count]


def _whole(value: object) -> int:
    """-1 for what is no whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) else -1
