"""People: what they move is told as it is, and nobody acts once it is calm."""

import itertools
import random
from pathlib import Path

import pytest

from host_tools.sim import layout
from host_tools.site.codes import hotp
from host_tools.storm.crowd.people import People
from host_tools.storm.stage import wall_s
from host_tools.storm.weather.plan import Plan, made
from host_tools.token import unverified_claims
from tests.components import matrix
from tests.storm.played_stage import BOX, FIELD, Played, config_of

S = 1_000_000


@pytest.fixture
def stage(run_dir: Path) -> Played:
    return Played.at(run_dir / "board")


@pytest.fixture
def field(run_dir: Path) -> Played:
    return Played.at(run_dir / "field", FIELD)


def unlatch(stage: Played, seconds: float = 2) -> None:
    """As the firmware's pulse on the strike of lock-2."""
    page = stage.world.world
    pin = BOX["lock-2"]["pin"]
    page.put_byte(layout.OUT_KIND + pin, layout.OUT_RMT)
    now_us = stage.agenda.now_us
    page.record(layout.RMT + pin * layout.RMT_SIZE, layout.RMT_FIELDS).put(
        start_us=now_us, until_us=now_us + round(seconds * S), idle=0
    )


def doors(stage: Played) -> list[tuple[str, bool, str]]:
    return [(note["door"], note["open"], note["by"]) for note in stage.notes("door")]


# --- doors ---


def test_a_locked_door_stays_shut_and_nothing_is_told(stage: Played) -> None:
    people = People(stage)
    stage.act(people, "pull", door="door-2")
    stage.act(people, "pull", door="door-1")
    stage.run(30)
    assert not doors(stage)


def test_a_visit_opens_the_door_while_the_lock_lets_it(stage: Played) -> None:
    people = People(stage)
    stage.says_info()
    pulls = [100_000 + n * 700_000 for n in range(6)]
    stage.act(people, "visit", lock="lock-2", again_us=[], pulls_us=pulls, nonce=True)
    stage.run(1)
    assert not doors(stage)
    unlatch(stage)
    stage.run(30)
    assert doors(stage) == [("door-2", True, "pull"), ("door-2", False, "push")]
    at = {note["open"]: note["us"] for note in stage.trace.records if note["kind"] == "door"}
    assert at[False] - at[True] == 5 * S


def test_a_door_that_sticks_stays_shut(stage: Played) -> None:
    people = People(stage)
    stage.begin(1, "door_sticks", component="door-2")
    unlatch(stage)
    stage.act(people, "visit", lock="lock-2", again_us=[], pulls_us=[500_000], nonce=True)
    stage.run(5)
    assert not doors(stage)


def test_a_double_click_sends_the_same_token(stage: Played) -> None:
    people = People(stage)
    stage.says_info()
    stage.act(people, "visit", lock="lock-2", again_us=[50_000, 3 * S], pulls_us=[], nonce=True)
    stage.run(1)
    stage.answers(stage.notes("order")[0]["jti"], "accepted", "done")
    stage.run(10)
    assert len({payload for _, payload, _ in stage.broker.published}) == 1
    told = [(note["good"], note["why"], note["first"]) for note in stage.notes("order")]
    assert told == [(True, "", True), (None, "replayed", False), (False, "replayed", False)]


def test_force_opens_and_a_bolt_that_is_out_is_drawn_back_by_an_order(stage: Played) -> None:
    people = People(stage)
    stage.says_info()
    stage.act(people, "force", door="door-1", lasts_us=3 * S)
    stage.run(4)
    assert doors(stage) == [("door-1", True, "force")]
    stage.run(70)
    orders = stage.notes("order")
    assert [(note["act"], note["component"], note["good"]) for note in orders] == [("unlock", "lock-1", True)]
    lock = stage.world.lock("lock-1")
    lock.now()
    stage.world.world.settle(0).position_us = stage.world.world.actuator(0).travel_us
    stage.run(30)
    assert doors(stage)[-1] == ("door-1", False, "push")


def test_a_latch_that_does_not_hold_is_force(stage: Played) -> None:
    people = People(stage)
    stage.begin(1, "latch_lost", component="lock-2")
    stage.act(people, "pull", door="door-2")
    stage.run(1)
    assert doors(stage) == [("door-2", True, "force")]


def test_the_release_opens_from_inside_and_is_told_so(stage: Played) -> None:
    people = People(stage)
    stage.act(people, "release", component="release-1", opens=True)
    stage.run(10)
    assert [note["pressed"] for note in stage.notes("release")] == [True, False]
    assert doors(stage)[0] == ("door-1", True, "release")


