"""What time it is for simulated boards and their world: that of this machine, or a virtual one."""

import time


class Clock:
    """This machine's, which VMs of other processes read as well."""

    def now_us(self) -> int:
        """Microseconds of CLOCK_MONOTONIC."""
        return time.monotonic_ns() // 1000

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""
        return time.time_ns()


_clock = [Clock()]


def use(clock: Clock) -> None:
    """From now on, in this process."""
    _clock[0] = clock


def now_us() -> int:
    return _clock[0].now_us()


def wall_ns() -> int:
    return _clock[0].wall_ns()
