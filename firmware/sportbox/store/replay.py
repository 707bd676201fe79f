"""Which tokens were used, and which orders still owe their answer: on flash before a lock moves.

An append-only file of lines, each `<crc32, 8 hex digits> <JSON>`:

    ["used", digest, keep_until]          refused from now on; digest is SHA-256 of the jti, 16 hex digits
    ["order", digest, jti, sub, act, component]   begun
    ["local", digest, jti, sub, act, component]   begun at the box itself
    ["final", digest, result, reason, seq]   its one final answer, and the number of the event that tells it
    ["told", digest]                      the broker has that answer, or the outbox what happened
    ["forgot", until]                     tokens to be kept until then may have been left out
    ["reset", time]                       the log was begun anew then: what was issued before may be used

The log fails closed: a line that cannot be believed makes the whole log unreadable until `reset()`, for
which token was used is then unknown. It is bounded: tokens whose time is over are left out when the file is
written anew, and a full log takes no more orders.
"""

import binascii
import gc
import hashlib
import json
import os
import struct

from micropython import const

from sportbox.core.lock import Order
from sportbox.store.record import crc32
from sportbox.store.spare import give_up

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Iterator

    from sportbox.store.wear import Wear

_FILE_MAX = const(8192)  # rewritten beyond that, or beyond twice what is still needed
_SPARE = const(704)
_DIGEST = const(8)  # bytes of SHA-256: the chance that one of 256 tokens meets another by accident is nil
_ENTRY = const(12)  # a digest, and until when it is kept
_LATEST_S = const(0xFFFFFFFF)


class Unreadable(Exception):
    """The log cannot be believed: no order is taken."""


class Answer:
    """A begun order and its answer so far; result is `accepted`, `done` or `failed`. A `local` order came
    from the box itself."""

    def __init__(self, order: Order, local: bool = False) -> None:
        self.order = order
        self.local = local
        self.result = "accepted"
        self.reason: str | None = None
        self.seq = 0  # of the event that tells how it ended; 0: that one may not be on flash


class Used:
    """The digests of used tokens, each with the Unix second until which it is kept. All its memory is taken
    at the start: what a busy day adds is not taken from the locks."""

    def __init__(self, capacity: int) -> None:
        self._table = bytearray(capacity * _ENTRY)
        self._end = 0

    def __len__(self) -> int:
        return self._end // _ENTRY

    def __contains__(self, key: bytes) -> bool:
        return self._find(key) >= 0

    def clear(self) -> None:
        self._end = 0

    def full(self) -> bool:
        return self._end == len(self._table)

    def keep(self, key: bytes, until_s: int) -> None:
        """There must be room for it, or it be there already. Asks for no memory."""
        at = self._find(key)
        if at < 0:
            at = self._end
            self._end += _ENTRY
        struct.pack_into("<8sI", self._table, at, key, max(0, min(until_s, _LATEST_S)))

    def items(self) -> "Iterator[tuple[bytes, int]]":
        """From the end, so the one that was given last may be dropped."""
        for at in range(self._end - _ENTRY, -1, -_ENTRY):
            key = bytes(self._table[at : at + _DIGEST])
            yield key, struct.unpack_from("<I", self._table, at + _DIGEST)[0]

    def drop(self, key: bytes) -> None:
        """The last one takes its place."""
        at, self._end = self._find(key), self._end - _ENTRY
        self._table[at : at + _ENTRY] = self._table[self._end : self._end + _ENTRY]

    def _find(self, key: bytes) -> int:
        at = self._table.find(key, 0, self._end)
        while at >= 0 and at % _ENTRY:  # it may look like the end of one and the beginning of the next
            at = self._table.find(key, at + 1, self._end)
        return at


