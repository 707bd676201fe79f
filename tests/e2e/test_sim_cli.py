"""`sportbox sim up` and the commands beside it, run as a user runs them."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

from host_tools.sim.board import SimBoard
from tests.brokers import wait_until
from tests.e2e.commands import (
    ROSTOCK,
    STOP_S,
    STRALSUND,
    SimUp,
    alive,
    json_lines,
    sim_up,
    sportbox,
    start,
)

BOARDS = {"box-1", "court-1", "court-2", "court-3"}


def show(state: Path, board: str) -> dict[str, Any]:
    """What `sim show` shows, without the start of a command each time."""
    return SimBoard(state / "boards" / board).show()


def test_a_site_from_up_to_ctrl_c(run_dir: Path) -> None:
    """One site, all commands: what they print, what they do, how they exit."""
    state = run_dir / "state"
    with sim_up(ROSTOCK, state=state) as up:
        for line in up.boards:
            assert set(line) == {"board", "pid", "state_dir", "online_ms"}
            assert line["state_dir"] == str(state) and 0 < line["online_ms"] < 30_000
            assert line["pid"] in up.processes()
        assert {line["board"] for line in up.boards} == BOARDS and len(up.lines) == len(BOARDS) + 1
        assert up.site_file == {
            "site": "hafensport-rostock",
            "broker": up.site_file["broker"],
            "pid": up.process.pid,
        }
        worlds = json_lines(sportbox("sim", "show", "--json", state=state).stdout)
        assert {world["board"] for world in worlds} == BOARDS
        assert all(world["power"] and world["boot_count"] == 1 for world in worlds)
        (world,) = json_lines(sportbox("sim", "show", "court-1", "--json", state=state).stdout)
        assert world["pid"] == show(state, "court-1")["pid"]
        check_set(state)
        check_power(up)
        check_send(state)
        check_mistakes(state)
        secrets = json.loads((state / "secrets.json").read_text())["master"]
        assert secrets not in up.talk and all(secrets not in str(line) for line in up.lines)
        took_s, left = up.stop(signal.SIGINT)
    assert up.process.returncode == 0
    assert took_s < STOP_S and left == {}, (took_s, left)
    assert not (state / "site.json").exists() and not (state / "control.sock").exists()
    assert sportbox("sim", "set", "box-1", "door-2", "open", state=state).stderr.count("off") == 1
    assert "sim up" in sportbox("sim", "cut", "box-1", state=state, status=3).stderr


def check_set(state: Path) -> None:
    """A door opens by force, and by a pull only when it is released; the other components follow, too."""

    def put(component: str, value: str) -> dict[str, Any]:
        done = sportbox("sim", "set", "box-1", component, value, "--json", state=state)
        (line,) = json_lines(done.stdout)
        assert line["board"] == "box-1" and line["awake"]
        return dict(line)

    assert put("door-2", "pull")["said"] == "stayed shut"
    assert put("door-2", "open")["moved"]
    assert show(state, "box-1")["doors"]["door-2"] == "open"
    put("door-2", "closed")
    assert show(state, "box-1")["doors"]["door-2"] == "closed"
    assert put("gate", "in")["passed"] == "in"
    sportbox("sim", "set", "court-1", "court-1", "occupied", state=state)
    assert show(state, "court-1")["courts"]["court-1"]["is"] == "occupied"


def check_power(up: SimUp) -> None:
    before = show(up.state, "court-2")
    assert json_lines(sportbox("sim", "cut", "court-2", "--json", state=up.state).stdout) == [
        {"board": "court-2", "power": False}
    ]
    assert before["pid"] not in up.processes()
    off = show(up.state, "court-2")
    assert (off["power"], off["pid"]) == (False, 0)
    (line,) = json_lines(sportbox("sim", "boot", "court-2", "--json", state=up.state).stdout)
    assert line["pid"] in up.processes()
    assert show(up.state, "court-2")["boot_count"] == 2
    assert "power already" in sportbox("sim", "boot", "court-2", state=up.state, status=2).stderr


def check_send(state: Path) -> None:
    """`grant | send -`: 0 done, 1 refused or failed, 3 no answer."""
    token = sportbox("grant", ROSTOCK, "box-1", "lock-2", state=state).stdout
    with start("send", ROSTOCK, "box-1", "-", "--json", state=state, stdin=subprocess.PIPE) as sending:
        assert sending.stdin is not None
        sending.stdin.write(token)
        sending.stdin.close()
        sending.stdin = None
        wait_until(lambda: show(state, "box-1")["locks"]["lock-2"]["energised"], "the strike to be released")
        sportbox("sim", "set", "box-1", "door-2", "pull", state=state)
        out, talk = sending.communicate(timeout=20)
    assert sending.returncode == 0, talk
    assert [ack["result"] for ack in json_lines(out)] == ["accepted", "done"]
    sportbox("sim", "set", "box-1", "door-2", "closed", state=state)
    again = sportbox("send", ROSTOCK, "box-1", "-", "--json", state=state, stdin=token, status=1)
    assert [(ack["result"], ack["reason"]) for ack in json_lines(again.stdout)] == [("rejected", "replayed")]
    other = sportbox("grant", ROSTOCK, "box-1", "lock-1", state=state).stdout
    sportbox("sim", "cut", "box-1", state=state)
    silent = sportbox("send", ROSTOCK, "box-1", "-", "--wait", "1", state=state, stdin=other, status=3)
    assert "offline" in silent.stderr and silent.stdout == ""
    sportbox("sim", "boot", "box-1", state=state)


def check_mistakes(state: Path) -> None:
    """Each is one sentence and what to do, with exit 2."""
    for mistake, said in (
        (("sim", "set", "box-9", "door-1", "open"), "box-1"),
        (("sim", "set", "box-1", "door-1", "ajar"), "pull"),
        (("sim", "cut", "box-9"), "box-9"),
        (("grant", ROSTOCK, "box-1", "lock-9"), "lock-3"),
    ):
        done = sportbox(*mistake, state=state, status=2)
        assert "error: " in done.stderr and said in done.stderr and done.stdout == "", mistake


def test_watch_json(run_dir: Path) -> None:
    """Retained messages at once, then what happens; Ctrl-C ends it with 130."""
    state = run_dir / "state"
    with sim_up(STRALSUND, state=state) as up:
        log = run_dir / "watch.jsonl"
        with log.open("w") as out:
            watching = start("watch", STRALSUND, "--json", state=state, stdout=out)
        try:
            wait_until(lambda: '/box-1/info","retained":true' in log.read_text(), "what is retained")
            sportbox("sim", "set", "box-1", "door-1", "open", state=state)
            wait_until(lambda: "door.forced" in log.read_text(), "the forced door")
            watching.send_signal(signal.SIGINT)
            assert watching.wait(10 * STOP_S) == 130
        finally:
            watching.kill()
            watching.communicate()
        lines = json_lines(log.read_text())
        assert all(set(line) == {"topic", "retained", "payload"} for line in lines)
        (forced,) = [line for line in lines if "door.forced" in str(line["payload"])]
        assert forced["payload"]["source"] == "/stralsund-sundpark/box-1/door-1" and not forced["retained"]
        took_s, left = up.stop(signal.SIGTERM)
    assert up.process.returncode == 0
    assert took_s < STOP_S and left == {}, (took_s, left)


def test_two_sites_side_by_side(run_dir: Path) -> None:
    """With a state directory each they do not meet; a second `sim up` in the same one is refused."""
    first, second = run_dir / "first", run_dir / "second"
    with sim_up(ROSTOCK, state=first) as one, sim_up(ROSTOCK, state=second) as two:
        assert one.broker != two.broker
        assert json.loads((first / "secrets.json").read_text()) != json.loads(
            (second / "secrets.json").read_text()
        )
        refused = sportbox("sim", "up", ROSTOCK, state=first, status=2)
        assert str(one.process.pid) in refused.stderr and "--state" in refused.stderr
        token = sportbox("grant", ROSTOCK, "box-1", "lock-1", state=first).stdout
        foreign = sportbox("send", ROSTOCK, "box-1", "-", "--json", state=second, stdin=token, status=1)
        assert json_lines(foreign.stdout)[-1]["reason"] == "signature"
        sportbox("sim", "cut", "box-1", state=first)
        assert not show(first, "box-1")["power"] and show(second, "box-1")["power"]
        _, left = one.stop()
        assert left == {}
        assert show(second, "box-1")["power"] and two.process.poll() is None
        _, left = two.stop()
        assert left == {}


def test_up_again_in_the_same_state(run_dir: Path) -> None:
    """Boards keep their flash: the boot count goes on, and a used token stays used. So it is after a crash
    of `sim up`, which takes its boards and its broker along."""
    state = run_dir / "state"
    with sim_up(STRALSUND, state=state) as up:
        token = sportbox("grant", STRALSUND, "box-1", "lock-1", "--valid", "1h", state=state).stdout
        with start("send", STRALSUND, "box-1", "-", state=state, stdin=subprocess.PIPE) as sending:
            assert sending.stdin is not None
            sending.stdin.write(token)
            sending.stdin.close()
            sending.stdin = None
            wait_until(lambda: show(state, "box-1")["locks"]["lock-1"]["energised"], "the strike")
            sportbox("sim", "set", "box-1", "door-1", "pull", state=state)
            sending.communicate(timeout=20)
        assert sending.returncode == 0
        sportbox("sim", "set", "box-1", "door-1", "closed", state=state)
        pulses = show(state, "box-1")["locks"]["lock-1"]["pulses"]
        everything = up.processes()
        up.process.kill()
        up.process.wait()
        wait_until(lambda: alive(everything) == {}, "the end of everything that it started", STOP_S)
    with sim_up(STRALSUND, state=state) as up:
        again = sportbox("send", STRALSUND, "box-1", "-", "--json", state=state, stdin=token, status=1)
        assert json_lines(again.stdout)[-1]["reason"] == "replayed"
        world = show(state, "box-1")
        assert (world["boot_count"], world["locks"]["lock-1"]["pulses"]) == (2, pulses)
