"""Starts of a board as main.py makes them, over a `machine` that lets the test look."""

import sys

PWRON, HARD, WATCHDOG, DEEPSLEEP, SOFT = 1, 2, 3, 4, 5


class Reset(BaseException):
    """machine.reset()"""


class Machine:
    PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = PWRON, HARD, WATCHDOG, DEEPSLEEP, SOFT
    cause = PWRON
    memory = b""
    armed = []  # ms of each watchdog of this start
    fed = 0

    class Pin:
        pass

    class RTC:
        def memory(self, data=None):
            if data is None:
                return Machine.memory
            if len(data) > 2048:
                raise ValueError("buffer too long")
            Machine.memory = bytes(data)

    class WDT:
        def __init__(self, timeout):
            Machine.armed.append(timeout)

        def feed(self):
            Machine.fed += 1

    @staticmethod
    def reset_cause():
        return Machine.cause

    @staticmethod
    def reset():
        raise Reset


class Asyncio:
    """Nobody waits."""

    @staticmethod
    def run(coroutine):
        if not hasattr(coroutine, "send"):
            raise TypeError("coroutine expected")  # as asyncio does
        try:
            coroutine.send(None)
        except StopIteration:
            pass

    @staticmethod
    async def sleep(seconds):
        Shown.ran.append(seconds)


class Shown:
    """What ran instead of a slot: seconds of a pause, ("sign", why), ("safe", why)."""

    ran = []


class Service:
    @staticmethod
    async def sign(why, led=None):
        Shown.ran.append(("sign", why))


class Safe:
    @staticmethod
    def run(why):
        Shown.ran.append(("safe", why))


sys.modules["machine"] = Machine
sys.modules["service"] = Service
sys.modules["safe"] = Safe
for _name in ("sportbox.drivers.rtcmem", "begin", "fallen", "install"):
    sys.modules.pop(_name, None)

import begin as _beginning  # noqa: E402
import fallen as _falling  # noqa: E402
from sportbox.drivers import rtcmem  # noqa: E402

_falling.asyncio = Asyncio


def stay():
    """Modules that are forgotten would be loaded anew without what tests have put into them."""


_beginning.forget = _falling.forget = stay


def power_on():
    Machine.memory = b""
    Machine.cause = PWRON


def start(base, cause=None):
    """The slot that is to run: "a" or "b", None for none. `cause` is that of this start; the next one is a
    reset, until somebody says something else."""
    if cause is not None:
        Machine.cause = cause
    Machine.armed.clear()
    Shown.ran.clear()
    try:
        slot = _beginning.begin(base)
    except Reset:
        return start(base, HARD)
    finally:
        Machine.cause = HARD
    return None if slot is None else slot[len(base) + 1 :]


def fall(base, error):
    """The slot raises."""
    Shown.ran.clear()
    try:
        _falling.fallen(error, base)
    except Reset:
        pass


def starts():
    return rtcmem.load().get("starts", 0)
