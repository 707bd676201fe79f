"""First code in the VM of a board in a storm: network, polling and pauses that take virtual time. Then all
goes on as on any simulated board.

The machine's clocks are replaced below the VM (clocks.py): they read one number in memory, which moves on by
a microsecond with each look, and which this module puts forward when the board would sleep.
Up to the horizon nothing happens outside, so the board sleeps by itself; beyond it, and for whatever it does
on the network, it asks the director through a socket (frames: lockstep.py).

sys.argv beyond those of `_start`: address of the clock and of what a life begins with (clocks.py), descriptor
of the socket, and for a VM that becomes the image of a boot the file that says what it imports; "note": this
boot shall say that (_image.py).
"""

import gc
import os
import struct
import sys
import time as _time

import uctypes

_PASS_US = 20  # what a look around takes
_HEAD = "<BBHiQQ"
_TAIL = "<QQiHH"
IDLE, OPEN, CONNECT, SEND, CLOSE, PAUSE, LEAVE, LEAP = 1, 2, 3, 4, 5, 6, 7, 8
CONNECTED, DATA, END, ERROR, ROOM, FOREIGN = 1, 2, 3, 4, 5, 6
_BELL = 1
_FED_US = 10000000
_COLLECTS_LESS = 2  # times, than the firmware asks for: a third of a storm's time went there
_GLANCE_US = 10000  # from one look of safe mode at its connection to the next
_EAGAIN = 11
_EINPROGRESS = 115  # Linux's, as the VM's own socket has it

_HALVES = {"low": uctypes.UINT32 | 0, "high": uctypes.UINT32 | 4}  # 64 bits at once would be a big integer
_clock = uctypes.struct(int(sys.argv[8]), {"us": uctypes.UINT64 | 0}, uctypes.NATIVE)
_not_own = uctypes.struct(int(sys.argv[8]) + 32, {"runs": uctypes.UINT32 | 0}, uctypes.NATIVE)  # denial.py
_now_us = _time.ticks_us
_born = uctypes.struct(
    int(sys.argv[8]) + 40,
    {"horizon_us": uctypes.UINT64 | 0, "sock": uctypes.UINT32 | 8, "leaps": uctypes.UINT32 | 12},
    uctypes.NATIVE,
)
_horizon_us = _next = 0
_leaps = False
_image = None
_deadline = uctypes.struct(int(sys.argv[1]) + 32, _HALVES, uctypes.NATIVE)  # of the watchdog
_wire = open(int(sys.argv[9]), "r+b")  # noqa: SIM115
_head = bytearray(24)
_tail = bytearray(24)
_news = bytearray(8)
_spare = bytearray(64)
_sockets = {}
_NOTHING = ()  # costs no memory
_bell = False
_leap = None


def _talk(op, number=0, until_us=0, data=b""):
    """One frame there and one back, with what has reached the board by then."""
    global _bell, _horizon_us
    _not_own.runs = 1
    struct.pack_into(_HEAD, _head, 0, op, 0, len(data), number, _now_us(), until_us)
    _wire.write(_head + data if data else _head)
    _wire.readinto(_tail)  # all of it, as a blocking stream does
    _clock.us, _horizon_us, result, count, flags = struct.unpack(_TAIL, _tail)
    for _ in range(count):
        _wire.readinto(_news)
        to, what, _, size = struct.unpack("<iBBH", _news)
        content = _received(size)
        if content is None:
            what, content = ERROR, b"104"
        if what == FOREIGN:
            sys.modules["_world"].load("_foreign").keep(to)
        elif to in _sockets:
            try:
                _sockets[to]._hear(what, content)
            except MemoryError:  # the next ones must be read all the same
                _sockets[to]._error = 104
    if flags & _BELL:
        _bell = True
    _not_own.runs = 0
    return result


def _received(size):
    """So much of what the director sends. None: it has been read, but there is no memory to keep it. lwIP's
    buffers lie outside of the heap and are bounded, too; what does not fit costs the connection here."""
    if not size:
        return b""
    try:
        content = bytearray(size)
    except MemoryError:
        gc.collect()
        try:
            content = bytearray(size)
        except MemoryError:
            while size:
                size -= _wire.readinto(_spare if size >= len(_spare) else memoryview(_spare)[:size])
            return None
    _wire.readinto(content)
    return content


def _idle(until_us, op=IDLE):
    deadline_us = _deadline.high << 32 | _deadline.low
    if until_us <= _horizon_us and (not deadline_us or until_us < deadline_us):
        _clock.us = max(until_us, _now_us())
    else:
        _talk(op, 0, until_us)


