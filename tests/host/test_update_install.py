"""The loader unpacks the bundle of the whole firmware in the VM: compiled, as on a board, in a small heap."""

import json
from pathlib import Path

import pytest

from host_tools.build.firmware import compile_files
from host_tools.update import build as building
from host_tools.update.form import sha256
from host_tools.update.read import unpack
from tests.host.helpers import ROOT
from tests.vm.machine import executable, run_bounded

SOURCES = {
    "loader/install.py": "loader/install.py",
    "loader/sportbox/__init__.py": "sportbox/__init__.py",
    "loader/sportbox/store/__init__.py": "sportbox/store/__init__.py",
    "loader/sportbox/store/record.py": "sportbox/store/record.py",
    "loader/sportbox/store/slots.py": "sportbox/store/slots.py",
}
SCRIPT = """
import gc
import json
import sys

sys.path[:] = ["loader", ".frozen"]
from sportbox.store import slots

slots.write({"slot": "a", "spare": True, "fell": "", "update": json.loads(%r)}, ".")
gc.collect()
before = gc.mem_alloc()
from install import install

feeds = [0, 0]
def feed():
    feeds[0] += 1
    if feeds[0] %% 64 == 0:
        gc.collect()
        feeds[1] = max(feeds[1], gc.mem_alloc() - before)

install(feed, False, ".")
print(json.dumps({"memory": feeds[1], "state": slots.read(".")}))
"""
HEAP = "40k"


@pytest.mark.skipif(executable() is None, reason="no MicroPython VM here")
def test_the_whole_firmware_in_a_small_heap(tmp_path: Path) -> None:
    bundle = building.build()
    compiled = compile_files([(name, ROOT / "firmware" / path) for name, path in SOURCES.items()])
    for name, content in compiled.items():
        path = (tmp_path / name).with_suffix(".mpy")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "update").mkdir()
    (tmp_path / "update" / "bundle").write_bytes(bundle)
    order = {"jti": "j", "sha256": sha256(bundle), "size": len(bundle), "version": "0.2.0", "down": False}
    script = SCRIPT % json.dumps(order | {"state": "ready", "boots": 0, "reason": None})
    vm = executable()
    assert vm is not None
    ended, said = run_bounded([vm, "-X", f"heapsize={HEAP}", "-c", script], ".frozen", tmp_path, 60)
    assert ended == "exit status 0", said
    told = json.loads(said.splitlines()[-1])
    assert told["state"]["update"]["state"] == "trial", said
    assert told["state"]["spare"] is False
    assert told["memory"] < 28 * 1024, "more than the window and a little"
    slot = tmp_path / "b"
    found = {p.relative_to(slot).as_posix(): p.read_bytes() for p in slot.rglob("*") if p.is_file()}
    whole = unpack(bundle)
    assert found == {e.path: c for e, c in zip(whole.index, whole.contents, strict=True)}
