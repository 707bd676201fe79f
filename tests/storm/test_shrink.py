"""The least that breaks an invariant is found, within its tries and its time."""

import random
from collections.abc import Callable

import pytest

from host_tools.setup.paths import REPOSITORY
from host_tools.site.load import load_site
from host_tools.site.resolve import device_config
from host_tools.storm.agenda import BEGIN_US
from host_tools.storm.case import Case
from host_tools.storm.engine import Planned
from host_tools.storm.oracle.broken import HOUR_US, Broken
from host_tools.storm.result import Result
from host_tools.storm.shown.telling import SENTENCES, words_of
from host_tools.storm.shrink import Shrinker, Shrunk
from host_tools.storm.weather.plan import made

SITES = [REPOSITORY / "host_tools/storm/ground.yaml", REPOSITORY / "sites/warnemuende-mole.yaml"]
S = 1_000_000
FAULTS = [Planned(number, BEGIN_US + number * 60 * S, S, "cut", {}) for number in range(1, 101)]
ACTS = [Planned(1000 + number, BEGIN_US + number * 90 * S, 0, "pull", {}) for number in range(1, 41)]
BROKEN_US = BEGIN_US + 95 * 60 * S
Breaks = Callable[[set[int], set[int], int], bool]


class Simulator:
    """Breaks the invariant `order` when `breaks` says so of faults, acts and hours."""

    def __init__(self, breaks: Breaks, digests: Callable[[], str] = lambda: "same") -> None:
        self._breaks = breaks
        self._digests = digests
        self.tried: list[Case] = []

    def __call__(self, case: Case) -> Result:
        self.tried.append(case)
        faults = {one.number for one in FAULTS} if case.faults is None else set(case.faults)
        acts = {one.number for one in ACTS} if case.acts is None else set(case.acts)
        broken = self._breaks(faults, acts, case.until or case.hours)
        others = Broken("other", BEGIN_US, "is always broken")
        violations = (others, Broken("order", BROKEN_US, "was broken")) if broken else (others,)
        return Result(case, "box", self._digests(), 1.0, 1.0, violations)


def shrunk(breaks: Breaks, **bounds: float) -> tuple[Shrunk, Simulator]:
    simulator = Simulator(breaks)
    result = simulator(Case("1", "box-1", 24))
    shrinker = Shrinker(result, "order", simulator, **bounds)  # type: ignore[arg-type]
    return shrinker.shrink(FAULTS, ACTS), simulator


@pytest.mark.parametrize(
    "needed", [set(), {1}, {50}, {95}, {3, 4}, {1, 95}, {7, 33, 90}, {2, 3, 5, 7, 11}, set(range(1, 91, 9))]
)
def test_the_fewest_faults_are_found(needed: set[int]) -> None:
    found, simulator = shrunk(lambda faults, acts, hours: faults >= needed)
    assert set(found.case.faults or ()) == needed
    assert found.case.acts == ()
    assert found.is_least and found.repeats
    assert found.tries == len(simulator.tried) - 1


def test_what_came_after_the_break_is_left_out_at_once() -> None:
    _, simulator = shrunk(lambda faults, acts, hours: faults >= {2, 90})
    assert simulator.tried[2].faults == tuple(range(1, 96))


def test_a_fault_after_the_moment_counts_where_it_is_needed() -> None:
    found, _ = shrunk(lambda faults, acts, hours: faults >= {2, 99})
    assert found.case.faults == (2, 99)


def test_people_are_sent_home_then_hours_are_cut() -> None:
    found, _ = shrunk(lambda faults, acts, hours: faults >= {5} and acts >= {1003, 1020} and hours >= 2)
    assert (found.case.faults, found.case.acts, found.case.until) == ((5,), (1003, 1020), 2)


def test_hours_stay_where_all_are_needed() -> None:
    found, _ = shrunk(lambda faults, acts, hours: hours == 24)
    assert (found.case.faults, found.case.acts, found.case.until) == ((), (), None)


