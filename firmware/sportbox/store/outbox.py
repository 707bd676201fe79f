"""Events on their way to the broker: accepted means on flash, and they leave in order after a PUBACK.

Two journals share one sequence: ordinary events, and access and alarm events with a reserve of their own.
When a journal is full its oldest event makes room and is counted. Ordinary events may wait in RAM for a
moment and are written together; an urgent one takes all that wait with it to flash, so the sequence on
flash never has a hole. Nothing is sent before it is on flash: a power cut must not hand its number out
again.
"""

import struct

from micropython import const

from sportbox.store import record as records
from sportbox.store.journal import PAYLOAD_MAX, RECORD_OVERHEAD, SEGMENT_BYTES, Journal, Record
from sportbox.store.spare import give_up

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from sportbox.store.wear import Wear

_MARK = "<IIIIII"  # acknowledged, on flash, how many dropped, dropped up to (ordinary and urgent each)
_MARK_EVERY = const(4)  # PUBACKs between two marks; as many more are delivered twice after a power cut
_PENDING_MAX = const(32)
_FAILURES_MAX = const(3)


class Outgoing:
    """An event handed to the session; `acked` is set by `Outbox.ack`. Its end is 0 if it is in RAM only."""

    def __init__(self, record: Record, urgent: bool) -> None:
        self.seq = record.seq
        self.payload = record.payload
        self.end = record.end
        self.urgent = urgent
        self.acked = False
        self.dropped = False

    def release(self) -> None:
        """It is on its way: what flash has is read from there, should it have to go out again."""
        if self.end:
            self.payload = b""


