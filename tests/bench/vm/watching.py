"""What a builder would write instead: a sensor is looked at as soon as it moves, and told of at QoS 1.

    micropython watching.py raw|umqtt|umqtt-nodelay HOST PORT NAME FIFO

Each byte in the FIFO is an edge; it is published on NAME/event with 150 bytes, about those of the project's
event, which end in the edge's number.
"""

import select
import socket
import struct
import sys

EVENT_BYTES = 150
IPPROTO_TCP = 6
TCP_NODELAY = 1


def event(number):
    tail = b"#%d" % number
    return b"." * (EVENT_BYTES - len(tail)) + tail


def text(value):
    return struct.pack("!H", len(value)) + value


class Raw:
    """The ceiling: a packet is one write, and the PUBACK is read when it comes."""

    def __init__(self, host, port, name):
        self.socket = s = socket.socket()
        s.connect(socket.getaddrinfo(host, port)[0][-1])
        s.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        hello = text(b"MQTT") + b"\x04\x02\x00\x00" + text(name)
        s.write(bytes([0x10, len(hello)]) + hello)
        topic = text(name + b"/event")
        length = len(topic) + 2 + EVENT_BYTES
        self.head = bytes([0x32, length & 0x7F | 0x80, length >> 7]) + topic

    def publish(self, number):
        self.socket.write(self.head + struct.pack("!H", number) + event(number))

    def read(self):
        if not self.socket.recv(4096):
            sys.exit(1)


class Umqtt:
    """As its documentation shows it."""

    def __init__(self, host, port, name, nodelay):
        from umqtt.simple import MQTTClient

        self.client = MQTTClient(name, host, port)
        self.client.connect()
        self.socket = self.client.sock
        if nodelay:
            self.socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
        self.topic = name + b"/event"

    def publish(self, number):
        self.client.publish(self.topic, event(number), qos=1)

    def read(self):
        self.client.check_msg()


def main(kind, host, port, name, fifo):
    name, port = name.encode(), int(port)
    client = Raw(host, port, name) if kind == "raw" else Umqtt(host, port, name, kind == "umqtt-nodelay")
    edges = open(fifo, "r+b")  # noqa: SIM115  # both ends: it never is at its end
    poller = select.poll()
    poller.register(edges, select.POLLIN)
    poller.register(client.socket, select.POLLIN)
    number = 0
    while True:
        for what, _ in poller.poll():
            if what is edges:
                edges.read(1)
                number += 1
                client.publish(number)
            else:
                client.read()


main(*sys.argv[1:])
