"""The same work on one board or on many at once.

    outcomes = run_jobs(ports, flash_it, retries=2, json_=json_)
    return finish(outcomes, json_)

Each port has a thread. One that fails does not hold up the others. A lost connection (`Lost`) is tried again,
anything else (wrong chip, wrong image) is not.
"""

import os
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from host_tools.errors import EXIT_DONE, EXIT_FAILED, ToolError
from host_tools.output import emit, printable, report, say
from host_tools.port.ports import Port, back_again
from host_tools.port.screen import Screen, screen_for
from host_tools.port.trouble import Lost, explain, gone
from host_tools.words import tr

WORKERS_MAX = 16
RETRIES = 2
BACK_S = 10.0  # a board that fell off the bus is waited for this long before it is tried again
LOOK_S = 0.5  # Windows sees Ctrl-C only between waits
PAUSE_S = 0.3  # before another try
ENDING_S = 5.0  # after Ctrl-C, for the threads to come to the end of what must not be torn


class Stopped(Exception):
    """Ctrl-C: raised in a job at its next step."""


@dataclass(frozen=True)
class Outcome:
    """What came of one port. `text` and `hint` are sentences for people, `facts` go into the JSON line."""

    text: str
    ok: bool = True
    hint: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    status: int = EXIT_DONE
    port: str = ""  # the rest is filled in by run_jobs
    tries: int = 1
    seconds: float = 0.0

    def line(self) -> dict[str, Any]:
        """The object of `--json`."""
        shown = {"port": self.port, "ok": self.ok, "message": self.text}
        if self.hint is not None:
            shown["hint"] = self.hint
        if not self.ok:
            shown["status"] = self.status
        return {**shown, "tries": self.tries, "seconds": round(self.seconds, 1), **self.facts}


class Progress:
    """How a job tells what it does. Each call is a place where Ctrl-C ends it, by `Stopped`."""

    def __init__(self, port: Port, screen: Screen, stop: threading.Event) -> None:
        self.attempt = 1
        self.kept: dict[str, Any] = {}  # what the job remembers from one try to the next
        self.facts: dict[str, Any] = {}  # what it found out: in the outcome's, also when it fails
        self.port = port
        self._screen = screen
        self._stop = stop

    def step(self, text: str, total: int | None = None) -> None:
        """The next thing; `total` is what `advance` will add up to, None where nobody knows."""
        self.check()
        self._screen.step(self.port, text, total)

    def advance(self, n: int = 1) -> None:
        self.check()
        self._screen.advance(self.port, n)

    def talk(self, text: str) -> None:
        """A line that stays."""
        self._screen.talk(self.port, text)

    def check(self) -> None:
        if self._stop.is_set():
            raise Stopped


Work = Callable[[Port, Progress], Outcome]


def run_jobs(
    ports: Sequence[Port],
    work: Work,
    retries: int = RETRIES,
    json_: bool = False,
) -> list[Outcome]:
    """The outcomes in the order of the ports. Ctrl-C lets the jobs come to an end, for a few seconds, and
    goes on as KeyboardInterrupt."""
    stop = threading.Event()
    waiting: queue.SimpleQueue[tuple[int, Port]] = queue.SimpleQueue()
    finished: queue.SimpleQueue[tuple[int, Outcome | BaseException]] = queue.SimpleQueue()
    for item in enumerate(ports):
        waiting.put(item)

    def worker() -> None:
        while not stop.is_set():
            try:
                index, port = waiting.get_nowait()
            except queue.Empty:
                return
            finished.put((index, attempts(port, work, retries, screen, stop)))

    found: dict[int, Outcome] = {}
    with screen_for(ports, json_) as screen:
        threads = [
            threading.Thread(target=worker, name=f"port-{number}", daemon=True)
            for number in range(min(len(ports), WORKERS_MAX))
        ]
        try:
            for thread in threads:
                thread.start()
            while len(found) < len(ports):
                try:
                    index, outcome = finished.get(timeout=LOOK_S)
                except queue.Empty:
                    continue
                if isinstance(outcome, BaseException):
                    raise outcome
                found[index] = outcome
                screen.done(ports[index], outcome.ok, outcome.text)
        except BaseException:
            _end(stop, threads)
            left = [printable(port.device) for index, port in enumerate(ports) if index not in found]
            say(tr("stopped; not finished: {ports}", ports=", ".join(left)))
            raise
    return [found[index] for index in range(len(ports))]


