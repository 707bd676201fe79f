"""A site file that is written for the first time, and never over one that is there."""

import os
from pathlib import Path

from host_tools.errors import BadInput, ToolError
from host_tools.words.system import reason


def write_new(path: Path, text: str) -> None:
    """BadInput if something is there; ToolError where it cannot be written."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError as error:
        raise BadInput(
            f"{path} is there already, and is left as it is", "give another file name, or move it away"
        ) from error
    except OSError as error:
        raise BadInput(
            f"cannot write {path}: {reason(error)}", "name one in a folder that is there and yours"
        ) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise ToolError(f"cannot write {path}: {reason(error)}") from error
