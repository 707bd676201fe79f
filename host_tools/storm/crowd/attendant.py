"""Who looks after a board from afar, with a key that may everything: after a time server has lied the clock
is reset, and a replay log that cannot be read is begun anew."""

import random

from host_tools.storm.crowd.orders import Orders
from host_tools.storm.stage import Stage

LOOKS_US = 60_000_000


class Attendant:
    def __init__(self, stage: Stage, orders: Orders) -> None:
        self.stage = stage
        self.orders = orders
        self._rng = random.Random(f"{stage.plan.seed}/{stage.plan.board}/attendant")
        self._waits = False
        self._jtis: dict[str, str | None] = {"clock": None, "replay_log": None}
        """Of the newest order for it."""
        stage.agenda.after(LOOKS_US, self._look, self._is_idle)

    def _look(self) -> None:
        """Once a minute."""
        self.stage.agenda.after(LOOKS_US, self._look, self._is_idle)
        if not self._waits:
            self._waits = True
            self.orders.when_awake(self._repair)

    def _is_idle(self) -> bool:
        """There is nothing to repair."""
        info = self.orders.info
        return not self.stage.holds.lied and (info is None or info.replay_log != "unreadable")

    def _repair(self) -> None:
        self._waits = False
        stage, info = self.stage, self.orders.info
        if stage.holds.lied and not stage.holds.values("time_server.lie_s"):
            reset_us = self._reset_us("clock")
            if reset_us is None:
                self._ask("clock")
            elif info is not None and info.clock == "ntp" and info.heard_us > reset_us:
                self.orders.clock_is_right()
        else:
            self._jtis["clock"] = None
        if info is not None and info.replay_log == "unreadable" and info.boots == stage.board.boots:
            reset_us = self._reset_us("replay_log")
            if reset_us is None or info.heard_us > reset_us:
                self._ask("replay_log")

    def _reset_us(self, what: str) -> int | None:
        """When the board said that it has done so."""
        jti = self._jtis[what]
        return self.orders.finished_us.get(jti) if jti is not None else None

    def _ask(self, what: str) -> None:
        sent = self.orders.good(self._rng, "configure", "device", role="ops", args={"reset": what})
        self._jtis[what] = sent.jti
        self.orders.send(sent)
        if what == "replay_log":
            self.orders.log_is_new()