def test_a_bolt_that_the_release_drew_back_lets_the_next_one_in_until_it_is_driven(stage: Played) -> None:
    people = People(stage)
    stage.act(people, "release", component="release-1", opens=False, lasts_us=S)
    stage.run(60)
    stage.act(people, "pull", door="door-1")
    stage.run(1)
    assert doors(stage) == [("door-1", True, "release")]


def test_two_who_press_the_release_let_go_of_it_once(stage: Played) -> None:
    people = People(stage)
    stage.act(people, "release", component="release-1", opens=False, lasts_us=10 * S)
    stage.run(2)
    stage.act(people, "release", component="release-1", opens=False, lasts_us=S)
    stage.run(5)
    assert [note["pressed"] for note in stage.notes("release")] == [True]
    stage.run(5)
    assert [note["pressed"] for note in stage.notes("release")] == [True, False]


def test_somebody_inside_gets_out(stage: Played) -> None:
    people = People(stage)
    facts = {"component": "inside-1", "door": "door-1", "release": "release-1", "leaves": True}
    stage.act(people, "inside", lasts_us=20 * S, **facts)
    assert [note["occupied"] for note in stage.notes("inside")] == [True]
    stage.run(30)
    assert [note["occupied"] for note in stage.notes("inside")] == [True, False]
    assert doors(stage)[0] == ("door-1", True, "release")
    assert stage.world.rule("inside-1").show() == "free"


def test_a_cover_is_opened_and_shut(stage: Played) -> None:
    people = People(stage)
    stage.act(people, "tamper", component="tamper-1", lasts_us=4 * S)
    stage.run(5)
    assert [note["value"] for note in stage.notes("true")] == ["open", "closed"]


def test_contacts_bounce_when_a_door_moves_and_are_still_soon_after(stage: Played) -> None:
    people = People(stage)
    pin, page = BOX["door-2"]["pin"], stage.world.world
    most = 0
    for _ in range(20):
        before = page.get("edges")
        stage.act(people, "force", door="door-2", lasts_us=300_000)
        stage.run(0.04)
        assert stage.level(pin) == layout.HIGH
        most = max(most, page.get("edges") - before)
        edges = page.get("edges")
        stage.run(0.2)
        assert page.get("edges") == edges
        stage.run(0.1)
        assert stage.level(pin) == layout.LOW
    assert most > 3
    assert not stage.holds.knobs()


def test_many_forged_orders_at_once(stage: Played) -> None:
    people = People(stage)
    stage.act(people, "flood", count=40, lock="lock-2", lasts_us=2 * S)
    stage.run(3)
    notes = stage.notes("order")
    assert len(notes) == len(stage.broker.published) == 40
    assert all(note["good"] is not True for note in notes)


# --- courts and gates ---


def test_a_group_on_a_court_comes_and_goes_through_its_gate(field: Played) -> None:
    people = People(field)
    field.act(people, "court", component="court-1", people=3, lasts_us=60 * S)
    field.run(30)
    assert field.world.rule("court-1").show()["people"] == 3
    field.run(90)
    values = [note["value"] for note in field.notes("true") if note["component"] == "gate-1"]
    assert values == ["in"] * 3 + ["out"] * 3
    courts = [(n["value"], n["people"]) for n in field.notes("true") if n["component"] == "court-1"]
    assert [n for _, n in courts] == [1, 2, 3, 2, 1, 0]
    assert courts[-1][0] == "free"


def test_who_walks_through_the_gate_of_a_court_is_on_it(field: Played) -> None:
    people = People(field)
    field.says_info()
    field.act(people, "gate", component="gate-1", turns_back=False, lasts_us=20 * S)
    field.run(5)
    assert field.world.rule("court-1").show()["people"] == 1
    field.act(people, "order", act="configure", component="gate-1", nonce=True)
    claims = unverified_claims(field.broker.published[-1][1].decode())
    assert claims is not None and claims["args"] == {"count": 1}
    field.run(30)
    assert field.world.rule("court-1").show()["people"] == 0
    field.act(people, "order", act="configure", component="gate-1", nonce=True)
    claims = unverified_claims(field.broker.published[-1][1].decode())
    assert claims is not None and claims["args"] == {"count": 0}


