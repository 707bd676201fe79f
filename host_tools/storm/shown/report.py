"""build/storm.json and build/storm.html."""

import json
from pathlib import Path
from typing import Any

from host_tools.errors import ToolError
from host_tools.site.atomic import replace_file
from host_tools.storm.result import FILE_MODE
from host_tools.storm.shown.page import page, verdict_of
from host_tools.storm.shown.svg import bins
from host_tools.storm.storm import Least, Totals, run_facts

JSON_NAME = "storm.json"
HTML_NAME = "storm.html"


def write(totals: Totals, folder: Path) -> tuple[Path, Path]:
    """Both files, each in one step."""
    paths = folder / JSON_NAME, folder / HTML_NAME
    text = json.dumps(facts_of(totals), indent=1, ensure_ascii=False) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(paths[0], text.encode(), FILE_MODE)
        replace_file(paths[1], page(totals).encode(), FILE_MODE)
    except OSError as error:
        raise ToolError(f"cannot write the report to {folder}: {error.strerror}") from None
    return paths


def facts_of(totals: Totals) -> dict[str, Any]:
    order = totals.order
    return {
        "ok": totals.ok,
        "verdict": verdict_of(totals),
        "interrupted": totals.interrupted,
        "first_seed": order.first,
        "seeds": order.count,
        "boards": list(order.boards),
        "hours": order.hours,
        "jobs": order.jobs,
        **sums_of(totals),
        "recovery_s": [{"s": name, "count": count} for name, count in bins(totals.recoveries)],
        "counts": dict(totals.counts.most_common()),
        "least": [least_facts(least) for least in totals.least],
        "failures": [
            {
                **run_facts(result),
                **result.case.json(),
                "command": result.case.command,
                "details": result.details,
            }
            for result in totals.failures
        ],
        "pictures": [{**result.case.json(), **result.picture.json()} for result in totals.pictures],
    }


def sums_of(totals: Totals) -> dict[str, Any]:
    """The figures alone: what ends the lines of `--json`, too."""
    speeds = {
        kind: {
            "runs": speed.runs,
            "device_hours": round(speed.device_hours, 3),
            "cpu_s": round(speed.cpu_s, 3),
            "device_hours_a_second": None if (rate := speed.hours_a_second) is None else round(rate, 2),
        }
        for kind, speed in sorted(totals.speeds.items())
    }
    return {
        "runs": totals.runs,
        "failed": totals.failed,
        "errors": totals.errors,
        "device_hours": round(totals.device_hours, 3),
        "real_s": round(totals.real_s, 1),
        "kinds": speeds,
        "faults": dict(totals.faults.most_common()),
        "broken": dict(totals.broken.most_common()),
        "queue_max": totals.queue_max,
    }


def least_facts(least: Least) -> dict[str, Any]:
    """A failing run, shrunk."""
    case = least.case or least.of
    facts = {"invariant": least.invariant, **case.json(), "command": case.command, "repeats": least.repeats}
    if least.case is None:
        return {**facts, "shrunk": False, "error": least.error}
    return {
        **facts,
        "shrunk": least.is_least,
        "text": least.text,
        "faults": list(least.faults),
        "acts": list(least.acts),
        "tries": least.tries,
    }
