"""One direction of a TCP connection."""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from host_tools.storm.agenda import Ticket

if TYPE_CHECKING:
    from host_tools.storm.network.net import Net
    from host_tools.storm.network.pipe import Pipe

DATA, FIN, RST, SYN, ROOM = range(5)
"""What travels; a ROOM is the acknowledgement that a sender has been waiting for."""

_FIRST_RETRY_US = 200_000


class Way:
    """In order; sent again at growing intervals while it is lost, and given up in the end."""

    __slots__ = (
        "_deliver",
        "_give_up",
        "_last_us",
        "_net",
        "_pipe",
        "_queue",
        "_retry_max_us",
        "_stuck_us",
        "_ticket",
        "_tries",
        "is_orphan",
        "patience_us",
        "size",
    )

    def __init__(
        self,
        net: "Net",
        pipe: "Pipe",
        deliver: Callable[[int, bytes], bool],
        give_up: Callable[[], None],
        retry_max_us: int,
        patience_us: int,
    ) -> None:
        self._net = net
        self._pipe = pipe
        self._deliver = deliver
        self._give_up = give_up
        self._retry_max_us = retry_max_us
        self.patience_us = patience_us
        self.size = 0  # bytes that are not there yet
        self.is_orphan = False  # nobody sends again what is lost
        self._queue: deque[tuple[int, int, bytes]] = deque()
        self._last_us = 0
        self._ticket: Ticket | None = None
        self._tries = 0
        self._stuck_us = 0

    @property
    def is_busy(self) -> bool:
        return bool(self._queue)

    def push(self, what: int, data: bytes = b"") -> None:
        net = self._net
        us = net.agenda.now_us + net.latency()
        if us < self._last_us:
            us = self._last_us
        if net.slow_bytes_s:
            us += len(data) * 1_000_000 // net.slow_bytes_s
        self._last_us = us
        self.size += len(data)
        self._queue.append((us, what, data))
        if self._ticket is None:
            self._ticket = net.agenda.at(us, self._arrive)

    def clear(self) -> None:
        self._queue.clear()
        self.size = 0
        self._net.agenda.cancel(self._ticket)
        self._ticket = None
        self._tries = 0

    def sender_vanishes(self) -> None:
        """What is in the air arrives, what waits to be sent again does not."""
        self.is_orphan = True
        if self._tries:
            self.clear()

    def _arrive(self) -> None:
        self._ticket = None
        net = self._net
        queue = self._queue
        now_us = net.agenda.now_us
        while queue:
            item = queue[0]
            us, what, data = item
            if us > now_us:
                self._ticket = net.agenda.at(us, self._arrive)
                return
            if self._pipe.is_cut or not net.passes():
                self._lost()
                return
            queue.popleft()
            self.size -= len(data)
            if not self._deliver(what, data):
                queue.appendleft(item)
                self.size += len(data)
                self._lost()
                return
            self._tries = 0

    def _lost(self) -> None:
        agenda = self._net.agenda
        if self.is_orphan:
            self.clear()
            return
        if not self._tries:
            self._stuck_us = agenda.now_us
        left_us = self._stuck_us + self.patience_us - agenda.now_us
        if left_us <= 0:
            self.clear()
            self._give_up()
            return
        pause_us = min(_FIRST_RETRY_US << self._tries, self._retry_max_us, left_us)
        self._tries += 1
        self._ticket = agenda.at(agenda.now_us + pause_us, self._arrive)
