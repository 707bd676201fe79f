"""A simulator that is none: plans with faults, traces with outages, and invariants that break on demand."""

import os
import random
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from host_tools.storm.agenda import BEGIN_US, Agenda
from host_tools.storm.case import Case
from host_tools.storm.engine import Planned, Run
from host_tools.storm.oracle.broken import HOUR_US, Broken
from host_tools.storm.trace import Trace

NAME = "tests.storm.doubles:Double"
BOARDS = ["box-1", "court-1", "court-2"]
KINDS = ("broker_stop", "reset_all", "cut", "rot")
S = 1_000_000

RAISES, DIES, HANGS, WAVERS, BREAKS = "666", "667", "668", "669", "13"
"""Seeds with which something happens on box-1."""
NEEDED = (4, 11)
"""With seed BREAKS the invariant `order` breaks if these two faults and the act 2 happen."""


class Double:
    def prepare(self) -> None:
        os.environ["DOUBLE_IS_READY"] = "yes"

    def boards(self, count: int) -> list[str]:
        return [*BOARDS, *(f"court-{number}" for number in range(3, count))][:count]

    def faults(self, case: Case) -> list[Planned]:
        random_ = random.Random(f"{case.seed}/{case.board}/{case.hours}")
        faults = []
        for number in range(1, 17):
            kind = random_.choice(KINDS)
            at_us = BEGIN_US + number * 60 * S
            lasts_us = 0 if kind == "reset_all" else random_.randrange(1, 50) * S
            faults.append(Planned(number, at_us, lasts_us, kind, {"keep": True} if kind == "cut" else {}))
        return [one for one in faults if case.faults is None or one.number in case.faults]

    def acts(self, case: Case) -> list[Planned]:
        acts = [Planned(number, BEGIN_US + number * 90 * S, 0, "press_release", {}) for number in range(1, 9)]
        return [one for one in acts if case.acts is None or one.number in case.acts]

    def run(self, case: Case, folder: Path) -> Run:
        assert os.environ["DOUBLE_IS_READY"]
        (folder / "flash.bin").write_bytes(bytes(8))
        self._misbehave(case)
        hours = case.until or case.hours
        config = {"board": "box-esp32s3" if case.board == "box-1" else "field-esp32c3"}
        trace = played(self.faults(case), hours, wavers=case.seed == WAVERS)
        return Run(trace.records, config, trace.digest(), hours * 3_600, 0.5, self._broken(case))

    def _misbehave(self, case: Case) -> None:
        if case.board != "box-1":
            return
        if case.seed == RAISES:
            raise ValueError("the agenda is empty")
        if case.seed == DIES:
            print("a last word", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if case.seed == HANGS:
            time.sleep(600)

    def _broken(self, case: Case) -> Sequence[Broken]:
        if case.board != "box-1" or case.seed not in (BREAKS, WAVERS):
            return []
        faults = {one.number for one in self.faults(case)}
        acts = {one.number for one in self.acts(case)}
        if not faults >= set(NEEDED) or 2 not in acts:
            return []
        return [
            Broken("order", BEGIN_US + 700 * S, "event 17 came before event 16"),
            Broken("order", BEGIN_US + 800 * S, "event 19 came before event 18"),
        ]


def played(faults: Sequence[Planned], hours: int, wavers: bool = False) -> Trace:
    """A board that is offline while a fault lasts, and back 3 s after it."""
    agenda = Agenda()
    trace = Trace(agenda)
    conn = 1

    def up() -> None:
        nonlocal conn
        conn += 1
        trace.note("up", conn=conn)
        topic = "sportbox/v1/site/box-1/telemetry"
        trace.note("publish", conn=conn, topic=topic, payload=f'{{"queue":{conn}}}', qos=0, acked=False)

    def begin(fault: Planned) -> None:
        trace.note("fault", number=fault.number, name=fault.what, on=True, args=fault.args)
        trace.note("gone", conn=conn, why="fault")
        if fault.what == "cut":
            trace.note("power", what="cut")
        agenda.after(fault.lasts_us, lambda: end(fault))

    def end(fault: Planned) -> None:
        if fault.lasts_us:
            trace.note("fault", number=fault.number, name=fault.what, on=False, args=fault.args)
        if fault.what == "cut":
            trace.note("power", what="on")
            trace.note("boot", n=2, cause=1)
        agenda.after(3 * S, up)

    trace.note("power", what="on")
    trace.note("boot", n=1, cause=1)
    agenda.after(2 * S, lambda: trace.note("up", conn=1))
    for fault in faults:
        agenda.at(fault.at_us, lambda fault=fault: begin(fault))  # type: ignore[misc]
    agenda.run_until(BEGIN_US + hours * HOUR_US)
    trace.note("end", chance=random.random() if wavers else 0)
    return trace
