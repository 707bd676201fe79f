"""Virtual time: what is to happen, in the order in which it does."""

import heapq
from collections.abc import Callable

BEGIN_US = 1_000_000_000
"""When a run begins; so 0 can stand for never."""

Act = Callable[[], None]


class Ticket:
    """One thing on the agenda."""

    __slots__ = ("act", "us")

    def __init__(self, us: int, act: Act) -> None:
        self.us = us
        self.act: Act | None = act  # None: it was called off, or is done


class Agenda:
    """What is due at the same microsecond happens in the order in which it was entered."""

    def __init__(self, now_us: int = BEGIN_US) -> None:
        self.now_us = now_us
        self._heap: list[tuple[int, int, Ticket]] = []
        self._count = 0

    def at(self, us: int, act: Act) -> Ticket:
        """Not before now: what is late happens next."""
        ticket = Ticket(max(us, self.now_us), act)
        self._count += 1
        heapq.heappush(self._heap, (ticket.us, self._count, ticket))
        return ticket

    def after(self, us: int, act: Act) -> Ticket:
        return self.at(self.now_us + us, act)

    def cancel(self, ticket: Ticket | None) -> None:
        if ticket is not None:
            ticket.act = None

    def next_us(self) -> int | None:
        """When something happens next, None: never."""
        while self._heap and self._heap[0][2].act is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def step(self) -> None:
        """The next thing happens, and it is then."""
        due_us = self.next_us()
        if due_us is None:
            return
        _, _, ticket = heapq.heappop(self._heap)
        self.now_us = max(self.now_us, due_us)
        act, ticket.act = ticket.act, None
        if act is not None:
            act()

    def run_until(self, us: int) -> None:
        """Everything that is due until then, and then it is then."""
        while (due_us := self.next_us()) is not None and due_us <= us:
            self.step()
        self.now_us = max(self.now_us, us)
