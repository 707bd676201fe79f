"""The laws of the world, on a board that is off."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from host_tools.cli import main
from host_tools.errors import BadInput
from host_tools.sim import layout
from host_tools.sim.board import SimBoard
from host_tools.sim.times import now_us
from host_tools.sim.world import World
from tests.components import court, door
from tests.sim.boards import CONFIG, make

LOCK, DOOR, BEAM_A, BEAM_B, PIR = 4, 5, 6, 7, 8


@pytest.fixture
def board(run_dir: Path) -> SimBoard:
    return make(run_dir / "box-1", "")


def energise(world: World, until_us: int) -> None:
    """As the RMT of a board with power does."""
    world.put("power", 1)
    world.put("halted", 1)  # power without a VM
    world._page[layout.OUT_KIND + LOCK] = layout.OUT_RMT
    world.settle(0)
    world._channel(LOCK).put(start_us=now_us(), until_us=until_us)


def test_a_new_world_is_quiet(board: SimBoard) -> None:
    shown = board.show()
    assert shown["doors"] == {"door-1": "closed"}
    assert shown["courts"] == {"court-1": {"is": "free", "people": 0, "pir": "ok"}}
    assert shown["gates"] == {"gate-1": {"beams": ["clear", "clear"]}}
    assert (shown["power"], shown["wifi"], shown["clock"]) == (False, "up", "set")
    assert shown["locks"]["lock-1"] == {
        "is": "latched",
        "energised": False,
        "pulses": 0,
        "longest_ms": 0,
        "total_ms": 0,
        "faults": [],
    }


def test_open_moves_the_door_whatever_the_lock_does(board: SimBoard) -> None:
    assert board.set("door-1", "open")["moved"] is True
    assert board.view.world.input_level(DOOR) == 1
    assert board.set("door", "open")["moved"] is False
    assert board.set("door", "closed")["moved"] is True
    assert board.show()["doors"] == {"door-1": "closed"}


def test_pull_opens_only_what_is_released_now(board: SimBoard) -> None:
    world = board.view.world
    refused = board.set("door-1", "pull")
    assert (refused["moved"], refused["state"], refused["said"]) == (False, "closed", "stayed shut")
    energise(world, now_us() + 60_000_000)
    assert board.show()["locks"]["lock-1"]["energised"] is True
    assert board.set("door-1", "pull")["moved"] is True
    board.set("door-1", "closed")
    energise(world, now_us())  # the pulse is over
    assert board.set("door-1", "pull")["moved"] is False


def test_without_power_the_lock_holds(board: SimBoard) -> None:
    world = board.view.world
    energise(world, now_us() + 60_000_000)
    world.power_off()
    assert board.set("door-1", "pull")["moved"] is False
    lock = board.show()["locks"]["lock-1"]
    assert (lock["energised"], lock["pulses"]) == (False, 1)
    assert lock["longest_ms"] < 10_000, "the pulse ended with the power"


def test_a_door_that_is_never_locked_can_be_pulled(run_dir: Path) -> None:
    components = {"door-9": door(9, lock=None, pin=DOOR, closed_level=1)}
    board = make(run_dir / "box-1", "", components=components)
    assert board.view.world.input_level(DOOR) == 1
    assert board.set("door-9", "pull")["moved"] is True
    assert board.view.world.input_level(DOOR) == 0


def test_court_and_its_sensor(board: SimBoard) -> None:
    world = board.view.world
    board.set("court", "occupied")
    assert world.input_level(PIR) == 1
    board.set("court-1", "free")
    board.set("pir", "stuck")
    assert world.input_level(PIR) == 1
    assert board.show()["courts"]["court-1"] == {"is": "free", "people": 0, "pir": "stuck"}
    board.set("court-1", "occupied")
    board.set("court-1", "free")
    assert world.input_level(PIR) == 1, "a stuck sensor does not see who goes"
    board.set("pir-1", "ok")
    assert world.input_level(PIR) == 0


@pytest.mark.parametrize(("way", "pins"), [("in", [BEAM_A, BEAM_B]), ("out", [BEAM_B, BEAM_A])])
def test_a_person_breaks_both_beams_in_turn(
    board: SimBoard, monkeypatch: pytest.MonkeyPatch, way: str, pins: list[int]
) -> None:
    seen: list[tuple[int, int]] = []
    drive = World.drive

    def noted(world: World, pin: int, level: int) -> None:
        seen.append((pin, level))
        drive(world, pin, level)

    monkeypatch.setattr(World, "drive", noted)
    monkeypatch.setattr("host_tools.sim.rules.people.time.sleep", lambda _: None)
    assert board.set("gate", way)["passed"] == way
    first, second = pins
    assert seen == [(first, 1), (second, 1), (first, 0), (second, 0)]


def test_a_person_makes_no_step_that_a_late_board_would_not_see(
    board: SimBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The board looks only now and then, and has seen each step before the next one is made."""
    world = board.view.world
    world.put("power", 1)
    world.put("halted", 1)  # power without a VM
    world.put("edges_seen", world.get("edges"))
    behind: list[int] = []
    naps = itertools.count()

    def sleep(seconds: float) -> None:
        if seconds > 0.01:  # the step itself
            behind.append(world.get("edges") - world.get("edges_seen"))
        elif next(naps) % 5 == 4:
            world.put("edges_seen", world.get("edges"))

    monkeypatch.setattr("host_tools.sim.rules.people.time.sleep", sleep)
    board.set("gate", "in")
    assert behind == [0, 0, 0, 0]
    assert next(naps) == 20


