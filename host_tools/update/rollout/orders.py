"""What a board is told, and which boards are told nothing."""

from typing import Any, Protocol

from host_tools.site.present import SAFE
from host_tools.update.rollout.board import ORDER_VALID_S, Board
from host_tools.update.versions import is_older


class Signer(Protocol):
    def has_key(self, device: str, info: dict[str, Any]) -> bool: ...

    def token(self, device: str, info: dict[str, Any], claims: dict[str, Any]) -> str:
        """Claims without audience and nonce. Only where there is a key."""


def claims_of(board: Board, what: str, jti: str, now_s: int) -> dict[str, Any]:
    """Of an `order` or an `abort`. An order that is sent again is the same one."""
    begin = board.row.ordered_s if what == "order" and board.row.ordered_s else now_s
    args: dict[str, Any] = {"abort": True}
    if what == "order":
        target = board.target
        args = {"sha256": target.sha256, "size": target.size, "version": target.version}
        if _goes_down(board):
            args["allow_downgrade"] = True
    return {"jti": jti, "iat": begin, "exp": begin + ORDER_VALID_S, "act": "update", "args": args}


def needs_no_order(board: Board, signer: Signer, now: float) -> bool:
    """True, and settled, for boards that have the version, and for those that cannot take it."""
    version = board.target.version
    if board.has(version):
        board.end("done", None, now)
    elif board.update_state in ("ready", "trial"):
        board.hold(now)
    elif "slot" not in board.info:
        board.end("refused", "too_old", now)
    elif not signer.has_key(board.row.device, board.info):
        board.end("refused", "no_key", now)
    elif not board.settings.down and is_older(version, board.firmware):
        board.end("refused", "downgrade", now)
    else:
        return False
    return True


def _goes_down(board: Board) -> bool:
    """Whether the board needs leave to take the version, and has it. Safe mode tells no version."""
    return board.settings.down and (board.firmware == SAFE or is_older(board.target.version, board.row.was))
