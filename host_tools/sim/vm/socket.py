"""`socket` of an ESP32 around the VM's: addresses are tuples, errors carry the ESP32's numbers, and
nothing passes while the station is not joined.

A connection outlives a loss of Wi-Fi, as lwIP keeps it: reads find nothing, writes are refused with
EAGAIN, and it goes on when the access point is back. The wrapper answers ioctl for the file descriptor,
so asyncio polls the real socket.
"""

import io as _io
import select as _select

import _socket
from _socket import AF_INET, SOCK_DGRAM, SOCK_STREAM
from _time import sleep_ms as _sleep_ms
from _world import page as _page
from network import _carries

IPPROTO_TCP = 6
IPPROTO_UDP = 17
TCP_NODELAY = 1
SOL_SOCKET = 4095
SO_REUSEADDR = 4
SO_BROADCAST = 32

_EAGAIN = 11
_EHOSTUNREACH = 118
_ETIMEDOUT = 116
_NUMBERS = {
    98: 112,  # EADDRINUSE
    103: 113,  # ECONNABORTED
    107: 128,  # ENOTCONN
    110: 116,  # ETIMEDOUT
    113: 118,  # EHOSTUNREACH
    101: 118,  # ENETUNREACH
    114: 120,  # EALREADY
    115: 119,  # EINPROGRESS
    32: 104,  # EPIPE: lwIP calls it a reset
}
_IDLE_MS = 2  # what a read costs while Wi-Fi is down: poll() would return at once, for the kernel has data


def _call(method, *args):
    try:
        return method(*args)
    except OSError as e:
        number = e.errno
    raise OSError(_NUMBERS.get(number, number))


def _packed(address):
    if isinstance(address, tuple):
        return _call(_socket.getaddrinfo, address[0], address[1])[0][-1]
    return address


def _tuple(sockaddr):
    parts = _socket.sockaddr(sockaddr)
    return (_socket.inet_ntop(AF_INET, parts[1]), parts[2])


def _is_numeric(host):
    parts = host.split(".")
    return len(parts) == 4 and all(p.isdigit() and int(p) < 256 for p in parts)


def getaddrinfo(_host, _port, _af=0, _type=0, _proto=0, _flags=0):
    if not _is_numeric(_host):
        if not _carries():
            raise OSError(-202)
        _host = _tuple(_call(_socket.getaddrinfo, _host, _port)[0][-1])[0]
    return [(AF_INET, _type or SOCK_STREAM, _proto, "", (_host, _port))]


class socket(_io.IOBase):
    def __init__(self, _af=AF_INET, _type=SOCK_STREAM, _proto=0, *, _real=None):
        self._s = _real or _call(_socket.socket, _af, _type)
        self._stream = _type == SOCK_STREAM
        self._timeout = None
        self._closed = False
        self._port = 0  # of the connected peer

    # what poll and asyncio ask for, and a TLS socket above: MP_STREAM_GET_FILENO 10, _POLL 3, _CLOSE 4
    def ioctl(self, req, arg):
        if req == 10:
            return self._s.fileno()
        if req == 3:
            poller = _select.poll()
            poller.register(self._s, arg)
            ready = poller.poll(0)
            return ready[0][1] if ready else 0
        if req == 4:
            self.close()
            return 0
        return -1

    def fileno(self):
        return self._s.fileno()

    def close(self):
        if not self._closed:  # lwIP takes a second close(), here it would be that of another descriptor
            self._closed = True
            self._s.close()

    def setblocking(self, _value):
        self.settimeout(None if _value else 0)

    def settimeout(self, _value):
        self._timeout = _value
        if _value is None or _value == 0:
            self._s.setblocking(_value is None)
        else:
            self._s.settimeout(_value)

    def setsockopt(self, _level, _optname, _value):
        if _level == SOL_SOCKET:
            _level = _socket.SOL_SOCKET
            _optname = _socket.SO_REUSEADDR if _optname == SO_REUSEADDR else _socket.SO_BROADCAST
        _call(self._s.setsockopt, _level, _optname, _value)

    def bind(self, _address):
        _call(self._s.bind, _packed(_address))

    def listen(self, _backlog=2):
        _call(self._s.listen, _backlog)

    def accept(self):
        s, peer = _call(self._s.accept)
        return socket(_real=s), _tuple(peer)

    def makefile(self, _mode="rb", _buffering=0):
        return self

    def connect(self, _address):
        if not _carries():
            raise OSError(_EHOSTUNREACH)
        packed = _packed(_address)
        self._port = _tuple(packed)[1]
        _call(self._s.connect, packed)

    def _down(self):
        """True: Wi-Fi is down and the call would find nothing. A blocking caller waits as it would."""
        if _carries():
            return False
        waited = 0
        while True:
            _sleep_ms(_IDLE_MS)
            if self._timeout == 0:
                return True
            if _carries():
                return False
            waited += _IDLE_MS
            if self._timeout is not None and waited >= self._timeout * 1000:
                raise OSError(_ETIMEDOUT)

    def _lost(self, port):
        """True: this datagram goes to a time server that does not answer."""
        return not self._stream and not _page.time_server_up and port == _page.ntp_port

    def _stuck(self, error):
        return OSError(_ETIMEDOUT) if error == _EAGAIN and self._timeout else OSError(error)

    def _receive(self, method, *args):
        if self._down():
            raise OSError(_EAGAIN)
        try:
            return _call(method, *args)
        except OSError as e:
            error = e.errno
        raise self._stuck(error)

    def recv(self, _bufsize):
        return self._receive(self._s.recv, _bufsize)

    def recvfrom(self, _bufsize):
        data, peer = self._receive(self._s.recvfrom, _bufsize)
        return data, _tuple(peer)

    def read(self, _size=-1):
        if self._down():
            return None
        return _call(self._s.read) if _size < 0 else _call(self._s.read, _size)

    def readline(self):
        return None if self._down() else _call(self._s.readline)

    def readinto(self, _buf, _nbytes=None):
        if self._down():
            return None
        return _call(self._s.readinto, _buf) if _nbytes is None else _call(self._s.readinto, _buf, _nbytes)

    def write(self, _buf, _size=None):
        if self._down():
            return None
        if _size is None:
            _size = len(_buf)
        return _size if self._lost(self._port) else _call(self._s.write, _buf, _size)

    def send(self, _bytes):
        if self._down():
            raise OSError(_EAGAIN)
        if self._lost(self._port):
            return len(_bytes)
        return _call(self._s.send, _bytes)

    def sendall(self, _bytes):
        sent = 0
        while sent < len(_bytes):
            sent += self.send(memoryview(_bytes)[sent:])

    def sendto(self, _bytes, _address):
        if not _carries():
            raise OSError(_EHOSTUNREACH)
        packed = _packed(_address)
        if self._lost(_tuple(packed)[1]):
            return len(_bytes)
        return _call(self._s.sendto, _bytes, packed)
