"""Plays one run in a process of its own, as a storm does: `-m tests.storm.one_run SEED BOARD HOURS FOLDER`
prints the digest, the trace, the configuration and the plan as JSON."""

import json
import sys
from pathlib import Path

from host_tools.storm.play import config_of, play, steady
from host_tools.storm.weather.plan import made

if __name__ == "__main__":
    steady()
    seed, board, hours, folder = sys.argv[1:]
    plan = made(seed, float(hours), board, config_of(board))
    run = play(seed, board, plan, Path(folder))
    facts = {"digest": run.digest, "records": run.records, "config": run.config, "plan": plan.to_json()}
    json.dump(facts, sys.stdout)
