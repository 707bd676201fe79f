"""One board of a rollout: what it said, where it is, and what it is to be sent next.

Pure: no network, no disk; time comes as an argument, in seconds that only rise.

    board.heard_answer("accepted", None, now)
    board.tick(now)                     may set board.send to "order" or "abort"
    board.row                           what is to be kept
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from host_tools.update.rollout.blocks import Request
from host_tools.update.rollout.model import PULLING, UNDER_WAY, BoardState, Limits, Row, Settings, Target
from host_tools.update.rollout.presence import Presence

NOT_ITS_FAULT = ("busy", "power", "no_data")
"""Reasons for which a board did not get to try the bundle: it is asked again."""
ORDER_VALID_S = 6 * 3_600
"""So long is a token valid, for it is sent again where nobody answers; with the same jti it acts once."""
BOARD_WAITS_S = 3_600.0
"""So long a board that has the bundle waits for a door to be closed, or for power."""


@dataclass(kw_only=True)
class Board(Presence):
    row: Row
    target: Target
    settings: Settings
    limits: Limits
    wall_s: Callable[[], int]
    new_jti: Callable[[], str]
    at: int = 0  # bytes of the bundle that it has asked for
    asked: Request | None = None  # the last piece
    send: Literal["order", "abort"] | None = None
    changed: bool = False
    giving_up: Literal["left", "waiting"] | None = None  # what becomes of it when it is aborted
    abort_jti: str | None = None
    next_at: float = 0.0
    sign_at: float = 0.0
    soak_until: float = 0.0
    give_up_at: float = 0.0
    busy_s: float = 0.0
    busy_since: float | None = None
    nonces: int = 0
    orders: int = 0  # of this process
    told: str | None = None  # why it failed, by an event
    boots: set[str] = field(default_factory=set)  # since it has the new firmware

    @property
    def waits(self) -> str | None:
        """Why it does not begin to install, though it has the bundle."""
        return self.row.reason if self.row.state == "trying" else None

    @property
    def is_due(self) -> bool:
        """It can have its turn, if not at once."""
        can = self.row.state == "waiting" or (self.row.state == "away" and self.orders < self.limits.orders)
        return can and self.is_online

    # ---- its turn

    def order(self, now: float) -> None:
        """An order, to be kept before it is sent. One that nobody answered keeps its jti: a board that got it
        takes it once."""
        self.at, self.asked, self.told, self.nonces = 0, None, None, 0
        self.orders += 1
        row, stamp = self.row, self.wall_s()
        is_good = row.jti is not None and stamp < (row.ordered_s or 0) + ORDER_VALID_S
        more = {} if is_good else {"jti": self.new_jti(), "ordered_s": stamp, "orders": row.orders + 1}
        was = row.was if row.was is not None else self.firmware
        self._go("ordered", None, now, was=was, **more)
        self.send, self.next_at = "order", now + self.limits.answer_s

    def hold(self, now: float) -> None:
        """An update that nobody knows any more is under way there: it is waited for, but not for ever."""
        if self.busy_since is None:
            self.busy_since = now
        elif self.is_due and now > self.busy_since + self.settings.board_s:
            self.orders = self.limits.orders
            self._go("away", "busy", now)

    def take_up(self, now: float) -> None:
        """Somebody else began with it: nothing is known of it but its row."""
        self.connected(now)
        self.next_at = now
        if self.row.state == "soaking":
            self.soak_until = now + self.settings.soak_s

    def connected(self, now: float) -> None:
        """There is a connection again: what was not heard meanwhile is nobody's fault."""
        self.sign_at, self.gone_at, self.give_up_at = now, None, now + self.limits.abort_s
        if self.row.state in UNDER_WAY:
            self.next_at = now + self.limits.again_s
        if self.busy_since is not None:
            self.busy_since = now

    def end(self, state: BoardState, reason: str | None, now: float) -> None:
        self._go(state, reason, now)

    # ---- what it says

    def heard_info(self, info: dict[str, Any], now: float) -> None:
        is_new_boot = info.get("bootid") != self.info.get("bootid")
        self.info = info
        state = self.row.state
        if state in UNDER_WAY and is_new_boot:
            self.sign_at = now
        if state == "soaking":
            self.boots.add(str(info.get("bootid")))
            if self.firmware != self.target.version:
                self._went_back(now)
        elif state in UNDER_WAY and self.has(self.target.version):
            self._soak(now)
        elif state in PULLING and self.update_state in ("ready", "trial"):
            self._go("trying", None, now)
        elif state == "failed" and self.row.reason == "silent" and self.has(self.target.version):
            self._soak(now)  # it only took its time
        elif state == "trying" and is_new_boot and not self.is_updating:
            self._is_back(now)

    def heard_request(self, request: Request, now: float) -> None:
        """It asks for a piece of the bundle: it pulls, whatever else is known."""
        if self.row.state in ("waiting", "away", "ordered"):
            self._go("pulling", None, now)
        if self.row.state in UNDER_WAY:
            self.at, self.asked = request.at + request.count, request
            self._sign(now)

    def heard_answer(self, result: str, reason: str | None, now: float) -> None:
        """To the order whose jti is in the row."""
        if self.row.state not in ("ordered", "pulling", "trying"):
            return
        if result == "accepted":
            if self.row.state == "ordered":
                self._go("pulling", None, now)
                self._sign(now)
        elif result == "done":
            self._soak(now)
        elif result == "failed":
            self._failed(reason or "unknown", now)
        elif result == "rejected":
            self._rejected(reason or "unknown", now)

    def heard_abort_answer(self, result: str, reason: str | None, now: float) -> None:
        self.abort_jti = None
        if self.giving_up is None or not self._may_be_aborted:
            return
        if result == "rejected" and reason == "busy":
            self._go("trying", None, now)  # too late: now it is to come to its end
            self._sign(now)
        elif result == "rejected" and reason == "clock":
            self.next_at = now + self.limits.clock_s
        elif result != "accepted":
            self._go(self.giving_up, "aborted", now)

    def heard_update(self, data: dict[str, Any], now: float) -> None:
        """An event of the kind device.update."""
        if data.get("version") != self.target.version or self.row.state not in UNDER_WAY:
            return
        state, reason = data.get("state"), data.get("reason")
        why = reason if isinstance(reason, str) else None
        self._sign(now)
        if state in ("waiting", "installing") and self.row.state != "soaking":
            self._go("trying", (why or "busy") if state == "waiting" else None, now)
        elif state == "done" and self.row.state != "soaking":
            self._soak(now)
        elif state == "failed" and self.row.state != "soaking":
            self.told = why
            if self.row.jti is None:
                self._failed(why or "unknown", now)
            else:
                self.next_at = now + self.limits.clock_s  # its answer comes, or was lost: then it is asked

    def heard_trouble(
        self, kind: str, data: dict[str, Any], is_old: bool, bootid: object, now: float
    ) -> None:
        """An event of the kind device.crashed or device.booted, while it soaks."""
        if self.row.state != "soaking" or (is_old and bootid not in self.boots):
            return
        if kind == "device.crashed":
            task, error = (str(data.get(name, ""))[:80] for name in ("task", "error"))
            self._go("failed", f"crashed: {task}: {error}", now)
        elif data.get("reset") == "watchdog":
            self._go("failed", "crashed: the watchdog restarted it", now)

    # ---- what comes of time

    def tick(self, now: float) -> None:
        state = self.row.state
        if state not in UNDER_WAY:
            return
        if state == "soaking":
            self._tick_soak(now)
        elif self.giving_up is not None and self._may_be_aborted:
            self._tick_abort(now)
        elif state == "ordered" and self.gone_at is not None and now > self.gone_at + self.limits.gone_s:
            self._go("away", None, now)  # with its jti: the order may have arrived
        elif now > self.sign_at + self._patience_s():
            self._go("failed", "silent", now)
        elif self.is_online and now >= self.next_at and self.row.jti is not None:
            self._renew_order(now)
            self.send = "order"
            self.next_at = now + (self.limits.answer_s if state == "ordered" else self.limits.silent_s)

    def give_up(self, into: Literal["left", "waiting"], now: float) -> None:
        """It is to stop, if it has not begun to install."""
        if self.giving_up is None:
            self.next_at, self.give_up_at = now, now + self.limits.abort_s
        self.giving_up = into

    @property
    def _may_be_aborted(self) -> bool:
        return self.row.state in PULLING or self.waits is not None

    def _tick_abort(self, now: float) -> None:
        if now > self.give_up_at:
            self._go(self.giving_up or "left", "gave no answer to the abort", now)
        elif self.is_online and now >= self.next_at:
            self.send, self.abort_jti = "abort", self.abort_jti or self.new_jti()
            self.next_at = now + self.limits.answer_s

    def _tick_soak(self, now: float) -> None:
        is_there = self.availability in ("online", "sleeping")
        since = max(self.sign_at, self.soak_until)
        if now >= self.soak_until and is_there and self.has(self.target.version):
            self._go("done", None, now)
        elif self.is_online and self.firmware != self.target.version and now > since + self.limits.info_s:
            self._went_back(now)
        elif now > since + self.settings.board_s:
            self._go("failed", "silent", now)

    def _patience_s(self) -> float:
        return self.settings.board_s + (BOARD_WAITS_S if self.waits is not None else 0.0)

    # ---- inside

    def _sign(self, now: float) -> None:
        self.sign_at, self.next_at = now, now + self.limits.silent_s

    def _soak(self, now: float) -> None:
        self.soak_until = now + self.settings.soak_s
        self.boots = {str(self.info.get("bootid"))}
        self._go("soaking", None, now)
        self._sign(now)

    def _went_back(self, now: float) -> None:
        self._go("failed", f"went back to {self.firmware or 'unknown'}"[:60], now)

    def _rejected(self, reason: str, now: float) -> None:
        is_first = self.row.state == "ordered"
        if reason == "replayed":
            self._over(now)
        elif reason == "clock":
            self.nonces += 1
            if is_first and self.nonces > self.limits.nonces:
                self._go("refused", "clock", now)
            self.next_at = now + self.limits.clock_s  # it says its new nonce in `info`
        elif is_first and reason == "busy":
            self._busy(now)
        elif is_first:
            self._go("refused", reason, now)

    def _busy(self, now: float) -> None:
        """Another update, a renewal, a restart: it is asked again later, but not for ever. A pull that nobody
        serves any more, for one rollout of a site goes on at a time, is ended."""
        is_first = self.busy_since is None
        if self.busy_since is None:
            self.busy_since, self.busy_s = now, self.limits.busy_s
        is_long = now > self.busy_since + self.settings.board_s
        self._go("away" if is_long else "waiting", "busy", now, jti=None)
        if self.update_state == "pull" and not (is_first and self.update_version == self.target.version):
            self.send, self.abort_jti = "abort", self.new_jti()  # ours would ask for a piece soon
        self.next_at = now + self.busy_s
        self.busy_s = min(self.busy_s * 2, self.limits.busy_max_s)

    def _renew_order(self, now: float) -> None:
        """A token is not valid for ever; with the same jti it would be refused."""
        if self.wall_s() >= (self.row.ordered_s or 0) + ORDER_VALID_S:
            self._go(self.row.state, self.row.reason, now, jti=self.new_jti(), ordered_s=self.wall_s())

    def _is_back(self, now: float) -> None:
        """It has restarted, and nothing is under way any more: its answer comes, or it is asked."""
        if self.row.jti is None:
            self._failed(self.told or "lost", now)
        else:
            self.next_at = min(self.next_at, now + self.limits.clock_s)

    def _over(self, now: float) -> None:
        """Its order has come to an end that was not heard."""
        if self.firmware == self.target.version:
            self._soak(now)
        elif not self.is_updating:
            self._failed(self.told or "lost", now)

    def _failed(self, reason: str, now: float) -> None:
        if reason == "aborted" and self.giving_up is not None:
            self._go(self.giving_up, reason, now, jti=None)
        elif reason in (*NOT_ITS_FAULT, "lost"):
            if self.orders < self.limits.orders:
                self._go("waiting", reason, now, jti=None)
            else:
                self._go("failed" if reason == "lost" else "away", reason, now, jti=None)
            self.next_at = now + self.limits.busy_s
        else:
            self._go("failed", reason, now)

    def _go(self, state: BoardState, reason: str | None, now: float, **more: Any) -> None:
        ended = self.wall_s() if state in ("done", "failed", "refused", "left") else None
        self.row = replace(self.row, state=state, reason=reason, ended_s=ended, **more)
        self.changed, self.sign_at, self.send = True, now, None
        if state not in ("waiting", "ordered"):
            self.busy_since = None
