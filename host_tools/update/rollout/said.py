"""What boards say, as they may say it: anything. What can be read is handed on."""

from typing import Any

from host_tools.update.rollout.board import Board

REASON_MAX = 80


def take_answer(board: Board, value: dict[str, Any], now: float) -> None:
    jti, result, reason = value.get("jti"), value.get("result"), value.get("reason")
    if not isinstance(jti, str) or not isinstance(result, str):
        return
    why = reason[:REASON_MAX] if isinstance(reason, str) else None
    if jti == board.row.jti:
        board.heard_answer(result, why, now)
    elif jti == board.abort_jti:
        board.heard_abort_answer(result, why, now)


def take_event(board: Board, value: dict[str, Any], now: float) -> None:
    kind, data = value.get("type"), value.get("data")
    if not isinstance(data, dict):
        return
    if kind == "sportbox.device.update":
        board.heard_update(data, now)
    elif kind in ("sportbox.device.crashed", "sportbox.device.booted"):
        is_old = value.get("historical") is True
        board.heard_trouble(kind.removeprefix("sportbox."), data, is_old, value.get("bootid"), now)
