"""Alarm times: nobody should be there, so what tells of somebody is an alarm."""

from micropython import const

from sportbox.core.hours import Hours

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.kit import Kit


class Alarm(Hours):
    """A board that does not know the time gives none; it reports everything as always."""

    def sounds(self, component: str, kind: str, data: "dict[str, object]", now_ms: int) -> bool:
        """True for an event that is an alarm now: a door forced, motion inside, the housing opened."""
        if kind == "occupancy.changed":
            if not component.startswith("inside-") or data.get("state") != "occupied":
                return False
        elif kind != "door.forced" and (kind != "device.tamper" or data.get("open") is not True):
            return False
        return self.known() and self.contain(now_ms)


def build(kit: "Kit") -> Alarm:
    return Alarm(kit.config["alarm_times"], kit.config["utc_offsets"], kit.app.clock)
