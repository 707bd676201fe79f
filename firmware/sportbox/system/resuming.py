"""What is under way of an update goes on: after its order, or at a start that finds it in the record of the
slots. Loaded for that moment: it chooses what is loaded for longer."""

from micropython import const

from sportbox.store import slots
from sportbox.system.forget import forget
from sportbox.system.health import heap_free

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.box import Box

_LEAST = const(10000)  # bytes that must be left while a bundle comes
_PACKET = const(1132)  # a piece with the longest topic
_AGAIN_MS = const(10000)
_LEAST_BEFORE = const(20000)  # the same before the broker is reached, and the first order taken


def resume(box: "Box", base: str = "") -> None:
    """`box.slots` is the record, or empty: to be read again. Raises MemoryError; then try again."""
    forget("sportbox.system.resuming")
    gave_way = not box.slots
    state = box.slots = box.slots or slots.read(base)
    update = state["update"]
    if update is not None and update["state"] in ("pull", "ready"):
        reason = "flash"  # `ready`: the loader did not do its part
        if update["state"] == "pull":
            reason = _pull(box, base)
        if reason == "busy" and gave_way:  # orders, to which it gave way, still take memory
            box.slots = {}
            box.app.update_at_ms = box.uptime.ms() + _AGAIN_MS
            return
        if reason:
            update["state"], update["reason"] = "failed", reason
    if box.app.update is None:
        from sportbox.system.proving import Proof

        box.app.update = Proof(box, state, base)
    box.slots = None


def _pull(box: "Box", base: str) -> str:
    """Why it cannot go on, or an empty string."""
    assert box.slots is not None
    if box.session.room < _PACKET:
        return "space"
    try:
        from sportbox.system.pulling import Pull

        pull = Pull(box, box.slots["update"], base)
        if heap_free() >= (_LEAST if box.session.up else _LEAST_BEFORE):
            box.app.update = pull
            return ""
        reason = "busy"  # the locks need what is left
    except MemoryError:
        reason = "busy"
    except OSError:
        reason = "flash"
    box.session.second = None
    forget("sportbox.system.pulling", "sportbox.store.bundle")
    return reason
