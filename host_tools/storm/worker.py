"""A process that plays runs, one after the other: jobs on stdin, answers on stdout, one JSON object a line.

    python -m host_tools.storm.worker ENGINE SCRATCH PLACE

Without threads: a run forks virtual machines. Whatever prints goes to stderr; stdout is the storm's alone.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from host_tools.storm.case import Case
from host_tools.storm.engine import Engine, load
from host_tools.storm.machine.core import keep_to
from host_tools.storm.result import Result, short, tried
from host_tools.storm.shown.telling import words_of
from host_tools.storm.shrink import Shrinker

Json = dict[str, Any]


class Worker:
    def __init__(self, engine: Engine, scratch: Path) -> None:
        self._engine = engine
        self._scratch = scratch

    def answer(self, job: Json) -> Json:
        case = Case.from_json(job["case"])
        if "shrink" in job:
            return self._shrunk(case, job["shrink"])
        trace = Path(job["trace"]) if job.get("trace") else None
        return tried(self._engine, case, self._scratch, trace).json()

    def _shrunk(self, case: Case, invariant: str) -> Json:
        def attempt(other: Case) -> Result:
            return short(tried(self._engine, other, self._scratch))

        result = attempt(case)
        if invariant not in result.invariants:
            return {"case": case.json(), "repeats": False, "tries": 1}
        shrinker = Shrinker(result, invariant, attempt)
        shrunk = shrinker.shrink(self._engine.faults(case), self._engine.acts(case))
        facts = {**asdict(shrunk), "case": shrunk.case.json()}
        facts["faults"] = [words_of(fault) for fault in self._engine.faults(shrunk.case)]
        facts["acts"] = [words_of(act) for act in self._engine.acts(shrunk.case)]
        return facts


def main() -> None:
    name, scratch, place = sys.argv[1:]
    keep_to(int(place))
    engine = load(name)
    engine.prepare()
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    worker = Worker(engine, Path(scratch))
    for line in sys.stdin:
        print(json.dumps(worker.answer(json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    main()