def _moves():
    """A lock moves: the director looks before the board sleeps on."""
    global _horizon_us
    _horizon_us = 0


class _Socket:
    def __init__(self, _af=2, _type=1, _proto=0):
        global _next
        self._number = _next
        _next += 1
        self._is_stream = _type == 1
        self._timeout = None
        self._came = []
        self._is_there = self._has_ended = False
        self._has_room = True
        self._error = 0
        _sockets[self._number] = self
        _talk(OPEN, self._number, int(self._is_stream))

    def _hear(self, what, content):
        if what == CONNECTED:
            self._is_there = True
        elif what == DATA:
            self._came.append(content)
        elif what == END:
            self._has_ended = True
        elif what == ERROR:
            self._error = int(bytes(content))
        elif what == ROOM:
            self._has_room = True

    def _events(self):
        if self._error:
            return 1 | 4 | 8 | 16
        found = 1 if self._came or self._has_ended else 0
        if (self._is_there or not self._is_stream) and self._has_room:
            found |= 4
        return found

    def fileno(self):
        return self._number

    def setblocking(self, is_blocking):
        self._timeout = None if is_blocking else 0

    def settimeout(self, timeout):
        self._timeout = timeout

    def setsockopt(self, *_):
        pass

    def _await(self, events):
        """For a caller that blocks. Raises OSError when it shall not, or no longer."""
        end_us = None if self._timeout is None else _now_us() + int(self._timeout * 1000000)
        while not self._events() & events:
            if end_us is not None and _now_us() >= end_us:
                raise OSError(_EAGAIN)
            _idle(_now_us() + 3600000000 if end_us is None else end_us)

    def connect(self, address):
        host, port = address
        _talk(CONNECT, self._number, 0, b"%s:%d" % (host.encode(), port))
        if not self._is_stream:
            self._is_there = True
        elif self._timeout == 0:
            raise OSError(_EINPROGRESS)
        else:
            self._await(4)
            self._fall()

    def _fall(self):
        if self._error:
            raise OSError(self._error)

    def send(self, data):
        self._fall()
        self._await(4)
        self._fall()
        taken = _talk(SEND, self._number, 0, bytes(data[:2048]))
        if not taken:
            self._has_room = False
            raise OSError(_EAGAIN)
        return taken

    def write(self, data, size=None, _off=0):
        """All of it where the caller may block, else what there is room for."""
        left = memoryview(data)[:size]
        done = 0
        try:
            while left:
                taken = self.send(left)
                done += taken
                if self._timeout is not None:
                    break
                left = left[taken:]
        except OSError as error:
            if error.errno != _EAGAIN:
                raise
        return done or None

    def recv(self, size):
        self._await(1)
        if not self._came:
            self._fall()
            return b""
        first = self._came[0]
        found = bytes(first[:size])  # before anything is taken: there may be no memory
        if self._is_stream and len(first) > size:
            self._came[0] = first[size:]
        else:
            self._came.pop(0)
        return found

    def read(self, size=-1):
        """All that is wanted where the caller may block, else what there is."""
        wanted = 65535 if size < 0 else size
        try:
            found = self.recv(wanted)
        except OSError as error:
            if error.errno == _EAGAIN:
                return None
            raise
        while self._timeout is None and self._is_stream and len(found) < wanted:
            more = self.recv(wanted - len(found))
            if not more:
                break
            found += more
        return found

    def readinto(self, buf, size=None):
        found = self.read(len(buf) if size is None else size)
        if found is None:
            return None
        buf[: len(found)] = found
        return len(found)

    def readline(self):
        line = b""
        while not line.endswith(b"\n"):
            byte = self.read(1)
            if not byte:
                return line or byte
            line += byte
        return line

    def close(self):
        if _sockets.pop(self._number, None):
            _talk(CLOSE, self._number)


class _SocketModule:
    AF_INET = 2
    SOCK_STREAM = 1
    SOCK_DGRAM = 2
    SOL_SOCKET = 1
    SO_REUSEADDR = 2
    SO_BROADCAST = 6
    socket = _Socket

    @staticmethod
    def getaddrinfo(host, port, *_):
        return [(2, 1, 0, "", (host, port))]

    @staticmethod
    def sockaddr(address):
        return (2, address[0], address[1])

    @staticmethod
    def inet_ntop(_, host):
        return host


