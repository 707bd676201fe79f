"""What people hear of a board, through the broker: its answers, its nonce, whether it is awake."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from host_tools.sim.layout import DEEPSLEEP_RESET
from host_tools.storm.stage import Json, Stage

FINAL = ("done", "failed")
WAITING_MAX = 5
SEEN_US = 150_000
"""Until somebody has seen that the board is awake."""
UNSURE = -1
"""Instead of the number of boots: nobody knows of which start it is."""


@dataclass(frozen=True)
class Info:
    """What the board said of itself last."""

    nonce: str
    clock: str
    replay_log: str
    heard_us: int
    boots: int


class Hearing:
    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        config = stage.config
        self.base = f"sportbox/v1/{config['site']}/{config['device']}"
        self.info: Info | None = None
        self.answers: dict[str, list[str]] = {}
        """The results by jti, in the order in which they came."""
        self.finished_us: dict[str, int] = {}
        """When the final answer came."""
        self._sleeps = bool((config.get("power") or {}).get("sleep"))
        self._is_online = False
        self._waiting: list[Callable[[], None]] = []
        stage.broker.subscribe(self._heard)

    def accepted(self, jti: str) -> None:
        """An order was."""

    def when_awake(self, do: Callable[[], None]) -> None:
        """Now, or when a board that sleeps says the next time that it is online."""
        if not self._sleeps or self._is_online:
            do()
        elif len(self._waiting) < WAITING_MAX:
            self._waiting.append(do)

    def _heard(self, topic: str, payload: bytes, retained: bool) -> None:
        if not topic.startswith(self.base + "/"):
            return
        what = topic.removeprefix(self.base + "/")
        if what == "availability" and not retained:
            self._hear_whether_awake(payload)
        if what not in ("info", "ack"):
            return
        try:
            content = json.loads(payload)
        except ValueError:
            return
        if not isinstance(content, dict):
            return
        if what == "ack":
            self._hear_answer(content)
        elif not retained and self._is_of_this_start():
            self.info = self._info(content, self.stage.board.boots)
        elif self.info is None:  # what the broker kept may be old
            self.info = self._info(content, UNSURE)

    def _hear_whether_awake(self, payload: bytes) -> None:
        self._is_online = payload == b"online"
        if self._is_online:
            waiting, self._waiting = self._waiting, []
            for number, do in enumerate(waiting):
                self.stage.agenda.after(SEEN_US * (number + 1), do)

    def _info(self, content: Json, boots: int) -> Info:
        facts = [str(content.get(name)) for name in ("nonce", "clock", "replay_log")]
        return Info(facts[0], facts[1], facts[2], self.stage.agenda.now_us, boots)

    def _is_of_this_start(self) -> bool:
        """Not of an earlier one, whose last words were on their way when it ended."""
        records = self.stage.trace.records
        conn = records[-1].get("conn") if records else None
        for record in reversed(records):
            if record["kind"] == "connect" and record["conn"] == conn:
                return True
            if record["kind"] == "boot" and record["cause"] != DEEPSLEEP_RESET:
                return False
        return True

    def _hear_answer(self, content: Json) -> None:
        jti, result = content.get("jti"), str(content.get("result"))
        if not isinstance(jti, str):
            return
        self.answers.setdefault(jti, []).append(result)
        if result in FINAL:
            self.finished_us.setdefault(jti, self.stage.agenda.now_us)
        elif result == "accepted":
            self.accepted(jti)
