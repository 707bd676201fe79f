"""Every damage to a bundle is found, and told."""

import json
import os
import random
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest

from host_tools.cli import main
from host_tools.update.form import (
    BLOCK_BYTES,
    HEADER,
    HEADER_BYTES,
    MAGIC,
    WINDOW_BITS,
    head_digest,
    sha256,
)
from host_tools.update.limits import BUNDLE_BYTES_MAX, FILES_BYTES_MAX
from host_tools.update.pack import assemble, line
from host_tools.update.read import Damaged, unpack
from tests.host.bundles import FILES, made, packed


def test_every_byte_that_changes_is_found() -> None:
    """All places, one bit or all of them."""
    data = packed()
    assert unpack(data).manifest.version == "1.2.3"
    for place in range(len(data)):
        for flip in (1, 0x80, 0xFF):
            changed = bytearray(data)
            changed[place] ^= flip
            with pytest.raises(Damaged):
                unpack(bytes(changed))


def test_every_length_but_the_whole_one_is_found() -> None:
    data = packed()
    for length in range(len(data)):
        with pytest.raises(Damaged):
            unpack(data[:length])
    with pytest.raises(Damaged, match="3 bytes follow its end"):
        unpack(data + b"abc")


# --- bundles that somebody made, with digests that fit ---


def test_a_bundle_by_another_maker_is_read() -> None:
    assert unpack(made()).contents == [FILES[path] for path in sorted(FILES)]


def entry(path: str = "main.py", **more: Any) -> dict[str, Any]:
    return {"path": path, "sha256": sha256(FILES["main.py"]), "size": len(FILES["main.py"]), **more}


