"""What a builder would write with umqtt: each edge is published at QoS 1, and the connection made anew when
it breaks. Kept as its documentation shows it; the loop itself notes how long it was kept from going round.

    micropython enduring.py simple|robust HOST PORT NAME FIFO

An edge is its number in two bytes in the FIFO: nothing is missed while the loop hangs, as if an interrupt had
put it into a queue. On NAME/event goes `<number> <longest stall so far in ms>`.
"""

import select
import struct
import sys
import time


class Simple:
    """umqtt.simple: what cannot be sent is gone, and the next edge connects again."""

    def __init__(self, host, port, name):
        from umqtt.simple import MQTTClient

        self.client = MQTTClient(name, host, port, keepalive=60)
        self.topic = name + b"/event"
        self.is_up = False

    def publish(self, payload):
        try:
            if not self.is_up:
                self.client.connect()
                self.is_up = True
            self.client.publish(self.topic, payload, qos=1)
        except (OSError, IndexError, TypeError):  # the last two: it reads on where the connection has ended
            self.is_up = False


class Robust:
    """umqtt.robust: it connects again by itself, and publishes until it has."""

    def __init__(self, host, port, name):
        from umqtt.robust import MQTTClient

        self.client = MQTTClient(name, host, port, keepalive=60)
        self.topic = name + b"/event"
        self.client.reconnect()

    def publish(self, payload):
        self.client.publish(self.topic, payload, qos=1)


def main(kind, host, port, name, fifo):
    client = (Robust if kind == "robust" else Simple)(host, int(port), name.encode())
    edges = open(fifo, "r+b")  # noqa: SIM115  # both ends: it never is at its end
    poller = select.poll()
    poller.register(edges, select.POLLIN)
    longest_ms = 0
    while True:
        poller.poll()
        number = struct.unpack("!H", edges.read(2))[0]
        begin_ms = time.ticks_ms()
        client.publish(b"%d %d" % (number, longest_ms))
        longest_ms = max(longest_ms, time.ticks_diff(time.ticks_ms(), begin_ms))


main(*sys.argv[1:])
