"""A bench where boards are plugged in one after the other, each becoming a device of the site.

A board that the inventory knows, or that says itself who it is, stays that device. Any other becomes the
first device that is missing and fits its chip. One board that fails does not stop the others.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from host_tools.errors import EXIT_DONE, BadInput, ToolError
from host_tools.output import emit, printable, say
from host_tools.port.chip import Chip
from host_tools.port.flash import check_board
from host_tools.port.image import title
from host_tools.port.jobs import ENDING_S, RETRIES, WORKERS_MAX, Outcome, Progress, attempts
from host_tools.port.ports import Port, found_ports
from host_tools.port.screen import Lines
from host_tools.port.survey import Seen
from host_tools.site.boards import load_board
from host_tools.site.models import Site
from host_tools.words import tr

if TYPE_CHECKING:
    from host_tools.site.inventory import Inventory

POLL_S = 0.3
GONE_S = 4.0  # a board with USB of its own leaves the bus when it restarts: that is not unplugged
ASK_AGAIN_MAX = 3

Ask = Callable[[str, Sequence[str]], str | None]


@dataclass(frozen=True)
class Steps:
    """What is done to a board: each as in its own command. `flash` and `provision` get the device's name."""

    survey: Callable[[Port, Progress], Seen]
    flash: Callable[[Port, Progress, str], Outcome]
    provision: Callable[[Port, Progress, str], Outcome]
    selftest: Callable[[Port, Progress, str], Outcome] | None = None


@dataclass
class _Question:
    text: str
    names: list[str]
    answer: "queue.SimpleQueue[str | None]" = field(default_factory=queue.SimpleQueue)


