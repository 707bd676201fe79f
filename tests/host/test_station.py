"""A bench where boards come and go: who becomes which device, with played steps and a real inventory."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from host_tools.errors import ToolError
from host_tools.port import jobs, station
from host_tools.port.chip import Chip
from host_tools.port.inhabited import Tenant
from host_tools.port.jobs import Outcome, Progress
from host_tools.port.ports import Port
from host_tools.port.station import Station, Steps
from host_tools.port.survey import Seen
from host_tools.port.trouble import Lost
from host_tools.site.inventory import Inventory
from host_tools.site.load import load_site
from tests.host.helpers import GOOD, write

TWO_COURTS = GOOD + "  court-2:\n    board: field-esp32c3\n    components:\n      court-1:\n"


class Bench:
    """Boards by port; what was done to them, in order."""

    def __init__(self, folder: Path, text: str = TWO_COURTS) -> None:
        site_file = write(folder, text)
        self.site = load_site(site_file)
        self.inventory = Inventory.open(site_file)
        self.boards: dict[str, Seen] = {}
        self.done: list[tuple[str, str, str]] = []
        self.faults: dict[str, list[ToolError]] = {}
        self.pause: Callable[[], object] = lambda: None
        self.is_plugged: Callable[[str], bool] = lambda port: True

    def plug(
        self, number: int, chip: str, mib: int, version: str | None = None, who: Tenant | None = None
    ) -> str:
        mac = f"3c:84:27:00:00:{number:02x}"
        self.boards[f"/dev/ttyUSB{number}"] = Seen(Chip(chip, chip, mac, mib), version, who)
        return mac

    def ports(self) -> list[Port]:
        return [Port(device) for device in list(self.boards) if self.is_plugged(device)]

    def _step(self, what: str) -> Callable[[Port, Progress, str], Outcome]:
        def step(port: Port, progress: Progress, device: str) -> Outcome:
            self.done.append((what, port.device, device))
            faults = self.faults.get(port.device)
            if faults:
                raise faults.pop(0)
            self.pause()
            mac = self.boards[port.device].chip.mac
            self.inventory.record(what, mac, device)
            if what == "flash":
                self.boards[port.device] = Seen(self.boards[port.device].chip, "1.29.0")
            return Outcome(f"{what} done", facts={"changed": True})

        return step

    def station(self, **options: object) -> Station:
        steps = Steps(
            lambda port, progress: self.boards[port.device],
            self._step("flash"),
            self._step("provision"),
            self._step("selftest") if options.pop("selftest", False) else None,
        )
        return Station(self.site, self.inventory, steps, "1.29.0", **options)  # type: ignore[arg-type]


@pytest.fixture
def bench(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(run_dir)
    monkeypatch.setattr(station, "found_ports", made.ports)
    monkeypatch.setattr(station, "POLL_S", 0.01)
    monkeypatch.setattr(jobs, "PAUSE_S", 0.0)
    monkeypatch.setattr(jobs, "back_again", lambda port, patience_s: port)
    return made


def test_each_board_becomes_a_missing_device_that_fits_it(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    together = threading.Barrier(3, timeout=10)
    bench.pause = together.wait
    macs = [bench.plug(1, "esp32c3", 4), bench.plug(2, "esp32s3", 8), bench.plug(3, "esp32c3", 4)]
    assert bench.station(selftest=True).run() == 0
    devices = [bench.inventory.device_of(mac) for mac in macs]
    assert devices[1] == "box-1"
    assert {devices[0], devices[2]} == {"court-1", "court-2"}
    assert sorted(what for what, _, _ in bench.done) == ["flash"] * 3 + ["provision"] * 3 + ["selftest"] * 3
    err = capsys.readouterr().err
    assert "/dev/ttyUSB2: box-1 (3c:84:27:00:00:02): provision done; selftest done\n" in err
    assert err.endswith("no device is missing any more\n")


def test_one_that_fails_does_not_stop_the_others(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    bench.plug(1, "esp32c3", 4)
    bench.plug(2, "esp32s3", 8)
    bench.plug(3, "esp32c3", 4)
    bench.plug(4, "esp32c3", 4)
    bench.faults["/dev/ttyUSB1"] = [ToolError("its flash is worn", "take another board")]
    bench.faults["/dev/ttyUSB2"] = [Lost("no answer")] * 2
    running = bench.station()
    # The last board takes the place of the one that failed: before, it could be faster and take it away.
    bench.is_plugged = lambda port: port != "/dev/ttyUSB4" or any(not it.ok for it in running.outcomes)
    assert running.run() == 0
    failed = [outcome for outcome in running.outcomes if not outcome.ok]
    assert [outcome.port for outcome in failed] == ["/dev/ttyUSB1"]
    err = capsys.readouterr().err
    assert "/dev/ttyUSB1: error: its flash is worn\n/dev/ttyUSB1: hint: take another board\n" in err
    assert "/dev/ttyUSB2: no answer; once more\n" in err


def test_a_device_that_another_board_became_meanwhile_is_not_given_twice(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    macs = [bench.plug(1, "esp32c3", 4, "1.29.0"), bench.plug(2, "esp32c3", 4, "1.29.0")]
    bench.plug(3, "esp32s3", 8, "1.29.0")
    running = bench.station()
    found_by_both = threading.Barrier(2, timeout=10)
    fitting, asked = running._fitting, threading.local()

    def found(chip: Chip) -> list[str]:
        names = fitting(chip)
        if chip.name == "esp32c3" and not hasattr(asked, "before"):
            asked.before = True
            found_by_both.wait()
            if chip.mac == macs[1]:  # goes on once the other has become court-1, and no longer holds it
                other_is_done.wait(10)
        return names

    other_is_done = threading.Event()
    collect = running._collect

    def collected() -> None:
        collect()
        if running.outcomes and any(it.port == "/dev/ttyUSB1" for it in running.outcomes):
            other_is_done.set()

    monkeypatch.setattr(running, "_fitting", found)
    monkeypatch.setattr(running, "_collect", collected)
    assert running.run() == 0
    assert [bench.inventory.device_of(mac) for mac in macs] == ["court-1", "court-2"]


def test_a_board_with_micropython_is_not_flashed(bench: Bench) -> None:
    bench.plug(1, "esp32c3", 4, "1.29.0")
    bench.plug(2, "esp32s3", 8, "1.28.0")
    bench.plug(3, "esp32c3", 4, "1.29.0")
    assert bench.station().run() == 0
    assert [port for what, port, _ in bench.done if what == "flash"] == ["/dev/ttyUSB2"]


def test_a_known_board_stays_who_it_is(bench: Bench) -> None:
    known = bench.plug(1, "esp32c3", 4, "1.29.0", Tenant("test-site", "court-2"))
    bench.inventory.record("provision", known, "court-2")
    bench.plug(2, "esp32c3", 4, "1.29.0", Tenant("test-site", "court-1"))  # from another laptop
    bench.plug(3, "esp32s3", 8)
    assert bench.station().run() == 0
    assert ("provision", "/dev/ttyUSB1", "court-2") in bench.done
    assert ("provision", "/dev/ttyUSB2", "court-1") in bench.done
    assert [port for what, port, _ in bench.done if what == "flash"] == ["/dev/ttyUSB3"]


def stopped(running: Station, after: Callable[[], bool]) -> int:
    """Runs until `after`, then Ctrl-C."""

    def ports() -> list[Port]:
        if after():
            raise KeyboardInterrupt
        return real()

    real = station.found_ports
    station.found_ports = ports
    try:
        return running.run()
    finally:
        station.found_ports = real


def test_boards_that_are_somebody_or_nobody_are_left_alone(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    old = bench.plug(1, "esp32c3", 4, "1.28.0", Tenant("test-site", "court-2"))
    bench.inventory.record("provision", old, "court-2")
    bench.plug(2, "esp32c3", 4, "1.29.0", Tenant("other-site", "court-1"))
    bench.plug(3, "esp32", 4)
    running = bench.station()
    assert stopped(running, lambda: len(running.outcomes) == 3) == 0
    assert bench.done == []
    err = capsys.readouterr().err
    assert "it is court-2 with MicroPython 1.28.0, not 1.29.0: left alone" in err
    assert "/dev/ttyUSB1: hint: `sportbox flash --force` renews it" in err
    assert "/dev/ttyUSB2: error: it is court-1 of other-site already" in err
    assert "/dev/ttyUSB3: error: no missing device of the site fits an ESP32\n" in err
    assert "still missing: box-1, court-1\n" in err


def test_asking(bench: Bench) -> None:
    asked = []

    def ask(text: str, names: object) -> str | None:
        asked.append((text, list(names)))  # type: ignore[call-overload]
        return None if len(asked) == 1 else "court-2"

    bench.plug(1, "esp32c3", 4)
    running = bench.station(ask=ask)
    assert stopped(running, lambda: len(running.outcomes) == 1) == 0
    assert running.outcomes[0].text == "no device was chosen for it"
    assert asked == [
        ("/dev/ttyUSB1: which device is this ESP32-C3 (3c:84:27:00:00:01)?", ["court-1", "court-2"])
    ]
    bench.boards.clear()
    mac = bench.plug(2, "esp32c3", 4)
    running = bench.station(ask=ask)
    assert stopped(running, lambda: len(running.outcomes) == 1) == 0
    assert bench.inventory.device_of(mac) == "court-2"


def test_plugged_in_again_it_is_handled_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(station, "GONE_S", 0.02)
    bench.plug(1, "esp32c3", 4)
    bench.faults["/dev/ttyUSB1"] = [ToolError("its flash is worn")]
    running = bench.station()
    taken: list[Seen] = []

    def after() -> bool:
        if len(running.outcomes) == 1 and not taken:
            taken.append(bench.boards.pop("/dev/ttyUSB1"))
        elif taken and not running._seen and not bench.boards:
            bench.boards["/dev/ttyUSB1"] = taken[0]
        return len(running.outcomes) == 2

    assert stopped(running, after) == 0
    assert running.outcomes[1].ok


def test_ctrl_c_in_the_middle_of_a_board(bench: Bench) -> None:
    begun, stop = threading.Event(), threading.Event()

    def pause() -> None:
        begun.set()
        stop.wait(10)

    bench.pause = pause
    bench.plug(1, "esp32c3", 4)

    def after() -> bool:
        if begun.is_set():
            stop.set()
            return True
        return False

    with pytest.raises(KeyboardInterrupt):
        stopped(bench.station(), after)