def _end(stop: threading.Event, threads: Sequence[threading.Thread]) -> None:
    stop.set()
    end = time.monotonic() + ENDING_S
    for thread in filter(threading.Thread.is_alive, threads):
        thread.join(max(0.0, end - time.monotonic()))


def attempts(
    port: Port, work: Work, retries: int, screen: Screen, stop: threading.Event
) -> Outcome | BaseException:
    """The work on one port, with its retries: for threads, so nothing is raised. A board that fell off the
    bus may come back on another port; in what is said it keeps the first one's name."""
    name = port.device
    begin = time.monotonic()
    progress = Progress(port, screen, stop)
    tries = 0
    while True:
        tries += 1
        progress.attempt = tries
        try:
            outcome = work(port, progress)
            facts = {**progress.facts, **outcome.facts}
            spent_s = time.monotonic() - begin
            return replace(outcome, facts=facts, port=name, tries=tries, seconds=spent_s)
        except Stopped as error:
            return error
        except (ToolError, OSError) as problem:  # SerialException is an OSError
            cause = explain(port, problem)
            if not isinstance(cause, Lost) or tries > retries or stop.is_set():
                return _failed(progress, cause, tries, begin)
            progress.talk(tr("{message}; once more", message=cause.message))
            time.sleep(PAUSE_S * tries)
            again = back_again(port, BACK_S)
            if again is None:
                return _failed(progress, gone(port), tries, begin)
            port = again
        except Exception as error:
            if os.environ.get("SPORTBOX_DEBUG"):
                return error
            return _failed(progress, _unexpected(error), tries, begin)


def _failed(progress: Progress, error: ToolError, tries: int, begin: float) -> Outcome:
    return Outcome(
        error.message,
        ok=False,
        hint=error.hint,
        facts=dict(progress.facts),
        status=error.status,
        port=progress.port.device,
        tries=tries,
        seconds=time.monotonic() - begin,
    )


def _unexpected(error: Exception) -> ToolError:
    from host_tools.cli import trace_file

    kind, text = type(error).__name__, printable(str(error))[:200]
    return ToolError(tr("unexpected {kind}: {text}", kind=kind, text=text), trace_file(error))


def finish(outcomes: Sequence[Outcome], json_: bool) -> int:
    """Says what came of it and returns the exit status: for one port its own, for several 1 if any failed."""
    if json_:
        for outcome in outcomes:
            emit(outcome.line())
    failed = [outcome for outcome in outcomes if not outcome.ok]
    if len(outcomes) == 1:
        for outcome in failed:
            report(outcome.text, outcome.hint)
        return failed[0].status or EXIT_FAILED if failed else EXIT_DONE
    if not json_:
        _table(outcomes)
    for outcome in failed:
        say(f"{printable(outcome.port)}: {tr('error: {message}', message=outcome.text)}")
        if outcome.hint:
            say(f"{printable(outcome.port)}: {tr('hint: {hint}', hint=outcome.hint)}")
    if failed:
        names = ", ".join(printable(outcome.port) for outcome in failed)
        counts = {"failed": len(failed), "all": len(outcomes), "ports": names}
        say(tr("{failed} of {all} failed: {ports}", **counts))
    return EXIT_FAILED if failed else EXIT_DONE


def _table(outcomes: Sequence[Outcome]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(tr("port"), tr("result"), tr("what came of it"), tr("tries"), tr("seconds"))
    for one in outcomes:
        result = tr("done") if one.ok else tr("failed")
        row = (printable(one.port), result, one.text, str(one.tries), f"{one.seconds:.1f}")
        table.add_row(*map(Text, row))
    Console(stderr=True).print(table)
