"""The topics of the protocol, where the broker is, and a connection to it."""

import asyncio
import contextlib
import errno
import hashlib
import hmac
import logging
import re
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from host_tools.errors import BadInput, Unreachable
from host_tools.output import printable
from host_tools.site.models import Site
from host_tools.site.sections import PLAIN_PORT, SERVICES_PORT
from host_tools.site.state import running_simulation
from host_tools.words.system import without_numbers

if TYPE_CHECKING:
    import aiomqtt

ROOT = "sportbox/v1"
CONNECT_S = 5.0
GIVE_UP_S = 0.5
KEEPALIVE_S = 20
ID_DIGITS = 16
AT_ONCE = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
"""Else each answer waits 40 ms for the acknowledgement of what was sent before it."""
SILENT = logging.Logger("mqtt", logging.CRITICAL + 1)
"""What goes wrong comes as an exception, and is told once, in our words."""
_NAME = re.compile(r"[a-z0-9-]{1,32}")


@dataclass(frozen=True)
class Login:
    """How a service and a locked-down broker prove to each other who they are."""

    user: str
    password: str = field(repr=False)
    authorities: tuple[bytes, ...]  # certificates of CAs, DER: one of them vouches for the broker
    server_name: str | None = None  # in the broker's certificate, where the address is not in it

    def lasting(self, client_id: str) -> str:
        """The client id of a session that the broker keeps. Services choose their ids, and who takes
        another's empties the queue that waits there: so this one comes of the password."""
        made = hmac.new(self.password.encode(), client_id.encode(), hashlib.sha256)
        return f"{client_id}-{made.hexdigest()[:ID_DIGITS]}"

    def context(self) -> ssl.SSLContext:
        context = _Context(ssl.PROTOCOL_TLS_CLIENT)
        context.expected = self.server_name
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        for certificate in self.authorities:
            context.load_verify_locations(cadata=certificate)
        return context


class _Context(ssl.SSLContext):
    """Checks for a name other than that of the host, of which MQTT clients do not know."""

    expected: str | None = None

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        if self.expected is not None:
            options["server_hostname"] = self.expected
        return super().wrap_socket(*args, **options)


@dataclass(frozen=True)
class Address:
    """Where a broker is, and how to get in; without a `login` it is plain TCP, and anonymous."""

    host: str
    port: int
    login: Login | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtt' if self.login is None else 'mqtts'}://{host}:{self.port}"


@dataclass(frozen=True)
class Topics:
    """The topics of one board."""

    site: str
    device: str

    @property
    def base(self) -> str:
        return f"{ROOT}/{self.site}/{self.device}"

    def of(self, *parts: str) -> str:
        return "/".join((self.base, *parts))

    @property
    def availability(self) -> str:
        return self.of("availability")

    @property
    def info(self) -> str:
        return self.of("info")

    @property
    def event(self) -> str:
        return self.of("event")

    @property
    def telemetry(self) -> str:
        return self.of("telemetry")

    @property
    def cmd(self) -> str:
        return self.of("cmd")

    @property
    def ack(self) -> str:
        return self.of("ack")

    @property
    def log(self) -> str:
        return self.of("log")

    def state(self, component: str) -> str:
        return self.of(component, "state")


def site_filter(site: str) -> str:
    """Everything of one site."""
    return f"{ROOT}/{site}/#"


@dataclass(frozen=True)
class Parsed:
    device: str
    rest: tuple[str, ...]  # ("event",), ("lock-1", "state"), ...


def parse_topic(topic: str, site: str) -> Parsed | None:
    """A topic of this site taken apart, or None for any other."""
    parts = topic.split("/")
    if parts[:2] != ROOT.split("/") or parts[2:3] != [site] or len(parts) < 5:
        return None
    if _NAME.fullmatch(parts[3]) is None:
        return None
    return Parsed(parts[3], tuple(parts[4:]))


def parse_broker(url: str, login: Callable[[], Login] | None = None) -> Address:
    """`mqtt://HOST[:PORT]`, or `mqtts://` where a `login` can be had; BadInput says what is wrong with it."""
    hint = "mqtt://HOST:PORT, for example mqtt://127.0.0.1:1883"
    text = url if "://" in url else f"mqtt://{url}"
    try:
        parts = urlsplit(text)
        default = SERVICES_PORT if parts.scheme == "mqtts" else PLAIN_PORT
        port = parts.port if parts.port is not None else default
    except ValueError as error:
        raise BadInput(f"`{printable(url)}` is no broker address: {error}", hint) from error
    if parts.username is not None or parts.password is not None:
        raise BadInput(
            "a broker address must not hold a user or a password", hint
        )  # and is not repeated here
    if parts.scheme not in ("mqtt", "mqtts"):
        raise BadInput(f"`{printable(url)}`: only mqtt:// and mqtts:// are supported", hint)
    if not parts.hostname or port == 0 or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise BadInput(f"`{printable(url)}` is no broker address", hint)
    if parts.scheme == "mqtt":
        return Address(parts.hostname, port)
    if login is None:
        raise BadInput(f"`{printable(url)}`: this command speaks plain MQTT alone", hint)
    return Address(parts.hostname, port, login())


