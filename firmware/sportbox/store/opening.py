"""How what is on flash is read at a start: outbox, memory, replay log and the answers that are owed. These
functions belong to the classes that they fill; as they are needed once, they leave the memory with what else
only the start needs (docs/adr/0018-what-only-the-start-needs.md)."""

import binascii
import json
import os
import struct

from micropython import const

from sportbox.core.lock import Order
from sportbox.store import record
from sportbox.store.journal import SEGMENT
from sportbox.store.replay import Answer

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from typing import Any

    from sportbox.access import Desk
    from sportbox.store.journal import Journal
    from sportbox.store.outbox import Outbox
    from sportbox.store.replay import ReplayLog
    from sportbox.store.wear import Wear

_NAME_CHARS = const(9)
_MARK = "<IIIIII"  # as outbox.py writes it


def open_journal(journal: "Journal", acked_seq: int, gone_seq: int) -> None:
    """Finds the segments, checks every record and skips what is acknowledged or was dropped."""
    folder, prefix = journal._folder, journal._prefix
    names = [n for n in os.listdir(folder) if n.startswith(prefix) and len(n) == _NAME_CHARS]
    names.sort()
    for name in names:
        size = os.stat(folder + "/" + name)[6]
        if size == 0:  # cut off when it was first made: its number is given again, and its name with it
            try:
                os.remove(folder + "/" + name)
            except OSError:
                journal.damaged += 1  # worn flash must not keep the board from starting
            continue
        journal.last_seq = int(name[1:], 16)  # even if none of its records can be read
        journal._segments += struct.pack(SEGMENT, journal.last_seq, size)
        journal._end += size
    journal.gone_seq = gone_seq
    at = 0
    while True:
        found = journal.read(at)
        if found is None:
            break
        at = found.end
        journal.last_seq = max(journal.last_seq, found.seq)
        if found.seq <= max(acked_seq, gone_seq):
            journal.head = at
    journal.cursor = journal.head
    journal._fresh = at != journal._end  # no torn end: a board that sleeps goes on in the same file


def open_outbox(outbox: "Outbox", acked_seq: int, seq: int) -> None:
    record.make_dir(outbox._folder)
    mark_seq = 0
    gone: "tuple[int, ...]" = (0, 0)
    believed = True
    try:
        mark = record.read(outbox._mark_path)
        if mark is None:
            believed = False
        else:
            facts = struct.unpack(_MARK, mark) if len(mark) == struct.calcsize(_MARK) else None
            believed = facts is not None
            if facts is not None:
                outbox.acked_seq, mark_seq, outbox.dropped_ordinary, outbox.dropped_urgent = facts[:4]
                gone = facts[4:]
    except record.Corrupt:
        believed = False  # all that is on flash is sent again: duplicates, but no loss
    outbox._marked_seq = outbox.acked_seq
    outbox.acked_seq = max(acked_seq, outbox.acked_seq)
    for journal, gone_seq in zip(outbox._journals, gone):
        open_journal(journal, outbox.acked_seq, gone_seq)
    if not believed and not seq:
        outbox.acked_seq = outbox._marked_seq = max(0, _oldest_seq(outbox) - 1)
    outbox._seq = max(
        seq, mark_seq, outbox.acked_seq, outbox._journals[0].last_seq, outbox._journals[1].last_seq
    )
    outbox._sent_seq = outbox.acked_seq
    outbox.durable_seq = outbox._seq


def _oldest_seq(outbox: "Outbox") -> int:
    oldest = [record.seq for record in [journal.peek() for journal in outbox._journals] if record is not None]
    return min(oldest) if oldest else max(outbox._journals[0].last_seq, outbox._journals[1].last_seq) + 1


def open_memory(path: str, outbox: "Outbox", wear: "Wear | None" = None) -> "dict[str, Any] | None":
    """What the parts knew before, None if it cannot be believed. What was noted for an event that did not get
    to flash is taken back at once: another one is about to have its number."""
    try:
        stored = record.read(path)
        memory: "dict[str, Any]" = {} if stored is None else json.loads(stored)
        name, seq = memory.pop("", ("", 0))
        if seq > outbox.durable_seq:
            if isinstance(memory[name], bool):
                memory[name] = not memory[name]
            record.write(path, json.dumps(memory).encode(), wear)
    except (record.Corrupt, ValueError, TypeError, KeyError, AttributeError):
        return None  # damaged, or of another firmware
    except OSError:
        outbox.write_errors += 1
    return memory


def settle(desk: "Desk", pending: str = "") -> None:
    """After boot: an order cut off by the power gets its one final answer, an answer that the broker may not
    have is given again, and an event that did not get to flash is made. That with the jti `pending` still
    runs."""
    for found in list(desk._replay.answers.values()):
        if found.result == "accepted":
            if found.order.jti != pending:
                desk.final(found.order, "failed", "power")
            continue
        if not found.seq:
            desk._report_final(found.order, found.result, found.reason)
        desk._tell_final(found)


def open_replay(log: "ReplayLog", kept_seq: int) -> None:
    """Reads the log; `readable` is False if it cannot be believed. Then no answer is owed either: the
    rest of the log may say that it was given."""
    record.make_dir(log._folder)
    try:
        with open(log._path, "rb") as file:
            for line in file:
                _load(log, line)
                log._size += len(line)
        log.readable = True
    except OSError as error:
        log.readable = error.errno == 2  # ENOENT: a board's first boot
    except (ValueError, KeyError, IndexError, TypeError):
        log.readable = False
    if not log.readable:
        log.answers = {}
    try:
        for answer in log.answers.values():
            if answer.result != "accepted" and answer.seq > kept_seq:  # another event gets that number now
                log.finish(answer.order.jti, answer.result, answer.reason, 0)
    except OSError:
        log.torn = True  # tidy() writes it


def _load(log: "ReplayLog", line: bytes) -> None:
    body = line[9:-1]
    if line[-1:] != b"\n" or int(line[:8], 16) != record.crc32(body):
        raise ValueError("crc")
    fields = json.loads(body)
    kind = fields[0]
    if kind == "forgot":
        log._forgotten_s = max(log._forgotten_s, fields[1])
        return
    if kind == "reset":
        log._reset_s = max(log._reset_s, fields[1])
        return
    key = binascii.unhexlify(fields[1])
    if kind == "used":
        if log._used.full() and key not in log._used:
            _make_room(log)
        log._used.keep(key, fields[2])
    elif kind in ("order", "local"):
        order = Order(fields[2], fields[3], fields[4], fields[5])
        log.answers[key] = Answer(order, kind == "local")
    elif kind == "final":
        if key in log.answers:
            log.answers[key].result = fields[2]
            log.answers[key].reason = fields[3]
            log.answers[key].seq = int(fields[4]) if len(fields) > 4 else 1  # an older firmware wrote none
    elif kind == "told":
        log.answers.pop(key, None)
    else:
        raise ValueError("kind")


def _make_room(log: "ReplayLog") -> None:
    """There may be more in the file than fits: tokens whose time was over, until it is written anew. Raises
    ValueError."""
    over, over_s = b"", 1 << 32
    for key, until_s in log._used.items():
        if until_s < over_s and key not in log.answers:
            over, over_s = key, until_s
    if not over:
        raise ValueError("full")
    log._forget(over, over_s)
