"""Which wave it is, who is a canary, and when it is bad enough to stop."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from host_tools.update.rollout.board import Board
from host_tools.update.rollout.model import CANARY, ENDED, Row, Settings


def wave_of(rows: Iterable[Row]) -> int:
    """The wave that is under way. One is over when each of its boards has come to an end or is away; that of
    the canaries when all are well."""
    known = list(rows)
    last = max((row.wave for row in known), default=CANARY)
    for wave in range(CANARY, last):
        ends = {"done"} if wave == CANARY else ENDED | {"away"}
        if any(row.wave == wave and row.state not in ends for row in known):
            return wave
    return last


def replace_canaries(boards: Collection[Board], kinds: Mapping[str, str]) -> None:
    """A canary that cannot have its turn now gives its place to a board that can, of its kind if possible."""
    rest = [one for one in boards if one.row.state == "waiting" and one.row.wave > CANARY and one.is_online]
    for board in boards:
        row = board.row
        is_gone = row.state in ("away", "refused", "left") and not row.has_failed
        if not rest or row.wave != CANARY or not is_gone:
            continue
        same = [one for one in rest if kinds.get(one.row.device) == kinds.get(row.device)]
        other = (same or rest)[0]
        rest.remove(other)
        board.row, other.row = replace(row, wave=other.row.wave), replace(other.row, wave=CANARY)
        board.changed = other.changed = True


def too_bad(rows: Iterable[Row], settings: Settings) -> str | None:
    """Why to stop: a canary has failed, or more boards than may."""
    failed = [row for row in rows if row.has_failed]
    canaries = [row for row in failed if row.wave == CANARY]
    if not canaries and len(failed) <= settings.max_failures:
        return None
    if canaries:
        told = "a canary failed" if len(canaries) == 1 else f"{len(canaries)} canaries failed"
    else:
        told = "1 board failed" if len(failed) == 1 else f"{len(failed)} boards failed"
        told += f", {settings.max_failures or 'none'} may"
    return f"{told}: " + ", ".join(f"{row.device} ({row.reason})" for row in canaries or failed)
