"""Boards with two slots below a folder of the test, and bundles whose files are real."""

import json
import os
import struct

from sportbox.store import record, slots

from tests.firmware.bundle_case import bundle, manifest, sha256

OLD = {
    "sportbox/__init__.mpy": b"old" * 40,
    "sportbox/run.mpy": b"o" * 700,
    "umqtt/simple.mpy": b"umqtt" * 30,
}
NEW = {
    "sportbox/__init__.mpy": b"new" * 50,
    "sportbox/core/lock.mpy": bytes(range(256)) * 3,
    "sportbox/run.mpy": b"n" * 900,
    "umqtt/simple.mpy": b"umqtt" * 30,
}
JTI = "jti-1"


def entry(path, content):
    return {"path": path, "sha256": sha256(content), "size": len(content)}


def stored(content):
    """A deflate stream in the plainest form: blocks of 2,000 bytes, not packed."""
    blocks = [content[at : at + 2000] for at in range(0, len(content), 2000)] or [b""]
    stream = b""
    for number, block in enumerate(blocks, 1):
        stream += struct.pack("<BHH", number == len(blocks), len(block), len(block) ^ 0xFFFF) + block
    return stream


def pack(files=NEW, entries=None, contents=None, **changes):
    """A bundle of files by their path; `entries` or `contents` in place of those that are right."""
    paths = sorted(files)
    if entries is None:
        entries = [entry(path, files[path]) for path in paths]
    listed = b"".join([json.dumps(one).encode() + b"\n" for one in entries])
    content = listed + (b"".join([files[path] for path in paths]) if contents is None else contents)
    facts = {"files": len(files), "index": len(listed), "size": len(content) - len(listed)}
    facts.update(changes)
    return bundle(manifest(**facts), stored(content))


def put(base, files):
    for path, content in files.items():
        record.make_dir((base + path).rsplit("/", 1)[0])
        with open(base + path, "wb") as file:
            file.write(content)


def slot_files(slot, files):
    return {"/%s/%s" % (slot, path): content for path, content in files.items()}


def get(folder, below=""):
    """Every file below a folder."""
    found = {}
    try:
        entries = list(os.ilistdir(folder))
    except OSError:
        return found
    for name, kind, *_ in entries:
        if kind == 0x4000:
            found.update(get(folder + "/" + name, below + name + "/"))
        else:
            with open(folder + "/" + name, "rb") as file:
                found[below + name] = file.read()
    return found


def order(data, **changes):
    """The update of a record."""
    update = {"jti": JTI, "sha256": sha256(data), "size": len(data), "version": "0.2.0", "down": False}
    update.update({"state": "ready", "boots": 0, "reason": None})
    update.update(changes)
    return update


def received(base, data, slot="a", spare=False, **changes):
    """A board whose bundle has come."""
    put(base, slot_files(slot, OLD))
    put(base, {slots.BUNDLE: data})
    write(base, order(data, **changes), slot, spare)


def write(base, update, slot="a", spare=False, fell=""):
    slots.write({"slot": slot, "spare": spare, "fell": fell, "update": update}, base)
