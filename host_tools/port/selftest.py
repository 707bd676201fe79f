"""A self-test over the serial port: the board (firmware/selftest/) is held, asked check by
check, and started again at the end, whatever happens."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from host_tools.errors import BadInput, ToolError
from host_tools.output import printable
from host_tools.port.selftest_names import called
from host_tools.port.selftest_person import QUESTIONS, Person, prompt_text
from host_tools.site.explain import nearest
from host_tools.strangers import read_json
from host_tools.words import tr

WATCHDOG_MS = 300_000
"""The board feeds it while it tests; as long as in hold mode."""
CHECK_S = 40.0
TICK_MS = 500
TICK_S = 20.0  # parts are built in the first one
PATIENCE_S = 60.0
GIVE_UPS_MAX = 8
OWN = ("pull", "rest", "wait", "leave")
"""What the board itself bounds: it is given longer than a person."""
OWN_S = 90.0

_FACTS = """\
import binascii, json, machine, os, sys
def _():
 d = {"mac": binascii.hexlify(machine.unique_id(), ":").decode()}
 d["micropython"] = ".".join([str(n) for n in sys.implementation.version[:3]])
 for k in ("config", "manifest"):
  try:
   with open("/%s.json" % k) as f:
    d[k] = json.load(f)
   d[k].pop("files", None)
  except (OSError, ValueError, AttributeError):
   d[k] = None
 d["unfinished"] = "provisioning" in os.listdir("/")
 try:
  import sportbox
  d["firmware"] = sportbox.__version__
 except Exception:
  d["firmware"] = None
 if "/" not in sys.path:
  sys.path.append("/")
 try:
  import selftest
  d["selftest"] = selftest.__version__
 except Exception:
  d["selftest"] = None
 sys.modules.pop("selftest", None)
 print(json.dumps(d))
_()
"""


class Held(Protocol):
    """Of host_tools.port.console.Console, what is needed here."""

    def hold(self) -> None: ...
    def restart(self) -> None: ...
    def run(self, code: str, timeout_s: float = ...) -> str: ...


class BoardFacts(BaseModel):
    """What the board says of itself. `config` is /config.json, which holds no secret."""

    model_config = ConfigDict(extra="ignore")

    mac: str
    micropython: str
    firmware: str | None = None
    selftest: str | None = None
    unfinished: bool = False
    config: dict[str, Any] | None = None
    manifest: dict[str, Any] | None = None

    def fact(self, name: str) -> str | None:
        value = (self.config or {}).get(name)
        return value if isinstance(value, str) else None

    @property
    def components(self) -> dict[str, dict[str, Any]]:
        """By name, those that are described."""
        found = (self.config or {}).get("components")
        items = found.items() if isinstance(found, dict) else ()
        return {name: facts for name, facts in items if isinstance(facts, dict)}

    @property
    def key_version(self) -> int | None:
        value = (self.manifest or {}).get("key_version")
        return value if isinstance(value, int) else None


class _Offered(BaseModel):
    """Pairs of check and component."""

    checks: list[tuple[str, str]] | None = None
    steps: list[tuple[str, str]] | None = None


class Finding(BaseModel):
    """One result. `ok` is None for what could not be told; `why` is the board's word for it."""

    model_config = ConfigDict(extra="forbid")

    check: str
    component: str
    ok: bool | None
    value: Any = None
    why: str = ""
    at: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    checks: list[tuple[str, str]]
    steps: list[tuple[str, str]]


