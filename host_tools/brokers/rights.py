"""What the proof of delivery tries: every kind of message from everybody, who must get it, and nobody else.

What must be follows from the table in users.py. What is wrong is told with the line that Mosquitto's access
control list needs, or with the list that has one too many.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from host_tools.brokers.mosquitto import BOARDS_ACL, SERVICES_ACL
from host_tools.brokers.users import DEVICE_READS, DEVICE_WRITES, PROBE, Rights, base, board, services
from host_tools.mqtt import ROOT
from host_tools.site.models import Site

BOARD = "a board"
ELSEWHERE = "_elsewhere"
"""Stands for another board, and for another site."""
COMPONENT = "lock-1"
SHOWN_MAX = 4
NOBODYS = ("update", "cmd/answer", f"{COMPONENT}/cmd")
"""What no list names."""


@dataclass(frozen=True)
class Trial:
    """One message. `number` tells it from the others."""

    number: int
    sender: str
    topic: str
    what: str
    may_send: bool
    readers: frozenset[str]


def parties(site: Site) -> dict[str, Rights]:
    """Everybody by name: the services, and the probe for all boards."""
    return {BOARD: board(site.site, PROBE), **services(site)}


def filters(site: Site) -> list[str]:
    """What everybody subscribes to: all topics of the trials, allowed or not, and no traffic of boards."""
    below = base(site.site)
    found = [f"{below}/{PROBE}/#", f"{below}/{ELSEWHERE}/#", f"{ROOT}/{ELSEWHERE}/#"]
    return [*found, f"{_announced(site)}/{PROBE}/#", "$SYS/broker/version"]


def trials(site: Site) -> list[Trial]:
    everybody = parties(site)
    found: list[Trial] = []
    for sender, rights in everybody.items():
        for topic, what in _topics(site).items():
            may_send = allows(rights.writes, topic)
            readers = frozenset(n for n, r in everybody.items() if may_send and allows(r.reads, topic))
            found.append(Trial(len(found), sender, topic, what, may_send, readers))
    return found


def allows(patterns: Iterable[str], topic: str) -> bool:
    return any(matches(pattern, topic) for pattern in patterns)


def matches(pattern: str, topic: str) -> bool:
    """MQTT 3.1.1, 4.7: `+` is one level, `#` all that follow, and neither stands for a first `$`."""
    from paho.mqtt.client import topic_matches_sub

    return topic_matches_sub(pattern, topic)


def verdicts(site: Site, tried: Iterable[Trial], got: Mapping[int, set[str]]) -> list[str]:
    """What is wrong by who got which trial: one sentence for each line that is missing, and one for all that
    somebody can do and must not."""
    everybody = parties(site)
    missing: dict[str, str] = {}
    extra: dict[tuple[str, str], list[str]] = {}
    for one in tried:
        reached = got.get(one.number, set())
        if one.readers and not one.readers & reached:
            line = _lacks(site, one)
            missing.setdefault(line, f"what {one.sender} publishes as {one.what} reaches nobody: {line}")
        else:
            for reader in sorted(one.readers - reached):
                line = _lacks(site, one, reader)
                missing.setdefault(line, f"{reader} does not get {one.what}: {line}")
        if reached and not one.may_send:
            extra.setdefault((one.sender, "can publish"), []).append(one.what)
        for reader in sorted(reached):
            if not allows(everybody[reader].reads, one.topic):
                extra.setdefault((reader, "gets"), []).append(one.what)
    return [*missing.values(), *(_must_not(*key, what) for key, what in extra.items())]


def _must_not(party: str, verb: str, what: Iterable[str]) -> str:
    names = list(dict.fromkeys(what))
    more = f" and {len(names) - SHOWN_MAX} more" if len(names) > SHOWN_MAX else ""
    return f"{party} {verb} {', '.join(names[:SHOWN_MAX])}{more}, and must not: see {_file(party)}"


def _topics(site: Site) -> dict[str, str]:
    """Every kind of topic, and what it is called."""
    below = base(site.site)
    kinds = (*DEVICE_WRITES, *DEVICE_READS, *NOBODYS)
    found = {}
    for name, whose in ((PROBE, ""), (ELSEWHERE, "another board's ")):
        for kind in kinds:
            found[f"{below}/{name}/{kind.replace('+', COMPONENT)}"] = f"{whose}`{kind}`"
    found[f"{ROOT}/{ELSEWHERE}/{PROBE}/event"] = "another site's `event`"
    found[f"{ROOT}/{ELSEWHERE}/{PROBE}/cmd"] = "another site's `cmd`"
    found[f"{_announced(site)}/{PROBE}/proof"] = "Home Assistant's discovery"  # which does not listen there
    return found


def _announced(site: Site) -> str:
    output = site.outputs.home_assistant
    return output.prefix if output is not None else "homeassistant"


def _file(party: str) -> str:
    return BOARDS_ACL if party == BOARD else f"`user {party}` in {SERVICES_ACL}"


def _lacks(site: Site, trial: Trial, reader: str | None = None) -> str:
    """The line without which it is so."""
    party, verb = (trial.sender, "write") if reader is None else (reader, "read")
    rights = parties(site)[party]
    patterns = rights.writes if reader is None else rights.reads
    pattern = next(one for one in patterns if matches(one, trial.topic))
    if party != BOARD:
        return f"{_file(party)} needs `topic {verb} {pattern}`"
    return f"{BOARDS_ACL} needs `pattern {verb} {pattern.replace(PROBE, '%u')}`"