def find_broker(
    site: Site, broker: str | None, state_dir: Path, login: Callable[[], Login] | None = None
) -> Address:
    """The broker asked for, else that of a simulation running in `state_dir`, else the site's own. `login` is
    asked for where that one has TLS."""
    if broker is not None:
        return parse_broker(broker, login)
    simulation = running_simulation(state_dir, site.site)
    if simulation is not None:
        return parse_broker(simulation.broker, login)
    if site.broker.tls and login is not None:
        return Address(site.broker.host, site.broker.services_port, login())
    return Address(site.broker.host, site.broker.boards_port)


@contextlib.asynccontextmanager
async def connected(address: Address) -> "AsyncIterator[aiomqtt.Client]":
    """A clean session at the broker; Unreachable if there is none to be had."""
    import aiomqtt  # here, for commands that need topics alone should not wait for it

    loop = asyncio.get_running_loop()
    if loop.get_exception_handler() is None:
        loop.set_exception_handler(_tell_of_faults)
    login = address.login
    client = aiomqtt.Client(
        address.host,
        address.port,
        protocol=aiomqtt.ProtocolVersion.V311,
        clean_session=True,
        keepalive=KEEPALIVE_S,
        timeout=CONNECT_S,
        username=login.user if login else None,
        password=login.password if login else None,
        tls_context=login.context() if login else None,
        socket_options=AT_ONCE,
        logger=SILENT,
    )
    entering = asyncio.ensure_future(client.__aenter__())
    try:
        await asyncio.shield(entering)
    except aiomqtt.MqttError as error:
        raise unreachable(address, error) from error
    except asyncio.CancelledError:
        await _give_up(client, entering)
        raise
    try:
        yield client
    finally:
        with contextlib.suppress(aiomqtt.MqttError):  # the broker may be gone: then nothing is left to close
            await client.__aexit__(None, None, None)


def _tell_of_faults(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """aiomqtt asks for a socket to be watched in the loop's next turn, when it may be closed already: the end
    of that connection is told to whoever uses it, and needs no stack trace beside."""
    error = context.get("exception")
    if not (isinstance(error, OSError) and error.errno == errno.EBADF):
        loop.default_exception_handler(context)


async def _give_up(client: "aiomqtt.Client", entering: "asyncio.Future[aiomqtt.Client]") -> None:
    """Cancelled while connecting. A client that is cancelled itself would complain on stderr when its socket
    closes later: a connection that is about to stand is closed in order."""
    await asyncio.wait({entering}, timeout=GIVE_UP_S)
    if entering.done() and entering.exception() is None:
        await client.__aexit__(None, None, None)
    entering.cancel()


def unreachable(address: Address, error: Exception) -> Unreachable:
    """`error` may be that of a library, around that of the system."""
    cause = error if isinstance(error, OSError) else error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return foreign(address, cause)
    if address.login is None:
        hint = "start a simulated site with `sportbox sim up SITE.yaml`, or name the broker with --broker mqtt://HOST:PORT"
    else:
        hint = "sportbox broker run SITE.yaml, where no broker of the site runs yet"
    told = printable(without_numbers(str(error))) or type(error).__name__
    return Unreachable(f"no answer from the broker at {address}: {told}", hint)


def foreign(address: Address, error: ssl.SSLCertVerificationError) -> Unreachable:
    """Somebody answers, with a certificate that the site's CA did not sign."""
    return Unreachable(
        f"whoever answers at {address} is not the site's broker: {printable(error.verify_message)}",
        "another broker has that port, or its files are those of another vault or CA:"
        f" `ss -ltnp sport = :{address.port}` there says who listens",
    )


async def subscribe(client: "aiomqtt.Client", topic: str, qos: int = 1) -> None:
    """Subscribe and wait until the broker has said that it will deliver."""
    granted: Any = await client.subscribe(topic, qos=qos)
    for code in granted:
        if int(getattr(code, "value", code)) >= 0x80:
            raise Unreachable(f"the broker refuses a subscription to {printable(topic)}")
