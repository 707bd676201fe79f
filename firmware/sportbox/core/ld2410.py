"""The LD2410 presence radar: its report frames, its answers, and the way to its engineering mode.

Facts: Hi-Link, "LD2410 Serial Communication Protocol" V1.02, "LD2410B ..." V1.04, "LD2410C ..." V1.00 (2022).
8N1 at 256000 baud, about ten reports a second, all numbers little-endian:

    F4 F3 F2 F1 | length u16 | type 01 engineering, 02 basic | AA | target | 55 | 00 | F8 F7 F6 F5
    target: state u8 (bit 0 moving, bit 1 still), moving cm u16, its energy u8, still cm u16, its energy u8,
            detection cm u16; engineering adds the last moving gate M, the last still gate S, M + 1 moving and
            S + 1 still energies, and bytes of later firmware (light, OUT pin)
    orders and answers: FD FC FB FA | length u16 | word u16 (an answer's has 01 in its upper byte) | value |
            04 03 02 01; an answer's value begins with a status u16, 0 is success

Nothing guards a frame but its structure, so values that cannot be are refused as well. A report is read from
the buffer that it was received in: nothing is allocated for a byte or a frame.
"""

from micropython import const

REPORT = 1
ANSWER = 2
ENGINEERING = 1  # data types
BASIC = 2
MOVING = 1  # bits of a target's state, and of what `Parser.news` found changed
STILL = 2

_FRAME_MAX = const(64)
_LENGTH_MIN = const(4)  # an answer: word and status
_BASIC_LENGTH = const(13)
_OVERHEAD = const(10)  # header, length, tail
_GATE_MAX = const(8)
_CM_MAX = const(1000)  # nine gates of 75 cm reach 675 cm
_PERCENT_MAX = const(100)
_GATES_AT = const(19)  # the first gate's energy
_HEADS = (b"\xf4\xf3\xf2\xf1", b"\xfd\xfc\xfb\xfa")
_TAILS = (b"\xf8\xf7\xf6\xf5", b"\x04\x03\x02\x01")


class Parser:
    """`push` takes byte after byte and says when a frame is whole: REPORT, ANSWER, or 0. What it said stays
    readable until the next push. Whatever comes between frames, or instead of them, is skipped."""

    def __init__(self) -> None:
        self._buffer = bytearray(_FRAME_MAX)
        self._count = 0
        self._total = 0  # the size of the frame that has begun, 0 while it is not known
        self._done = 0  # the size of the frame that was told last
        self.frames = 0  # reports
        self.bad = 0  # frames that began well and were none
        self.skipped = 0  # bytes
        self.type = 0
        self.state = 0
        self.moving_energy = 0
        self.still_energy = 0
        self.distance_cm = 0
        self.gates = 0  # of 75 cm; how many moving energies this report has
        self.gate_energy = 0  # the highest of them
        self.answer = 0  # the word that was answered
        self.granted = False

    def push(self, byte: int) -> int:
        if self._done:
            self._drop(self._done)
            self._done = 0
        self._buffer[self._count] = byte
        self._count += 1
        if self._count < self._total:
            return 0
        return self._look()

    def reset(self) -> None:
        """Forgets what has begun."""
        self._count = self._total = self._done = 0

    def news(self, last: bytearray) -> int:
        """What differs from the report that `last` holds, as bits: MOVING for what is said of moving targets,
        STILL for anything else. `last` (64 bytes) then holds this report."""
        found = 0
        buffer = self._buffer
        gates_end = _GATES_AT + self.gates
        for i in range(6, self._done - 4):
            if last[i] != buffer[i]:
                last[i] = buffer[i]
                found |= MOVING if 9 <= i <= 11 or _GATES_AT <= i < gates_end else STILL
        return found

    def _look(self) -> int:
        """Finds the next frame in what has been received; drops what cannot be the beginning of one."""
        while self._count:
            total = self._size()
            if total > self._count or total == 0:
                self._total = total
                return 0
            if total > 0:
                kind = self._read(total)
                if kind:
                    self._total = 0
                    self._done = total
                    return kind
            if total != -1:
                self.bad += 1
            self._skip()
        self._total = 0
        return 0

    def _size(self) -> int:
        """Of the frame at the beginning of the buffer; 0: too short to tell, -1: no frame, -2: a bad one."""
        buffer = self._buffer
        head = _HEADS[0 if buffer[0] == 0xF4 else 1]
        for i in range(min(4, self._count)):
            if buffer[i] != head[i]:
                return -1
        if self._count < 6:
            return 0
        length = buffer[4] | buffer[5] << 8
        if length < _LENGTH_MIN or length > _FRAME_MAX - _OVERHEAD:
            return -2
        return length + _OVERHEAD

    def _read(self, total: int) -> int:
        buffer = self._buffer
        kind = REPORT if buffer[0] == 0xF4 else ANSWER
        tail = _TAILS[kind - 1]
        for i in range(4):
            if buffer[total - 4 + i] != tail[i]:
                return 0
        if kind == REPORT:
            return kind if self._read_report(total) else 0
        if buffer[7] != 1:
            return 0
        self.answer = buffer[6]
        self.granted = buffer[8] == 0 and buffer[9] == 0
        return kind

    def _read_report(self, total: int) -> bool:
        buffer = self._buffer
        if buffer[7] != 0xAA or buffer[total - 6] != 0x55 or buffer[total - 5] != 0:
            return False
        if total < _BASIC_LENGTH + _OVERHEAD or buffer[8] > 3:
            return False
        if buffer[11] > _PERCENT_MAX or buffer[14] > _PERCENT_MAX:
            return False
        distance_cm = buffer[15] | buffer[16] << 8
        if (
            distance_cm > _CM_MAX
            or buffer[9] | buffer[10] << 8 > _CM_MAX
            or buffer[12] | buffer[13] << 8 > _CM_MAX
        ):
            return False
        gates = highest = 0
        if buffer[6] == ENGINEERING:
            gates = buffer[17] + 1
            energies = gates + buffer[18] + 1
            if buffer[17] > _GATE_MAX or buffer[18] > _GATE_MAX or total < _GATES_AT + energies + 6:
                return False
            for i in range(_GATES_AT, _GATES_AT + energies):
                if buffer[i] > _PERCENT_MAX:
                    return False
                if i < _GATES_AT + gates and buffer[i] > highest:
                    highest = buffer[i]
        elif buffer[6] != BASIC or total != _BASIC_LENGTH + _OVERHEAD:
            return False
        self.type = buffer[6]
        self.state = buffer[8]
        self.moving_energy = buffer[11]
        self.still_energy = buffer[14]
        self.distance_cm = distance_cm
        self.gates = gates
        self.gate_energy = highest
        self.frames += 1
        return True

    def _skip(self) -> None:
        """Drops everything before the next byte that a frame could begin with."""
        at = 1
        while at < self._count and self._buffer[at] != 0xF4 and self._buffer[at] != 0xFD:
            at += 1
        self.skipped += at
        self._drop(at)

    def _drop(self, count: int) -> None:
        buffer = self._buffer
        left = self._count - count
        for i in range(left):
            buffer[i] = buffer[i + count]
        self._count = left
        self._total = 0