def _sleeps_until(now_us, timeout_ms):
    """When the board wakes up; later than it would, if nothing is due before that."""
    global _image, _leap
    if _image is not None:
        _image.end()
        _image = None
    if _leap is None and "sportbox.box" in sys.modules:
        _leap = sys.modules["_world"].load("_leap")
        sys.modules["_pins"].moves = _moves
    rest_ms = 0
    if _leaps and _leap is not None:
        rest_ms = _leap.rest_ms(timeout_ms)
    if rest_ms <= timeout_ms:
        return now_us + timeout_ms * 1000
    until_us = now_us + rest_ms * 1000
    if _deadline.high or _deadline.low:  # somebody would have fed it
        bite_us = until_us + _FED_US
        _deadline.high, _deadline.low = bite_us >> 32, bite_us & 0xFFFFFFFF
    asks = _leap.asks(now_us)
    if asks:
        _leap.went_on(_talk(LEAP, asks[0], until_us, struct.pack("<QQ", asks[1], asks[2])))
        return _now_us()
    return until_us


class _Poll:
    def __init__(self):
        self._entries = []

    def register(self, thing, events=5):
        for entry in self._entries:
            if entry[0] is thing:
                entry[1] = events
                return
        real = getattr(thing, "_s", thing)
        self._entries.append([thing, events, real if isinstance(real, _Socket) else None])

    modify = register

    def unregister(self, thing):
        for at, entry in enumerate(self._entries):
            if entry[0] is thing:
                del self._entries[at]
                return

    def _ready(self):
        global _bell
        found = _NOTHING
        for entry in self._entries:
            real = entry[2]
            if real is not None:
                there = real._events() & (entry[1] | 24)
            else:  # the doorbell
                there = 1 if _bell else 0
                _bell = False
            if there:
                if found is _NOTHING:
                    found = []
                found.append((entry[0], there))
        return found

    def poll(self, timeout_ms=-1):
        _clock.us = _now_us() + _PASS_US
        found = self._ready()
        if found or timeout_ms == 0:
            return found
        now_us = _now_us()
        _idle(_sleeps_until(now_us, timeout_ms) if timeout_ms > 0 else now_us + 3600000000)
        return self._ready()

    def ipoll(self, timeout_ms=-1, _flags=0):
        return self.poll(timeout_ms)


class _Select:
    POLLIN = 1
    POLLOUT = 4
    POLLERR = 8
    POLLHUP = 16
    poll = _Poll


class _Time:
    gmtime = _time.gmtime
    mktime = _time.mktime
    ticks_us = _time.ticks_us
    ticks_ms = _time.ticks_ms
    ticks_cpu = _time.ticks_us
    ticks_diff = _time.ticks_diff
    ticks_add = _time.ticks_add
    time_ns = _time.time_ns

    @staticmethod
    def sleep_us(us):
        rest_ms = 0
        if _leaps and "safe" in sys.modules:
            rest_ms = sys.modules["_world"].load("_leap").safe_rest_ms()
        if us <= _GLANCE_US and rest_ms * 1000 > us:
            _idle(_now_us() + rest_ms * 1000)  # and what comes is heard
        else:
            _idle(_now_us() + us, PAUSE)

    @staticmethod
    def sleep_ms(ms):
        _Time.sleep_us(ms * 1000)

    @staticmethod
    def sleep(s):
        _Time.sleep_us(int(s * 1000000))


class _Gc:
    collect = gc.collect
    mem_free = gc.mem_free
    mem_alloc = gc.mem_alloc

    @staticmethod
    def threshold(amount):
        gc.threshold(amount * _COLLECTS_LESS)


class _Leave:
    @staticmethod
    def leave():
        """The director ends this process: it does not answer."""
        _talk(LEAVE)


class _Birth:
    """Before the flash is mounted."""

    @staticmethod
    def come():
        global _horizon_us, _image, _leaps, _next
        imports = sys.argv[10]
        if imports:
            _image = sys.modules["_world"].load("_image")
            if imports == "note":
                _image.note()
            else:
                _image.learn(imports)
                os.urandom(0)  # this process goes on in its forks alone
                sys.modules["time"]._start_us = _now_us()
        _horizon_us, _next, _leaps = _born.horizon_us, _born.sock, bool(_born.leaps)


sys.modules["_leave"] = _Leave
sys.modules["_birth"] = _Birth
for _name, _module in (("gc", _Gc), ("select", _Select), ("socket", _SocketModule), ("time", _Time)):
    sys.modules[_name] = sys.modules["u" + _name] = _module  # under its old name umqtt asks for it
__import__("_start")
