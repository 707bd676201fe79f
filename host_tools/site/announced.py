"""Home Assistant's part of a site, behind the broker's: it cannot be looked at before the rights for it are
there, and a Mosquitto says nothing to who has none."""

from collections.abc import Callable, Sequence

from host_tools.brokers.mosquitto import SERVICES_ACL
from host_tools.data.home_assistant import HomeAssistant
from host_tools.site.plan import Change, Provider

ALL = "all boards"
LATER = "its entities are announced once the broker has taken over the rights for that"


class Announced:
    """`broker`: None where it is not set up from here."""

    def __init__(self, entities: HomeAssistant, broker: Provider | None) -> None:
        self.part = entities.part
        self._entities = entities
        self._broker = broker

    def changes(self) -> list[Change]:
        """Raises Unreachable."""
        if self._is_too_early():
            return [Change(self.part, ALL, "add", LATER)]
        return self._entities.changes()

    def apply(self, changes: Sequence[Change], say: Callable[[str], None]) -> list[str]:
        if any(change.name == ALL for change in changes):
            return [f"Home Assistant: {LATER}"]
        return self._entities.apply(changes, say)

    def notes(self) -> list[str]:
        return self._entities.notes()

    def _is_too_early(self) -> bool:
        return self._broker is not None and any(
            change.name == SERVICES_ACL for change in self._broker.changes()
        )
