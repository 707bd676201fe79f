"""One court, several sensors: what they say together.

Every sensor has a `state`, `free`, `occupied` or `unknown`, with its own hold time, and is `lost` if that is
unknown because it is out of order. Together:

- somebody who is seen by one sensor is there, unless another one that would have to see them says `free` all
  the time for `stuck_ms`: then they contradict each other, and nobody can tell;
- the court is free when a sensor that sees all of it says so and none says otherwise. A sensor that was lost
  while it saw somebody has not seen them leave: that takes `stuck_ms` without anybody to be forgotten;
- else it is unknown.
"""

from micropython import const

from sportbox.core.occupancy import FREE, OCCUPIED, UNKNOWN

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Protocol

    class Witness(Protocol):
        state: str
        lost: bool

    class Counter(Protocol):
        def count(self) -> int | None: ...


_CONFIRM = const(2)  # samples in a row that make a sighting
_GAP_MS = const(500)  # between samples of one look; they come each 100 ms or so
# how far a sensor is believed, in percent: that nobody is there, that somebody is
_TRUST = {"pir": (70, 90), "radar": (80, 80), "tof": (30, 90), "gate": (80, 80)}
_POINT = "tof"  # sees one place of the court: that nobody is there says little
_DISSENT = const(70)  # percent that are left of the confidence for each sensor that says otherwise ...
_ABSENT = const(85)  # ... or is lost


class Sighting:
    """A sensor that is sampled: `note` for each sample that can be believed, `step` with the time. Somebody
    is there after two samples in a row, nobody after `hold_ms` without; without samples for `silent_ms` it is
    lost. Who stands before it for `stuck_ms` without a pause is a thing (None: things do not fool it)."""

    def __init__(self, hold_ms: int, silent_ms: int, stuck_ms: int | None = None) -> None:
        self._hold_ms = hold_ms
        self._silent_ms = silent_ms
        self._stuck_ms = stuck_ms
        self._noted_ms: int | None = None  # the newest sample; before the first the beginning
        self._any = False
        self._row = 0  # samples with somebody, one after the other
        self._row_ms = 0  # since when
        self._quiet_ms = 0  # since when nobody was there
        self.state = UNKNOWN
        self.lost = False

    def note(self, somebody: bool, now_ms: int) -> None:
        if not self._any or self.lost or self._noted_ms is None or now_ms - self._noted_ms > _GAP_MS:
            self._quiet_ms = now_ms  # a pause without samples is no quiet one
        self._any = True
        self._noted_ms = now_ms
        if not somebody:
            self._row = 0
        elif self._row == 0:
            self._row = 1
            self._row_ms = now_ms
        else:
            self._row = _CONFIRM
        if self._row >= _CONFIRM or (somebody and self.state == OCCUPIED):
            self._quiet_ms = now_ms

    def step(self, now_ms: int) -> None:
        if self._noted_ms is None:
            self._noted_ms = now_ms
        silent = now_ms - self._noted_ms >= self._silent_ms
        stuck = self._stuck_ms is not None and self._row > 0 and now_ms - self._row_ms >= self._stuck_ms
        self.lost = silent or stuck
        if silent:
            self._any = False
            self._row = 0
        if self.lost or not self._any:
            self.state = UNKNOWN
        elif self._row >= _CONFIRM:
            self.state = OCCUPIED
        elif self._noted_ms - self._quiet_ms >= self._hold_ms:
            self.state = FREE

    def stop(self) -> None:
        """It is switched off, which is no fault."""
        self._noted_ms = None
        self._any = False
        self._row = 0
        self.state = UNKNOWN
        self.lost = False


class _Seat:
    """A witness and what the fusion remembers of it."""

    def __init__(self, name: str, witness: "Witness") -> None:
        self.name = name
        self.witness = witness
        self.last_word = UNKNOWN
        self.gone_ms = 0  # since when it has said nothing


