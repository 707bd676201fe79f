"""Seconds in which nothing is due are leapt over: the board's loop wakes up late, and finds nothing missed.

A board at rest wakes up two or three times a second to look at deadlines that are far away. This reads those
deadlines from the running firmware and says until when it may sleep. What it does not know of comes `MOST_MS`
too late at worst. Boards with sensors that are sampled are at rest while those say the same all the time
(_samplers.py). Safe mode looks at its connection a hundred times a second, and leaps by `_LOOK_MS` at most.

A board that has nothing to do but to ping the broker leaps over that, too, as far as the director lets it
(leaping.py). Only then, and over samples, are fields of the firmware written: when the last ping was sent,
the last sample taken, and when the tasks beat last. They say what they would say if it had been awake.
"""

import asyncio
import sys
import time

MOST_MS = 50000  # a job is missed after 60 s
_LEAST_MS = 1200
_OVER_MS = 900000  # the most over pings
_SAVE_MS = 86400000
_FLOOR_MS = 3600000
_REMEMBER_MS = 60000
_USELESS_MS = 300000
_PAUSE_MIN_MS = 50
_SHORT_MS = 100  # some task has something to do soon
_QUIET_MS = 5000
_NAGS_MAX = 75
_LOOK_MS = 5000
_JOIN_MS = 15000  # as wifi.py has it
_FLIGHT_MS = 300  # what is under way would end a leap
_NEVER_US = 1 << 40  # from now
_PING_MS = 20000  # as safe.py has it
_JOBS = ("edges", "house", "wifi", "session", "signals")

_box = None
_is_restless = False
_courts = ()  # of _samplers.py
_settled = []  # those whose samples this rest leaps over
_wifi_task = None
_shine = None
_pauses = {}  # when those between two attempts end
_ping_ms = 0  # until the first ping that this rest leaps over; 0: over none
_is_long = False  # this rest leaps over what is looked at from time to time
_woken_ms = 0
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
        global _box
        _box = self
        _find_samplers(self)
        _note_pauses("session", self.session._backoff, self.uptime.ms)
        _note_pauses("wifi", self.wifi._backoff, self.uptime.ms)
        module.Box.shine = _shine
        _shine(self, now_ms)

    module.Box.shine = shine


def _find_samplers(box):
    global _is_restless, _courts, _wifi_task
    (_wifi_task,) = [job.task for job in box.supervisor._jobs if job.name == "wifi"]
    names = [part.name for part in box.app.parts if part.sampler() is not None]
    _is_restless = any(job.name not in _JOBS and job.name not in names for job in box.supervisor._jobs)
    if names and not _is_restless:
        courts = sys.modules["_world"].load("_samplers").found(box)
        _is_restless, _courts = courts is None, courts or ()


def _note_pauses(name, backoff, now_ms):
    draw = backoff.next
    _pauses[name] = 0

    def following(random_bits):
        pause_ms = draw(random_bits)
        _pauses[name] = now_ms() + max(_PAUSE_MIN_MS, pause_ms)
        return pause_ms

    backoff.next = following


def _wifi_due_ms(wifi, now_ms):
    """When it does something, if the world leaves it alone; 0: that may be at any moment."""
    if wifi.up:
        return now_ms + MOST_MS
    if _pauses["wifi"] > now_ms:
        return _pauses["wifi"]
    return _join_due_ms(now_ms)


def _join_due_ms(now_ms):
    """Until when it looks ten times a second, in vain, whether it has joined; 0: it may have at any moment.
    When the access point comes back, the bell rings."""
    station = sys.modules["network"]
    page, asked_us = station._page, station._asked_us
    if not asked_us or station._joined():
        return 0
    if page.wifi_up and station._is_there and page.wifi_fault in (0, station._LEASE_LOST):
        return 0
    return now_ms + _JOIN_MS - (station._now_us() - asked_us) // 1000


def _is_moving(part):
    """Something goes on that its deadline does not tell of. A door that stands open is no such thing."""
    bolt = getattr(part, "bolt", None)
    if bolt is not None or hasattr(part, "door"):
        return bolt is not None and bolt.lock.busy()
    expander = getattr(part, "_expander", None)
    if expander is not None:  # it is asked again and again until it is believed
        return expander.lost or expander._doubted
    return part.busy()


def _session_due_ms(session, now_ms, has_link):
    """When it does something, if nothing comes before; 0: that may be at any moment."""
    if session.second is not None or session._leaving or (session._control and not session._tx_deadline_ms):
        return 0
    if session._task is None:
        return _pauses["session"] if has_link or _pauses["session"] > now_ms else now_ms + MOST_MS
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
    for at_ms in session._due_ms.values():
        due_ms = min(due_ms, at_ms)
    return due_ms


def _until_ping_ms(session, now_ms):
    """If there is nothing but pings to send or to wait for; else 0."""
    if not session.up or session.second is not None or session._leaving or not session.idle():
        return 0
    return max(0, session._last_tx_ms + session._settings.keepalive_s * 500 - now_ms)


def asks(now_us):
    """What a LEAP asks: which socket pings leave by, when the first is due that this rest leaps over, and how
    often they come. None: the board need not ask."""
    if _ping_ms:
        session = _box.session
        return session._socket._s._number, now_us + _ping_ms * 1000, session._settings.keepalive_s * 500000
    return (0, now_us + _NEVER_US, _NEVER_US) if _settled else None


