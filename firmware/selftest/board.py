"""The board checks itself, one check at a time, as the host asks over the raw REPL while our app does not
run.

    t = Selftest(300000)        # feeds the watchdog of the hold mode, in ms
    t.list()                    # {"checks": [["files", "board"], ...], "steps": [["door", "door-1"], ...]}
    t.check("files", "board")   # {"check", "component", "ok", "value", "why"}, one JSON line a result
    t.begin("door", "door-1")   # what a technician has to help with ...
    t.tick(800)                 # ... {"expect": "open", ...} when that changes, and at the end its results
    t.give_up()                 # nobody came: the step ends with what is known

`ok` is true, false, or null for what could not be told; `why` is a word that the host explains. Parts,
drivers and network code are those of the app: what passes here is what runs. Nothing waits without a bound.
"""

import asyncio
import gc
import json

from micropython import const
from sportbox.compose import NotProvisioned, load
from sportbox.drivers import chip
from sportbox.system.health import Uptime

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sportbox.kit import Facts

    from selftest.parts import Parts

_LOOK_MS = const(10)
_WHY_MAX = const(80)
_VALUE_MAX = const(400)  # bytes of JSON
_OWN = ("config", "files", "chip", "flash", "heap", "reset", "crash")


class Selftest:
    """`say` takes each line. Checks may be asked for in any order, and again."""

    def __init__(self, watchdog_ms: int, say: "Callable[[str], object]" = print) -> None:
        self.feed = chip.Watchdog(watchdog_ms).feed
        self._say = say
        uptime = Uptime()
        self.now_ms = uptime.ms
        self.config: "Facts" = {}
        self.secrets: "Facts" = {}
        self.why_not = ""  # the configuration cannot be used
        self.unix_s: int | None = None  # network time ...
        self.unix_ms = 0  # ... and when it came
        self.late = False  # the technician does not do what a step waits for
        self.answer: bool | None = None  # what the technician says of a lamp or a buzzer; set by the host
        self.detail: object = None  # of what is expected
        self._parts: "Parts | None" = None
        self._network: object = None
        self._step: "Iterator[str] | None" = None
        self._about = ("", "")
        self._expect = ""
        try:
            self.config = load("/config.json")
            self.secrets = load("/secrets.json")
        except (NotProvisioned, OSError) as error:
            self.why_not = str(error)

    # ---- what there is to do

    def list(self) -> None:
        checks = [(name, "board") for name in _OWN]
        steps: "list[tuple[str, str]]" = []
        if not self.why_not:
            checks += [("wifi", "wifi"), ("dns", "network"), ("time", "network")]
            if self.config.get("rtc"):
                checks.append(("rtc", "rtc"))
            checks.append(("broker", "broker"))
            from selftest.parts import plan

            more, steps = plan(self.config)
            checks += more
        self._print({"checks": checks, "steps": steps})

    # ---- checks that need nobody

    def check(self, name: str, component: str) -> None:
        """Says one result. Whatever goes wrong is one, too."""
        self.feed()
        gc.collect()
        try:
            ok, value, why = self._find(name)(component)
        except Exception as error:
            ok, value, why = False, None, _told(error)
        self.result(name, component, ok, value, why)
        self.feed()

    def _find(self, name: str) -> "Callable[[str], tuple[bool | None, object, str]]":
        if name in _OWN:
            from selftest import own

            return lambda _: own.CHECKS[name](self)
        if name in ("wifi", "dns", "time", "rtc", "broker"):
            from selftest.reach import Network

            if self._network is None:
                self._network = Network(self)
            return lambda _: asyncio.run(getattr(self._network, name)())
        return lambda component: self.parts().check(name, component)

    def parts(self) -> "Parts":
        """Built at the first use; what fails then is the failure of each check that needs them."""
        if self._parts is None:
            from selftest.parts import Parts

            self._parts = Parts(self)
        return self._parts

    # ---- steps with a technician

    def begin(self, name: str, component: str) -> None:
        """The step before, if it still runs, is forgotten."""
        from selftest import acts

        gc.collect()
        self._about = (name, component)
        self._expect = ""
        self.late = False
        self.answer = self.detail = None
        self._step = getattr(acts, name)(self, component)

    def tick(self, ms: int) -> None:
        """Lets the step go on for so long. Says what is expected as soon as that changes, then returns."""
        asyncio.run(self._tick(self.now_ms() + ms))

    def give_up(self) -> None:
        """What the step waits for does not come: it says what follows from that."""
        self.late = True
        self.tick(0)

    async def _tick(self, end_ms: int) -> None:
        while self._step is not None:
            self.feed()
            try:
                self.parts().scan(self.now_ms())
                expect = next(self._step)
            except StopIteration:
                self._end()
                return
            except Exception as error:
                self.result(self._about[0], self._about[1], False, None, _told(error))
                self._end()
                return
            shown = "%s %s" % (expect, self.detail)
            if shown != self._expect:
                self._expect = shown
                name, component = self._about
                line = {"expect": expect, "step": name, "component": component, "detail": self.detail}
                self._print(line)
                return
            if self.now_ms() >= end_ms:
                return
            await asyncio.sleep_ms(_LOOK_MS)

    def _end(self) -> None:
        self._step = None
        self._print({"end": self._about[0], "component": self._about[1]})

    # ---- what it says

    def result(self, check: str, component: str, ok: bool | None, value: object, why: str = "") -> None:
        line = {"check": check, "component": component, "ok": ok, "value": value, "why": why}
        if len(json.dumps(value)) > _VALUE_MAX:
            line["value"] = None
        self._print(line)

    def _print(self, line: "dict[str, object]") -> None:
        self._say(json.dumps(line))


def _told(error: Exception) -> str:
    return ("%s %s" % (type(error).__name__, error))[:_WHY_MAX]