class Fusion:
    """`add` the sensors first: `pir`, `radar`, `tof`, `gate`. `step` may be called at any time and must be at
    `deadline`; True if state, count or what is lost have changed."""

    def __init__(self, stuck_ms: int) -> None:
        self._stuck_ms = stuck_ms
        self._seats: list[_Seat] = []
        self._counter: "Counter | None" = None
        self._seen = False
        self._free = False
        self._against_ms: int | None = None  # since when they have contradicted each other
        self._told_count: int | None = None
        self._told_lost = 0
        self._quiet_ms = 0  # since when nobody has been seen
        self.said = 0  # what each of the sensors says, in bits: the confidence depends on it
        self.state = UNKNOWN
        self.deadline: int | None = None

    def add(self, name: str, witness: "Witness", counter: "Counter | None" = None) -> None:
        self._seats.append(_Seat(name, witness))
        if counter is not None:
            self._counter = counter

    def step(self, now_ms: int) -> bool:
        before = self.state
        self._look()
        seen, free = self._seen, self._free
        if seen:
            self._quiet_ms = now_ms
        self.deadline = None
        missed = self._missed(now_ms)
        if seen and free:
            if self._against_ms is None:
                self._against_ms = now_ms
            self.state = UNKNOWN if self._is_over(self._against_ms, now_ms) else OCCUPIED
        else:
            self._against_ms = None
            self.state = OCCUPIED if seen else FREE if free and not missed else UNKNOWN
        count, lost = self.count(), self._lost_bits()
        if self.state == before and count == self._told_count and lost == self._told_lost:
            return False
        self._told_count = count
        self._told_lost = lost
        return True

    def count(self) -> int | None:
        """How many people there are: what counts has to agree with the others."""
        counted = None if self._counter is None else self._counter.count()
        if self.state == FREE:
            return 0
        return counted if self.state == OCCUPIED and counted else None

    def confidence(self) -> float:
        """0 to 1: sensors that agree make each other surer, lost ones and those that disagree less."""
        if self.state == UNKNOWN:
            return 0.0
        doubt = 1.0
        share = 1.0
        for seat in self._seats:
            if seat.witness.state == self.state:
                doubt *= 1 - _TRUST[seat.name][self.state == OCCUPIED] / 100
            elif seat.witness.state != UNKNOWN and seat.name != _POINT:
                share *= _DISSENT / 100
            elif seat.witness.lost:
                share *= _ABSENT / 100
        return int(100 * (1 - doubt) * share + 0.5) / 100

    def lost(self) -> "list[str]":
        """The sensors that are out of order."""
        return [seat.name for seat in self._seats if seat.witness.lost]

    def _lost_bits(self) -> int:
        bits = 0
        for seat in self._seats:
            bits = bits << 1 | seat.witness.lost
        return bits

    def _look(self) -> None:
        """Whether one of them sees somebody, and whether one says `free` who sees all of the court (or all
        that there are see one point only)."""
        self._seen = False
        self.said = 0
        free = point_free = False
        only_points = True
        for seat in self._seats:
            is_free = seat.witness.state == FREE
            is_seen = seat.witness.state == OCCUPIED
            self.said = self.said << 2 | is_free << 1 | is_seen
            self._seen = self._seen or is_seen
            if seat.name == _POINT:
                point_free = point_free or is_free
            else:
                only_points = False
                free = free or is_free
        self._free = point_free if only_points else free

    def _missed(self, now_ms: int) -> bool:
        """Whether one is gone whose last word was that somebody is there, not long enough ago."""
        missed = False
        for seat in self._seats:
            said = seat.witness.state
            if said != UNKNOWN:
                seat.last_word = said
                seat.gone_ms = now_ms
            elif seat.last_word == OCCUPIED:
                if self._is_over(max(seat.gone_ms, self._quiet_ms), now_ms):
                    seat.last_word = UNKNOWN
                else:
                    missed = True
        return missed

    def _is_over(self, since_ms: int, now_ms: int) -> bool:
        """Whether `stuck_ms` have passed; else the deadline is when they have."""
        at_ms = since_ms + self._stuck_ms
        if now_ms >= at_ms:
            return True
        if self.deadline is None or at_ms < self.deadline:
            self.deadline = at_ms
        return False
