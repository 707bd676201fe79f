"""What would change at a site, and changing it: what `site plan`, `site apply` and `site status` share.

A provider knows one part of a site: what it should be by site file and vault, and what it is. It compares
anew each time, so whatever was cut off half way is simply found again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

What = Literal["add", "change", "remove", "renew", "missing"]
SIGNS: dict[What, str] = {"add": "+", "change": "~", "remove": "-", "renew": "~", "missing": "?"}


@dataclass(frozen=True)
class Change:
    """One difference between declared and real. Nothing in it is secret."""

    part: str  # of the site: `broker`, `boards`, ...
    name: str  # of the file, board or entity
    what: What  # `missing`: only a person can mend it; `text` says what to type
    text: str
    diff: tuple[str, ...] = ()  # lines of a unified diff


class Provider(Protocol):
    part: str

    def changes(self) -> list[Change]:
        """Everything that differs now. Raises Unreachable when that cannot be known."""

    def apply(self, changes: Sequence[Change], say: Callable[[str], None]) -> list[str]:
        """Make the given changes; what is left undone, a sentence each. Raises ToolError."""

    def notes(self) -> list[str]:
        """What is no difference, but should be known."""