class ReplayLog:
    def __init__(self, folder: str, capacity: int = 256) -> None:
        self._path = folder + "/replay.log"
        self._folder = folder
        self._used = Used(capacity)
        self._size = 0
        self._rewrite_at = _FILE_MAX
        self._spare: "bytes | bytearray" = b""  # what opening a file takes
        self.torn = False  # a write failed: what stands at the end of the file is not known
        self._forgotten_s = 0
        self._reset_s = 0
        self.answers: dict[bytes, Answer] = {}
        self.readable = False
        self.wear: "Wear | None" = None

    def open(self, kept_seq: int = 0) -> None:
        """`kept_seq` is the newest event that was on flash before this start."""
        from sportbox.store.opening import open_replay

        open_replay(self, kept_seq)

    def find(self, jti: str) -> Answer | None:
        return self.answers.get(digest(jti))

    def used(self, jti: str) -> bool:
        return digest(jti) in self._used

    def doubtful(self, keep_until_s: int, issued_s: int) -> bool:
        """True if the token could have been used and be forgotten: its time was over once (and the clock was
        set back since), or it is older than the log."""
        return keep_until_s <= self._forgotten_s or issued_s < self._reset_s

    def full(self, now_s: int) -> bool:
        if self._used.full():
            self._expire(now_s)
        return self._used.full()

    def begin(self, order: Order, keep_until_s: int, local: bool = False) -> None:
        """On return the token is used up, whatever happens next. Raises Unreadable or OSError, and then
        nothing may move. Not to be called while it is full()."""
        if not self.readable:
            raise Unreadable()
        key = digest(order.jti)
        name = binascii.hexlify(key).decode()
        answer = self.answers[key] = Answer(order, local)  # now: once it is used up, nothing may fail
        try:
            self._append(_line(["used", name, keep_until_s]) + _begun(name, answer))
        except Exception:
            del self.answers[key]
            raise
        self._used.keep(key, keep_until_s)

    def spend(self, jti: str, keep_until_s: int) -> None:
        """As begin() for an order that is over at once and is owed no answer. Raises Unreadable, OSError."""
        if not self.readable:
            raise Unreadable()
        key = digest(jti)
        self._append(_line(["used", binascii.hexlify(key).decode(), keep_until_s]))
        self._used.keep(key, keep_until_s)

    def finish(self, jti: str, result: str, reason: str | None, seq: int) -> None:
        """Notes the final answer, and that the event `seq` is about to tell it: a start that finds no such
        event on flash knows that it is missing. Raises OSError; the answer stands in RAM all the same."""
        key = digest(jti)
        answer = self.answers[key]
        answer.result = result
        answer.reason = reason
        answer.seq = seq
        self._append(_ended(binascii.hexlify(key).decode(), answer))

    def told(self, jti: str) -> None:
        """The final answer has arrived. Raises OSError; it is to be noted again then, for until it is, the
        answer will be given again after a power cut."""
        key = digest(jti)
        if key in self.answers:
            self._append(_line(["told", binascii.hexlify(key).decode()]))
            del self.answers[key]

    def tidy(self, now_s: int) -> None:
        """Forgets what is over and writes the file anew once it has grown, or lacks something that could
        not be written. To be called when nothing else is urgent. Raises OSError; the old file then stands."""
        if not self._spare:
            try:
                self._spare = bytearray(_SPARE)
            except MemoryError:
                self._spare = b""
        if self.readable and (self.torn or self._size > self._rewrite_at):
            self._expire(now_s)
            try:
                self._rewrite()
            except OSError as error:
                if not give_up(error):
                    raise
                self._rewrite()

    def reset(self, now_s: int = 0) -> None:
        """Begins an empty log: an `ops` order after the old one became unreadable. Raises OSError. `now_s` is
        the best time; what was issued before it is refused from now on."""
        self._used.clear()
        self.answers = {}
        self._reset_s = now_s
        self._rewrite()
        self.readable = True

    def _append(self, lines: bytes) -> None:
        try:
            self._write(lines)
        except OSError as error:
            if not give_up(error):
                raise
            self._write(lines)

    def _write(self, lines: bytes) -> None:
        if self.torn:
            self._rewrite()
        self.torn = True
        try:
            file = open(self._path, "ab")  # noqa: SIM115  # closed below
        except MemoryError:
            self._spare = b""  # no lock stays shut because something else has split the memory up
            gc.collect()
            file = open(self._path, "ab")  # noqa: SIM115
        with file:
            file.write(lines)
        self.torn = False
        self._size += len(lines)
        if self.wear is not None:
            self.wear.wrote(len(lines))

    def _expire(self, now_s: int) -> None:
        for key, until_s in self._used.items():
            if until_s < now_s and key not in self.answers:
                self._forget(key, until_s)

    def _forget(self, key: bytes, until_s: int) -> None:
        self._used.drop(key)
        self._forgotten_s = max(self._forgotten_s, until_s)

    def _rewrite(self) -> None:
        path = self._path + ".new"
        size = 0
        with open(path, "wb") as file:
            size += file.write(_line(["forgot", self._forgotten_s]) + _line(["reset", self._reset_s]))
            for key, until_s in self._used.items():
                name = binascii.hexlify(key).decode()
                size += file.write(_line(["used", name, until_s]))
                answer = self.answers.get(key)
                if answer is not None:
                    size += file.write(_begun(name, answer))
                    if answer.result != "accepted":
                        size += file.write(_ended(name, answer))
        os.rename(path, self._path)
        self.torn = False
        self._size = size
        if self.wear is not None:
            self.wear.wrote(size)
        self._rewrite_at = max(_FILE_MAX, 2 * size)


def digest(jti: str) -> bytes:
    return hashlib.sha256(jti.encode()).digest()[:_DIGEST]


def _begun(name: str, answer: Answer) -> bytes:
    order = answer.order
    kind = "local" if answer.local else "order"
    return _line([kind, name, order.jti, order.sub, order.act, order.component])


def _ended(name: str, answer: Answer) -> bytes:
    return _line(["final", name, answer.result, answer.reason, answer.seq])


def _line(fields: "list[object]") -> bytes:
    body = json.dumps(fields).encode()
    return b"%08x " % crc32(body) + body + b"\n"