ONE = {"main.py": FILES["main.py"]}
FIELDS = HEADER.pack(MAGIC, 1, WINDOW_BITS, 0, 0, BLOCK_BYTES)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is no bundle: it is empty"),
        (b"PK\x03\x04" + bytes(100), "is no bundle"),
        (MAGIC, "is cut off: it has 4 bytes, its header alone 48"),
        (MAGIC + bytes(BUNDLE_BYTES_MAX), "is too large for a board"),
        (HEADER.pack(MAGIC, 2, 14, 0, 0, 1024) + bytes(32), "has form 2, this sportbox reads up to 1"),
        (HEADER.pack(MAGIC, 1, 15, 0, 0, 1024) + bytes(32), "values that no bundle has"),
        (HEADER.pack(MAGIC, 1, 14, 0, 0, 0) + bytes(32), "values that no bundle has"),
        (
            HEADER.pack(MAGIC, 1, 14, 60_000, 0, 1024) + bytes(32),
            "a manifest of 60000 bytes",
        ),
        (HEADER.pack(MAGIC, 1, 14, 9, 2**32 - 1, 1024) + bytes(32), "is cut off"),
        (FIELDS + head_digest(FIELDS, b"", b""), "the manifest is not one line"),
        (made(manifest_line=b'{"boards":'), "the manifest is not one line"),
        (made(manifest_line=b"{}\n{}\n"), "the manifest is not one line"),
        (made(manifest_line=b'{"boards":\n'), "the manifest is no JSON"),
        (made(manifest_line=b"\xff\xfe\n"), "the manifest is no JSON"),
        (made(manifest_line=b"[" * 900 + b"\n"), "the manifest is no JSON"),
        (made(manifest_line=b"[]\n"), "the manifest is no JSON object"),
        (made(manifest_line=b"{}\n"), "the manifest: boards: is required"),
        (made(lambda m: m.update(more=1)), "the manifest: more: "),
        (made(lambda m: m.update(version="1.2")), "the manifest: version: "),
        (made(lambda m: m.update(files="2")), "the manifest: files: "),
        (made(lambda m: m.update(files=True)), "the manifest: files: "),
        (made(lambda m: m.update(size=FILES_BYTES_MAX + 1)), "the manifest: size: "),
        (made(lambda m: m.update(boards=["\x1b[2J"])), "the manifest: boards.0: "),
        (made(lambda m: m.update(boards=[])), "the manifest: boards: "),
        (made(lambda m: m["micropython"].update(first="new")), "the manifest: micropython.first: "),
        (made(lambda m: m.update(sha256="0" * 64)), "another SHA-256 than the manifest says"),
        (made(lambda m: m.update(size=m["size"] - 1)), "another size than the manifest says"),
        (made(lambda m: m.update(size=m["size"] + 1)), "another size than the manifest says"),
        (made(lambda m: m.update(files=3)), "it lists 2 files, and its manifest says 3"),
        (made(lambda m: m.update(flash=0)), "another part of the flash"),
        (made(lambda m: m.update(mpy=5)), "no bytecode of .mpy version 5"),
        (
            made(listed=b"{}\n[]\n", files=ONE, entries=[entry(), entry()]),
            "line 1 of the list of files: path: ",
        ),
        (made(listed=b"nonsense\n", files=ONE, entries=[entry()]), "line 1 of the list of files is no JSON"),
        (made(entries=[entry("../main.py")], files=ONE), "holds `../main.py`, which is no path"),
        (made(entries=[entry("/main.py")], files=ONE), "holds `/main.py`, which is no path"),
        (made(entries=[entry("a/../../main.py")], files=ONE), "which is no path"),
        (made(entries=[entry("a//main.py")], files=ONE), "which is no path"),
        (made(entries=[entry("main.py\n")], files=ONE), r"holds `main.py\\x0a`, which is no path"),
        (made(entries=[entry("secrets.json")], files=ONE), "holds `secrets.json`, which is no path"),
        (made(entries=[entry("a" * 62 + ".py")], files=ONE), "line 1 of the list of files: path: "),
        (made(entries=[entry(size=15)], files=ONE), "the sizes of its files are not those"),
        (made(entries=[entry(size=-1)], files=ONE), "line 1 of the list of files: size: "),
        (made(entries=[entry(sha256="0" * 64)], files=ONE), "main.py has another SHA-256 than the list"),
        (
            made(entries=[entry(), entry()], files={"a": ONE["main.py"], "b": ONE["main.py"]}),
            "holds main.py twice",
        ),
        (
            made(entries=[entry(), entry("boot.py")], files={"a": ONE["main.py"], "b": ONE["main.py"]}),
            "boot.py comes after main.py",
        ),
        (made(files={"a.mpy": b"M\x06\x10\x1f"}), "a.mpy is no bytecode"),
    ],
)
def test_what_is_wrong_is_named(
    data: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "given.update"
    path.write_bytes(data)
    assert main(["update", "show", str(path)]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"error: {path} ")
    assert message.replace("\\\\", "\\") in told
    assert "\nhint: " in told
    assert "\x1b" not in told


def test_a_foreign_block_is_named() -> None:
    """Digests of all the rest are right, so only its own line of the table tells."""
    data = bytearray(packed({**FILES, "noise.py": random.Random(6).randbytes(5000)}))
    data[-2 * BLOCK_BYTES] ^= 1
    with pytest.raises(Damaged, match=r"block \d+ \(bytes \d+ to \d+\) is not what the table"):
        unpack(bytes(data))


def test_little_that_becomes_much_stays_little() -> None:
    """A bomb: the reader unpacks no more than the manifest may say."""
    bomb = zlib.compressobj(9, zlib.DEFLATED, -WINDOW_BITS)
    stream = bomb.compress(bytes(60_000_000)) + bomb.flush()
    assert len(stream) < BUNDLE_BYTES_MAX
    data = assemble(made_manifest(stream), stream)
    tracemalloc.start()
    try:
        with pytest.raises(Damaged, match="another size"):
            unpack(data)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def made_manifest(stream: bytes) -> bytes:
    text = made()[HEADER_BYTES:].partition(b"\n")[0]
    return line({**json.loads(text), "sha256": sha256(stream)})


def test_nobody_waits_at_a_pipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert main(["update", "show", str(tmp_path / "pipe")]) == 2
    assert "is a pipe, not a bundle" in capsys.readouterr().err
