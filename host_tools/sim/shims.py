"""The ESP32's modules for the simulated boards' VM, compiled, in a folder that the VM's path points at."""

import hashlib
import os
import shutil
from pathlib import Path

from host_tools.build.firmware import compile_files
from host_tools.setup.paths import REPOSITORY

VM_SOURCES = Path(__file__).parent / "vm"
SHARED = {"_layout.py": "layout.py", "_outputs.py": "outputs.py", "_mechanics.py": "mechanics.py"}
"""What the VM shares with the host."""


def shim_folder() -> Path:
    """Compile the shims when they changed and name the folder that holds them."""
    sources = [(path.name, path) for path in sorted(VM_SOURCES.glob("*.py"))]
    shared = [(name, VM_SOURCES.parent / file) for name, file in SHARED.items()]
    compiled = compile_files([*sources, *shared])
    digest = hashlib.sha256(b"".join(name.encode() + data for name, data in sorted(compiled.items())))
    folder = REPOSITORY / "build" / "shims" / digest.hexdigest()[:16]
    if folder.is_dir():
        return folder
    partial = folder.with_name(f"{folder.name}.{os.getpid()}.tmp")
    partial.mkdir(parents=True, exist_ok=True)
    for name, data in compiled.items():
        (partial / name).with_suffix(".mpy").write_bytes(data)
    try:
        partial.rename(folder)
    except OSError:  # another run was faster with the same content
        shutil.rmtree(partial)
    return folder
