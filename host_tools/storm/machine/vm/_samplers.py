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
_GHOST, _LATCHED, _SILENT = 1, 2, 3  # as _ld2410.py has them


class _Court:
    def __init__(self, part, task):
        self._part = part
        self.task = task
        self.due_ms = 0  # when it does something all the same, 0: never

    def is_settled(self, now_ms):
        sensor = self._part.radar
        end = sensor._radar._uart._end
        if end is None or self.task.done():
            return False
        part, world, asking = self._part, end._world, sensor._engineering
        if not sensor.on or asking._waits_for or part._pending or part._fusion.said != part._told_said:
            return False
        self.due_ms = 0
        if world.fault:
            return self._is_lost(world.fault, now_ms)
        witness, judge = sensor.witness, sensor.judge
        seen = ("occupied", 2) if world.target else ("free", 0)
        if witness.lost or (witness.state, witness._row) != seen or sensor.parser.type != _ENGINEERING:
            return False
        return now_ms - min(witness._noted_ms, judge._any_ms, judge._moving_ms) <= _FRESH_MS

    def _is_lost(self, fault, now_ms):
        """It is known to be out of order, and nothing that it says is believed."""
        sensor = self._part.radar
        asking, judge = sensor._engineering, sensor.judge
        if not sensor.witness.lost or sensor.witness._any:
            return False
        if fault == _SILENT:
            self.due_ms = asking._next_ms  # then it is asked what it is about
            return now_ms - asking._heard_ms > _FRESH_MS
        is_new = now_ms - min(judge._any_ms, judge._moving_ms) <= _FRESH_MS
        if now_ms - asking._heard_ms > _FRESH_MS or sensor.parser.type != _ENGINEERING:
            return False
        return fault == (_GHOST if is_new else _LATCHED)

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
        witness, judge, asking = sensor.witness, sensor.judge, sensor._engineering
        began_ms = now_ms - late_ms
        if not witness.lost:
            witness._noted_ms = last_ms
            if witness._row:
                witness._quiet_ms = last_ms
        if began_ms - asking._heard_ms <= _FRESH_MS:
            asking._heard_ms = last_ms
            if began_ms - judge._any_ms <= _FRESH_MS:
                judge._any_ms = judge._moving_ms = last_ms
        end = sensor._radar._uart._end
        missed = (_now_us() - end._next_us) // _PERIOD_US
        if missed > 0:
            end._next_us += missed * _PERIOD_US
            end._number += missed


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