def test_people_at_a_gate_do_not_walk_through_each_other(field: Played) -> None:
    people = People(field)
    edges = []
    for _ in range(3):
        people.places.walk("gate-1", "in")
    first, second = FIELD["gate-1"]["pins"]
    while (due_us := field.agenda.next_us()) is not None and due_us < field.agenda.now_us + S:
        field.agenda.step()
        edges.append((field.level(first), field.level(second)))
    seen = [edge for number, edge in enumerate(edges) if not number or edge != edges[number - 1]]
    assert seen == [(1, 0), (1, 1), (0, 1), (0, 0)] * 3
    assert [note["value"] for note in field.notes("true")] == ["in"] * 3


def test_who_turns_back_has_not_passed(field: Played) -> None:
    people = People(field)
    field.act(people, "gate", component="gate-1", turns_back=True)
    field.run(2)
    assert not field.notes("true")
    assert field.world.rule("gate-1").show() == {"beams": ["clear", "clear"]}


# --- codes ---


def test_a_code_is_typed_bit_by_bit(stage: Played) -> None:
    people = People(stage)
    lines = [BOX["keypad-1"][name] for name in ("d0", "d1")]
    stage.act(people, "code", component="keypad-1", lock="lock-2", right=True, pulls_us=[])
    bits: list[int] = []
    seen = stage.world.world.get("edges")
    while not stage.notes("code"):
        stage.agenda.step()
        edges = stage.world.world.get("edges")
        for number in range(seen, edges):
            at = layout.EDGES + number % layout.EDGES_MAX * 2
            pin, level = stage.world.world.byte(at), stage.world.world.byte(at + 1)
            if level == layout.LOW and pin in lines:
                bits.append(lines.index(pin))
        seen = edges
    digits = [int("".join(map(str, bits[n : n + 4])), 2) for n in range(0, len(bits), 4)]
    slot = wall_s(stage.agenda.now_us) // 3600
    assert "".join(map(str, digits)) == hotp(stage.codes["lock-2"], slot)
    assert stage.notes("code")[0]["digits_ok"] is True


def test_a_wrong_code_is_told_as_wrong_and_a_second_one_is_not_the_first(stage: Played) -> None:
    people = People(stage)
    for right in (False, True, True):
        stage.act(people, "code", component="keypad-1", lock="lock-2", right=right, pulls_us=[])
    stage.run(60)
    told = [(note["digits_ok"], note["first"]) for note in stage.notes("code")]
    assert told == [(False, True), (True, True), (True, False)]


def test_keys_of_a_matrix_are_pressed_and_let_go(run_dir: Path) -> None:
    stage = Played.at(run_dir / "matrix", {**BOX, "keypad-1": matrix("lock-2")})
    people = People(stage)
    stage.act(people, "code", component="keypad-1", lock="lock-2", right=True, pulls_us=[])
    links = []
    for _ in range(1500):
        stage.run(0.01)
        links.append(stage.world.world.get("links"))
    assert sum(b > a for a, b in itertools.pairwise(links)) == 8
    assert links[-1] == 0


def test_nobody_types_a_code_for_a_lock_that_has_none(stage: Played) -> None:
    people = People(stage)
    stage.codes.clear()
    stage.act(people, "code", component="keypad-1", lock="lock-2", right=True, pulls_us=[])
    stage.run(60)
    assert not stage.notes("code")


# --- who looks after the board ---


def test_after_a_lie_somebody_asks_for_the_clock_until_it_is_right(stage: Played) -> None:
    people = People(stage)
    stage.says_info()
    lie = stage.begin(1, "time_lie", lie_s=10**6)
    stage.run(130)
    assert not stage.notes("order")
    stage.end(lie)
    stage.run(130)
    asked = stage.notes("order")
    assert len(asked) == 2 and {note["act"] for note in asked} == {"configure"}
    assert stage.holds.lied
    stage.answers(asked[-1]["jti"], "accepted", "done")
    stage.run(1)
    stage.says_info("unknown")
    stage.run(130)
    assert stage.holds.lied and len(stage.notes("order")) == 2
    stage.says_info("ntp")
    stage.run(61)
    assert not stage.holds.lied
    stage.run(1000)
    assert people.orders.doubts("n1", "unlock", {}) == ""


def test_a_replay_log_that_cannot_be_read_is_begun_anew(stage: Played) -> None:
    People(stage)
    stage.says_info(replay_log="unreadable")
    stage.run(61)
    asked = stage.notes("order")
    assert len(asked) == 1 and asked[0]["good"] is True
    stage.answers(asked[0]["jti"], "accepted", "done")
    stage.says_info()
    stage.run(300)
    assert len(stage.notes("order")) == 1


