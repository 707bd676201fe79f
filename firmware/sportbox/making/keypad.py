"""A keypad of a configuration."""

from micropython import const

from sportbox.core.slots import Slots
from sportbox.parts.keypad import Keypad

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.kit import Facts, Kit
    from sportbox.parts.keypad import Reader


def build(name: str, facts: "Facts", kit: "Kit") -> Keypad:
    slots = Slots(
        facts["slot_s"],
        facts["open_from_s"],
        facts["open_to_s"],
        facts["days"],
        kit.config.get("utc_offsets") or [],
    )
    keys = keys_of(facts["opens"], kit.secrets)
    return Keypad(name, make_reader(facts, kit), slots, keys, kit.app, kit.reports, kit.now_ms)


def keys_of(opens: "list[str]", secrets: "Facts") -> "list[tuple[str, bytes]]":
    """The keys of the locks' codes. While the site's master secret is renewed a lock has two: codes of both
    open, and a slot's code counts once."""
    codes, before = secrets["codes"], secrets.get("codes_before") or {}
    keys = [(lock, bytes.fromhex(codes[lock])) for lock in opens]
    return keys + [(lock, bytes.fromhex(before[lock])) for lock in opens if lock in before]


def make_reader(facts: "Facts", kit: "Kit") -> "Reader":
    if facts["reader"] == "wiegand":
        from sportbox.drivers.wiegand import Wiegand

        return Wiegand(facts["d0"], facts["d1"], kit.on_edge)
    from sportbox.drivers.matrix import Matrix

    return Matrix(facts["rows"], facts["columns"], kit.on_edge)
