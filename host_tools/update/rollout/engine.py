"""All boards of a rollout: whose turn it is, when to widen, when to stop. Pure but for its file (store.py).

engine.connected(now)
engine.take("box-1", ("ack",), payload, now)     what a board says
engine.step(now)                                 twice a second and more
engine.out                                       what is to be published, in order
engine.end                                       once there is nothing more to do
"""

import itertools
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from host_tools.mqtt import Topics
from host_tools.site.renew.line import object_of
from host_tools.update.rollout.blocks import Request, Source, around, read_request, slice_of
from host_tools.update.rollout.board import Board
from host_tools.update.rollout.judge import replace_canaries, too_bad, wave_of
from host_tools.update.rollout.model import (
    CANARY,
    ENDED,
    PULLING,
    UNDER_WAY,
    Limits,
    Rollout,
    State,
    Target,
)
from host_tools.update.rollout.orders import Signer, claims_of, needs_no_order
from host_tools.update.rollout.said import take_answer, take_event
from host_tools.update.rollout.store import Store

SETTLE_S = 0.5
"""After a pause of that length the broker has told of all boards that it knows,"""
SETTLE_MAX_S = 5.0
"""or after that time."""
LOOK_S = 0.5
"""How often it looks what others ask for."""


@dataclass(frozen=True)
class Message:
    topic: str
    payload: bytes
    device: str


