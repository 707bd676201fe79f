"""`sportbox demo` as a stranger starts it: the whole evening on both brokers and one that is interrupted, all
at once to save a minute."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from host_tools.broker import find_mosquitto
from host_tools.data.asyncapi import document
from host_tools.setup.paths import REPOSITORY
from tests.data.traffic import Document, as_bytes, check_all
from tests.lateness import Stopwatch
from tests.run_dirs import RUNS
from tests.sim.boards import until
from tests.sim.test_up import children
from tests.sim.test_zygote import is_alive

EVENTS_MIN = 40
EVENING_S = 150
LANGUAGE = {"mosquitto": "de_DE.UTF-8", "embedded": "C.UTF-8"}
BROKERS = tuple(LANGUAGE)
INTERRUPTED = "interrupted"


@dataclass
class Evening:
    """One run, with a folder for what it leaves behind: nothing, if all is well."""

    process: "subprocess.Popen[bytes]"
    folder: Path  # its temporary directory
    out: Path
    err: Path

    @classmethod
    def begin(cls, name: str, *options: str, locale: str = "C.UTF-8") -> "Evening":
        home = RUNS / f"demo-{name}"
        shutil.rmtree(home, ignore_errors=True)
        folder, out, err = home / "tmp", home / "out.log", home / "err.log"
        folder.mkdir(parents=True)
        environment = {**os.environ, "TMPDIR": str(folder), "SPORTBOX_LANG": "", "LC_ALL": locale}
        command = [sys.executable, "-m", "host_tools.cli", "demo", "--json", "--seed", "1", *options]
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        return cls(process, folder, out, err)

    def lines(self) -> list[dict[str, Any]]:
        """What it has printed so far."""
        text = self.out.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def end(self) -> None:
        """The folder goes if it went well: then the demo has left nothing in its own."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if not any(self.folder.iterdir()):
            shutil.rmtree(self.folder.parent)


@pytest.fixture(scope="module")
def evenings() -> Iterator[dict[str, Evening]]:
    found = [broker for broker in BROKERS if broker != "mosquitto" or find_mosquitto() is not None]
    running = {broker: Evening.begin(broker, "--broker", broker, locale=LANGUAGE[broker]) for broker in found}
    running[INTERRUPTED] = Evening.begin(INTERRUPTED)
    yield running
    for evening in running.values():
        evening.end()


def test_ctrl_c_leaves_nothing_behind(evenings: dict[str, Evening]) -> None:
    evening = evenings[INTERRUPTED]
    until(lambda: [line for line in evening.lines() if line.get("scene") == "arrive"], "the boards are up")
    everybody = children(evening.process.pid) - {evening.process.pid}
    assert len(everybody) >= 6  # broker, zygote, four boards
    watch = Stopwatch()
    evening.process.send_signal(signal.SIGINT)
    assert evening.process.wait(50) == 130
    assert watch.took_s() < 5
    until(lambda: not [pid for pid in everybody if is_alive(pid)], "the demo leaves a process behind")
    assert list(evening.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("option", "value", "hint"),
    [("--lang", "fr", "--lang en|de"), ("--broker", "mqtt://x", "--broker embedded|mosquitto")],
)
def test_options_that_cannot_be(option: str, value: str, hint: str) -> None:
    command = [sys.executable, "-m", "host_tools.cli", "demo", option, value]
    result = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False, timeout=30)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.endswith(f"hint: {hint}\n")


@pytest.mark.parametrize("broker", BROKERS)
def test_the_evening_loses_nothing(broker: str, evenings: dict[str, Evening]) -> None:
    if broker not in evenings:
        pytest.skip("Mosquitto is not installed: sudo apt install mosquitto mosquitto-clients")
    evening = evenings[broker]
    status = evening.process.wait(EVENING_S)
    assert (status, evening.err.read_text()) == (0, "")
    lines = evening.lines()
    summary = lines[-1]["summary"]
    assert summary.pop("duplicates") >= 0
    accepted = summary.pop("accepted")
    assert accepted >= EVENTS_MIN
    assert summary == {
        "delivered": accepted,
        "lost": 0,
        "reordered": 0,
        "unlocks_done": 4,
        "refused": {"audience": 1, "expired": 1, "replayed": 2, "signature": 1},
        "forced": 1,
    }
    assert not [line for line in lines if "fault" in line]
    assert list(evening.folder.iterdir()) == []
    check_messages(lines, accepted)
    heard = [(line["topic"], as_bytes(line["payload"])) for line in lines if "topic" in line]
    assert check_all(heard) > accepted
    published = Document(document())
    assert [fault for message in heard for fault in published.faults(*message)] == []
    german = LANGUAGE[broker].startswith("de")
    (start,) = [line for line in lines if line.get("scene") == "start"]
    assert start["text"] == ("Die Boards gehen an" if german else "The boards come up")


def check_messages(lines: list[dict[str, Any]], accepted: int) -> None:
    """The summary again, from the messages themselves."""
    events = [line["payload"] for line in lines if line.get("topic", "").endswith("/event")]
    assert len({(event["source"], event["id"]) for event in events}) == accepted
    answers = [line["payload"] for line in lines if line.get("topic", "").endswith("/ack")]
    cut_off = {answer["jti"] for answer in answers if answer["reason"] == "power"}
    assert len(cut_off) == 1
    assert sum(answer["result"] == "accepted" for answer in answers if answer["jti"] in cut_off) == 1
    steps = [line.get("step") for line in lines]
    killed, back = steps.index("broker.dies"), steps.index("broker.back")
    assert not [line for line in lines[killed:back] if "topic" in line]
    assert lines[back]["t"] - lines[killed]["t"] >= 9.9
    assert any(event.get("historical") for event in events)
