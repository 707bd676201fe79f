"""What will happen to one board, drawn from a seed: faults, and what people do.

Faults of what all boards share (the broker, the time server) are the same for each of them. Every fault ends
before the calm end, the last quarter of an hour.

Now and then there is a spell: the broker out of reach for hours while much happens, so that outboxes fill.
"""

import random
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

from host_tools.storm.agenda import BEGIN_US
from host_tools.storm.stage import Json, wall_s
from host_tools.storm.weather import menu, people_menu

CALM_US = 15 * 60 * 1_000_000
HOUR_US = 3_600 * 1_000_000
BOARD_NUMBERS = 10_000
PEOPLE_NUMBERS = 20_000
"""Where the numbers of a board's own faults begin, and those of acts; those of shared faults begin at 1."""
SPELL_NUMBERS, RUSH_NUMBERS = 30_000, 40_000
"""Of spells: what keeps the board away, and what people do meanwhile."""
SHARED_AN_HOUR = 0.35
OWN_AN_HOUR = (0.8, 2.4)
ACTS_AN_HOUR = 5.0
SPELLS_AN_HOUR = 0.01
RUSH_ACTS = 400
"""After so many, about, each outbox of the storm's site has been full several times: what is left of a spell
is quiet."""
NIGHT = 0.15
"""So much less happens then."""
DAY_FROM_H, DAY_TO_H = 7, 22
UTC_OFFSET_H = 2
TOGETHER = 0.15
"""So many faults come soon after another one."""
TOGETHER_US = (1_000, 90 * 1_000_000)


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, or (`Plan.acts`) that people do. It has ended after `lasts_us`."""

    number: int
    at_us: int
    lasts_us: int
    kind: str
    args: Json

    @property
    def until_us(self) -> int:
        return self.at_us + self.lasts_us


Act = Fault


@dataclass(frozen=True)
class Plan:
    """`faults` and `acts` are in the order of their times; no number is there twice."""

    seed: str
    hours: float
    board: str
    faults: tuple[Fault, ...]
    acts: tuple[Act, ...]

    @property
    def end_us(self) -> int:
        return BEGIN_US + int(self.hours * HOUR_US)

    @property
    def calm_us(self) -> int:
        """When the calm end begins."""
        return max(BEGIN_US, self.end_us - CALM_US)

    def without(self, numbers: Iterable[int]) -> "Plan":
        """Less of it; what is left happens as before."""
        gone = frozenset(numbers)
        return replace(
            self,
            faults=tuple(f for f in self.faults if f.number not in gone),
            acts=tuple(a for a in self.acts if a.number not in gone),
        )

    def to_json(self) -> Json:
        facts = asdict(self)
        return {**facts, "faults": list(facts["faults"]), "acts": list(facts["acts"])}

    @classmethod
    def from_json(cls, facts: Json) -> "Plan":
        def read(name: str) -> tuple[Fault, ...]:
            return tuple(Fault(**entry) for entry in facts[name])

        return cls(facts["seed"], facts["hours"], facts["board"], read("faults"), read("acts"))


def made(seed: int | str, hours: float, board: str, config: Json) -> Plan:
    """The same for the same arguments, on every machine and in every process."""
    plan = Plan(str(seed), hours, board, (), ())
    own = random.Random(f"{seed}/{board}")
    faults = [
        *_drawn(random.Random(f"{seed}/shared"), plan, SHARED_AN_HOUR, menu.shared(), 1),
        *_drawn(own, plan, own.uniform(*OWN_AN_HOUR), menu.own(config), BOARD_NUMBERS),
    ]
    acts = _acts(random.Random(f"{seed}/{board}/people"), plan, people_menu.of(config))
    away, rushes = _spells(random.Random(f"{seed}/{board}/spells"), plan)
    return replace(plan, faults=_sorted([*faults, *away]), acts=_sorted([*acts, *rushes]))


def _sorted(entries: list[Fault]) -> tuple[Fault, ...]:
    return tuple(sorted(entries, key=lambda entry: (entry.at_us, entry.number)))


def _drawn(
    rng: random.Random, plan: Plan, an_hour: float, choices: list[menu.Choice], first: int
) -> list[Fault]:
    """Each run likes some kinds more than others."""
    found: list[Fault] = []
    weights = [choice.weight * rng.uniform(0.2, 1.8) for choice in choices]
    now_us = BEGIN_US
    while choices:
        if rng.random() < TOGETHER:
            now_us += menu.log_uniform(rng, *TOGETHER_US)
        else:
            now_us += int(rng.expovariate(an_hour) * HOUR_US)
        choice = rng.choices(choices, weights)[0]
        lasts_us = menu.log_uniform(rng, *choice.lasts_us)
        args = choice.draw(rng)
        latest_us = plan.calm_us - choice.spare_us
        if now_us >= plan.calm_us:
            break
        if now_us < latest_us:
            lasts_us = min(lasts_us, latest_us - now_us)
            found.append(Fault(first + len(found), now_us, lasts_us, choice.kind, args))
    return found


def _spells(rng: random.Random, plan: Plan) -> tuple[list[Fault], list[Act]]:
    """Day and night: whoever is there does not know that nobody hears of it."""
    away: list[Fault] = []
    rushes: list[Act] = []
    now_us = BEGIN_US
    while True:
        now_us += int(rng.expovariate(SPELLS_AN_HOUR) * HOUR_US)
        lasts_us = menu.log_uniform(rng, *menu.SPELL_US)
        kind, pace_us = rng.choice(menu.AWAY), people_menu.pace(rng)
        if now_us >= plan.calm_us:
            return away, rushes
        lasts_us = min(lasts_us, plan.calm_us - now_us)
        away.append(Fault(SPELL_NUMBERS + len(away), now_us, lasts_us, kind, {}))
        rush = {"pause_us": pace_us}
        rush_us = min(lasts_us, RUSH_ACTS * sum(pace_us) // 2)
        rushes.append(Act(RUSH_NUMBERS + len(rushes), now_us, rush_us, "rush", rush))


def _acts(rng: random.Random, plan: Plan, choices: list[menu.Choice]) -> list[Act]:
    found: list[Act] = []
    weights = [choice.weight for choice in choices]
    now_us = BEGIN_US
    while choices:
        now_us += int(rng.expovariate(ACTS_AN_HOUR) * HOUR_US)
        happens = rng.random() < (1.0 if is_day(now_us) else NIGHT)
        choice = rng.choices(choices, weights)[0]
        lasts_us = menu.log_uniform(rng, *choice.lasts_us)
        args = choice.draw(rng)
        if now_us >= plan.calm_us:
            break
        if happens and now_us < plan.calm_us - choice.spare_us:
            lasts_us = min(lasts_us, plan.calm_us - now_us)
            found.append(Act(PEOPLE_NUMBERS + len(found), now_us, lasts_us, choice.kind, args))
    return found


def is_day(us: int) -> bool:
    local_s = wall_s(us) + UTC_OFFSET_H * 3600
    return DAY_FROM_H <= local_s % 86_400 // 3600 < DAY_TO_H
