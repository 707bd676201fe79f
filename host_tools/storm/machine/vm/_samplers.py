"""Courts with a radar, which is sampled ten times a second: when the next sample would say what the last ones
said, and what a board knows that has taken all of them. Nothing tells a sleeping board that its radar sees
something else, so it leaps only as far as nothing happens at all.
"""

import asyncio

from _world import now_us as _now_us

_FRESH_MS = 700  # as old as the newest of anything may be while reports come
_PERIOD_US = 100000  # of reports
_SAMPLE_MS = 100  # as field.py has it
_ENGINEERING = 1


class _Court:
    def __init__(self, part, task):
        self._part = part
        self.task = task

    def is_settled(self, now_ms):
        sensor = self._part.radar
        end = sensor._radar._uart._end
        if end is None or self.task.done():
            return False
        world = end._world
        if world.fault or not sensor._on:
            return False
        witness, judge = sensor.witness, sensor.judge
        if witness.lost or (witness.state, witness._row) != (
            ("occupied", 2) if world.target else ("free", 0)
        ):
            return False
        if now_ms - min(witness._noted_ms, judge._any_ms, judge._moving_ms) > _FRESH_MS:
            return False
        if sensor.parser.type != _ENGINEERING or sensor._engineering._waits_for:
            return False
        part = self._part
        return not part._pending and part._fusion.said == part._told_said

    def went_on(self, now_ms):
        """As if it had been sampled until now, in its rhythm: the newest report is there to be read next."""
        core = asyncio.core
        due = self.task.ph_key
        late_ms = core.ticks_diff(core.ticks(), due)
        if late_ms <= 0:
            return
        since_ms = (late_ms - 1) % _SAMPLE_MS + 1
        core._task_queue.remove(self.task)
        core._task_queue.push(self.task, core.ticks_add(due, late_ms - since_ms + _SAMPLE_MS))
        last_ms = now_ms - since_ms
        sensor = self._part.radar
        witness, judge = sensor.witness, sensor.judge
        witness._noted_ms = judge._any_ms = judge._moving_ms = sensor._engineering._heard_ms = last_ms
        if witness._row:
            witness._quiet_ms = last_ms
        end = sensor._radar._uart._end
        missed = (_now_us() - end._next_us) // _PERIOD_US
        if missed > 0:
            end._next_us += missed * _PERIOD_US
            end._number += missed
            sensor.parser.frames += missed


def found(box):
    """The courts of that board that are sampled; None: something else is."""
    courts = []
    for part in box.app.parts:
        if part.sampler() is not None:
            if getattr(part, "radar", None) is None or part.tof is not None:
                return None
            (task,) = [job.task for job in box.supervisor._jobs if job.name == part.name]
            courts.append(_Court(part, task))
    return courts