def test_orders_wait_until_a_board_that_sleeps_is_awake(run_dir: Path) -> None:
    power = {"source": "battery", "battery": None, "sleep": {"every_s": 1800}}
    stage = Played.at(run_dir / "sleeper", FIELD, power=power)
    people = People(stage)
    for _ in range(9):
        stage.act(people, "order", act="identify", nonce=True)
    assert not stage.notes("order")
    stage.says_availability("online")
    stage.says_info()
    stage.run(1)
    assert [note["good"] for note in stage.notes("order")] == [True] * 5
    stage.act(people, "order", act="identify", nonce=True)
    assert len(stage.notes("order")) == 6
    stage.says_availability("sleeping")
    stage.act(people, "forged", why="key", lock=None)
    stage.run(600)
    assert len(stage.notes("order")) == 6


# --- the calm end ---


def test_everybody_goes_home_when_it_is_calm(stage: Played) -> None:
    people = People(stage)
    stage.world.set("lock-2", "lost")
    for kind, facts in (
        ("force", {"door": "door-2"}),
        ("release", {"component": "release-1", "opens": False}),
        ("tamper", {"component": "tamper-1"}),
        ("inside", {"component": "inside-1", "door": "door-1", "release": None, "leaves": False}),
    ):
        stage.act(people, kind, lasts_us=10**9, **facts)
    stage.run(1)
    people.calm()
    assert stage.world.rule("door-2").show() == "closed"
    assert stage.world.rule("release-1").show() == "clear"
    assert stage.world.rule("tamper-1").show() == "closed"
    assert stage.world.rule("inside-1").show() == "free"


@pytest.mark.parametrize("name", ["box", "field"])
def test_a_day_of_people_ends_with_closed_doors_and_moves_nothing_afterwards(
    name: str, run_dir: Path
) -> None:
    components = {"box": BOX, "field": FIELD}[name]
    plan = made(2, 24, "box-1", config_of(components))
    stage = Played.at(run_dir / "board", components, plan.without(f.number for f in plan.faults))
    people = People(stage)
    stage.says_info()
    for act in plan.acts:
        stage.agenda.at(act.at_us, lambda act=act: people.act(act))  # type: ignore[misc]
    stage.agenda.at(plan.calm_us, people.calm)
    stage.agenda.run_until(plan.end_us)
    kinds = {record["kind"] for record in stage.trace.records}
    assert kinds >= ({"order", "door", "release", "inside", "code"} if name == "box" else {"order", "true"})
    late = [r for r in stage.trace.records if r["us"] > plan.calm_us]
    assert all(
        r["kind"] == "order" or (r["kind"], r.get("open")) == ("door", False) or "people" in r for r in late
    )
    for door in stage.world.names("door"):
        is_bolted_out = door == "door-1" and not stage.world.lock("lock-1").releases()
        assert stage.world.rule(door).show() == "closed" or is_bolted_out


def test_in_a_rush_one_thing_follows_another(stage: Played, field: Played) -> None:
    for played, kinds in ((stage, {"door", "release", "inside", "true"}), (field, {"true"})):
        people = People(played)
        played.act(people, "rush", lasts_us=3600 * S, pause_us=[5 * S, 15 * S])
        played.run(3600)
        many = len(played.trace.records)
        assert many > 200 and {record["kind"] for record in played.trace.records} >= kinds
        played.run(600)
        assert len(played.trace.records) < many + 20, "it is over"


def test_acts_do_not_depend_on_each_other(run_dir: Path) -> None:
    plan = made(2, 12, "box-1", config_of(BOX))
    kept = next(act for act in plan.acts if act.kind == "visit")

    def orders_of(plan: Plan, folder: Path) -> list[str]:
        stage = Played.at(folder, BOX, plan)
        people = People(stage)
        for act in plan.acts:
            stage.agenda.at(act.at_us, lambda act=act: people.act(act))  # type: ignore[misc]
        stage.agenda.run_until(kept.at_us)
        return [n["jti"] for n in stage.trace.records if n["kind"] == "order" and n["us"] == kept.at_us]

    others = [act.number for act in plan.acts if act is not kept]
    assert orders_of(plan.without(others), run_dir / "a") == orders_of(plan, run_dir / "b")


def test_chance_of_people_is_not_that_of_the_run(stage: Played) -> None:
    before = stage.rng.getstate()
    people = People(stage)
    stage.says_info()
    stage.act(people, "forged", why="malformed", lock="lock-1")
    stage.act(people, "order", act="identify", nonce=True)
    assert stage.rng.getstate() == before
    assert random.Random(1).getstate() == before
