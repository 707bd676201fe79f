"""Judges a run by its trace: an independent reading of docs/PROTOCOL.md, no code of the firmware in it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from host_tools.storm.oracle import (
    agreement,
    changes,
    clocks,
    dropping,
    health,
    lockstates,
    madeup,
    online,
    opening,
    orders,
    outcomes,
    pulses,
    reasons,
    sequence,
    spoken,
    starts,
    states,
    succession,
    told,
)
from host_tools.storm.oracle.broken import Broken, Record
from host_tools.storm.oracle.reading import Run

__all__ = ["INVARIANTS", "Broken", "judge"]

Invariant = Callable[[Run], Iterator[Broken]]
MOST = 20
"""So many of one kind are told; the others would say the same."""

EVEN_IF_ROTTEN = ("opening", "pulses", "oracle")
"""What must hold even of a board in whose firmware or configuration bits have tipped over."""

INVARIANTS: tuple[Invariant, ...] = (
    sequence.ids_are_unique,
    sequence.order_is_kept,
    sequence.nothing_is_lost,
    sequence.nothing_is_left,
    dropping.drops_are_counted,
    dropping.drops_are_needed,
    orders.answers_are_asked_for,
    orders.one_final_answer,
    orders.accepted_is_ended,
    orders.one_first_answer,
    orders.orders_are_answered,
    reasons.rejections_are_just,
    reasons.bad_orders_are_not_accepted,
    opening.pulses_have_a_cause,
    opening.pulled_doors_were_released,
    opening.codes_open_once,
    opening.used_stays_used,
    pulses.pulses_are_short,
    pulses.duty_is_kept,
    pulses.one_at_a_time,
    pulses.coils_are_whole,
    madeup.events_have_happened,
    madeup.access_events_have_orders,
    told.doors_are_told,
    told.gates_are_told,
    told.codes_are_taken,
    succession.events_follow,
    succession.openings_have_a_cause,
    succession.strikes_open_by_order,
    outcomes.ends_are_true,
    outcomes.events_agree_with_answers,
    starts.names_are_new,
    starts.nonces_are_spent,
    starts.uptime_is_true,
    starts.starts_are_told,
    states.doors_are_true,
    states.contacts_are_true,
    lockstates.strikes_are_true,
    states.courts_are_true,
    states.broken_sensors_do_not_say_free,
    states.free_is_earned,
    agreement.states_and_events_agree,
    agreement.changes_are_published,
    online.comes_back,
    online.stays,
    health.outbox_is_bounded,
    health.tasks_live,
    health.lives_end_for_a_cause,
    health.console_is_quiet,
    health.heap_does_not_fall,
    health.heap_is_left,
    health.flash_lasts,
    changes.configuration_is_whole,
    changes.finals_are_true,
    clocks.times_are_true,
    spoken.packets_are_right,
    spoken.payloads_are_right,
    spoken.flags_are_right,
    spoken.faults_are_known,
)


def judge(
    records: Sequence[Record], config: Mapping[str, Any], plan_faults: Sequence[Mapping[str, Any]] = ()
) -> list[Broken]:
    """What did not hold, in the order of time. `config` is the board's config.json; `plan_faults`, the faults
    as JSON (number, at_us, lasts_us, kind, args), are needed only where the trace has no records of them."""
    run = Run(records, config, plan_faults)
    found = _broken(run)
    if run.rotten_us is not None:
        rotten_us = run.rotten_us
        before = Run([r for r in records if r["us"] < rotten_us], config, plan_faults)
        sound = {(b.invariant, b.us) for b in _broken(before)}  # as told before the bits tipped over
        found = [b for b in found if (b.invariant, b.us) in sound or b.invariant in EVEN_IF_ROTTEN]
    return sorted(found, key=lambda broken: broken.us)


def _broken(run: Run) -> list[Broken]:
    return [broken for invariant in INVARIANTS for broken in islice(invariant(run), MOST)]
