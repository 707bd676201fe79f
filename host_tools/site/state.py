"""The state directory of a simulated site, and whether `sportbox sim up` runs in it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

STATE_VARIABLE = "SPORTBOX_STATE"
DEFAULT_STATE = ".sportbox"
SITE_FILE = "site.json"
FILE_MAX_BYTES = 65_536


@dataclass(frozen=True)
class Simulation:
    site: str
    broker: str
    pid: int

    @property
    def is_locked_down(self) -> bool:
        """Its boards have what the site's vault says."""
        return self.broker.startswith("mqtts:")


class _SiteJson(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    site: str
    broker: str
    pid: int


def state_dir(chosen: Path | None) -> Path:
    """--state DIR, else $SPORTBOX_STATE, else ./.sportbox"""
    return chosen if chosen is not None else Path(os.environ.get(STATE_VARIABLE) or DEFAULT_STATE)


def running_simulation(directory: Path, site: str) -> Simulation | None:
    """What `sim up` wrote, if it is of this site and still runs."""
    try:
        with (directory / SITE_FILE).open("rb") as file:
            written = _SiteJson.model_validate(json.loads(file.read(FILE_MAX_BYTES)))
    except (OSError, ValueError, ValidationError):
        return None  # nothing runs here, or it is being written just now
    if written.site != site or not alive(written.pid):
        return None
    return Simulation(written.site, written.broker, written.pid)


def alive(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True  # somebody else's process
    return True
