"""What a person sees of a rollout: bars on a terminal, lines elsewhere, objects for programs."""

import sys
from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Protocol

from host_tools.output import emit, printable, say
from host_tools.update.rollout.board import Board
from host_tools.update.rollout.model import BOARD_STATES, UNDER_WAY, Rollout, Row

Json = dict[str, Any]
ROWS_MAX = 12
MEANINGS = {
    "aborted": "it was told to give up",
    "audience": "the order was meant for another board",
    "block": "pieces of the bundle came damaged, again and again",
    "board": "the bundle is not for this kind of board",
    "busy": "something else is under way there",
    "clock": "it has no time, and does not take the nonce",
    "boot_loop": "it restarted again and again",
    "crash": "the new version raised an error when it started",
    "damaged": "a file of the new version was not as it should be",
    "door": "one is open",
    "downgrade": "it has a newer version; --allow-downgrade",
    "expired": "its clock and this computer's differ",
    "flash": "its flash could not be written",
    "hash": "what it got is not the bundle that the order names",
    "key": "it has other keys: is it the right --state, or --vault?",
    "lend": "something is lent, or an order runs",
    "lost": "it was updated and is back at its old version; why, was not heard",
    "malformed": "its firmware takes no updates over the air: sportbox provision",
    "micropython": "the bundle is not for its MicroPython",
    "no_data": "it asked for the bundle and got nothing",
    "no_key": "it has none of these keys: sportbox provision, or sportbox site apply",
    "not_yet": "its clock and this computer's differ",
    "offline": "it is not there",
    "power": "its battery is low, or it lost its power",
    "role": "the key may not update",
    "signature": "it has other keys: is it the right --state, or --vault?",
    "silent": "it has not come back, or said nothing more",
    "sleeping": "it sleeps",
    "space": "its flash has no room",
    "too_old": "its firmware takes no updates over the air: sportbox provision",
    "unproven": "the new version started three times and was never well",
    "unreachable": "with the new version it did not reach the broker",
    "watchdog": "with the new version the watchdog bit",
}
WORDS = {
    "ordered": "is told",
    "pulling": "takes the bundle",
    "left": "was left as it is",
}


def meaning(reason: str) -> str:
    found = MEANINGS.get(reason)
    return printable(reason) + (f" ({found})" if found else "")


def sentence(row: Row, rollout: Rollout) -> str:
    """What has become of a board, for the eye."""
    reason = meaning(row.reason) if row.reason else ""
    if row.state == "waiting":
        return f"is asked again later: {reason}" if reason else "waits for its turn"
    if row.state == "trying":
        return f"has the bundle, and waits: {reason}" if reason else "installs it, and tries it"
    if row.state == "soaking":
        return f"runs {rollout.version}, and is watched for {rollout.settings.soak_s} s"
    if row.state == "done":
        return f"has {rollout.version}"
    if row.state == "away":
        return f"is away: {reason or 'never seen at the broker'}"
    if row.state in WORDS:
        return WORDS[row.state]
    return f"{row.state}: {reason or 'unknown'}"


def row_facts(row: Row) -> Json:
    return {
        "board": row.device,
        "wave": row.wave,
        "state": row.state,
        "reason": row.reason,
        "was": row.was,
        "orders": row.orders,
    }


def facts(rollout: Rollout, rows: Iterable[Row], state: str, why: str | None) -> Json:
    count = Counter(row.state for row in rows)
    return {
        "rollout": rollout.id,
        "state": state,
        "why": why,
        "version": rollout.version,
        "sha256": rollout.sha256,
        "boards": {name: count[name] for name in BOARD_STATES if count[name]},
    }


class Screen(Protocol):
    def changed(self, board: Board) -> None: ...

    def look(self, boards: Iterable[Board]) -> None:
        """Called now and then with all of them."""

    def __enter__(self) -> "Screen": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def screen_for(rollout: Rollout, json_: bool) -> Screen:
    return Lines(rollout, json_) if json_ or not sys.stderr.isatty() else Bars(rollout)


class Lines:
    """One a change: objects on stdout, or sentences on stderr."""

    def __init__(self, rollout: Rollout, json_: bool) -> None:
        self._rollout = rollout
        self._json = json_
        self._told: dict[str, str] = {}

    def __enter__(self) -> Screen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def changed(self, board: Board) -> None:
        if self._json:
            emit(row_facts(board.row))
            return
        told = sentence(board.row, self._rollout)
        # the end tells which were left; and what sounds the same is one thing for a person
        if board.row.state != "left" and self._told.get(board.row.device) != told:
            say(f"{board.row.device} {told}")
        self._told[board.row.device] = told

    def look(self, boards: Iterable[Board]) -> None:
        return None


class Bars:
    """A bar for all boards, and one for each that is under way. What went wrong is said above them."""

    def __init__(self, rollout: Rollout) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        self._rollout = rollout
        self._progress = Progress(
            TextColumn("{task.fields[board]}", markup=False),
            BarColumn(bar_width=24),
            TextColumn(
                "{task.description}",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
            ),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            expand=True,
        )
        self._all = self._progress.add_task("", total=None, board=f"to {rollout.version}")
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Screen:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks.values():
            self._progress.remove_task(task)
        self._progress.stop()

    def changed(self, board: Board) -> None:
        if board.row.state in ("failed", "refused") or (board.row.state == "waiting" and board.row.reason):
            say(f"{board.row.device} {sentence(board.row, self._rollout)}")

    def look(self, boards: Iterable[Board]) -> None:
        known = list(boards)
        count = Counter(board.row.state for board in known)
        told = ", ".join(f"{count[name]} {name}" for name in BOARD_STATES if count[name])
        self._progress.update(self._all, total=len(known), completed=count["done"], description=told)
        under_way = {board.row.device: board for board in known if board.row.state in UNDER_WAY}
        for name in set(self._tasks) - set(under_way):
            self._progress.remove_task(self._tasks.pop(name))
        for name, board in under_way.items():
            if name not in self._tasks:
                if len(self._tasks) >= ROWS_MAX:
                    continue
                self._tasks[name] = self._progress.add_task("", total=self._rollout.size, board=f"  {name}")
            at = board.at if board.row.state in ("ordered", "pulling") else self._rollout.size
            told = sentence(board.row, self._rollout)
            self._progress.update(self._tasks[name], completed=at, description=told)
