"""The bridge at work: one thread takes messages from the broker, one for each output sends them on."""

import fcntl
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from host_tools.brokers.users import RECORDER
from host_tools.centre.topics import BrokerKind, filters_for
from host_tools.collect import Message, collect
from host_tools.data.bridge.intake import Intake
from host_tools.data.bridge.pump import Output, Pump
from host_tools.data.bridge.spool import Spool
from host_tools.errors import ToolError, Unreachable
from host_tools.mqtt import Address
from host_tools.site.models import Site

QUIET_S = 1.5
"""With `once`: nothing came for so long, so the broker has given all that it kept."""
KEPT_MAX_S = 60.0
"""... but where boards never rest, it ends after so long."""
TICK_S = 10.0
LOOK_S = 0.1


@dataclass(frozen=True)
class Bridge:
    path: Path  # of the spool
    site: Site
    find: Callable[[], Address]
    outputs: Sequence[Output]
    say: Callable[[str], None]
    user: str = RECORDER
    kind: BrokerKind | None = None  # of the broker, where it is not the site's own

    @property
    def client_id(self) -> str:
        """RabbitMQ wants it to begin with the user's name and a dot."""
        return f"{self.user}.bridge-{self.site.site}"

    def serve(self, stop: threading.Event) -> None:
        """Until `stop`, or until something on this computer is wrong."""
        failures: list[BaseException] = []
        threads = [
            threading.Thread(target=self._guarded, args=(work, failures, stop), name=name)
            for name, work in [
                ("dates", lambda: self._tick(stop)),
                *((output.name, self._sending(output, stop)) for output in self.outputs),
            ]
        ]
        for thread in threads:
            thread.start()
        try:
            self.collect(stop)
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        if failures:
            raise failures[0]

    def once(self, stop: threading.Event) -> list[str]:
        """Take what the broker kept, send all, end. What did not go, a sentence an output. A broker that is
        not there is told (Unreachable) when the rest is done."""
        missing: Unreachable | None = None
        try:
            self.collect_kept(stop)
        except Unreachable as error:
            missing = error
        problems = self.send_all(self.path, self.outputs, stop)
        if missing is not None:
            raise missing
        return problems

    def send_all(self, path: Path, outputs: Sequence[Output], stop: threading.Event) -> list[str]:
        """What waits in a spool, output by output."""
        problems = []
        for output in outputs:
            spool = Spool(path)
            pump = Pump(spool, output, stop, self.say, once=True)
            pump.run()
            spool.close()
            if pump.problem is not None:
                problems.append(f"{output.name}: {pump.problem}")
        return problems

    # ---- from the broker

    def collect(self, stop: threading.Event, took: Callable[[], None] | None = None) -> None:
        intake = Intake(self.path, self.site)

        def take(messages: Sequence[Message]) -> None:
            intake.take(messages)
            if took is not None:
                took()

        filters = filters_for(self.site, self.kind or self.site.broker.kind)
        try:
            collect(self.find, self.client_id, filters, take, self.say, stop)
        finally:
            intake.close()

    def collect_kept(self, stop: threading.Event) -> None:
        """What comes until nothing comes any more."""
        quiet = _Quiet()
        done = threading.Event()
        watcher = threading.Thread(target=quiet.watch, args=(done, stop), name="quiet")
        listening = replace(self, outputs=(), say=quiet.heard(self.say))
        watcher.start()
        try:
            listening.collect(done, quiet.note)
        finally:
            done.set()
            watcher.join()

    # ---- threads

    def _sending(self, output: Output, stop: threading.Event) -> Callable[[], None]:
        def work() -> None:
            spool = Spool(self.path)  # here: a connection is for one thread
            try:
                Pump(spool, output, stop, self.say).run()
            finally:
                spool.close()

        return work

    def _tick(self, stop: threading.Event) -> None:
        intake = Intake(self.path, self.site)
        while not stop.wait(TICK_S):
            intake.tick()
        intake.close()

    def _guarded(
        self, work: Callable[[], None], failures: list[BaseException], stop: threading.Event
    ) -> None:
        """What fails in a thread ends the program: half a bridge would look like a whole one."""
        try:
            work()
        except BaseException as error:
            failures.append(error)
            stop.set()


class _Quiet:
    """Since when nothing has come."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._first_s: float | None = None

    def note(self) -> None:
        self._since_s = time.monotonic()
        self._first_s = self._first_s or self._since_s

    def heard(self, say: Callable[[str], None]) -> Callable[[str], None]:
        """`collect` says when it is connected: from then on it counts."""

        def both(text: str) -> None:
            say(text)
            self.note()

        return both

    def watch(self, done: threading.Event, stop: threading.Event) -> None:
        while not done.wait(LOOK_S):
            if stop.is_set() or self._is_over(time.monotonic()):
                done.set()

    def _is_over(self, now_s: float) -> bool:
        if self._since_s is None or self._first_s is None:
            return False
        return now_s - self._since_s > QUIET_S or now_s - self._first_s > KEPT_MAX_S


@contextmanager
def alone(spool: Path) -> Iterator[None]:
    """Two bridges of a site would send everything twice, and take turns at the broker."""
    path = spool.with_name(f"{spool.name}.lock")
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ToolError(f"cannot write {path}: {error.strerror}", "the folder must be yours") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise ToolError(
            f"a bridge with {spool} runs already",
            "end it first; `sportbox bridge SITE.yaml --status` tells how far it is",
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def copy_of(path: Path) -> Iterator[Path]:
    """A spool to try things on."""
    with tempfile.TemporaryDirectory(prefix="sportbox-") as folder:
        copy = Path(folder) / path.name
        source, target = sqlite3.connect(path), sqlite3.connect(copy)
        try:
            source.backup(target)
        finally:
            source.close()
            target.close()
        yield copy
