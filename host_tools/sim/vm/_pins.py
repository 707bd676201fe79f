"""What a pin is at: driven by the board, a contact of an actuator, a chip, through a key, or by the world."""

from _layout import FLOATING as _FLOATING, GPIOS as _GPIOS, IN_LEVEL as _IN, LINKS as _LINKS
from _layout import NO_PIN as _NO_PIN, OUT_KIND as _KIND, PULL as _PULL, PULL_UP as _PULL_UP, STUCK as _STUCK
from _layout import TOF_ADDRESS as _TOF_ADDRESS
from _outputs import output as _output
from _time import ticks_us as _now_us
from _world import actuators as _actuators, page as _page, raw as _raw, record as _record
from _world import rmt as _rmt, table as _table

later = None  # `_loop` puts its at() here
moves = None  # a storm's: told when what drives an actuator has changed
lines = {}  # GPIO -> function that says what a chip drives on it, None: nothing
_contacts = {}  # pin -> actuator
_drives = {}  # pin -> actuators that it drives

if _actuators:
    import _mechanics

    for _a in _actuators:
        for _pin in (_a.locked_pin, _a.unlocked_pin):
            _contacts[_pin] = _a
        for _pin in (_a.gate, _a.select) + ((_a.direction,) if _a.travel_us else ()):
            _drives.setdefault(_pin, []).append(_a)
    _contacts.pop(_NO_PIN, None)
    _drives.pop(_NO_PIN, None)
_resets = {}  # GPIO -> what its falling edge resets
if _page.tofs:
    import _layout as _l

    for _i in range(_page.tofs):
        _a = _record(_l.TOF + _i * _l.TOF_SIZE, _table(_l.TOF_FIELDS))
        _resets[_a.xshut] = _a
    del _l


def driven(pin):
    """The level that the board itself drives, or None."""
    return _output(_raw, _rmt(pin) if pin < _GPIOS else None, pin, _now_us())


def level(pin):
    found = driven(pin)
    if found is not None:
        return found
    if not _raw[_STUCK + pin]:
        a = _contacts.get(pin)
        if a is not None:
            return _mechanics.contact(a, _raw, _rmt(a.gate), pin, _now_us())
        line = lines.get(pin)
        found = None if line is None else line()
        if found is None and _page.links:
            found = _through_keys(pin)
        if found is not None:
            return found
    return pulled(pin, _raw[_IN + pin])


def pulled(pin, level):
    """What an input reads: its pull resistor decides where nothing else does."""
    return level if level != _FLOATING else 1 if _raw[_PULL + pin] == _PULL_UP else 0


def _through_keys(pin):
    """What comes through pressed keys, over several of them, too (ghosting); a low output wins."""
    group = [pin]
    found = None
    for reached in group:
        for at in range(_LINKS, _LINKS + 2 * _page.links, 2):
            a, b = _raw[at], _raw[at + 1]
            other = b if a == reached else a if b == reached else reached
            if other not in group:
                group.append(other)
                level = driven(other)
                if level is not None and found != 0:
                    found = level
    return found


def settle(pin):
    """To be called before the board changes what it drives on this pin."""
    for a in _drives.get(pin, ()):
        _mechanics.settle(a, _raw, _rmt(a.gate), _now_us())


def changed(pin):
    """To be called after that: contacts move now and later, and interrupts with them."""
    chip = _resets.get(pin)
    if chip is not None:
        if driven(pin) == 0:
            chip.resets = chip.resets + 1 & 0xFF
            chip.address = _TOF_ADDRESS
            chip.up_us = 0
        elif not chip.up_us:
            chip.up_us = _now_us()
    for a in _drives.get(pin, ()):
        if moves is not None:
            moves()
        if later is not None and (a.locked_pin != _NO_PIN or a.unlocked_pin != _NO_PIN):
            later(_mechanics.changes(a, _raw, _rmt(a.gate), _now_us()))


def end_pulse(pin):
    """What its RMT channel does is felt no longer: from now to now."""
    channel = _rmt(pin)
    channel.until_us = channel.start_us = _now_us()
