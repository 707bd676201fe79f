"""Each start of the board is one of its own: `bootid` and `nonce` never come twice, and it is told once, with
the cause that it had."""

from collections.abc import Iterator

from host_tools.storm.oracle.broken import Broken, at, lasting
from host_tools.storm.oracle.messages import json_object
from host_tools.storm.oracle.reading import Run
from host_tools.storm.oracle.told import is_complete, was_awake

CAUSES = {
    "1": "power_on",
    "2": "hard",
    "3": "watchdog",
    "5": "soft",
    "15": "brownout",
    "power_on": "power_on",
    "reset": "hard",
    "watchdog": "watchdog",
    "soft_reset": "soft",
    "brownout": "brownout",
}
"""As the board calls what the trace says."""
LIVES_US = 60_000_000
"""A life so long is heard of."""


def names_are_new(run: Run) -> Iterator[Broken]:
    """A nonce of another boot would let an old order in again."""
    for name in ("bootid", "nonce"):
        first: dict[str, int] = {}
        for us, info, record in run.infos:
            life = run.lives.sender(record)
            value = info.get(name)
            if life is None or not isinstance(value, str):
                continue
            n = first.setdefault(value, life.n)
            if n != life.n:
                text = f"start {life.n} has the {name} {value} of start {n}"
                yield Broken("starts", us, text)


def nonces_are_spent(run: Run) -> Iterator[Broken]:
    """With its nonce an order `configure` passes whatever the time is, so none passes with that one again."""
    nonces = {o.jti: o.record.get("nonce") for o in run.orders if o.spends_nonce and o.good is not False}
    spent: dict[str, int] = {}
    for ack in run.acks:
        nonce = nonces.get(ack.jti)
        if ack.is_final and nonce is not None:
            spent.setdefault(nonce, ack.us)
    for us, info, record in run.infos:
        nonce = str(info.get("nonce"))
        if nonce in spent and run.lives.connected_us(record) > spent[nonce]:
            text = f"the nonce {nonce} is told, and an order was carried out with it at {at(spent[nonce])}"
            yield Broken("starts", us, text, (record,))


def uptime_is_true(run: Run) -> Iterator[Broken]:
    """It is never ahead: with `bootid` it dates events where the clock was unknown."""
    for record, ahead_us in run.ahead:
        uptime_s = json_object(record["payload"])["uptime"]
        text = f"uptime {uptime_s} s is {lasting(ahead_us)} ahead"
        yield Broken("starts", record["us"], text, (record,))


def starts_are_told(run: Run) -> Iterator[Broken]:
    booted = [e for e in run.first_events if e.type == "device.booted"]
    for event in booted:
        lives = run.lives.lives_of(event.body)
        if len(lives) == 1 and event.data.get("reset") != CAUSES.get(lives[0].cause):
            told, was = event.data.get("reset"), CAUSES.get(lives[0].cause)
            text = f"the start at {at(lives[0].begin_us)} was told as {told}, and was {was}"
            yield Broken("starts", event.us, text, (event.record,))
    told_lives = {life.n for e in booted for life in run.lives.lives_of(e.body)}
    for life in run.lives.all:
        is_long = life.end_us - life.begin_us >= LIVES_US and was_awake(run, life.begin_us + LIVES_US // 2)
        is_heard = any(us > life.begin_us for us, _, _ in run.infos)
        if is_long and is_heard and life.n not in told_lives and is_complete(run, "device", life.begin_us):
            text = f"the start at {at(life.begin_us)} was never told"
            yield Broken("starts", life.begin_us, text)
