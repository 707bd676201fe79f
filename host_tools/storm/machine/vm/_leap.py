"""Seconds in which nothing is due are leapt over: the board's loop wakes up late, and finds nothing missed.

A board at rest wakes up two or three times a second to look at deadlines that are far away. This reads those
deadlines from the running firmware, changes nothing in it, and says until when it may sleep. What it does not
know of comes `MOST_MS` too late at worst. Boards whose sensors are sampled are never at rest. Safe mode looks
at its connection a hundred times a second, and leaps by `_LOOK_MS` at most.
"""

import sys
import time

MOST_MS = 50000  # a job is missed after 60 s
_LEAST_MS = 1200
_FLOOR_MS = 3600000
_REMEMBER_MS = 60000
_USELESS_MS = 300000
_PAUSE_MIN_MS = 50
_LOOK_MS = 5000
_PING_MS = 20000  # as safe.py has it
_JOBS = ("edges", "house", "wifi", "session", "signals")

_box = None
_is_sampled = False
_shine = None
_pause_ends_ms = 0  # of the session, between two connections
_safe = None
_serve = None


def _find():
    """The box shows itself once a second."""
    global _shine
    module = sys.modules.get("sportbox.box")
    if module is None or _shine is not None:
        return
    _shine = module.Box.shine

    def shine(self, now_ms):
        global _box, _is_sampled
        _box, _is_sampled = self, any(job.name not in _JOBS for job in self.supervisor._jobs)
        _note_pauses(self.session)
        module.Box.shine = _shine
        _shine(self, now_ms)

    module.Box.shine = shine


def _note_pauses(session):
    draw = session._backoff.next

    def following(random_bits):
        global _pause_ends_ms
        pause_ms = draw(random_bits)
        _pause_ends_ms = session._now_ms() + max(_PAUSE_MIN_MS, pause_ms)
        return pause_ms

    session._backoff.next = following


def _session_due_ms(session):
    """When it does something, if nothing comes before; 0: that may be at any moment."""
    if session.second is not None or session._leaving or (session._control and not session._tx_deadline_ms):
        return 0
    if session._task is None:
        return _pause_ends_ms
    if session._socket is None:  # a name server is asked
        return 0
    due_ms = session._last_tx_ms + session._settings.keepalive_s * 500 if session.up else 0
    for at_ms in (
        session._deadline_ms,
        session._rx_deadline_ms,
        session._tx_deadline_ms,
        session._ping_deadline_ms,
    ):
        if at_ms and (not due_ms or at_ms < due_ms):
            due_ms = at_ms
    for message in session._inflight.values():
        due_ms = min(due_ms, message.deadline_ms)
    return due_ms


def rest_ms():
    """For how long nothing is due; 0: something may be."""
    if _box is None:
        _find()
        return 0
    if _is_sampled:
        return 0
    box, app, session, time = _box, _box.app, _box.session, _box.time
    now_ms = box.uptime.ms()
    outbox, log, signals = box.outbox, box.log, app.signals
    session_ms = _session_due_ms(session)
    if session_ms - now_ms < _LEAST_MS:
        return 0
    if box.trial is not None or box.slots is not None or app.update is not None or app.info_due:
        return 0
    if app.restart_at_ms is not None or app.identifying(now_ms) or time._asking or not box.wifi.up:
        return 0
    if outbox.acked_seq != outbox._marked_seq or outbox._counts_changed:
        return 0
    if app.short_of_power or app.idle or app.busy() or app.desk._told or app.receiver is not None:
        return 0
    if signals is not None and (signals.playing or signals._nagging):
        return 0
    due_ms = min(now_ms + MOST_MS, box.telemetry_ms + box.config["telemetry_s"] * 1000, session_ms)
    if app._waiting_since_ms is not None:
        due_ms = min(due_ms, app._waiting_since_ms + app._batch_ms)
    if box.wifi._useless_ms is not None:
        due_ms = min(due_ms, box.wifi._useless_ms + _USELESS_MS)
    due_ms = min(due_ms, time._next_ms, box.spare._due_ms)
    if time._rtc is not None:
        due_ms = min(due_ms, time._rtc_next_ms)
    if box.clock.trusted():
        due_ms = min(due_ms, time._saved_ms + _FLOOR_MS)
    if app.memory_stale:
        due_ms = min(due_ms, app._remembered_ms + _REMEMBER_MS)
    if log.waiting:
        due_ms = min(due_ms, log._due_ms)
    if due_ms - now_ms < _LEAST_MS:
        return 0
    for part in app.parts:
        at_ms = part.deadline()
        if at_ms is not None and at_ms < due_ms:
            due_ms = at_ms
    rest = due_ms - now_ms
    return rest if rest >= _LEAST_MS else 0


def _find_safe():
    """Safe mode shows itself with each connection, and has waited for Wi-Fi before the first one."""
    global _serve
    module = sys.modules.get("safe")
    if module is None or _serve is not None:
        return
    _serve = module.Safe.serve

    def serve(self):
        global _safe
        _safe = self
        _serve(self)

    module.Safe.serve = serve


def safe_rest_ms():
    """For how long safe mode has nothing to do by itself, when nothing came that it could read."""
    if _safe is None:
        _find_safe()
        return 0
    if _safe.acks or _safe.tell or _safe.leave or _safe.pull:
        return 0
    rest_ms = _PING_MS - time.ticks_diff(time.ticks_ms(), _safe.ping_ms)
    return max(0, min(rest_ms, _LOOK_MS))
