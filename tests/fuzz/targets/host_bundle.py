"""Bundles for `sportbox update show`. Input: `f`, then a file; `m` a manifest, `l` a list of files, in a
bundle that is sound otherwise; `z` what is packed in one whose head fits.

Whatever passes is what boards are given: paths that stay inside, sizes within the limits.
"""

import json
import time
import zlib
from pathlib import Path
from typing import Any

from host_tools.commands.update.bundles import _lines
from host_tools.errors import BadInput
from host_tools.output import printable
from host_tools.update.form import PATH, WINDOW_BITS, sha256
from host_tools.update.pack import assemble, line
from host_tools.update.read import read_bundle
from tests.fuzz import place
from tests.host import bundles

CPU_S_MAX = 5.0
_GOOD = bundles.packed()
_MANIFEST = _GOOD[48 : _GOOD.index(b"\n") + 1]
_FACTS: dict[str, Any] = json.loads(_MANIFEST)
_ENTRIES = b"".join(
    line({"path": path, "sha256": sha256(content), "size": len(content)})
    for path, content in sorted(bundles.FILES.items())
)
_TABLE = -(-(len(_GOOD) - 48 - len(_MANIFEST)) // 1032) * 8
_PACKED = _GOOD[48 + len(_MANIFEST) + _TABLE :]

SEEDS = [b"f" + _GOOD, b"m" + _MANIFEST, b"l" + _ENTRIES, b"z" + _PACKED, b"f" + _GOOD[:60], b"f"]


def made(data: bytes) -> bytes:
    how, text = data[:1], data[1:]
    if how == b"m":
        return assemble(text, _PACKED)
    if how == b"l":
        packer = zlib.compressobj(1, zlib.DEFLATED, -WINDOW_BITS)
        packed = packer.compress(text + b"".join(bundles.FILES[path] for path in sorted(bundles.FILES)))
        packed += packer.flush()
        return assemble(line({**_FACTS, "index": len(text), "sha256": sha256(packed)}), packed)
    if how == b"z":
        return assemble(line({**_FACTS, "sha256": sha256(text)}), text)
    return text


def one(data: bytes) -> None:
    content = made(data)
    path = Path(place.fresh()) / "a.update"
    path.write_bytes(content)
    begin = time.process_time()
    try:
        bundle = read_bundle(path)
    except BadInput as error:
        assert str(error) == printable(str(error)), "reaches the terminal"
        return
    finally:
        assert time.process_time() - begin < CPU_S_MAX, "slow"
    assert bundle.sha256 == sha256(content) and bundle.size == len(content)
    for entry, inside in zip(bundle.index, bundle.contents, strict=True):
        assert PATH.fullmatch(entry.path) and ".." not in entry.path
        assert len(inside) == entry.size and sha256(inside) == entry.sha256
    for shown in _lines(bundle):
        assert shown == printable(shown), "reaches the terminal"
    json.dumps(bundle.facts())