_ENABLE = const(0xFF)
_END = const(0xFE)
_ENGINEER = const(0x62)
_ORDERS = {
    _ENABLE: b"\xfd\xfc\xfb\xfa\x04\x00\xff\x00\x01\x00\x04\x03\x02\x01",
    _END: b"\xfd\xfc\xfb\xfa\x02\x00\xfe\x00\x04\x03\x02\x01",
    _ENGINEER: b"\xfd\xfc\xfb\xfa\x02\x00\x62\x00\x04\x03\x02\x01",
}
_ANSWER_MS = const(1000)
_RETRY_MS = const(30000)
_SILENT_MS = const(5000)


class Engineering:
    """Asks the radar for engineering reports, which it forgets whenever it loses its power: enable
    configuration, engineering mode, end of configuration, each after the answer to the one before. A radar
    that does not answer is let go and asked again later. Until configuration has ended it reports nothing, so
    one that has fallen silent (the board may have restarted meanwhile) is told to end it."""

    def __init__(self) -> None:
        self._heard_ms: int | None = None  # the newest report; before the first the beginning
        self._waits_for = 0
        self._until_ms = 0
        self._next_ms = 0

    def step(self, type_: int, answer: int, granted: bool, now_ms: int) -> bytes | None:
        """What to send now. `type_` is that of a report that came just now, else 0; `answer` likewise."""
        if type_ or self._heard_ms is None:
            self._heard_ms = now_ms
        if not self._waits_for:
            is_silent = now_ms - self._heard_ms >= _SILENT_MS
            if now_ms < self._next_ms or not (is_silent or type_ == BASIC):
                return None
            self._next_ms = now_ms + _RETRY_MS
            return self._send(_END if is_silent else _ENABLE, now_ms)
        if answer == self._waits_for:
            if answer == _END:
                self._waits_for = 0
                return None
            return self._send(_ENGINEER if answer == _ENABLE and granted else _END, now_ms)
        if now_ms < self._until_ms:
            return None
        if self._waits_for != _END:
            return self._send(_END, now_ms)
        self._waits_for = 0
        return None

    def _send(self, word: int, now_ms: int) -> bytes:
        self._waits_for = word
        self._until_ms = now_ms + _ANSWER_MS
        return _ORDERS[word]
