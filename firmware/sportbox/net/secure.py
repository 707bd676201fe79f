"""TLS over the session's connection: the broker proves by certificate who it is, and so does the board.

Loaded only where the configuration asks for TLS. Between the steps of the handshake the loop goes round;
one step of it is a few milliseconds of arithmetic here, some hundred on an ESP32. The context, with mbedTLS's
copies of the certificates, lives as long as its connection: what a visit or a renewal has put in their place
counts from the next one on (docs/adr/0011-tls-on-the-board.md).
"""

import asyncio
import gc

import tls
from micropython import const

from sportbox.net.message import Insecure
from sportbox.net.ready import ready, ready_within
from sportbox.system.forget import forget

TYPE_CHECKING = const(False)
if TYPE_CHECKING:
    import socket
    from typing import Any

    from sportbox.core.clock import Clock
    from sportbox.system.timekeeper import Timekeeper

_CERTS = "/certs/"
_LOOK_MS = const(250)  # mbedTLS may wait for room instead, and does not say so
_TIME_FIRST_MS = const(3000)  # once a boot: network time may come before the first handshake
_TIME_LOOK_MS = const(100)
_LEEWAY_S = const(60)
_FATAL = const(-0x3000)  # MBEDTLS_ERR_X509_FATAL_ERROR (mbedtls/x509.h)
_ENOENT = const(2)


class Secure:
    """`clock` judges the dates; `timekeeper` sets the chip's wall clock, by which mbedTLS judges them."""

    def __init__(self, name: str, clock: "Clock", timekeeper: "Timekeeper", folder: str = _CERTS) -> None:
        self._name = name
        self._clock = clock
        self._time = timekeeper
        self.folder = folder
        self._waited = False
        self._seen = False  # the broker's certificate, and nothing was wrong with its dates
        self._why = ""
        self._begins_s = 0
        self._validity: "Any" = None  # of a certificate, while hands are shaken
        self.short = 0  # how often there was not enough memory

    async def open(self, raw: "socket.socket", hello: "bytes | bytearray") -> "Stream":
        """Shakes hands over a connected socket that does not block and writes `hello`. The caller sets the
        deadline. Raises Insecure, OSError; the caller closes the socket."""
        if not self._waited:
            self._waited = True
            await self._wait_for_time()
        self._seen = False
        self._why = ""
        stream = None
        try:
            from sportbox.core.certificate import validity  # for a handshake; a connection lasts for days

            self._validity = validity
            stream = self._wrap(raw)
            while not stream.try_write(hello):
                await ready_within(raw, _LOOK_MS)
            return stream
        except (OSError, ValueError, MemoryError) as error:
            raise self._explain(error)
        finally:
            self._validity = None
            forget("sportbox.core.certificate")
            if stream is not None and not stream.open:
                stream.close()

    async def _wait_for_time(self) -> None:
        for _ in range(_TIME_FIRST_MS // _TIME_LOOK_MS):
            if self._clock.trusted():
                return
            await asyncio.sleep_ms(_TIME_LOOK_MS)

    def _wrap(self, raw: "socket.socket") -> "Stream":
        gc.collect()  # frees what mbedTLS holds of the connection before
        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        context.verify_mode = tls.CERT_REQUIRED  # type: ignore[attr-defined]
        context.verify_callback = self._check  # type: ignore[attr-defined]
        context.load_verify_locations(self._read("ca.der"))
        try:
            context.load_verify_locations(self._read("ca-next.der"))  # beside the first, not in its place
        except OSError as error:
            if error.errno != _ENOENT:
                raise
        try:
            own = self._read("device.der")
        except OSError as error:
            if error.errno != _ENOENT:
                raise
        else:  # without one the broker has the word
            self._time.lift_wall(max(self._clock.floor_s, self._validity(own)[0]))
            context.load_cert_chain(own, self._read("device.key"))
        return Stream(context, raw, self._name)

    def _read(self, name: str) -> bytes:
        with open(self.folder + name, "rb") as file:
            return file.read()

    def _check(self, certificate: memoryview, depth: int) -> int:
        """mbedTLS shows each certificate of the chain, the authority's first. It must not raise: the call
        comes from the midst of C. 0 accepts."""
        try:
            begins_s, ends_s = self._validity(certificate)
        except (ValueError, MemoryError) as error:
            self._why = "malformed" if isinstance(error, ValueError) else "memory"
            return _FATAL
        clock = self._clock
        if clock.trusted():
            now_s = clock.now(self._time.now_ms())
            if now_s > ends_s + _LEEWAY_S:
                self._why = "expired"
            elif now_s < begins_s - _LEEWAY_S:
                self._why = "not yet valid"
        elif ends_s < clock.floor_s:
            self._why = "expired"
        if self._why:
            return _FATAL
        if depth == 0:
            self._seen = True
            self._begins_s = begins_s
        return 0

    def _explain(self, error: Exception) -> Exception:
        """What to raise instead, in words for the log."""
        if self._why and self._why != "memory":
            return Insecure("certificate: " + self._why)
        why = "no memory"
        if not self._why and not isinstance(error, MemoryError):
            try:
                from sportbox.net.secure_why import explain

                forget("sportbox.net.secure_why")  # rarely needed: costs no memory meanwhile
                why = explain(error, self._seen)
            except MemoryError:  # the reason hardly matters then
                why = "no memory"
        if why == "no memory":
            self.short += 1
            gc.collect()
            return Insecure("no memory for TLS")
        if why == "certificate: not yet valid" and not self._clock.trusted():
            # else all is well with it, its signature, too: so the site's authority has seen this time pass
            self._time.lift_wall(self._begins_s)
        return Insecure(why) if why else error


class Stream:
    """As asyncio's, but what mbedTLS has read already is taken before the socket is waited for; the socket
    below is what is polled, for poll() sleeps a millisecond a pass over anything else."""

    def __init__(self, context: "tls.SSLContext", raw: "socket.socket", name: str) -> None:
        self._raw = raw
        self.s = context.wrap_socket(raw, server_hostname=name, do_handshake_on_connect=False)
        self.out_buf: "bytes | memoryview" = b""  # what is to be written still
        self.open = False

    def try_write(self, packet: "bytes | bytearray") -> bool:
        """True once the handshake is over and the packet is written."""
        self.open = self.s.write(packet) is not None
        return self.open

    async def readinto(self, buffer: "memoryview") -> int:
        await asyncio.sleep_ms(0)  # a flood must not keep the others waiting
        while True:
            count = self.s.readinto(buffer)
            if count is not None:
                return int(count)
            await ready(self._raw)  # type: ignore[misc]

    async def drain(self) -> None:
        """Writes `out_buf`, before anything else is written or its bytes are changed: mbedTLS wants the same
        ones again until they are gone."""
        while self.out_buf:
            await ready(self._raw, True)  # type: ignore[misc]
            self.out_buf = self.out_buf[self.s.write(self.out_buf) or 0 :]

    def close(self) -> None:
        """Frees what mbedTLS holds, and closes the socket below."""
        self.s.close()
