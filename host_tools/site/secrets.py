"""The master secret of a site, kept in its state directory: readable by the owner alone, created once."""

import base64
import binascii
import json
import os
import secrets
import stat
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from host_tools.errors import BadInput, ToolError

FILE_NAME = "secrets.json"
MASTER_BYTES = 32
FILE_MAX_BYTES = 65_536


class _Stored(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)

    site: str
    master: str


def load_or_create(state_dir: Path, site: str) -> bytes:
    """The site's master secret; two commands that create it at once agree on one."""
    path = state_dir / FILE_NAME
    if not path.exists():
        _create(path, site)
    return _load(path, site)


def site_of(state_dir: Path) -> str | None:
    """Whose secret lies there; None where there is none, or none that can be read."""
    try:
        with (state_dir / FILE_NAME).open("rb") as file:
            return _Stored.model_validate_json(file.read(FILE_MAX_BYTES)).site
    except (OSError, ValidationError):
        return None


def _create(path: Path, site: str) -> None:
    master = base64.urlsafe_b64encode(secrets.token_bytes(MASTER_BYTES)).rstrip(b"=").decode()
    draft = path.with_name(f".{FILE_NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump({"site": site, "master": master}, file)
                file.flush()
                os.fsync(file.fileno())
            os.link(draft, path)  # unlike a rename, this never replaces a secret that is in use
        except FileExistsError:
            return  # another command was first; its secret counts
        finally:
            draft.unlink()
    except OSError as error:
        raise ToolError(
            f"cannot create {path}: {error.strerror or error}",
            hint="give a directory that you may write to with --state DIR",
        ) from error


def _load(path: Path, site: str) -> bytes:
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        text = path.read_bytes()[: FILE_MAX_BYTES + 1].decode("utf-8")
    except OSError as error:
        raise ToolError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise _damaged(path) from error
    if mode & 0o077:
        raise BadInput(f"{path} is readable by others (mode {mode:04o})", hint=f"chmod 600 {path}")
    try:
        stored = _Stored.model_validate(json.loads(text))
        master = base64.b64decode(
            stored.master + "=" * (-len(stored.master) % 4), altchars=b"-_", validate=True
        )
    except (ValidationError, ValueError, binascii.Error) as error:
        raise _damaged(path) from error
    if len(master) != MASTER_BYTES:
        raise _damaged(path)
    if stored.site != site:
        raise BadInput(
            f"{path.parent} belongs to site `{stored.site}`, not to `{site}`",
            hint="give each site a directory of its own with --state DIR",
        )
    return master


def _damaged(path: Path) -> BadInput:
    return BadInput(
        f"{path} is damaged: it must be a JSON object with `site` and `master`",
        hint="restore it from a backup; without it the boards must get new keys",
    )