class Session:
    """`start` first; `restart` of the console is the caller's, whatever happens."""

    def __init__(
        self,
        console: Held,
        person: Person,
        skip: Sequence[str] = (),
        patience_s: float = PATIENCE_S,
        match: Callable[[str, str | None], None] = lambda firmware, selftest: None,
    ) -> None:
        """`match` is told the versions of the board's firmware and of its self-test; it makes them one."""
        self._console = console
        self._match = match
        self._person = person
        self._skip = set(skip)
        self._patience_s = patience_s
        self._begin_s = time.monotonic()
        self.facts: BoardFacts

    def start(self) -> Plan:
        """What this board can check. Raises ToolError for one that cannot."""
        self._console.hold()
        try:
            self.facts = BoardFacts.model_validate_json(self._console.run(_FACTS))
        except ValidationError as error:
            raise _unexpected() from error
        again = tr("sportbox provision --site SITE.yaml --device NAME, then test again")
        if self.facts.unfinished:
            raise ToolError(tr("the board is not provisioned: that was cut off"), again)
        if self.facts.firmware is None or (self.facts.config is None and self.facts.manifest is None):
            raise ToolError(tr("there is no firmware on the board"), again)
        self._match(self.facts.firmware, self.facts.selftest)
        self._say("from selftest.board import Selftest")
        self._say(f"t = Selftest({WATCHDOG_MS})")
        lines = self._say("t.list()")
        try:
            offered = _Offered.model_validate(lines[0] if lines else {})
        except ValidationError as error:
            raise _unexpected() from error
        checks, steps = offered.checks or [], offered.steps or []
        self._know_skipped([*checks, *steps])
        return Plan(self._wanted(checks), self._wanted(steps))

    def _know_skipped(self, pairs: list[tuple[str, str]]) -> None:
        """A misspelt name would leave out nothing, unnoticed."""
        known = list(dict.fromkeys([*(name for pair in pairs for name in pair), *self.facts.components]))
        for name in self._skip:
            if name not in known:
                meant = nearest(name, known)
                hint = f"--skip {meant}" if meant else tr("it has: {names}", names=", ".join(known))
                raise BadInput(tr("--skip: the board has no `{name}`", name=printable(name)), hint)

    def _wanted(self, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Without what is to be skipped; a door goes with its lock, for one step tests both."""
        found = []
        components = self.facts.components
        for check, component in pairs:
            lock = components.get(component, {}).get("lock") if check == "door" else None
            if not self._skip & {check, component, lock if isinstance(lock, str) else component}:
                found.append((check, component))
        return found

    # --- what needs nobody ---

    def check(self, check: str, component: str) -> Finding:
        self._begin_s = time.monotonic()
        try:
            lines = self._say(f"t.check({check!r}, {component!r})", CHECK_S)
        except ToolError as error:
            trace = getattr(error, "trace", None)
            if trace is None:  # the connection, not the board
                raise
            return self._finding({"check": check, "component": component, "ok": False, "why": _last(trace)})
        found = [line for line in lines if "check" in line]
        if not found:
            return self._finding({"check": check, "component": component, "ok": False, "why": "no_result"})
        return self._finding(found[0])

    # --- what a person helps with ---

    def step(self, name: str, component: str) -> list[Finding]:
        """One step, prompt by prompt. Ends by itself: nobody is waited for longer than their patience."""
        self._begin_s = time.monotonic()
        self._say(f"t.begin({name!r}, {component!r})")
        findings: list[Finding] = []
        expect, deadline, given_up = "", time.monotonic() + TICK_S, 0
        skipped = False
        while True:
            over = skipped or time.monotonic() >= deadline
            given_up += over
            if given_up > GIVE_UPS_MAX:
                raise ToolError(tr("the board does not come to an end with {what}", what=called(component)))
            for line in self._say("t.give_up()" if over else f"t.tick({TICK_MS})", TICK_S):
                if "end" in line:
                    return self._asked(self._skipped(findings) if skipped else findings)
                if "check" in line:
                    findings.append(self._finding(line))
                elif "expect" in line and line["expect"] != expect:
                    expect = str(line["expect"])
                    deadline = time.monotonic() + self._patience_for(expect)
                    if not skipped:
                        self._person.prompt(
                            expect, component, prompt_text(expect, component, line.get("detail"))
                        )
            skipped = skipped or self._take_answer(expect)
            self._person.wait(deadline - time.monotonic())

    def _patience_for(self, expect: str) -> float:
        if expect in QUESTIONS and not self._person.can_answer:
            return min(self._patience_s, 1.0)
        return max(self._patience_s, OWN_S) if expect in OWN else self._patience_s

    def _take_answer(self, expect: str) -> bool:
        """True if the step is to be skipped."""
        said = self._person.answer()
        if said in ("yes", "no") and expect in QUESTIONS:
            self._console.run(f"t.answer = {said == 'yes'}")
        return said == "skip"

    def _skipped(self, findings: list[Finding]) -> list[Finding]:
        """What was not done because nobody wanted to is no failure."""
        return [one if one.ok else one.model_copy(update={"ok": None, "why": "skipped"}) for one in findings]

    def _asked(self, findings: list[Finding]) -> list[Finding]:
        """A lock without contacts of its own and a door that nobody opened, or whose contact sticks: a person
        knows which."""
        lock = next((one for one in findings if one.check == "lock" and one.why == "not_opened"), None)
        door = next((one for one in findings if one.check == "door"), None)
        if lock is None or door is None:
            return findings
        question = tr("Did {what} come open when you pulled?", what=called(door.component))
        if self._person.ask(door.component, question) is not True:
            return findings
        lock = lock.model_copy(update={"ok": True, "why": ""})
        return [lock, door.model_copy(update={"ok": False, "why": "never_opened"})]

    # --- the line ---

    def _say(self, code: str, timeout_s: float = CHECK_S) -> list[dict[str, Any]]:
        """Runs it on the board; the JSON lines among what it prints."""
        return list(_objects(self._console.run(code, timeout_s)))

    def _finding(self, line: dict[str, Any]) -> Finding:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Finding(
            check=str(line.get("check")),
            component=str(line.get("component")),
            ok=line["ok"] if isinstance(line.get("ok"), bool) else None,
            value=line.get("value"),
            why=str(line.get("why") or ""),
            at=now,
            seconds=round(time.monotonic() - self._begin_s, 1),
        )


def _unexpected() -> ToolError:
    return ToolError(tr("the board does not answer as expected"), tr("repeat the command"))


def _objects(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                found = read_json(line)
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found


def _last(trace: str) -> str:
    return (trace.strip().splitlines() or [""])[-1][:80]
