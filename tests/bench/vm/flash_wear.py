"""Runs on MicroPython: a thousand events in one way of keeping them, on littlefs over a flash that counts.

    flash_wear.py SCENARIO CONTESTANT EVENTS SEED    ->    one JSON object on stdout

The firmware's own classes decide when to write, when to note how far the broker has got, and what to delete;
time is a number here. The ways to compare with keep an event until the broker has it, too, and have the same
room: when it is full the oldest goes.
"""

import json
import os
import sys

from sportbox.app import App
from sportbox.core.clock import Clock
from sportbox.store.outbox import Outbox
from sportbox.uplink import Uplink

from tests.core.chance import Chance
from tests.firmware.ramflash import BLOCK, RamFlash, format_flash, mount, unmount

BLOCKS = 480  # of 4 MiB, what MicroPython and its slots leave
PATH = "/flash"
TICK_MS = 1000
QUIET_S = 10  # the broker is reached and nothing comes: what is owed is noted by then
BOOT_ID = "0123456789ab"


class CountingFlash(RamFlash):
    """Whole operations alone: nothing is torn here, and a list written anew needs millions of them."""

    def __init__(self, blocks):
        super().__init__(blocks)
        self.programmed_bytes = 0
        self.erases = 0
        self._erased = b"\xff" * BLOCK

    def writeblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        self._view[at : at + len(buffer)] = buffer
        self.programmed_bytes += len(buffer)

    def ioctl(self, operation, argument):
        if operation == 6:
            self._view[argument * BLOCK : (argument + 1) * BLOCK] = self._erased
            self.erases += 1
            return 0
        return super().ioctl(operation, argument)


class Desk:
    def tidy(self, now_ms):
        pass


class Firmware:
    """App, uplink and outbox as they run on a board, without parts."""

    def __init__(self, kind, ordinary_bytes, reserve_bytes):
        self.kind = kind
        self.now_ms = 0
        self.outbox = Outbox(PATH + "/data/outbox", ordinary_bytes, reserve_bytes)
        self.outbox.open()
        self.uplink = Uplink("site", "box-1", BOOT_ID, self.outbox)
        self.app = App(
            PATH + "/data", Clock(), self.outbox, self.uplink, 1000, lambda: self.now_ms, lambda: None
        )
        self.app.desk = Desk()

    def event(self, now_ms, data):
        self.now_ms = now_ms
        self.app.event("gate-1", self.kind, data)

    def tick(self, now_ms):
        self.now_ms = now_ms
        self.app.tick(now_ms)

    def deliver(self):
        message = self.uplink.next_message()
        while message is not None:
            if message.done is not None:
                message.done()
            message = self.uplink.next_message()

    def lost(self):
        return self.outbox.dropped_ordinary + self.outbox.dropped_urgent


class Naive:
    """Keeps events at once, and forgets them once the broker has them."""

    def __init__(self, kind, ordinary_bytes, reserve_bytes):
        self.kind = kind
        self.room = reserve_bytes if kind == URGENT else ordinary_bytes
        self.sizes = []
        self.first = 1  # of those that are kept; they have the numbers from 1 on
        self.dropped = 0
        self.open()

    def event(self, now_ms, data):
        record = json.dumps(["gate-1", self.kind, 0, now_ms // 1000, BOOT_ID, data])
        while sum(self.sizes) + len(record) > self.room:
            self.forget_first()
            self.dropped += 1
        self.sizes.append(len(record))
        self.keep(self.first + len(self.sizes) - 1, record)

    def tick(self, now_ms):
        pass

    def deliver(self):
        while self.sizes:
            self.forget_first()

    def forget_first(self):
        self.sizes.pop(0)
        self.forget(self.first)
        self.first += 1

    def lost(self):
        return self.dropped


class FileAnEvent(Naive):
    def open(self):
        os.mkdir(PATH + "/queue")

    def keep(self, number, record):
        with open("%s/queue/%d" % (PATH, number), "w") as file:
            file.write(record)

    def forget(self, number):
        os.remove("%s/queue/%d" % (PATH, number))


class OneJson(Naive):
    """The list of all that wait, written anew when it changes."""

    def open(self):
        self.records = []

    def keep(self, number, record):
        self.records.append(record)
        self.write()

    def forget(self, number):
        self.records.pop(0)
        if len(self.records) == len(self.sizes):  # else it is written with the one that takes the room
            self.write()

    def write(self):
        with open(PATH + "/queue.json", "w") as file:
            json.dump(self.records, file)


class Append(Naive):
    """A line for each at the end of one file, closed each time; away with it when all are delivered. What
    has no room any more stays in it."""

    def open(self):
        pass

    def keep(self, number, record):
        with open(PATH + "/queue.txt", "a") as file:
            file.write(record)
            file.write("\n")

    def forget(self, number):
        if not self.sizes:
            os.remove(PATH + "/queue.txt")


NAIVE = {"file": FileAnEvent, "json": OneJson, "append": Append}
ORDINARY, URGENT = "gate.passed", "access.accepted"
SCENARIOS = {
    # kind of event, ms from one to the next, sizes, broker reached, bytes for ordinary and for urgent events
    "online": (ORDINARY, 125, (200, 400), True, 49_152, 16_384),
    "offline": (ORDINARY, 125, (200, 400), False, 49_152, 16_384),
    "offline, room for all": (ORDINARY, 125, (200, 400), False, 1_048_576, 16_384),
    "at once": (URGENT, 125, (200, 400), True, 49_152, 16_384),
    "2,000 a day": (ORDINARY, 43_200, (200, 400), True, 49_152, 16_384),
    "2,000 small ones a day": (ORDINARY, 43_200, (80, 100), True, 49_152, 16_384),
}


def play(box, scenario, events, chance):
    """Answers the bytes of all payloads."""
    _, every_ms, (least, most), online, _, _ = SCENARIOS[scenario]
    payload_bytes = 0
    ticked_ms = 0
    for number in range(events):
        now_ms = (number + 1) * every_ms
        while ticked_ms + TICK_MS <= now_ms:
            ticked_ms += TICK_MS
            box.tick(ticked_ms)
            if online:
                box.deliver()
        head = json.dumps(["gate-1", box.kind, 0, now_ms // 1000, BOOT_ID, {"direction": ""}])
        size = least + chance.below(most - least + 1)
        payload_bytes += size
        box.event(now_ms, {"direction": "x" * (size - len(head))})
        if online:
            box.deliver()
    for _ in range(QUIET_S):
        ticked_ms += TICK_MS
        box.tick(ticked_ms)
        box.deliver()
    return payload_bytes


def main(scenario, contestant, events, seed):
    kind, _, _, _, ordinary_bytes, reserve_bytes = SCENARIOS[scenario]
    flash = CountingFlash(BLOCKS)
    format_flash(flash)
    mount(flash, PATH)
    os.mkdir(PATH + "/data")
    flash.programmed_bytes = flash.erases = 0
    keeper = Firmware if contestant == "firmware" else NAIVE[contestant]
    box = keeper(kind, ordinary_bytes, reserve_bytes)
    payload_bytes = play(box, scenario, events, Chance(seed))
    unmount(PATH)
    found = {"payload_bytes": payload_bytes, "programmed_bytes": flash.programmed_bytes}
    found.update({"erases": flash.erases, "lost": box.lost()})
    print(json.dumps(found))


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
