"""`sportbox sim storm` with a simulator that is none: seeds, failures, fallen workers, replays, bad input."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_tools.cli import main
from host_tools.setup.paths import REPOSITORY
from host_tools.storm import engine
from host_tools.storm.case import Case, cases_of
from host_tools.storm.crew import Crew, Fallen, scratch
from tests.storm.doubles import BREAKS, DIES, HANGS, NAME, RAISES, WAVERS, Double, played

Storm = Callable[..., int]
PROGRAM = f"""
import sys
from host_tools.storm import engine
engine.ENGINE = {NAME!r}
from host_tools.cli import main
sys.exit(main(["sim", "storm", *sys.argv[1:]]))
"""


@pytest.fixture
def storm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Storm:
    monkeypatch.setattr(engine, "ENGINE", NAME)
    monkeypatch.chdir(tmp_path)
    return lambda *words: main(["sim", "storm", "--hours", "2", *words])


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_seeds_on_boards_add_up(storm: Storm, capsys: pytest.CaptureFixture[str]) -> None:
    assert storm("--seeds", "3", "--boards", "3", "--jobs", "2", "--json") == 0
    *seeds, end = lines(capsys.readouterr().out)
    assert sorted(line["seed"] for line in seeds) == ["1", "2", "3"]
    assert all(line["ok"] for line in seeds)
    assert [run["board"] for run in seeds[0]["runs"]] == ["box-1", "court-1", "court-2"]
    assert all(run["digest"] and run["faults"] == 16 for run in seeds[0]["runs"])
    sums = end["storm"]
    assert (sums["runs"], sums["failed"], sums["device_hours"]) == (9, 0, 18.0)
    assert sums["kinds"]["box"] == {
        "runs": 3,
        "device_hours": 6.0,
        "cpu_s": 1.5,
        "device_hours_a_second": 4.0,
    }
    assert sums["kinds"]["field"]["runs"] == 6
    assert sum(sums["faults"].values()) == 9 * 16
    assert sums["broken"] == {}
    written = json.loads(Path("build/storm.json").read_text())
    assert written["ok"] and written["faults"] == sums["faults"]
    assert Path("build/storm.html").read_text().startswith("<!doctype html>")


def test_the_same_seed_is_the_same_run_in_any_worker(
    storm: Storm, capsys: pytest.CaptureFixture[str]
) -> None:
    found = []
    for jobs in ("1", "3"):
        storm("--seeds", "4", "--boards", "2", "--jobs", jobs, "--json")
        *seeds, _ = lines(capsys.readouterr().out)
        found.append({line["seed"]: [run["digest"] for run in line["runs"]] for line in seeds})
    assert found[0] == found[1]


def test_a_broken_invariant_is_told_with_the_least_that_breaks_it(
    storm: Storm, capsys: pytest.CaptureFixture[str]
) -> None:
    assert storm("--seeds", "2", "--first", BREAKS, "--boards", "2", "--jobs", "2") == 1
    heard = capsys.readouterr()
    assert "13/box-1: 0:11:40.000 order: event 17 came before event 16" in heard.err
    assert "The fewest faults that break it" in heard.err
    command = next(line for line in heard.err.splitlines() if line.startswith("  sportbox"))
    assert command.split() == [
        *("sportbox", "sim", "storm", "--hours", "2", "--replay"),
        "13/box-1:faults=4,11:acts=2:until=1",
    ]
    assert "order in 1" in heard.out
    least = json.loads(Path("build/storm.json").read_text())["least"]
    assert [(one["invariant"], one["shrunk"], len(one["faults"])) for one in least] == [("order", True, 2)]
    assert main(command.split()[1:]) == 1  # and that is what it does
    assert "event 17 came before event 16" in capsys.readouterr().err


def test_an_error_and_a_fallen_worker_are_told_as_those_seeds_failures(
    storm: Storm, capsys: pytest.CaptureFixture[str]
) -> None:
    assert storm("--seeds", "2", "--first", RAISES, "--boards", "2", "--jobs", "2", "--json") == 1
    heard = capsys.readouterr()
    *seeds, end = lines(heard.out)
    runs = {line["seed"]: line["runs"] for line in seeds}
    assert runs[RAISES][0]["error"].startswith("ValueError: the agenda is empty (doubles.py:")
    assert runs[DIES][0]["error"] == "the worker was ended by signal 9 (SIGKILL): a last word"
    assert all(runs[seed][1]["digest"] for seed in (RAISES, DIES))  # the others go on
    assert (end["storm"]["failed"], end["storm"]["errors"]) == (2, 2)
    failures = json.loads(Path("build/storm.json").read_text())["failures"]
    assert any("Traceback" in one["details"] for one in failures)


def test_a_worker_that_hangs_is_given_up(tmp_path: Path) -> None:
    with Crew(NAME, 1, tmp_path, lambda job: 1.0 if job["case"]["seed"] == HANGS else 60.0) as crew:
        for seed in (HANGS, "1"):
            crew.add({"case": Case(seed, "box-1", 1).json()})
        first, second = crew.answers()
    assert isinstance(first[1], Fallen)
    assert first[1].message == "no end after 1 s: the run was given up"
    assert isinstance(second[1], dict)
    assert second[1]["digest"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_workers_and_still_tells_and_writes(tmp_path: Path, number: signal.Signals) -> None:
    words = ["--seeds", "1000000", "--boards", "1", "--jobs", "2", "--hours", "2", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = process.stdout.readline()
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert json.loads(first)["ok"]
    assert "storm" in json.loads(out.splitlines()[-1])
    assert "interrupted after" in err
    assert json.loads((tmp_path / "build" / "storm.json").read_text())["interrupted"]
    assert len(children) == 2
    assert not any(Path(f"/proc/{child}").exists() for child in children)


def test_workers_end_when_the_storm_is_killed(tmp_path: Path) -> None:
    words = ["--seeds", "1000000", "--boards", "1", "--jobs", "1", "--hours", "2", "--json"]
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.kill()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()
    with scratch() as folder:  # the next storm clears what this one could not
        left = [path for path in Path(folder).parent.iterdir() if f"-{process.pid}-" in path.name]
    assert not left


def test_a_replay_is_played_twice_and_leaves_its_trace(
    storm: Storm, capsys: pytest.CaptureFixture[str]
) -> None:
    assert storm("--replay", "5/court-1", "--json") == 0
    (facts,) = lines(capsys.readouterr().out)
    assert facts["same"] and facts["digest"] == facts["second_digest"]
    trace = played(Double().faults(Case("5", "court-1", 2)), 2)
    assert facts["digest"] == trace.digest()
    assert Path(facts["trace"]).read_text().splitlines() == list(trace.lines())
    assert not list(Path("build/storm").glob("*.second.jsonl"))


def test_a_replay_without_a_board_plays_all(storm: Storm, capsys: pytest.CaptureFixture[str]) -> None:
    assert storm("--replay", BREAKS, "--boards", "2") == 1
    heard = capsys.readouterr().err
    assert "13/box-1: twice the same run" in heard
    assert "13/court-1: twice the same run" in heard
    assert heard.count("no invariant was broken") == 1


def test_a_run_that_differs_the_second_time_is_told(storm: Storm, capsys: pytest.CaptureFixture[str]) -> None:
    assert storm("--replay", f"{WAVERS}/court-1") == 1
    heard = capsys.readouterr().err
    assert "NOT the same run twice, from line" in heard
    assert heard.count('"kind":"end"') == 2  # both lines are shown
    assert len(list(Path("build/storm").glob(f"{WAVERS}-court-1*.jsonl"))) == 2


def test_a_replay_that_fails_says_where(storm: Storm, capsys: pytest.CaptureFixture[str]) -> None:
    assert storm("--replay", f"{RAISES}/box-1") == 1
    heard = capsys.readouterr().err
    assert "Traceback" in heard
    assert "ValueError: the agenda is empty" in heard


@pytest.mark.parametrize(
    ("words", "said", "hint"),
    [
        (["--seeds", "0"], "'--seeds': Input should be greater than or equal to 1", "--help"),
        (["--seeds", "many"], "'--seeds'", "--help"),
        (["--hours", "-1"], "'--hours': Input should be greater", "--help"),
        (["--boards", "0"], "'--boards': Input should be greater", "--help"),
        (["--jobs", "0"], "'--jobs': Input should be greater", "--help"),
        (["--first", "x1"], "--first: `x1` is no seed", "--first 17"),
        (["--replay", "\x1b[1m"], "--replay: `\\x1b[1m` is no seed", "--replay 17"),
        (["--replay", "-3"], "--replay: `-3` is no seed", "--replay 17"),
        (["--replay", "3/box-9"], "there is no board `box-9`", "boards: box-1, court-1"),
        (["--replay", "3/"], "there is no board ``", "boards: box-1"),
        (["--replay", "3", "--seeds", "2"], "without --seeds", "sim storm --replay 3"),
        (["--replay", "3", "--first", "2", "--jobs", "1"], "without --first and --jobs", "--replay 3"),
        (["--replay", "3:faults=1"], "`3:faults=1` names no board", "SEED/BOARD:faults="),
        (["--replay", "3/box-1:faults=a"], "`faults=a` is no list of numbers", "faults=3,8"),
        (["--replay", "3/box-1:faults="], "`faults=` is no list of numbers", "faults=3,8"),
        (["--replay", "3/box-1:storms=1"], "`storms=1` is not understood", "faults=3,8"),
        (["--replay", "3/box-1:acts=1:acts=2"], "`acts=2` is not understood", "faults=3,8"),
        (["--replay", "3/box-1:until=3"], "until=3 is not in 1 to 2", "--hours"),
    ],
)
def test_bad_input(
    storm: Storm, capsys: pytest.CaptureFixture[str], words: list[str], said: str, hint: str
) -> None:
    assert storm(*words) == 2
    error, hinted = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ")
    assert said in error
    assert hinted.startswith("hint: ")
    assert hint in hinted
    assert not Path("build").exists()


@pytest.mark.parametrize(
    "case",
    [
        Case("7", "box-1", 24),
        Case("7", "court-2.3", 24, faults=(3, 10_004)),
        Case("7", "box-1", 24, faults=(), acts=(20_001,), until=3),
    ],
)
def test_a_case_is_named_by_its_words_and_its_json(case: Case) -> None:
    assert cases_of(case.spec, case.hours, [], [case.board]) == [case]
    assert Case.from_json(json.loads(json.dumps(case.json()))) == case
    assert case.command == f"sportbox sim storm --hours 24 --replay {case.spec}"
