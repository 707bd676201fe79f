"""Records of the world page, seen from the host: fields as attributes, as the VM's uctypes gives them."""

import mmap
import struct
from typing import Any

Fields = dict[str, tuple[int, str]]


class Record:
    """The part of a page that begins at `at`. Each store is atomic."""

    __slots__ = ("_at", "_fields", "_page")
    _at: int
    _fields: Fields
    _page: mmap.mmap

    def __init__(self, page: mmap.mmap, at: int, fields: Fields) -> None:
        object.__setattr__(self, "_page", page)
        object.__setattr__(self, "_at", at)
        object.__setattr__(self, "_fields", fields)

    def __getattr__(self, name: str) -> int:
        at, code = self._fields[name]
        return int(struct.unpack_from(code, self._page, self._at + at)[0])

    def __setattr__(self, name: str, value: int) -> None:
        at, code = self._fields[name]
        struct.pack_into(code, self._page, self._at + at, value)

    def put(self, **values: Any) -> None:
        for name, value in values.items():
            setattr(self, name, value)
