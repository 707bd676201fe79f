"""What a builder would write instead: each order that comes is answered at once, and nothing is checked.

    micropython answering.py raw|umqtt|umqtt-nodelay HOST PORT NAME QOS

Listens to NAME/cmd at QoS 1 and answers on NAME/ack at QOS, with 80 bytes that end in the order's own end.
"""

import socket
import struct
import sys

ANSWER_BYTES = 80
TAIL_BYTES = 43  # as long as a token's signature
IPPROTO_TCP = 6
TCP_NODELAY = 1


def answer_to(payload):
    tail = bytes(payload[-TAIL_BYTES:])
    return b"." * (ANSWER_BYTES - len(tail)) + tail


def text(value):
    return struct.pack("!H", len(value)) + value


def raw(host, port, name, qos):
    """The ceiling: one loop over a socket, one write a message, whole packets from one buffer."""
    ack = text(name + b"/ack")
    s = socket.socket()
    s.connect(socket.getaddrinfo(host, port)[0][-1])
    s.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    hello = text(b"MQTT") + b"\x04\x02\x00\x00" + text(name)
    s.write(bytes([0x10, len(hello)]) + hello)
    wish = b"\x00\x01" + text(name + b"/cmd") + b"\x01"
    s.write(bytes([0x82, len(wish)]) + wish)
    head = bytes([0x30 | qos << 1, len(ack) + 2 * qos + ANSWER_BYTES]) + ack
    buffer = b""
    pid = 0
    while True:
        data = s.recv(4096)
        if not data:
            return
        buffer += data
        while len(buffer) > 1:
            length, at = buffer[1] & 0x7F, 2
            if buffer[1] & 0x80:
                length, at = length | buffer[2] << 7, 3
            if len(buffer) < at + length:
                break
            if buffer[0] & 0xF0 == 0x30:
                behind = at + 2 + (buffer[at] << 8 | buffer[at + 1])
                out = b""
                if buffer[0] & 6:
                    out = b"\x40\x02" + buffer[behind : behind + 2]
                    behind += 2
                out += head
                if qos:
                    pid = pid % 65535 + 1
                    out += struct.pack("!H", pid)
                s.write(out + answer_to(buffer[behind : at + length]))
            buffer = buffer[at + length :]


def umqtt(host, port, name, qos, nodelay):
    """As its documentation shows it: blocking, and the answer in the callback."""
    from umqtt.simple import MQTTClient

    client = MQTTClient(name, host, port)
    client.set_callback(lambda topic, payload: client.publish(name + b"/ack", answer_to(payload), qos=qos))
    client.connect()
    if nodelay:
        client.sock.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    client.subscribe(name + b"/cmd", qos=1)
    while True:
        client.wait_msg()


def main(kind, host, port, name, qos):
    if kind == "raw":
        raw(host, int(port), name.encode(), int(qos))
    else:
        umqtt(host, int(port), name.encode(), int(qos), kind == "umqtt-nodelay")


main(*sys.argv[1:])
