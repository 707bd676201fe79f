"""`ntptime` of an ESP32. It blocks, which is why the firmware asks the time server by itself."""

import struct as _struct

import machine as _machine
import socket as _socket
from time import gmtime as _gmtime

host = "pool.ntp.org"
timeout = 1


def time():
    query = bytearray(48)
    query[0] = 0x1B
    address = _socket.getaddrinfo(host, 123)[0][-1]
    s = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
    try:
        s.settimeout(timeout)
        s.sendto(query, address)
        answer = s.recv(48)
    finally:
        s.close()
    return _struct.unpack("!I", answer[40:44])[0] - 3155673600


def settime():
    t = _gmtime(time())
    _machine.RTC().datetime((t[0], t[1], t[2], t[6] + 1, t[3], t[4], t[5], 0))
