"""Orders to the board as a whole: `identify`, `reboot`, `log`, `update`, `selftest`, `crash`, and all of
`configure`. Loaded when one comes and then forgotten, like what it loads itself (docs/adr/0018)."""

import gc

from micropython import const

from sportbox.system.forget import forget

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from sportbox.app import App
    from sportbox.core.lock import Order
    from sportbox.system.receiving import Receiver

_IDENTIFY_MS = const(10000)
_LEAVE_MS = const(3000)  # for the answer, before a restart
_WHOLE_BOARD = ("", "device")
_MODULES = {"log": "telling", "update": "updating", "selftest": "diagnosis", "crash": "diagnosis"}
_RARE = (
    "sportbox.system.orders",
    "sportbox.system.diagnosis",
    "sportbox.system.crash",
    "sportbox.system.setting",
    "sportbox.system.receiving",
    "sportbox.store.renewal",
    "sportbox.store.newfiles",
    "sportbox.store.slots",
)


def refusal(app: "App", order: "Order") -> str:
    """Why the order cannot be taken now, or an empty string: then take() follows. Raises MemoryError."""
    gc.collect()  # what is loaded next finds larger pieces
    reason = "busy"
    try:
        reason = _refusal(app, order)
    finally:
        if reason:
            forget(*_RARE)
    return reason


def take(app: "App", order: "Order") -> None:
    """Carries out what was not refused; leads to exactly one final answer."""
    try:
        _take(app, order)
    finally:
        forget(*_RARE)


def restart_soon(app: "App") -> None:
    app.restart_at_ms = app.box.uptime.ms() + _LEAVE_MS


def _module(order: "Order") -> "Any":
    """What is loaded for it, with `refusal` and `take`; None where nothing is."""
    name = _MODULES.get(order.act)
    if order.act == "configure" and ("set" in order.args or "set_sealed" in order.args):
        name = "setting"
    return None if name is None else __import__("sportbox.system." + name, None, None, ("take",))


def _is_renewal(order: "Order") -> bool:
    return order.act == "configure" and not order.component and "renew" in order.args


def _refusal(app: "App", order: "Order") -> str:
    if order.component not in _WHOLE_BOARD and order.component not in app.box.config["components"]:
        return "malformed"  # for a component that is not there
    if _is_renewal(order):
        if app.update is not None or app.box.slots is not None:  # one that gave way goes on
            return "busy"
        reason = _receiver(app).refusal(order.args["renew"])
        return reason or ("busy" if not order.quiet and app.busy() else "")
    module = _module(order)
    if module is not None:
        if order.component not in _WHOLE_BOARD:
            return "malformed"
        return str(module.refusal(app, order))
    if order.act == "configure" and "reset" not in order.args:
        return "malformed"  # for a component that has nothing to be set
    return "busy" if order.act == "reboot" and app.busy() else ""


def _take(app: "App", order: "Order") -> None:
    if _is_renewal(order):
        result, reason = _receiver(app).take(order)
        if result == "trial":
            restart_soon(app)
        else:
            app.desk.final(order, result, reason)
        return
    module = _module(order)
    if module is not None:
        module.take(app, order)
        return
    if order.act == "identify":
        app.identify_until_ms = app.box.uptime.ms() + _IDENTIFY_MS
    elif order.act == "reboot":
        restart_soon(app)
    else:
        app.info_due = True  # a repair
    app.desk.final(order, "done", None)


def _receiver(app: "App") -> "Receiver":
    if app.receiver is None:
        from sportbox.system.receiving import Receiver

        app.receiver = Receiver()
    return app.receiver