class Engine:
    """`tell` is called with each board that has changed, after that is on disk."""

    def __init__(
        self,
        store: Store,
        rollout: Rollout,
        kinds: dict[str, str],
        signer: Signer,
        now: float,
        limits: Limits | None = None,
        tell: Callable[[Board], None] = lambda _board: None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.rollout = rollout
        self.state: State = rollout.state
        self.why: str | None = None
        self.out: deque[Message] = deque()
        self.end: State | None = None
        self._store = store
        self._signer = signer
        self._kinds = kinds
        self._tell = tell
        self._wall = wall
        self._source = Source.of(store.bundle(rollout))
        target = Target(rollout.sha256, rollout.size, rollout.version)
        limits = limits or Limits()
        self.boards = {
            row.device: Board(
                row=row,
                target=target,
                settings=rollout.settings,
                limits=limits,
                wall_s=lambda: int(wall()),
                new_jti=lambda: uuid.uuid4().hex,
            )
            for row in store.rows(rollout)
        }
        for board in self.boards.values():
            board.take_up(now)
        self._connected_at: float | None = None
        self._heard_at = now
        self._looked_at = now
        self._settled = False
        self._unheard: set[tuple[str, str]] = set()
        self._idle_since: float | None = None

    # ---- the connection

    def connected(self, now: float) -> None:
        self._connected_at = self._heard_at = now
        self._idle_since, self._settled = None, False
        self._unheard = set(itertools.product(self.boards, ("availability", "info")))
        for board in self.boards.values():
            board.connected(now)
            if board.row.state == "pulling" and board.asked is not None and self.state != "aborting":
                # a request or its answer was lost, and a board waits longer each time before it asks again
                for request in around(board.asked, self._source):
                    self._answer(board, request)

    def lost(self) -> None:
        """Nothing is decided until there is a connection again."""
        self._connected_at = None
        self.out.clear()

    def take(self, device: str, rest: tuple[str, ...], payload: bytes, now: float) -> bool:
        """A message of a board; False: nothing to think about has come of it."""
        board = self.boards.get(device)
        if board is None:
            return False
        if rest in (("availability",), ("info",)):
            self._heard_at = now
            self._unheard.discard((device, rest[0]))
        if rest == ("availability",):
            board.heard_availability(payload[:32].decode("utf-8", "replace"), now)
            return True
        value = object_of(payload)
        if rest == ("update", "get"):
            return self._take_request(board, value, now)
        if rest == ("info",):
            board.heard_info(value, now)
        elif rest == ("ack",):
            take_answer(board, value, now)
        elif rest == ("event",):
            take_event(board, value, now)
        return True

    def _take_request(self, board: Board, value: dict[str, Any], now: float) -> bool:
        request = read_request(value, self._source)
        if request is None or board.giving_up is not None or self.state == "aborting":
            return False
        before = board.row
        board.heard_request(request, now)
        self._answer(board, request)
        return board.row != before

    def _answer(self, board: Board, request: Request) -> None:
        topic = Topics(self._store.site, board.row.device).of("update", "data")
        self.out.append(Message(topic, slice_of(request, self._source), board.row.device))

    # ---- what comes of time

    def step(self, now: float) -> None:
        self._look(now)
        if self._connected_at is None or self.end is not None:
            return
        if self._is_settled(now):
            for board in self.boards.values():
                if self.state in ("aborting", "stopped"):
                    board.give_up("left" if self.state == "aborting" else "waiting", now)
                board.tick(now)
            self._stop_if_bad()
            if self.state == "running":
                self._begin(now)
        self._keep()
        self._publish_orders(now)
        if not any(board.changed for board in self.boards.values()):  # else it is thought over first
            self._finish(now)

    def _is_settled(self, now: float) -> bool:
        """Whether what the broker retains has come; then until the connection breaks."""
        begin = self._connected_at or now
        is_quiet = now >= self._heard_at + SETTLE_S or now >= begin + SETTLE_MAX_S
        self._settled = self._settled or is_quiet or not self._unheard
        return self._settled

    def _look(self, now: float) -> None:
        """What another process asks for."""
        if now < self._looked_at + LOOK_S:
            return
        self._look_now(now)

    def _look_now(self, now: float) -> None:
        self._looked_at = now
        asked = self._store.state(self.rollout)
        if asked == "aborting" or (self.state != "stopped" and asked in ("running", "paused")):
            self.state = asked

    def _keep(self) -> None:
        changed = [board for board in self.boards.values() if board.changed]
        if not changed:
            return
        self._store.put(self.rollout, [board.row for board in changed])
        for board in changed:
            board.changed = False
            self._tell(board)

    def _publish_orders(self, now: float) -> None:
        """After what follows from them is on disk."""
        for board in self.boards.values():
            what, board.send = board.send, None
            jti = board.abort_jti if what == "abort" else board.row.jti
            if what is None or jti is None:
                continue
            if not self._signer.has_key(board.row.device, board.info):  # since the last order
                board.end("refused", "no_key", now)
                continue
            token = self._signer.token(
                board.row.device, board.info, claims_of(board, what, jti, int(self._wall()))
            )
            topics = Topics(self._store.site, board.row.device)
            self.out.append(Message(topics.cmd, token.encode(), board.row.device))

    # ---- whose turn it is

    def _begin(self, now: float) -> None:
        busy = sum(board.row.state in PULLING for board in self.boards.values())
        wave = wave_of(board.row for board in self.boards.values())
        looked = False
        mine = [board for board in self.boards.values() if board.row.wave <= wave]
        for board in sorted(mine, key=lambda board: (board.row.wave, board.row.state == "away")):
            if board.row.state not in ("waiting", "away"):
                continue
            if not board.is_online:
                if board.row.state == "waiting" or board.row.reason != board.availability:
                    board.end("away", board.availability, now)
            elif needs_no_order(board, self._signer, now):
                continue
            elif busy < self.rollout.settings.parallel and board.is_due and now >= board.next_at:
                if not looked:  # who was told that no other board is begun can rely on it
                    looked = True
                    self._look_now(now)
                if self.state != "running":
                    return
                board.order(now)
                busy += 1
        if wave == CANARY:
            replace_canaries(self.boards.values(), self._kinds)

    # ---- when it ends

    def _stop_if_bad(self) -> None:
        why = too_bad((board.row for board in self.boards.values()), self.rollout.settings)
        if why is None or self.state not in ("running", "paused"):
            return
        self.why, self.state = why, "stopped"
        self._keep()
        self._store.change(self.rollout, ("running", "paused"), "stopped", why)

    def _finish(self, now: float) -> None:
        rows = [board.row for board in self.boards.values()]
        if any(row.state in UNDER_WAY for row in rows) or not self._is_settled(now):
            self._idle_since = None
            return
        if self.state == "aborting":
            for board in self.boards.values():
                if board.row.state in ("waiting", "away"):
                    board.end("left", board.row.reason, now)
            self._keep()
            self._close("aborted")
        elif self.state == "stopped":
            self._look_now(now)  # it may be given up altogether
            if self.state == "stopped":
                self._close("stopped")
        elif all(row.state in ENDED for row in rows):
            self._close("over")
        elif self.state == "paused":
            self._look_now(now)  # it may be over with the pause
            if self.state == "paused":
                self._close("paused")
        elif any(board.is_due for board in self.boards.values()):
            self._idle_since = None
        else:
            self._idle_since = now if self._idle_since is None else self._idle_since
            if now >= self._idle_since + self.rollout.settings.wait_s:
                for board in self.boards.values():
                    if board.row.state == "waiting":
                        board.end("away", board.availability, now)
                self._keep()
                self._close("over")

    def _close(self, state: State) -> None:
        """Nobody may have asked for something else in the meantime."""
        was: Iterable[State] = ("running", "paused") if state == "over" else (state, "aborting")
        if state in ("paused", "stopped") or self._store.change(self.rollout, was, state):
            self.end = state