def test_wifi_and_clock(board: SimBoard) -> None:
    board.set("wifi", "down")
    board.set("clock", "lost")
    shown = board.show()
    assert (shown["wifi"], shown["clock"]) == ("down", "lost")
    assert 0 <= board.view.world.rtc_unix_s() - 946_684_800 < 5
    board.set("wifi", "up")
    board.set("clock", "set")
    assert (board.show()["wifi"], board.show()["clock"]) == ("up", "set")


@pytest.mark.parametrize(
    ("component", "value", "told"),
    [
        ("door-7", "open", "door-1, gate-1, court-1"),
        ("door-1", "ajar", "open, closed, pull"),
        ("lock-1", "open", "jam, ok, lost"),
        ("wifi", "set", "up, down"),
        ("", "", "has no ''"),
        ("battery", "3000", "measures no battery"),
        ("temperature", "999", "from -40 to 125"),
    ],
)
def test_what_cannot_be_set_is_told_with_what_can(
    board: SimBoard, component: str, value: str, told: str
) -> None:
    with pytest.raises(BadInput, match=told):
        board.set(component, value)


def test_a_kind_alone_means_the_only_one_of_it(run_dir: Path) -> None:
    second: dict[str, Any] = {
        **CONFIG["components"],
        "door-2": door(2, lock=None, pin=9),
    }
    board = make(run_dir / "box-1", "", components=second)
    with pytest.raises(BadInput, match="several of 'door': door-1, door-2"):
        board.set("door", "open")
    assert board.set("gate", "in")["component"] == "gate-1"


def test_a_hint_names_what_was_meant(run_dir: Path) -> None:
    board = make(
        run_dir / "box-1", "", components={"court-1": court(radar=True), "court-2": court(pin=9, radar=True)}
    )
    for component, value, hint in (
        ("cuort-1", "free", "sportbox sim set box-1 court-1 VALUE"),
        ("radar", "ghost", "sportbox sim set box-1 radar-1 VALUE"),
        ("radar-2", "x", "sportbox sim set box-1 radar-2 ghost"),
        ("temperature", "999", "sportbox sim set box-1 temperature -10"),
    ):
        with pytest.raises(BadInput) as caught:
            board.set(component, value)
        assert caught.value.hint == hint
    assert board.set("radar-2", "ghost")["component"] == "radar-2"


@pytest.mark.parametrize("page", [b"", b"SPW1", b"SPW1" + bytes(layout.SIZE), b"SPW2" + bytes(99)])
def test_a_page_of_another_version_or_a_damaged_one_is_told(
    run_dir: Path, capsys: pytest.CaptureFixture[str], page: bytes
) -> None:
    folder = run_dir / "boards" / "box-1"
    make(folder, "")
    (folder / "world.bin").write_bytes(page)
    assert main(["sim", "show", "--state", str(run_dir)]) == 2
    err = capsys.readouterr().err
    assert "world.bin is damaged, or of another version" in err
    assert f"hint: sportbox sim up SITE.yaml --state {run_dir} makes it anew" in err
    assert make(folder, "").show()["doors"] == {"door-1": "closed"}


