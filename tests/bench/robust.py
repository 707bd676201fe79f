"""umqtt.robust as the package registry has it, beside the pinned umqtt.simple; fetched, never committed."""

import tarfile
from pathlib import Path

from host_tools.setup.paths import UMQTT_FILE
from host_tools.setup.umqtt import FetchError, Sdist, install, sha256
from tests.bench.bench import Unmeasured

VERSION = "1.0"
ROBUST = Sdist(
    requirement=f"micropython-umqtt.robust=={VERSION}",
    sha256="22a1b8c8e1128281efb13b3020927d07e33c5b747869da2cd77d37983a9ea002",
    member=f"micropython-umqtt.robust-{VERSION}/umqtt/robust.py",
    file_sha256="950d64b9aaa369a9bcc30d2142ba6c03f10e7ed6083cdc2d3921cedee747ffff",
)


def fetched(folder: Path) -> Path:
    """A folder for the VM's path with both in one package: robust imports simple from its own."""
    library = folder / f"umqtt.robust-{VERSION}"
    file = library / "umqtt" / "robust.py"
    if not (file.is_file() and sha256(file.read_bytes()) == ROBUST.file_sha256):
        try:
            install(ROBUST, library)
        except (FetchError, OSError, KeyError, tarfile.TarError) as error:
            raise Unmeasured(f"umqtt.robust {VERSION}: {error}") from error
    (library / "umqtt" / "simple.py").write_bytes(UMQTT_FILE.read_bytes())
    return library
