"""Orders about an update of the firmware: is it one, can it be taken now? Loaded when one comes; what goes on
from then is in pulling.py, finishing.py and, after the restart, proving.py."""

from micropython import const

from sportbox.store import record, slots
from sportbox.system.forget import forget

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.app import App
    from sportbox.core.lock import Order

_SIZE_MAX = const(98304)
_DIGITS_MAX = const(4)  # of each number of a version
_HEX = "0123456789abcdef"
_TRIAL = "/next/ready"  # of a renewal
_MODULES = ("sportbox.system.updating", "sportbox.store.slots")


def refusal(app: "App", order: "Order") -> str:
    """Why the order cannot be taken now, or an empty string."""
    reason = _refusal(app, order)
    if reason:
        forget(*_MODULES)
    return reason


def _refusal(app: "App", order: "Order") -> str:
    args = order.args
    if order.component not in ("", "device"):
        return "malformed"
    if args == {"abort": True}:
        has_given_way = app.box.slots == {}
        return "" if has_given_way or (app.update is not None and app.update.may_abort) else "busy"
    if not _is_update(args):
        return "malformed"
    renewal = app.receiver
    if app.update is not None or app.box.slots is not None or record.exists(_TRIAL):
        return "busy"
    return "busy" if renewal is not None and renewal.is_going() else ""


def _is_update(args: "dict[str, object]") -> bool:
    digest, size, version = args.get("sha256"), args.get("size"), args.get("version")
    if type(size) is not int or not 0 < size <= _SIZE_MAX or not isinstance(version, str):
        return False
    if not isinstance(digest, str) or len(digest) != 64 or not all([char in _HEX for char in digest]):
        return False
    parts = version.split(".")
    if len(parts) != 3 or not all([part.isdigit() and len(part) <= _DIGITS_MAX for part in parts]):
        return False
    return len(args) == (4 if args.get("allow_downgrade") is True else 3)


def take(app: "App", order: "Order", base: str = "") -> None:
    """Does what refusal() had nothing against."""
    forget(*_MODULES)
    args = order.args
    order.args = {}  # the log of orders would keep it
    if "abort" in args:
        try:
            _abort(app, base)
            app.desk.final(order, "done", None)
            app.update_at_ms = 0  # to be told now, whatever had to make room for that
        except MemoryError:
            app.desk.final(order, "failed", "busy")
        return
    reason = "power"
    try:
        if not app.short_of_power:
            reason = _begin(app, order.jti, args, base)
    except OSError:
        reason = "flash"
    except MemoryError:
        reason = "busy"
    if reason:
        app.desk.final(order, "failed", reason)


def _abort(app: "App", base: str) -> None:
    if app.update is not None:
        app.update.fail("aborted")
        return
    state = slots.read(base)  # it has given way to orders for locks
    if state["update"] is not None:
        state["update"].update(state="failed", reason="aborted")
    app.box.slots = state


def _begin(app: "App", jti: str, args: "dict[str, object]", base: str) -> str:
    """On flash, it is under way: resuming.py goes on. Raises OSError, MemoryError."""
    update: "dict[str, object]" = {name: args[name] for name in ("sha256", "size", "version")}
    update.update(jti=jti, down="allow_downgrade" in args, state="pull", boots=0, reason=None)
    slots.clear(base)
    state = slots.read(base)
    state["update"] = update
    slots.write(state, base)
    app.box.slots = state
    version = args["version"]
    try:
        app.event("device", "device.update", {"state": "pulling", "version": version, "reason": None})
        app.box.identity["update"] = {"state": "pull", "version": version}
        app.box.publish_info()
    except MemoryError:  # it goes on all the same
        app.uplink.short += 1
    return ""