def test_a_damaged_config_is_told(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = run_dir / "boards" / "box-1"
    make(folder, "")
    (folder / "config.json").write_text("{")
    assert main(["sim", "set", "box-1", "door-1", "open", "--state", str(run_dir)]) == 2
    err = capsys.readouterr().err
    assert "cannot read the simulated board box-1" in err
    assert "unexpected" not in err


def test_a_damaged_flash_is_told(run_dir: Path) -> None:
    folder = run_dir / "box-1"
    make(folder, "")
    (folder / "flash.bin").write_bytes(b"x" * 100)
    with pytest.raises(BadInput, match=r"flash\.bin is damaged") as caught:
        make(folder, "")
    assert caught.value.hint == f"rm {folder / 'flash.bin'} gives the board an empty flash"


def test_a_number_below_nought_needs_no_dashes(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make(run_dir / "boards" / "box-1", "")
    assert main(["sim", "set", "box-1", "temperature", "-20", "--state", str(run_dir)]) == 0
    assert "box-1 temperature: -20" in capsys.readouterr().err
    assert main(["sim", "set", "box-1", "--nonsense", "1", "2", "--state", str(run_dir)]) == 2


def test_every_field_lies_in_the_page_and_alone() -> None:
    import struct

    used: set[int] = set()
    arrays = ("IN_LEVEL", "OUT_LEVEL", "OUT_KIND", "TRUE_LEVEL", "STUCK", "PULL", "HELD")
    spans = [(getattr(layout, name), layout.PINS) for name in arrays]
    spans += [
        (layout.EXPANDER, layout.EXPANDER_SIZE),
        (layout.RTC_CHIP, layout.RTC_CHIP_SIZE),
        (layout.EDGES, 2 * layout.EDGES_MAX),
        (layout.LINKS, 2 * layout.LINKS_MAX),
        (layout.PEOPLE, layout.COURTS_MAX),
    ]
    records = [(at, struct.calcsize(code)) for at, code in layout.FIELDS.values()]
    tables = (
        (layout.RMT, layout.RMT_SIZE, layout.RMT_FIELDS, layout.GPIOS),
        (layout.ACTUATOR, layout.ACTUATOR_SIZE, layout.ACTUATOR_FIELDS, layout.ACTUATORS_MAX),
        (layout.RADAR, layout.RADAR_SIZE, layout.RADAR_FIELDS, layout.RADARS_MAX),
        (layout.TOF, layout.TOF_SIZE, layout.TOF_FIELDS, layout.TOFS_MAX),
    )
    for base, step, fields, count in tables:
        for number in range(count):
            records += [(base + number * step + at, struct.calcsize(code)) for at, code in fields.values()]
            assert max(at + struct.calcsize(code) for at, code in fields.values()) <= step
    assert not [at for at, size in records if at % size], "aligned, so that a store is atomic"
    for at, size in spans + records:
        places = set(range(at, at + size))
        assert not places & used
        used |= places
    assert max(used) < layout.SIZE


def test_the_help_of_sim_set_names_everything() -> None:
    from host_tools.commands.sim import set_
    from host_tools.sim import power_rules
    from host_tools.sim.rules import KINDS, NICKNAMES, SURROUNDINGS
    from host_tools.sim.rules.sensors import SENSORS

    told = set_.__doc__ or ""
    names = {kind: nickname for nickname, kind in NICKNAMES.items()}
    rules = {names.get(kind, kind) + "-N": rule for kind, rule in {**KINDS, **SENSORS}.items()}
    for name, rule in {**rules, **SURROUNDINGS}.items():
        assert f" {name} " in told
        allowed = told.split(f" {name} ")[1].split()[0].split("|")
        assert {value for value in rule.values if " " not in value} <= set(allowed), name
    for name in power_rules.UNITS:
        assert f" {name} " in told
