"""What a VM of a storm may not ask of the kernel: to wait, to reach a network, to start a program. Asking
ends it at once, by SIGSYS. What would go by real time, or out of this machine, is found where it happens.

A filter of system calls (seccomp), for this process and for good.
"""

import ctypes
import resource
import signal
import struct

from host_tools.storm.machine.clocks import Unsupported

FORBIDDEN = {
    "poll": 7,
    "select": 23,
    "pause": 34,
    "nanosleep": 35,
    "socket": 41,
    "connect": 42,
    "fork": 57,
    "vfork": 58,
    "execve": 59,
    "clock_nanosleep": 230,
    "epoll_wait": 232,
    "pselect6": 270,
    "ppoll": 271,
    "epoll_pwait": 281,
    "execveat": 322,
}
"""Numbers of x86-64."""
ENDED_BY = signal.SIGSYS

_PR_SET_NO_NEW_PRIVS = 38
_SECCOMP = 317
_SET_MODE_FILTER = 1
_SPEC_ALLOW = 4  # without it, older kernels make the whole process slower
_KILL_PROCESS, _ALLOW = 0x80000000, 0x7FFF0000
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCHITECTURE_AT = 0, 4
_X86_64 = 0xC000003E
_X32_BEGIN = 0x40000000  # the same calls under other numbers


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def _filter() -> bytes:
    numbers = sorted(FORBIDDEN.values())
    steps = [(_LOAD, 0, 0, _ARCHITECTURE_AT), (_JUMP_EQUAL, 1, 0, _X86_64), (_RETURN, 0, 0, _KILL_PROCESS)]
    steps += [(_LOAD, 0, 0, _NUMBER_AT), (_JUMP_AT_LEAST, len(numbers) + 1, 0, _X32_BEGIN)]
    steps += [(_JUMP_EQUAL, len(numbers) - at, 0, number) for at, number in enumerate(numbers)]
    steps += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _KILL_PROCESS)]
    return b"".join(struct.pack("<HBBI", *step) for step in steps)


def shut() -> None:
    """Raises Unsupported."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    code = ctypes.create_string_buffer(_filter())
    program = _Program(len(code.raw) // 8, ctypes.addressof(code))
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.syscall(
        _SECCOMP, _SET_MODE_FILTER, _SPEC_ALLOW, ctypes.byref(program)
    ):
        raise Unsupported(f"this kernel takes no filter of system calls, error {ctypes.get_errno()}")
