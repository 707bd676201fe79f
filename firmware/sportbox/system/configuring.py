"""Orders that change or repair the board itself, `configure`: what must hold before they are taken. Loaded
when one comes (docs/adr/0018-what-only-the-start-needs.md)."""

from micropython import const

from sportbox.core import token as tokens
from sportbox.system.forget import forget

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.access import Desk
    from sportbox.core.lock import Order


def configure(desk: "Desk", order: "Order", token: "tokens.Token", now_ms: int) -> None:
    """They must carry the nonce of now on any rung of the clock, for neither a lost log nor a wrong clock can
    tell whether they are fresh; with it their time does not matter."""
    forget("sportbox.system.configuring")
    replay = desk._replay
    what = order.args
    is_part = list(what) == ["renew"]
    is_change = bool(what) and all([name in ("set", "set_sealed") for name in what])
    if not is_part and not is_change and what not in ({"reset": "replay_log"}, {"reset": "clock"}):
        desk._refuse(order, "malformed")
        return
    if token.claims.get("nonce") != desk.nonce:
        desk._refuse(order, "replayed" if replay.used(order.jti) else "clock")
        return
    if is_part or is_change:
        order.secret = desk._access.secret_of(token)
    if is_part:
        order.quiet = not _is_last(what["renew"])
    if not replay.readable and what == {"reset": "replay_log"}:
        try:
            replay.reset(desk._clock.now(now_ms))
        except OSError:
            desk._refuse(order, "busy")
            return
    if desk._order(order, tokens.keep_until(token), now_ms) and not order.quiet:
        desk._configured(what)


def _is_last(renew: object) -> bool:
    """Of a renewal's parts; also of what is none, which shall be told as loud."""
    try:
        return not renew["part"] < renew["of"] - 1  # type: ignore[index]
    except (KeyError, TypeError):
        return True
