"""Questions over UDP that never block the loop: the library's getaddrinfo and ntptime do. Loaded for a
question, and forgotten: there is one in an hour, and one before a connection to a broker that has a name."""

import os
import socket
import struct
import time

from micropython import const

from sportbox.net.ready import is_address, ready_within

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    from collections.abc import Callable

_TIMEOUT_MS = const(2000)
_NTP_TO_UNIX_S = const(2208988800)  # 1900-01-01 to 1970-01-01 (RFC 4330, 3)
_ERA_S = const(1 << 32)  # the 32-bit seconds wrap in 2036; a time before 2025 belongs to the next era
_EARLIEST_S = const(1735689600)
_LATEST_S = const(2840140800)  # 2060-01-01: what lies behind it is a server that has lost its time


async def ask(host: str, port: int, question: bytes, accept: "Callable[[bytes], bool]") -> bytes | None:
    """Sends a datagram and waits for the answer that `accept` takes; None after two seconds.
    `host` is an address. Raises OSError if it cannot be sent."""
    with_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        with_socket.setblocking(False)
        with_socket.connect(socket.getaddrinfo(host, port)[0][-1])  # others' datagrams are not delivered
        with_socket.send(question)
        begin_ms = time.ticks_ms()
        while True:
            left_ms = _TIMEOUT_MS - time.ticks_diff(time.ticks_ms(), begin_ms)
            if left_ms <= 0 or not await ready_within(with_socket, left_ms):
                return None
            try:
                answer = with_socket.recv(512)
            except OSError as error:
                if error.errno != 11:  # EAGAIN: woken for nothing, as by a wrong checksum
                    raise
                continue
            if accept(answer):
                return answer
    finally:
        with_socket.close()


async def resolve(host: str, dns_server: str) -> str:
    """The IPv4 address of a name (RFC 1035, an A question). Raises OSError if there is none."""
    if is_address(host):
        return host
    question_id = os.urandom(2)
    name = b"".join([bytes([len(label)]) + label.encode() for label in host.split(".")])
    question = question_id + b"\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00" + name + b"\x00\x00\x01\x00\x01"
    answer = await ask(dns_server, 53, question, lambda data: len(data) > 12 and data[:2] == question_id)
    address = None if answer is None else first_address(answer, len(question))
    if address is None:
        raise OSError("no address for " + host)
    return address


def first_address(answer: bytes, at: int) -> str | None:
    """The first A record behind the question of a DNS answer, None if there is none or it is malformed."""
    count = answer[6] << 8 | answer[7]
    if answer[3] & 0x0F:  # RCODE
        return None
    try:
        for _ in range(min(count, 16)):
            while answer[at] and answer[at] < 0xC0:  # a name: labels, ended by nought or by a pointer
                at += answer[at] + 1
            at += 2 if answer[at] else 1
            if at + 10 > len(answer):
                return None
            kind, _, _, length = struct.unpack("!HHIH", answer[at : at + 10])
            at += 10
            if at + length > len(answer):
                return None
            if kind == 1 and length == 4:
                return ".".join([str(byte) for byte in answer[at : at + 4]])
            at += length
    except IndexError:
        return None
    return None


async def network_time(host: str, port: int) -> int | None:
    """Unix seconds from an SNTP server (RFC 4330), None if it does not answer or cannot be believed.
    Raises OSError. The answer must repeat the random transmit time of the question."""
    nonce = os.urandom(8)
    question = b"\x23" + b"\x00" * 39 + nonce  # version 4, client
    answer = await ask(host, port, question, lambda data: len(data) >= 48 and data[24:32] == nonce)
    return None if answer is None else server_time(answer)


def server_time(answer: bytes) -> int | None:
    """The transmit time of an SNTP answer, rounded to Unix seconds; None where RFC 4330, 5 says to
    discard it."""
    leap, mode, stratum = answer[0] >> 6, answer[0] & 7, answer[1]
    if leap == 3 or mode != 4 or not 1 <= stratum <= 15:
        return None
    seconds, fraction = struct.unpack("!II", answer[40:48])
    if seconds == 0:
        return None
    unix_s = seconds - _NTP_TO_UNIX_S + (fraction >> 31)
    if unix_s < _EARLIEST_S:
        unix_s += _ERA_S
    return unix_s if unix_s < _LATEST_S else None