def went_on(count):
    """So many pings were leapt over. Whatever ended the leap, the board looks around before the next one."""
    global _woken_ms
    now_ms = _box.uptime.ms()
    for court in _settled:
        court.went_on(now_ms)
    if _is_long:
        _woken_ms = now_ms
    if _ping_ms:
        session = _box.session
        session._last_tx_ms += count * session._settings.keepalive_s * 500
        _box.beat_ms = _box.wifi.beat_ms = session.beat_ms = now_ms - 1


def rest_ms(timeout_ms):
    """For how long nothing is due; 0: something may be. `timeout_ms`: until some task wants to go on."""
    global _ping_ms, _is_long
    _ping_ms, _is_long = 0, False
    if _box is None:
        _find()
        return 0
    if _is_restless:
        return 0
    now_ms = _box.uptime.ms()
    vain_ms = 0
    if _courts or not _box.wifi.up:
        timeout_ms = vain_ms = _in_vain_ms(now_ms) or timeout_ms
    if timeout_ms < _SHORT_MS:  # 5 ms after an edge the inputs are read
        return 0
    rest = _long_rest_ms(now_ms)
    _is_long = rest > vain_ms
    return rest if _is_long else vain_ms


def _in_vain_ms(now_ms):
    """For how long nobody has anything to do but tasks that look ten times a second, and see what they have
    seen before; 0: there are none."""
    _settled.clear()
    for court in _courts:
        if court.is_settled(now_ms):
            _settled.append(court)
    tasks = [court.task for court in _settled]
    due_ms = _courts_due_ms(now_ms + MOST_MS)
    wifi = _box.wifi
    if not wifi.up and _pauses["wifi"] <= now_ms and _wifi_task.data is None:
        join_ms = _join_due_ms(now_ms)
        if join_ms:
            tasks.append(_wifi_task)
            due_ms = min(due_ms, join_ms)
    if not tasks:
        return 0
    queue = asyncio.core._task_queue
    for task in tasks:
        queue.remove(task)
    other = queue.peek()
    for task in tasks:
        queue.push(task, task.ph_key)
    if other is None:
        return 0
    return max(0, min(due_ms - now_ms, asyncio.core.ticks_diff(other.ph_key, asyncio.core.ticks())))


def _courts_due_ms(due_ms):
    for court in _settled:
        if court.due_ms:
            due_ms = min(due_ms, court.due_ms)
    return due_ms


def _long_rest_ms(now_ms):
    """For how long nothing is due of what the board looks at from time to time."""
    global _ping_ms
    session = _box.session
    if _box.beat_ms < _woken_ms or len(_settled) < len(_courts):
        return 0
    if _courts and now_ms - session._last_tx_ms < _FLIGHT_MS:
        return 0
    until_ping_ms = _until_ping_ms(session, now_ms) if _box.wifi.up else 0
    if until_ping_ms:
        due_ms = now_ms + _OVER_MS
    else:
        due_ms = _wifi_due_ms(_box.wifi, now_ms)
        due_ms = min(due_ms, now_ms + MOST_MS, _session_due_ms(session, now_ms, _box.wifi.up))
    if due_ms - now_ms < _LEAST_MS or _is_at_work(_box, now_ms):
        return 0
    due_ms = _courts_due_ms(min(due_ms, _house_due_ms(_box)))
    if due_ms - now_ms < _LEAST_MS:
        return 0
    for part in _box.app.parts:
        if _is_moving(part):
            return 0
        at_ms = part.deadline()
        if at_ms is not None and at_ms < due_ms:
            due_ms = at_ms
    rest = due_ms - now_ms
    if rest < _LEAST_MS:
        return 0
    if 0 < until_ping_ms < rest:
        _ping_ms = until_ping_ms
    if session._task is None or session._deadline_ms:
        session.beat_ms = now_ms  # as check() says each second, but for that in which it ends an attempt
    return rest


def _is_at_work(box, now_ms):
    """It may do something at any moment."""
    app, outbox, signals = box.app, box.outbox, box.app.signals
    if box.trial is not None or box.slots is not None or app.update is not None or app.info_due:
        return True
    if app.restart_at_ms is not None or app.identifying(now_ms) or box.time._asking:
        return True
    if outbox._counts_changed or outbox.acked_seq != app._acked_seq:
        return True
    if app.short_of_power or app.idle or app.desk._told or app.receiver is not None:
        return True
    return signals is not None and (signals.playing or (signals._nagging and signals._nags < _NAGS_MAX))


def _house_due_ms(box):
    """When it keeps house next: clock, memory, outbox, log, telemetry."""
    app, outbox, log, time = box.app, box.outbox, box.log, box.time
    due_ms = min(box.telemetry_ms + box.config["telemetry_s"] * 1000, box.spare._due_ms)
    due_ms = min(due_ms, box.history._saved_ms + _SAVE_MS)
    if box.wifi.up:
        due_ms = min(due_ms, time._next_ms)
    if outbox.acked_seq != outbox._marked_seq:
        due_ms = min(due_ms, app._acked_ms + _QUIET_MS)
    if app._waiting_since_ms is not None:
        due_ms = min(due_ms, app._waiting_since_ms + app._batch_ms)
    if box.wifi._useless_ms is not None:
        due_ms = min(due_ms, box.wifi._useless_ms + _USELESS_MS)
    if time._rtc is not None:
        due_ms = min(due_ms, time._rtc_next_ms)
    if box.clock.trusted():
        due_ms = min(due_ms, time._saved_ms + _FLOOR_MS)
    if app.memory_stale:
        due_ms = min(due_ms, app._remembered_ms + _REMEMBER_MS)
    if log.waiting:
        due_ms = min(due_ms, log._due_ms)
    return due_ms


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
