"""What the publishing contestants have in common: what is sent, and how time and memory are counted.

    micropython CONTESTANT.py HOST PORT QOS WINDOW COUNT MEASURE

MEASURE is `time` (with the garbage collector at work, as in use), `memory` (without it, so that every byte
counts) or `nothing` (for those who count from outside). The last message is always sent at QoS 1: when the
broker has acknowledged it, it has everything before it, too.
"""

import gc
import json
import sys
import time

TOPIC = "sportbox/v1/bench/box-1/event"
PAYLOAD = (
    b'{"specversion":"1.0","id":"box-1-5f0c-000001","source":"/bench/box-1/door-1","data":{"count":12345}}'
)
WARM_UP = 20  # messages before anything is counted: first uses load code and grow tables

HOST = sys.argv[1]
PORT = int(sys.argv[2])
QOS = int(sys.argv[3])
WINDOW = int(sys.argv[4])
COUNT = int(sys.argv[5])
MEASURE = sys.argv[6]


class Tally:
    def begin(self):
        gc.collect()
        self.bytes = 0
        if MEASURE == "memory":
            gc.disable()
            self.bytes = gc.mem_alloc()
        self.us = time.ticks_us()

    def end(self):
        us = time.ticks_diff(time.ticks_us(), self.us)
        used = gc.mem_alloc() - self.bytes if MEASURE == "memory" else None
        gc.enable()
        print(json.dumps({"messages": COUNT, "us": us, "bytes": used}))


assert len(PAYLOAD) == 100, len(PAYLOAD)
