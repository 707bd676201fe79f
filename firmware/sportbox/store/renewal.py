"""Where new files of a renewal lie, and how far it has come (docs/adr/0012-renewal.md).

    /next/blob                        as it comes, part by part
    /next/config.json, /next/certs/   unpacked: the whole new set
    /next/ready                       one record: the state; without it the folder is litter
    /renewal                          which one was taken over last, and what its files' digests are

Each step is one record that is written whole or not at all, so a power cut leaves the old set or the new.
`base` is the folder that stands for `/` in tests.
"""

import json
import os

from micropython import const

from sportbox.store import record

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    # "state", "id", "jti", "boots", "reason", "keep": path -> SHA-256, others go; in the state `change` also
    # "change": path -> parts of the old file that become others
    State = dict[str, Any]

FILES = (
    "/config.json",
    "/secrets.json",
    "/certs/ca.der",
    "/certs/ca-next.der",
    "/certs/device.der",
    "/certs/device.key",
)
NEEDED = FILES[:2]
NEXT = "/next"
BLOB = "/next/blob"
CERTS = "/next/certs"
READY = "/next/ready"
TAKEN = "/renewal"


def read(path: str) -> "State | None":
    """A record, None if there is none that can be believed."""
    try:
        stored = record.read(path)
        content = None if stored is None else json.loads(stored)
    except (record.Corrupt, ValueError):
        return None
    return content if isinstance(content, dict) else None


def write(path: str, state: "State") -> None:
    """Raises OSError."""
    record.write(path, json.dumps(state).encode())


def clear(base: str = "") -> None:
    """Removes what is left, the record first: from then on the rest is litter. Raises OSError."""
    names = [READY, BLOB]
    names += [NEXT + path for path in FILES]
    for path in names:
        remove(base + path)
    for folder in (CERTS, NEXT):
        try:
            os.rmdir(base + folder)
        except OSError as error:
            if error.errno not in (2, 39):  # ENOENT; ENOTEMPTY: of a firmware that knows more files
                raise


def remove(path: str) -> None:
    """Raises OSError unless the file is gone in the end."""
    try:
        os.remove(path)
    except OSError as error:
        if error.errno != 2:  # ENOENT
            raise