class Station:
    """`micropython`: the version that boards shall have. `ask` chooses a device, None takes the first."""

    def __init__(
        self,
        site: Site,
        inventory: "Inventory",
        steps: Steps,
        micropython: str,
        ask: Ask | None = None,
        json_: bool = False,
    ) -> None:
        self.outcomes: list[Outcome] = []
        self._site = site
        self._inventory = inventory
        self._steps = steps
        self._micropython = micropython
        self._ask = ask
        self._json = json_
        self._stop = threading.Event()
        self._jobs: dict[str, threading.Thread] = {}
        self._finished: queue.SimpleQueue[tuple[Port, Outcome | BaseException]] = queue.SimpleQueue()
        self._questions: queue.SimpleQueue[_Question] = queue.SimpleQueue()
        self._seen: dict[str, float] = {}  # ports that were handled, and when they were there last
        self._reserved: dict[str, str] = {}  # devices that boards (by MAC) are becoming
        self._lock = threading.Lock()

    def run(self) -> int:
        """Until no device is missing, or Ctrl-C."""
        try:
            while True:
                if self._turn():
                    say(tr("no device is missing any more"))
                    return EXIT_DONE
        except KeyboardInterrupt:
            if self._jobs:
                self._end()
                raise
            say(tr("still missing: {devices}", devices=", ".join(self._inventory.missing(self._site)) or "-"))
            return EXIT_DONE
        finally:
            self._end()

    def _turn(self) -> bool:
        """One look around; whether all is done."""
        self._collect()
        if not self._jobs and not self._inventory.missing(self._site):
            return True
        now = time.monotonic()
        for port in found_ports():
            if (
                port.device not in self._seen
                and port.device not in self._jobs
                and len(self._jobs) < WORKERS_MAX
            ):
                self._begin(port)
            if port.device in self._seen:
                self._seen[port.device] = now
        for device, last in list(self._seen.items()):
            if now - last > GONE_S:
                del self._seen[device]
                say(tr("{port}: unplugged", port=printable(device)))
        self._answer()
        return False

    def _begin(self, port: Port) -> None:
        say(tr("{port}: a board", port=printable(port.device)))

        def work() -> None:
            self._finished.put((port, attempts(port, self._handle, RETRIES, Lines(), self._stop)))

        thread = threading.Thread(target=work, name=f"port {port.device}", daemon=True)
        self._jobs[port.device] = thread
        thread.start()

    def _collect(self) -> None:
        """Waits a moment for a board that is done."""
        try:
            port, outcome = self._finished.get(timeout=POLL_S)
        except queue.Empty:
            return
        self._jobs.pop(port.device).join()
        self._seen[port.device] = time.monotonic()
        if isinstance(outcome, BaseException):
            raise outcome
        self.outcomes.append(outcome)
        if self._json:
            emit(outcome.line())
        name = printable(port.device)
        lines = [outcome.text if outcome.ok else tr("error: {message}", message=outcome.text)]
        if outcome.hint:
            lines.append(tr("hint: {hint}", hint=outcome.hint))
        say("\n".join(f"{name}: {line}" for line in lines))  # in one, for other boards talk, too

    def _answer(self) -> None:
        """Questions are asked by the main thread alone, one after the other."""
        try:
            question = self._questions.get_nowait()
        except queue.Empty:
            return
        question.answer.put(self._ask(question.text, question.names) if self._ask else None)

    def _end(self) -> None:
        self._stop.set()
        end = time.monotonic() + ENDING_S
        for thread in self._jobs.values():
            thread.join(max(0.0, end - time.monotonic()))

    # --- one board, in its thread ---

    def _handle(self, port: Port, progress: Progress) -> Outcome:
        progress.step(tr("looking which board it is"))
        seen = self._steps.survey(port, progress)
        mac = seen.chip.mac
        progress.facts |= {"mac": mac, "chip": seen.chip.name}
        device = self._whose(port, seen)
        progress.facts["device"] = device
        try:
            if seen.tenant is not None and seen.micropython != self._micropython:
                told = {"device": device, "version": seen.micropython or "?", "wanted": self._micropython}
                return Outcome(
                    tr("it is {device} with MicroPython {version}, not {wanted}: left alone", **told),
                    hint=tr("`sportbox flash --force` renews it, then plug it in again"),
                    facts={"changed": False},
                )
            facts: dict[str, object] = {}
            if seen.micropython != self._micropython:
                facts |= self._steps.flash(port, progress, device).facts
            done = self._steps.provision(port, progress, device)
            facts |= done.facts
            if self._steps.selftest is not None:
                checked = self._steps.selftest(port, progress, device)
                done = replace(checked, text=f"{done.text}; {checked.text}")
                facts |= checked.facts
            text = f"{device} ({mac}): {done.text}"
            return replace(done, text=text, facts=facts)
        finally:
            with self._lock:
                self._reserved.pop(mac, None)

    def _whose(self, port: Port, seen: Seen) -> str:
        """The device that this board is, or shall be; reserved until `_handle` is done with it."""
        known = self._inventory.device_of(seen.chip.mac)
        if known not in self._site.devices:
            known = None
        tenant = seen.tenant
        if known is None and tenant is not None:
            if tenant.site != self._site.site or tenant.device not in self._inventory.missing(self._site):
                raise ToolError(
                    tr("it is {device} of {site} already", device=tenant.device, site=tenant.site),
                    tr("unplug it; to use it here, `sportbox flash --force` it first"),
                )
            known = tenant.device
        if known is not None:
            check_board(load_board(self._site.devices[known].board), seen.chip)
            with self._lock:
                self._reserved[seen.chip.mac] = known
            return known
        return self._new(port, seen.chip)

    def _new(self, port: Port, chip: Chip) -> str:
        for _ in range(ASK_AGAIN_MAX):
            fitting = self._fitting(chip)
            if not fitting:
                raise ToolError(
                    tr("no missing device of the site fits an {chip}", chip=title(chip.name)),
                    tr(
                        "unplug it; missing: {devices}",
                        devices=", ".join(self._inventory.missing(self._site)) or "-",
                    ),
                )
            name = self._asked(port, chip, fitting) if self._ask is not None else fitting[0]
            if name is None:
                raise BadInput(tr("no device was chosen for it"), tr("plug it in again to be asked again"))
            with self._lock:  # another board may be done with it since, and let it go
                if name not in self._reserved.values() and name in self._inventory.missing(self._site):
                    self._reserved[chip.mac] = name
                    return name
        raise ToolError(tr("other boards took the missing devices"), tr("plug it in again"))

    def _fitting(self, chip: Chip) -> list[str]:
        with self._lock:
            taken = set(self._reserved.values())
        names = []
        for name in self._inventory.missing(self._site):
            try:
                check_board(load_board(self._site.devices[name].board), chip)
            except BadInput:
                continue
            if name not in taken:
                names.append(name)
        return names

    def _asked(self, port: Port, chip: Chip, names: list[str]) -> str | None:
        told = {"port": printable(port.device), "chip": title(chip.name), "mac": chip.mac}
        question = _Question(tr("{port}: which device is this {chip} ({mac})?", **told), names)
        self._questions.put(question)
        while not self._stop.is_set():
            try:
                return question.answer.get(timeout=POLL_S)
            except queue.Empty:
                continue
        return None
