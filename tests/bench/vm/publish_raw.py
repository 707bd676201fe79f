"""The ceiling: packets made beforehand, of which only the packet id changes, on a blocking socket with
TCP_NODELAY. With a window, as many packets as may be on their way are on their way."""

import socket

from tally import COUNT, HOST, PAYLOAD, PORT, QOS, TOPIC, WARM_UP, WINDOW, Tally

CONNECT = b"\x10\x11\x00\x04MQTT\x04\x02\x00\x3c\x00\x05bench"


def packet(qos):
    topic = TOPIC.encode()
    body = bytes([0, len(topic)]) + topic + (b"\0\0" if qos else b"") + PAYLOAD
    assert 127 < len(body) < 16384
    return bytearray([0x30 | qos << 1, len(body) & 127 | 128, len(body) >> 7]) + body


class Raw:
    def __init__(self):
        self.socket = socket.socket()
        self.socket.connect(socket.getaddrinfo(HOST, PORT)[0][-1])
        self.socket.setsockopt(6, 1, 1)
        self.socket.write(CONNECT)
        assert self.socket.read(4) == b"\x20\x02\x00\x00"
        self.pid = 0

    def qos0(self, count):
        out, write = packet(0), self.socket.write
        for _ in range(count):
            write(out)

    def qos1(self, count, window):
        """`window` packets go out, then one for each acknowledgement."""
        out, ack = packet(1), bytearray(4)
        write, readinto, at = self.socket.write, self.socket.readinto, len(out) - len(PAYLOAD) - 2
        pid, waiting = self.pid, 0
        for _ in range(count):
            if waiting == window:
                readinto(ack)
                assert ack[0] == 0x40
                waiting -= 1
            pid = pid % 65535 + 1
            out[at] = pid >> 8
            out[at + 1] = pid & 255
            write(out)
            waiting += 1
        while waiting:
            readinto(ack)
            waiting -= 1
        assert ack[2] << 8 | ack[3] == pid, "not the last packet's"
        self.pid = pid

    def publish(self, count):
        if QOS:
            self.qos1(count, WINDOW)
        else:
            self.qos0(count - 1)
            self.qos1(1, 1)


def main():
    raw = Raw()
    raw.publish(WARM_UP)
    tally = Tally()
    tally.begin()
    raw.publish(COUNT)
    tally.end()
    raw.socket.write(b"\xe0\x00")


main()
