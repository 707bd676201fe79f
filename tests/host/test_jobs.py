"""Work on many boards: retries, failures beside successes, Ctrl-C, exit status."""

import errno
import json
import signal
import threading
from collections.abc import Iterator

import pytest

from host_tools.errors import BadInput, ToolError, Unreachable
from host_tools.port import jobs
from host_tools.port.jobs import Outcome, Progress, finish, run_jobs
from host_tools.port.ports import Port
from host_tools.port.trouble import Lost

PORTS = [Port(f"rfc2217://127.0.0.1:{number}") for number in (4001, 4002, 4003)]  # a URL is always there


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(jobs, "PAUSE_S", 0.0)
    monkeypatch.setattr(jobs, "BACK_S", 0.0)
    yield


def good(port: Port, progress: Progress) -> Outcome:
    progress.step("writing", 2)
    progress.advance(2)
    return Outcome("written", facts={"bytes": 2})


def test_outcomes_come_in_the_order_of_the_ports(capsys: pytest.CaptureFixture[str]) -> None:
    outcomes = run_jobs(PORTS, good)
    assert [outcome.port for outcome in outcomes] == [port.device for port in PORTS]
    assert finish(outcomes, json_=True) == 0
    out, err = capsys.readouterr()
    assert [json.loads(line)["bytes"] for line in out.splitlines()] == [2, 2, 2]
    assert f"{PORTS[0].device}: writing" in err


@pytest.mark.parametrize("error", [Lost("no answer"), OSError(errno.EIO, "gone"), TimeoutError("late")])
def test_a_flaky_port_is_tried_again(error: Exception) -> None:
    left = [error, error]

    def flaky(port: Port, progress: Progress) -> Outcome:
        if left:
            raise left.pop()
        return Outcome("written")

    (outcome,) = run_jobs(PORTS[:1], flaky, retries=2)
    assert outcome.ok
    assert outcome.tries == 3


def test_what_a_job_found_out_is_told_also_when_it_fails() -> None:
    def lost(port: Port, progress: Progress) -> Outcome:
        progress.facts["mac"] = "3c:84:27:11:22:33"
        raise BadInput("an image of another chip")

    (outcome,) = run_jobs(PORTS[:1], lost)
    assert outcome.line()["mac"] == "3c:84:27:11:22:33"


def test_a_board_that_comes_back_on_another_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "back_again", lambda port, patience_s: PORTS[1])
    used = []

    def flaky(port: Port, progress: Progress) -> Outcome:
        used.append(port)
        if len(used) == 1:
            raise Lost("no answer")
        progress.step("writing")
        return Outcome("written")

    (outcome,) = run_jobs(PORTS[:1], flaky)
    assert used == PORTS[:2]
    assert outcome.port == PORTS[0].device


def test_retries_are_bounded() -> None:
    def lost(port: Port, progress: Progress) -> Outcome:
        raise Lost("no answer", "another cable")

    (outcome,) = run_jobs(PORTS[:1], lost, retries=2)
    assert (outcome.ok, outcome.tries, outcome.status, outcome.hint) == (False, 3, 3, "another cable")


@pytest.mark.parametrize("error", [BadInput("wrong chip"), ToolError("bad sector"), Unreachable("busy")])
def test_what_will_not_get_better_is_not_tried_again(error: ToolError) -> None:
    def wrong(port: Port, progress: Progress) -> Outcome:
        raise error

    (outcome,) = run_jobs(PORTS[:1], wrong)
    assert (outcome.tries, outcome.text, outcome.status) == (1, error.message, error.status)
    assert finish([outcome], json_=False) == error.status


def test_one_that_fails_does_not_hold_up_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    both = threading.Barrier(3, timeout=10)  # all at once: one after the other would never get past it

    def work(port: Port, progress: Progress) -> Outcome:
        both.wait()
        if port is PORTS[1]:
            raise BadInput("an ESP32-C3 is no ESP32-S3", "take the other board")
        return Outcome("written")

    outcomes = run_jobs(PORTS, work)
    assert [outcome.ok for outcome in outcomes] == [True, False, True]
    assert finish(outcomes, json_=False) == 1
    err = capsys.readouterr().err
    assert f"{PORTS[1].device}: error: an ESP32-C3 is no ESP32-S3\n" in err
    assert f"{PORTS[1].device}: hint: take the other board\n" in err
    assert f"1 of 3 failed: {PORTS[1].device}\n" in err


def test_a_fault_of_the_program_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("SPORTBOX_DEBUG", raising=False)

    def broken(port: Port, progress: Progress) -> Outcome:
        raise ZeroDivisionError("of things")

    outcomes = run_jobs(PORTS[:1], broken)
    assert finish(outcomes, json_=False) == 1
    assert "error: unexpected ZeroDivisionError: of things\nhint: " in capsys.readouterr().err


def test_ctrl_c_ends_the_jobs() -> None:
    ended = threading.Event()
    begun = threading.Event()

    def endless(port: Port, progress: Progress) -> Outcome:
        try:
            while True:
                progress.step("writing")
                if not begun.is_set():
                    begun.set()
                    signal.raise_signal(signal.SIGINT)
        finally:
            ended.set()

    with pytest.raises(KeyboardInterrupt):
        run_jobs(PORTS[:1], endless, json_=True)
    assert ended.is_set()


def test_more_ports_than_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "WORKERS_MAX", 2)
    assert all(outcome.ok for outcome in run_jobs(PORTS, good))
