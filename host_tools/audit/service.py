"""The service that fills a journal: events from the broker, old entries out, until it is told to end."""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from host_tools.audit.journal import Journal, Noted, Pruned
from host_tools.audit.reading import Event, Unreadable, read_event
from host_tools.collect import Message, collect
from host_tools.errors import ToolError
from host_tools.mqtt import ROOT, Address
from host_tools.output import printable

PRUNE_EVERY_S = 3_600.0
LOCK_SUFFIX = ".lock"


class Service:
    def __init__(
        self,
        journal: Journal,
        retention_days: int,
        say: Callable[[str], None],
        noted: Callable[[Noted], None] = lambda _noted: None,
    ) -> None:
        self._journal = journal
        self._site = journal.store.site
        self._retention_days = retention_days
        self._say = say
        self._noted = noted
        self._unreadable: set[str] = set()  # boards whose newest event was, so that a flood is told of once
        self._writing = threading.Lock()

    def run(self, find: Callable[[], Address], stop: threading.Event) -> None:
        """Until `stop`. Raises ToolError when it cannot go on; what is not noted then waits at the broker."""
        with one_at_a_time(self._journal.store.path):
            self._prune()
            pruning = threading.Thread(
                target=self._prune_now_and_then, args=(stop,), name="pruning", daemon=True
            )
            pruning.start()
            client, topic = f"sportbox-audit-{self._site}", f"{ROOT}/{self._site}/+/event"
            collect(find, client, [topic], self.take, self._say, stop)

    def take(self, messages: Sequence[Message]) -> None:
        events = [event for message in messages if (event := self._read(message)) is not None]
        if not events:
            return
        with self._writing:
            noted = self._journal.note(events)
        self._noted(noted)

    def _read(self, message: Message) -> Event | None:
        try:
            event = read_event(self._site, message)
        except Unreadable as error:
            if message.topic not in self._unreadable:
                self._say(f"left out, no event: {printable(message.topic)}: {error}")
                self._unreadable.add(message.topic)
            return None
        self._unreadable.discard(message.topic)
        return event

    def _prune(self) -> None:
        with self._writing:
            pruned = self._journal.prune(self._retention_days)
        if pruned.count:
            self._say(told(pruned, self._retention_days))

    def _prune_now_and_then(self, stop: threading.Event) -> None:
        while not stop.wait(PRUNE_EVERY_S):
            try:
                self._prune()
            except ToolError as error:
                self._say(f"cannot prune: {error.message}; trying again in an hour")


def told(pruned: Pruned, days: int) -> str:
    if not pruned.count:
        return f"no entry is older than {days} days"
    return f"gone, for older than {days} days: entries through {pruned.through}, {pruned.count} in all"


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Two services of one journal would put each other out at the broker for ever."""
    lock = path.with_name(path.name + LOCK_SUFFIX)
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ToolError(f"cannot write {lock}: {error.strerror}", "its folder must be yours") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ToolError(
                f"another `sportbox audit collect` fills {path}", "use that one, or end it first"
            ) from None
        yield
    finally:
        os.close(descriptor)
