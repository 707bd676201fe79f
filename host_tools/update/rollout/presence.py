"""What a board says of itself: its newest `info` and `availability`."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(kw_only=True)
class Presence:
    info: dict[str, Any] = field(default_factory=dict)
    availability: str | None = None
    gone_at: float | None = None  # since then it is not online

    @property
    def is_online(self) -> bool:
        return self.availability == "online" and bool(self.info)

    @property
    def firmware(self) -> str | None:
        value = self.info.get("firmware")
        return value if isinstance(value, str) else None

    def has(self, version: str) -> bool:
        """It runs the version, and is not still trying it."""
        return self.firmware == version and not self.is_updating

    @property
    def is_updating(self) -> bool:
        return self.update_state in ("pull", "ready", "trial")

    @property
    def update_state(self) -> str | None:
        return self._of_update("state")

    @property
    def update_version(self) -> str | None:
        return self._of_update("version")

    def _of_update(self, name: str) -> str | None:
        update = self.info.get("update")
        value = update.get(name) if isinstance(update, dict) else None
        return value if isinstance(value, str) else None

    def heard_availability(self, text: str, now: float) -> None:
        self.availability = text
        if text == "online":
            self.gone_at = None
        elif self.gone_at is None:
            self.gone_at = now