def test_one_of_two_ways_to_break_it_is_enough() -> None:
    found, _ = shrunk(lambda faults, acts, hours: faults >= {5, 60} or faults >= {20, 21, 22})
    assert found.case.faults in ((5, 60), (20, 21, 22))


def test_an_unsteady_simulator_is_no_reason_to_go_on_for_ever() -> None:
    chance = random.Random(1)
    found, simulator = shrunk(lambda faults, acts, hours: chance.random() < 0.3, tries_max=40)
    assert len(simulator.tried) <= 42
    assert found.violation.invariant == "order"


def test_tries_are_bounded() -> None:
    found, simulator = shrunk(lambda faults, acts, hours: faults >= set(range(1, 95, 2)), tries_max=20)
    assert found.tries == 20 == len(simulator.tried) - 1
    assert not found.is_least
    assert set(found.case.faults or ()) >= set(range(1, 95, 2))  # what is left breaks it still


def test_time_is_bounded() -> None:
    simulator = Simulator(lambda faults, acts, hours: faults >= {5, 60})
    result = simulator(Case("1", "box-1", 24))
    shrinker = Shrinker(result, "order", simulator, time_max_s=7, clock=lambda: float(len(simulator.tried)))
    assert not shrinker.shrink(FAULTS, ACTS).is_least
    assert len(simulator.tried) == 8


def test_a_run_that_differs_the_second_time_is_noticed() -> None:
    digests = iter(map(str, range(10_000)))
    simulator = Simulator(lambda faults, acts, hours: faults >= {5}, lambda: next(digests))
    shrinker = Shrinker(simulator(Case("1", "box-1", 24)), "order", simulator)
    found = shrinker.shrink(FAULTS, ACTS)
    assert not found.repeats
    assert found.case.faults == (5,)


def test_the_invariant_stays_the_same_one() -> None:
    """`other` is broken in every run: that is none of this one's business."""
    found, _ = shrunk(lambda faults, acts, hours: faults >= {10, 20})
    assert found.violation == Broken("order", BROKEN_US, "was broken")
    assert found.case.faults == (10, 20)


def told(what: str, lasts_us: int = 0, **args: object) -> str:
    return words_of(Planned(3, BEGIN_US + 2 * HOUR_US + 61 * S + 5_000, lasts_us, what, args))


def test_words_for_a_person() -> None:
    assert told("broker_mode", 90 * S, mode="mute") == "2:01:01.005 for 90 s: the broker is a bad peer: mute"
    assert told("brownout") == "2:01:01.005: the supply sags and the board resets"
    assert told("broker_restart", keep_sessions=True).endswith("the broker is down (keep sessions yes)")
    assert told("latency", latency_us=[5, 9]).endswith("packets take 5 to 9 us")
    assert told("wifi_flaps", seed=4711, pause_us=[1, 2]).endswith("the Wi-Fi comes and goes")
    assert told("visit", lock="lock-1", again_us=[], nonce=False).endswith("comes (again us none, nonce no)")
    assert told("visit", lock="lock-1", pulls_us=[1, 2, 3, 4]).endswith("comes (pulls us 1, 2, 3 ...)")
    assert told("flood_of_frogs", frogs=7).endswith("flood of frogs (frogs 7)")
    assert told("radar", level=1).endswith("radar (level 1)")


def test_every_kind_of_a_plan_has_its_sentence() -> None:
    seen = set()
    for config in [device_config(site, name) for site in map(load_site, SITES) for name in site.devices]:
        for seed in range(30):
            plan = made(seed, 24, config["device"], config)
            for one in (*plan.faults, *plan.acts):
                assert one.kind in SENTENCES
                text = words_of(Planned(one.number, one.at_us, one.lasts_us, one.kind, one.args))
                assert one.kind not in text or one.kind.isalpha()  # all that the sentence needs is there
                seen.add(one.kind)
    assert seen == set(SENTENCES), "a sentence that nobody says"