class Outbox:
    def __init__(
        self, folder: str, ordinary_bytes: int, reserve_bytes: int, wear: "Wear | None" = None
    ) -> None:
        self._wear = wear
        self._mark_path = folder + "/mark"
        self._folder = folder
        self._limits = (ordinary_bytes, reserve_bytes)
        self._journals = (Journal(folder, "o", wear), Journal(folder, "u", wear))
        self._pending: list[tuple[bool, int, bytes]] = []
        self._out: list[Outgoing] = []
        self._marked_seq = 0
        self._seq = 0  # the newest number given out
        self._sent_seq = 0  # the newest number taken for sending on this connection
        self._again: list[Outgoing] = []  # sent from RAM, not acknowledged, to be sent again
        self._gap = (0, 0, 0)  # how many numbers are missing and not reported yet, the first, the last
        self._counts_changed = False
        self._failures = 0
        self.durable_seq = 0  # the newest number on flash
        self.acked_seq = 0  # all up to here are with the broker, or dropped
        self.delivered = 0  # PUBACKs since boot
        self.dropped_ordinary = 0
        self.dropped_urgent = 0
        self.write_errors = 0

    def open(self, acked_seq: int = 0, seq: int = 0) -> None:
        """The numbers are what is known beside the flash, which may have rotted back to an older state: up to
        which the broker has them, and the newest that may have been sent."""
        from sportbox.store.opening import open_outbox

        open_outbox(self, acked_seq, seq)

    def accept(self, payload: bytes, urgent: bool, at_once: bool = True) -> int:
        """Takes an event and returns its number. Urgent ones have the reserve, and are on flash on return
        unless they can wait; the others are after flush()."""
        if len(payload) > PAYLOAD_MAX:
            raise ValueError("event too long")
        while len(self._pending) >= _PENDING_MAX:
            self._give_up_pending()
        self._pending.append((urgent, self._seq + 1, payload))  # without memory for that no number is used up
        self._seq += 1
        if (urgent and at_once) or len(self._pending) >= _PENDING_MAX // 2:
            self.flush()
        return self._seq

    def next_seq(self) -> int:
        """The number that the next event will have."""
        return self._seq + 1

    def waiting(self) -> bool:
        """True if flush() has something to write."""
        return bool(self._pending)

    def flush(self) -> bool:
        """Writes what waits, ordinary events first: their numbers are older. A segment at once at most: the
        last free block is filled, and not erased for what needs two. True if all is on flash. Flash that
        fails again and again must not silence the box: then events are sent from RAM."""
        try:
            while self._pending:
                urgent = self._pending[0][0]
                run: list[tuple[int, bytes]] = []
                size = 0
                for is_urgent, seq, payload in self._pending:
                    longer = size + RECORD_OVERHEAD + len(payload)
                    if is_urgent != urgent or (run and longer > SEGMENT_BYTES):
                        break
                    run.append((seq, payload))
                    size = longer
                self._make_room(urgent, size)
                rest = self._pending[len(run) :]
                self._journals[urgent].append(run)
                self._pending = rest
                self.durable_seq = run[-1][0]
                self._failures = 0
            if self._counts_changed:
                self.mark()
        except (OSError, MemoryError) as error:
            if give_up(error):
                return self.flush()
            self._failures += 1
            self.write_errors += 1
            return False
        return True

    def queue_bytes(self) -> int:
        return self._journals[0].live_bytes() + self._journals[1].live_bytes()

    def queue_events(self) -> int:
        """How many events wait, about: what was dropped in between still counts."""
        return self._seq - self.acked_seq

    def urgent_waiting(self) -> bool:
        return self._journals[1].live_bytes() > 0

    def in_flight(self) -> int:
        return len(self._out)

    def take_gap(self) -> "tuple[int, int, int]":
        """How many numbers are missing among those that have left since the last call, the first and the
        last of them. Each is told once; until then the mark stays before it."""
        gap = self._gap
        self._gap = (0, 0, 0)
        return gap

    def take(self) -> Outgoing | None:
        """The next event to send, None if there is none."""
        while True:
            ordinary = self._journals[0].peek()
            urgent = self._journals[1].peek()
            is_urgent = ordinary is None or (urgent is not None and urgent.seq < ordinary.seq)
            record = urgent if is_urgent else ordinary
            again = self._again[0] if self._again else None
            if again is not None and (record is None or again.seq < record.seq):
                again.acked = False
                return self._hand_out(self._again.pop(0))
            if record is None:
                return self._take_pending()
            self._journals[is_urgent].cursor = record.end
            if record.seq > self._sent_seq:  # else a write that failed had reached the flash after all
                return self._hand_out(Outgoing(record, is_urgent))

    def rewind(self) -> None:
        """The connection is gone: what was not acknowledged goes out again on the next one."""
        for journal in self._journals:
            journal.cursor = journal.head
        newest_seq = max(self._journals[0].last_seq, self._journals[1].last_seq)
        unwritten = [out for out in self._out if out.end == 0] + self._again
        again = [out for out in unwritten if out.seq < newest_seq]  # too late for flash: it keeps the order
        later = [(out.urgent, out.seq, out.payload) for out in unwritten if out.seq > newest_seq]
        pending = later + self._pending
        self._out = []  # nothing that follows asks for memory
        self._again = again
        self._pending = pending
        self._sent_seq = self.acked_seq

    def pass_over(self, out: Outgoing) -> None:
        """It was taken and cannot be sent: as if it could not be read, its number will be missing."""
        self._out.remove(out)

    def ack(self, out: Outgoing) -> None:
        """The broker has it. Numbers leave in order, so one may have to wait for those before it."""
        out.acked = True
        self.delivered += 1
        if out.dropped:  # given up while it was under way, and yet arrived
            self._count_drop(out.urgent, -1)
        while self._out and self._out[0].acked:
            first = self._out.pop(0)
            self._note_gap(self.acked_seq + 1, first.seq - 1)
            self.acked_seq = first.seq
            journal = self._journals[first.urgent]
            if first.end > journal.head:
                journal.head = first.end
        if self.acked_seq - self._marked_seq >= _MARK_EVERY and not self._gap[0]:
            self.mark()

    def mark(self) -> bool:
        """Notes on flash how far the broker has got, and frees the space. To be called when it is quiet,
        for until then a power cut means duplicates. True if it was written."""
        if self.acked_seq == self._marked_seq and not self._counts_changed:
            return False
        gone = [journal.gone_seq for journal in self._journals]
        mark = struct.pack(
            _MARK, self.acked_seq, self.durable_seq, self.dropped_ordinary, self.dropped_urgent, *gone
        )
        try:
            records.write(self._mark_path, mark, self._wear)
            self._marked_seq = self.acked_seq
            self._counts_changed = False
            for journal in self._journals:
                journal.purge()
        except (OSError, MemoryError) as error:
            give_up(error)  # for the next time
            self.write_errors += 1
            return False
        return True

    def _note_gap(self, first: int, last: int) -> None:
        if last >= first:
            count = self._gap[0]
            self._gap = (count + last - first + 1, self._gap[1] if count else first, last)

    def _take_pending(self) -> Outgoing | None:
        """An event straight from RAM, only while the flash fails."""
        if self._failures < _FAILURES_MAX or not self._pending:
            return None
        urgent, seq, payload = self._pending.pop(0)
        self.durable_seq = seq
        return self._hand_out(Outgoing(Record(seq, payload, 0), urgent))

    def _hand_out(self, out: Outgoing) -> Outgoing:
        self._sent_seq = out.seq
        self._out.append(out)
        return out

    def _make_room(self, urgent: bool, size: int) -> None:
        journal = self._journals[urgent]
        while journal.live_bytes() + size > self._limits[urgent]:
            seq = journal.drop_head()
            if seq is None:
                break
            self._count_drop(urgent, 1)
            for out in self._out:
                if out.seq == seq:
                    out.dropped = True

    def _give_up_pending(self) -> None:
        """The flash fails and RAM is full: the oldest ordinary event goes, or the oldest of all."""
        victim = 0
        for i in range(len(self._pending)):
            if not self._pending[i][0]:
                victim = i
                break
        self._count_drop(self._pending.pop(victim)[0], 1)

    def _count_drop(self, urgent: bool, by: int) -> None:
        self._counts_changed = True
        if urgent:
            self.dropped_urgent += by
        else:
            self.dropped_ordinary += by
