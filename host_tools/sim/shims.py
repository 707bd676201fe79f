"""The ESP32's modules for the simulated boards' VM, compiled, as the image of a ROM that all boards map.

On an ESP32 these modules are C and take nothing of the heap. From a ROM the VM executes in place, so that
here they take little of it. Only the first one, which mounts the ROM, is a file on the VM's path.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from mpremote.romfs import VfsRomWriter

from host_tools.build.firmware import compile_files
from host_tools.setup.paths import REPOSITORY

VM_SOURCES = Path(__file__).parent / "vm"
ROM_FILE = "shims.romfs"
START = "_start.py"
SHARED = {"_layout.py": "layout.py", "_outputs.py": "outputs.py", "_mechanics.py": "mechanics.py"}
"""What the VM shares with the host."""


def shim_folder(first: Path | None = None, more: Sequence[Path] = ()) -> Path:
    """Compile the shims when they changed and name the folder that holds the ROM. `first`: code that begins
    before them, and stands beside it; `more`: other shims."""
    sources = [(path.name, path) for path in sorted(VM_SOURCES.glob("*.py"))]
    shared = [(name, VM_SOURCES.parent / file) for name, file in SHARED.items()]
    begins = [(path.name, path) for path in ([first] if first is not None else []) + list(more)]
    compiled = compile_files([*sources, *shared, *begins])
    digest = hashlib.sha256(b"".join(name.encode() + data for name, data in sorted(compiled.items())))
    folder = REPOSITORY / "build" / "shims" / digest.hexdigest()[:16]
    if folder.is_dir():
        return folder
    partial = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    partial.mkdir(parents=True, exist_ok=True)
    rom = VfsRomWriter()
    for name, data in compiled.items():
        if first is not None and name == first.name:
            (partial / name).with_suffix(".mpy").write_bytes(data)
            continue
        rom.mkfile(str(Path(name).with_suffix(".mpy")), data)
    (partial / ROM_FILE).write_bytes(rom.finalise())
    (partial / START).with_suffix(".mpy").write_bytes(compiled[START])
    try:
        partial.rename(folder)
    except OSError:  # another run was faster with the same content
        shutil.rmtree(partial)
    return folder
