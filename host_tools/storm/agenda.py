"""Virtual time: what is to happen, in the order in which it does."""

import heapq
from collections.abc import Callable

BEGIN_US = 1_000_000_000
"""When a run begins; so 0 can stand for never."""

Act = Callable[[], None]
Idle = Callable[[], bool]
"""Whether something on the agenda does nothing that a board could notice, if nothing else happens before."""


class Ticket:
    """One thing on the agenda."""

    __slots__ = ("act", "idle", "us")

    def __init__(self, us: int, act: Act, idle: Idle | None) -> None:
        self.us = us
        self.idle = idle
        self.act: Act | None = act  # None: it was called off, or is done


class Agenda:
    """What is due at the same microsecond happens in the order in which it was entered."""

    def __init__(self, now_us: int = BEGIN_US) -> None:
        self.now_us = now_us
        self._heap: list[tuple[int, int, Ticket]] = []
        self._count = 0

    def at(self, us: int, act: Act, idle: Idle | None = None) -> Ticket:
        """Not before now: what is late happens next."""
        ticket = Ticket(max(us, self.now_us), act, idle)
        self._count += 1
        heapq.heappush(self._heap, (ticket.us, self._count, ticket))
        return ticket

    def after(self, us: int, act: Act, idle: Idle | None = None) -> Ticket:
        return self.at(self.now_us + us, act, idle)

    def cancel(self, ticket: Ticket | None) -> None:
        if ticket is not None:
            ticket.act = None

    def next_us(self) -> int | None:
        """When something happens next, None: never."""
        while self._heap and self._heap[0][2].act is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def notable_us(self) -> int | None:
        """When something happens next that is not idle."""
        heap = self._heap
        found: int | None = None
        places = [0]
        while places:
            at = places.pop()
            if at >= len(heap) or (found is not None and heap[at][0] >= found):
                continue
            ticket = heap[at][2]
            if ticket.act is None or (ticket.idle is not None and ticket.idle()):
                places += (2 * at + 1, 2 * at + 2)  # what comes after it
            else:
                found = ticket.us
        return found

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
