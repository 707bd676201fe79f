"""`sportbox audit` with brokers: collecting, killed and started again; what the commands say."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tools.audit.service import Service
from host_tools.broker import BrokerProcess
from host_tools.cli import main
from host_tools.collect import Message
from host_tools.errors import ToolError
from host_tools.site import passphrase
from tests.brokers import wait_until
from tests.host.audits import SITE, Board, Clock, journal_in
from tests.host.collecting import Publisher, keeping_broker
from tests.host.helpers import GOOD, ROOT, write
from tests.leaks import Leaks
from tests.vaults import PASSPHRASE, cheap_vault, passphrase_file, reopened

BOUND_S = 30.0


@pytest.fixture
def keeping(run_dir: Path) -> Iterator[BrokerProcess]:
    with keeping_broker(run_dir) as broker:
        yield broker


class Collecting:
    """`sportbox audit collect --json` as a service."""

    def __init__(self, *words: object) -> None:
        command = [sys.executable, "-m", "host_tools.cli", "audit", "collect", *map(str, words), "--json"]
        self.lines: list[dict[str, Any]] = []
        self.talk: list[str] = []
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        self._threads = [
            threading.Thread(
                target=self._read, args=(self.process.stdout, lambda t: self.lines.append(json.loads(t)))
            ),
            threading.Thread(target=self._read, args=(self.process.stderr, self.talk.append)),
        ]
        for thread in self._threads:
            thread.start()

    def _read(self, stream: Any, take: Callable[[str], None]) -> None:
        with stream:
            for line in stream:
                take(line)

    def wait_connected(self) -> "Collecting":
        wait_until(
            lambda: any("connected to" in line for line in list(self.talk)),
            f"a connection: {self.talk}",
            BOUND_S,
        )
        return self

    def wait_entries(self, count: int) -> None:
        wait_until(
            lambda: bool(self.lines) and self.lines[-1]["entries"] >= count, f"{count} entries", BOUND_S
        )

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(20)
        for thread in self._threads:
            thread.join(10)
        return status


@pytest.fixture
def collect() -> Iterator[Callable[..., Collecting]]:
    made: list[Collecting] = []

    def start(*words: object) -> Collecting:
        made.append(Collecting(*words))
        return made[-1]

    yield start
    for one in made:
        one.end(signal.SIGKILL)


def publish(broker: BrokerProcess, board: Board, *payloads: bytes) -> None:
    with Publisher(broker) as publisher:
        publisher.publish(payloads, f"sportbox/v1/{SITE}/{board.device}/event")


def answer(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["audit", *map(str, words), "--json"]) == status
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_killed_and_started_again_nothing_is_lost_or_noted_twice(
    keeping: BrokerProcess,
    tmp_path: Path,
    collect: Callable[..., Collecting],
    capsys: pytest.CaptureFixture[str],
) -> None:
    site, state = write(tmp_path, GOOD), tmp_path / "state"
    words = (site, "--broker", keeping.url, "--state", state)
    board = Board()
    service = collect(*words).wait_connected()
    assert any("a new journal" in line for line in service.talk)
    again = collect(*words)
    assert again.process.wait(20) == 1
    wait_until(lambda: any("another `sportbox audit collect`" in line for line in again.talk), "why", BOUND_S)
    publish(keeping, board, *(board.payload("door-1", "door.opened") for _ in range(400)))
    service.wait_entries(1)
    service.end(signal.SIGKILL)
    publish(keeping, board, *(board.payload("door-1", "door.closed", open_s=1) for _ in range(100)))
    service = collect(*words).wait_connected()
    service.wait_entries(500)
    assert not any("a new journal" in line for line in service.talk)
    (whole,) = answer(capsys, "verify", site, "--state", state)  # while it runs
    assert (whole["ok"], whole["entries"]) == (True, 500)
    assert service.end(signal.SIGINT) == 0
    assert oct((state / "audit.db").stat().st_mode)[-3:] == "600"
    assert not site.with_suffix(".audit.db").exists()


def test_the_commands_of_a_site_with_a_vault(
    keeping: BrokerProcess,
    tmp_path: Path,
    collect: Callable[..., Collecting],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = write(tmp_path, GOOD)
    cheap_vault(site, wifi=None)
    typed = passphrase_file(tmp_path)
    monkeypatch.delenv("SPORTBOX_STATE", raising=False)
    monkeypatch.setattr(passphrase, "has_terminal", lambda: False)
    board = Board()
    service = collect(site, "--broker", keeping.url, "--passphrase-file", typed).wait_connected()
    publish(keeping, board, *(board.payload("door-1", "door.opened") for _ in range(3)))
    service.wait_entries(3)
    assert service.end() == 0
    assert str(site.with_suffix(".audit.db")) in service.talk[0]
    (head,) = answer(capsys, "head", site)
    assert (head["site"], head["entries"]) == (SITE, 3)
    anchor = tmp_path / "head"
    assert main(["audit", "head", str(site)]) == 0
    anchor.write_text(capsys.readouterr().out)
    (keyless,) = answer(capsys, "verify", site, "--keyless", "--head-file", anchor)
    assert keyless == {
        "ok": True, "entries": 3, "hash": head["hash"], "pruned": 0, "problem": None,
    }  # fmt: skip
    assert main(["audit", "verify", str(site), "--passphrase-file", str(typed)]) == 0
    assert capsys.readouterr().out == f"whole: 3 entries, 0 pruned before them; head 3:{head['hash']}\n"
    (wrong,) = answer(capsys, "verify", site, "--keyless", "--head", f"3:{'0' * 64}", status=1)
    assert (wrong["problem"]["what"], wrong["problem"]["entry"]) == ("anchor", 3)
    assert answer(capsys, "verify", site, "--keyless", "--head", "3", status=2) == []
    assert answer(capsys, "verify", site, status=2) == []  # nobody to ask for the passphrase
    (pruned,) = answer(capsys, "prune", site, "--passphrase-file", typed)
    assert (pruned["pruned"], pruned["through"], pruned["entries"]) == (0, 0, 3)
    leaks = Leaks({"key": reopened(site, tmp_path).audit_key, "passphrase": PASSPHRASE.encode()})
    leaks.look("what was said", ("".join(service.talk) + capsys.readouterr().err).encode())
    assert leaks.look_at_files(tmp_path, [typed]) >= 4
    assert leaks.found == []


def test_out_of_reach_at_the_start_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = write(tmp_path, GOOD)
    words = ["audit", "collect", str(site), "--state", str(tmp_path), "--broker", "mqtt://127.0.0.1:9"]
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    try:
        assert main(words) == 3
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), handlers, strict=True):
            signal.signal(number, handler)
    assert "hint: " in capsys.readouterr().err


@pytest.mark.parametrize("command", ["verify", "head", "prune"])
def test_without_a_journal_the_commands_say_what_makes_one(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site = write(tmp_path, GOOD)
    assert main(["audit", command, str(site), "--state", str(tmp_path)]) == 2
    assert "sportbox audit collect" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["site.yaml"]


# --- what comes from the broker ---


@pytest.fixture
def service(tmp_path: Path) -> tuple[Service, list[str]]:
    said: list[str] = []
    return Service(journal_in(tmp_path), 30, said.append), said


def changed(board: Board, **fields: object) -> Message:
    event = json.loads(board.payload("door-1", "door.opened"))
    return board.message(json.dumps(event | fields).encode())


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"source": f"/{SITE}/box-2/door-1"}, "`source` is not of this board"),
        ({"source": "/other/box-1/door-1"}, "`source` is not of this board"),
        ({"source": None}, "`source` is not of this board"),
        ({"id": "\x1b[2J"}, "`id` is wrong"),
        ({"seq": "1"}, "`seq` is wrong"),
        ({"seq": True}, "`seq` is wrong"),
        ({"seq": 2**63}, "`seq` is wrong"),
        ({"uptime": -1}, "`uptime` is wrong"),
        ({"time": "yesterday"}, "`time` is wrong"),
        ({"time": "2026-13-01T00:00:00Z"}, "`time` is wrong"),
        ({"time": "9999-12-31T23:59:59Z"}, "`time` is wrong"),
        ({"uptime": 2**40}, "`uptime` is wrong"),
        ({"type": "door.opened"}, "`type` or `data` is wrong"),
        ({"data": None}, "`type` or `data` is wrong"),
        ({"data": {"x": "y" * 5_000}}, "longer than 4096 characters"),
    ],
)
def test_what_is_no_event_is_left_out_and_told_once(
    fields: dict[str, object], why: str, service: tuple[Service, list[str]], tmp_path: Path
) -> None:
    one, said = service
    board = Board()
    one.take([changed(board, **fields), changed(board, **fields), changed(board)])
    assert said == [f"left out, no event: sportbox/v1/{SITE}/box-1/event: {why}"]
    assert journal_in(tmp_path).note([]).head.n == 1


@pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b"[" * 100_000, b'{"data": NaN}'])
def test_what_is_no_json_is_left_out(payload: bytes, service: tuple[Service, list[str]]) -> None:
    one, said = service
    one.take([Board().message(payload)])
    assert len(said) == 1


def test_retained_messages_and_other_topics_are_nobodys_event(
    service: tuple[Service, list[str]], tmp_path: Path
) -> None:
    one, said = service
    payload = Board().payload("door-1", "door.opened")
    one.take(
        [
            Message(f"sportbox/v1/{SITE}/box-1/event", payload, True),
            Message(f"sportbox/v1/{SITE}/box-1/ack", payload, False),
            Message("sportbox/v1/other/box-1/event", payload, False),
        ]
    )
    assert said == []
    assert journal_in(tmp_path).note([]).head.n == 0


def test_old_entries_go_by_themselves(tmp_path: Path) -> None:
    clock = Clock()
    journal = journal_in(tmp_path, clock)
    board = Board()
    journal.note([board.event("lock-1", "access.accepted", jti="j", sub="person-1", act="unlock")])
    clock.now_s += 31 * 86_400
    said: list[str] = []
    stop = threading.Event()
    stop.set()
    Service(journal, 30, said.append).run(lambda: pytest.fail("not needed"), stop)
    assert said == ["gone, for older than 30 days: entries through 1, 1 in all"]
    assert b"person-1" not in journal.store.path.read_bytes()


def test_what_cannot_be_noted_is_not_acknowledged(service: tuple[Service, list[str]], tmp_path: Path) -> None:
    one, _ = service
    (tmp_path / "x.audit.db").unlink()
    with pytest.raises(ToolError, match=r"x\.audit\.db"):
        one.take([Board().message(Board().payload("door-1", "door.opened"))])
    assert not os.path.exists(tmp_path / "x.audit.db")  # noqa: PTH110
