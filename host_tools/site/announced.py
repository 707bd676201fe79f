"""Home Assistant's part of a site, around the broker's: what is announced needs the rights for it first, what
is taken back needs those of before, and a Mosquitto says nothing to who has none."""

import re
from collections.abc import Callable, Sequence

from host_tools.brokers.mosquitto import SERVICES_ACL
from host_tools.data.home_assistant import HomeAssistant
from host_tools.mqtt import Address
from host_tools.site.models import Site
from host_tools.site.plan import Change, Provider
from host_tools.site.sections import HomeAssistant as Section

ALL = "all boards"
LATER = "its entities are announced once the broker has taken over the rights for that"


_PREFIX = re.compile(rb"^topic write ([\w-]+(?:/[\w-]+)*)/#$", re.MULTILINE)
"""No other right of a service is to write everything below a topic."""


def retired(site: Site, address: Address, rights: bytes | None) -> HomeAssistant | None:
    """What is to be taken back, as the output has another prefix or is off: by the `rights` of services that
    the broker has now."""
    found = _PREFIX.search(rights or b"")
    output = site.outputs.home_assistant
    prefix = found[1].decode() if found else None
    if prefix is None or (output is not None and output.prefix == prefix):
        return None
    before = site.outputs.model_copy(update={"home_assistant": Section(prefix=prefix)})
    empty = site.model_copy(update={"outputs": before, "devices": {}})
    return HomeAssistant(empty, address, lambda _: False)


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
