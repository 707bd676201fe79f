"""Takes one output through the spool: in order, on and on, whatever the platform does meanwhile."""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from host_tools.data.bridge.http import Later, Refused
from host_tools.data.bridge.spool import Row, Spool
from host_tools.retry import Backoff

WINDOW = 50
LOOK_S = 0.5
"""How soon something new is seen where nobody wakes us."""
FIRST_S = 0.5
CAP_S = 60.0
ERROR = 500
TRIES = 8
"""A message that a service answers so often with ERROR may be at fault itself."""


class Output(Protocol):
    """Raises Later or Refused from both; a row that is not taken it puts aside itself."""

    name: str

    def prepare(self, spool: Spool) -> None:
        """What must be there before the first message."""

    def deliver(self, spool: Spool, rows: Sequence[Row], tried: int) -> int:
        """Send some of `rows`, from the first on, and tell the spool; how many. Up to `tried` they may have
        arrived before."""


class Pump:
    """`once`: end when all is sent, or at the first thing that does not go."""

    def __init__(
        self,
        spool: Spool,
        output: Output,
        stop: threading.Event,
        say: Callable[[str], None],
        once: bool = False,
        backoff: Backoff | None = None,
    ) -> None:
        self._spool = spool
        self._output = output
        self._stop = stop
        self._say = say
        self._once = once
        self._backoff = backoff or Backoff(FIRST_S, CAP_S)
        self._prepared = False
        self._errors = 0
        self._suspect: Row | None = None
        self.problem: str | None = None

    def run(self) -> None:
        """Until `stop`."""
        while not self._stop.is_set():
            try:
                if self._step():
                    continue
                if self._once:
                    return
                self._stop.wait(LOOK_S)
            except (Later, Refused) as error:
                self._tell(str(error))
                if self._once:
                    return
                self._judge(isinstance(error, Later) and error.status == ERROR)
                asked_s = error.after_s if isinstance(error, Later) else None
                self._stop.wait(max(self._backoff.next_s(), asked_s or 0))

    def _step(self) -> bool:
        """Whether there was something to do."""
        if not self._prepared:
            self._output.prepare(self._spool)
            self._prepared = True
        rows = self._spool.waiting(self._output.name, WINDOW)
        if not rows:
            self._well()
            return False
        tried = self._spool.begin(self._output.name, rows[-1])
        while rows and not self._stop.is_set():
            sent = self._output.deliver(self._spool, rows, tried)
            assert sent > 0, "else this goes on for ever"
            rows = rows[sent:]
            self._suspect = None  # others pass: it was the message, and stays aside
            self._well()
        return True

    def _judge(self, is_error: bool) -> None:
        """Whether a message or the service is at fault shows when the message is out of the way: it is put
        aside, and comes back if the next one fares no better."""
        if self._suspect is not None:
            self._spool.retry_dead(self._output.name, self._suspect)
            self._suspect = None
            self._errors = 0
        self._errors = self._errors + 1 if is_error else 0
        rows = self._spool.waiting(self._output.name, 2) if self._errors >= TRIES else []
        if len(rows) > 1:
            self._suspect = rows[0]
            self._errors = 0
            self._spool.bury(self._output.name, rows[0], ERROR, self.problem or "")

    def _well(self) -> None:
        self._errors = 0
        self._backoff.reset()
        if self.problem is not None:
            self._say(f"{self._output.name}: goes on")
            self._spool.problem(self._output.name, None)
            self.problem = None

    def _tell(self, text: str) -> None:
        if text != self.problem:
            self._say(f"{self._output.name}: {text}; trying again")
            self._spool.problem(self._output.name, text)
            self.problem = text
