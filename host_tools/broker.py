"""A broker as a child process: Mosquitto where it is installed, the embedded amqtt otherwise.

Both listen on loopback only, keep nothing over a restart and end with this process, even when it is killed.
That is tied to the thread that starts them, so start brokers from the main thread.
"""

import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Literal, Self

from host_tools.environment import without_secrets
from host_tools.errors import ToolError, Unreachable

Kind = Literal["mosquitto", "amqtt"]

CONNECT = bytes.fromhex("10 0c 0004 4d515454 04 02 000a 0000")
CONNACK = bytes.fromhex("20 02 00 00")
DISCONNECT = bytes.fromhex("e0 00")
READY_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 3.0
PORT_TRIES = 20
START_TRIES = 5
LOG_TAIL_BYTES = 600

MOSQUITTO_CONF = """\
listener {port} {host}
user {user}
allow_anonymous true
persistence false
set_tcp_nodelay true
# Room for a subscriber of a thousand boards that all speak at once.
max_inflight_messages 1000
max_queued_messages 200000
sys_interval 60
log_type error
log_type warning
log_type notice
"""


def find_mosquitto() -> str | None:
    """Debian puts it where only root's PATH looks."""
    return shutil.which("mosquitto") or shutil.which(
        "mosquitto", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
    )


def first_ephemeral_port() -> int:
    """The lowest port that the system itself hands out to outgoing connections."""
    try:
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except OSError:
        return 49152


def free_port(host: str = "127.0.0.1") -> int:
    """A free port below the ephemeral ones.

    While a broker is dead, its clients keep connecting to its port. Among the ephemeral ports one of them
    would in the end be given that very port and be connected to itself.
    """
    top = max(first_ephemeral_port(), 10000)
    for _ in range(PORT_TRIES):
        port = random.randrange(top // 2, top)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise ToolError("found no free port for the broker", hint="name one with --broker")


class BrokerProcess:
    """A running broker. Use `start`; it is a context manager that stops it."""

    def __init__(self, kind: Kind, host: str, port: int, state_dir: Path) -> None:
        self.kind = kind
        self.host = host
        self.port = port
        self.state_dir = state_dir
        self.log_path = state_dir / ("mosquitto.log" if kind == "mosquitto" else "broker.log")
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls,
        kind: Literal["auto", "mosquitto", "amqtt"] = "auto",
        port: int | None = None,
        *,
        state_dir: Path,
        host: str = "127.0.0.1",
    ) -> "BrokerProcess":
        """Start a broker and wait until it answers; on a free port unless one is given."""
        if kind == "auto":
            kind = "mosquitto" if find_mosquitto() else "amqtt"
        state_dir.mkdir(parents=True, exist_ok=True)
        for remaining in reversed(range(START_TRIES)):
            broker = cls(kind, host, port or free_port(host), state_dir)
            try:
                broker._launch()
            except ToolError:
                if port is not None or not remaining:
                    raise
            else:
                return broker
        raise AssertionError("the loop above returns or raises")

    @property
    def url(self) -> str:
        return f"mqtt://{self.host}:{self.port}"

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def restart(self) -> None:
        """Start again on the same port, after `stop` or `kill` or while it runs."""
        self.stop()
        self._launch()

    def stop(self) -> None:
        """End it in an orderly way if it lets us, within seconds in any case."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            process.send_signal(signal.SIGCONT)  # a frozen one could not hear it
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
        process.wait()
        self._process = None

    def kill(self) -> None:
        """As if the power of its machine had failed."""
        self._running().kill()
        self._running().wait()
        self._process = None

    def freeze(self) -> None:
        """Its connections stay open and nobody answers."""
        self._running().send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Until it accepts an MQTT connection."""
        deadline = time.monotonic() + timeout_s
        while not self._answers(deadline):
            if not self.is_running:
                raise ToolError(
                    f"the broker ({self.kind}) ended at once: {self._log_tail()}", hint=f"see {self.log_path}"
                )
            if time.monotonic() > deadline:
                raise Unreachable(
                    f"the broker ({self.kind}) does not answer on {self.url}", hint=f"see {self.log_path}"
                )
            time.sleep(0.02)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise ToolError("the broker does not run")
        return self._process

    def _launch(self) -> None:
        assert threading.current_thread() is threading.main_thread(), "the broker would die with this thread"
        command = [sys.executable, "-I", "-S", str(self._wrapper()), str(os.getpid()), *self._command()]
        with self.log_path.open("ab") as log:
            self._process = self._spawn(command, log)
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise

    def _wrapper(self) -> Path:
        """The script that starts it, and sees to it that it ends with us."""
        return Path(__file__).with_name("die_with_parent.py")

    def _spawn(self, command: list[str], log: BinaryIO) -> subprocess.Popen[bytes]:
        """In a session of its own, so that Ctrl-C on a terminal ends the boards before their broker."""
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=without_secrets(),
        )

    def _command(self) -> list[str]:
        if self.kind == "amqtt":
            return [
                sys.executable,
                "-m",
                "host_tools.broker_amqtt",
                "--host",
                self.host,
                "--port",
                str(self.port),
            ]
        program = find_mosquitto()
        if program is None:
            raise ToolError("Mosquitto is not installed", hint="sudo apt install mosquitto")
        # Mosquitto would leave root for a user of its own, and forget that it is to die with its parent.
        user = pwd.getpwuid(os.getuid()).pw_name
        configuration = self.state_dir / "mosquitto.conf"
        configuration.write_text(MOSQUITTO_CONF.format(host=self.host, port=self.port, user=user))
        return [program, "-c", str(configuration)]

    def _answers(self, deadline: float) -> bool:
        remaining_s = max(0.05, min(2.0, deadline - time.monotonic()))
        try:
            with socket.create_connection((self.host, self.port), timeout=remaining_s) as connection:
                connection.sendall(CONNECT)
                answered = connection.recv(len(CONNACK)) == CONNACK
                connection.sendall(DISCONNECT)
                return answered
        except OSError:
            return False

    def _log_tail(self) -> str:
        try:
            return self.log_path.read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace").strip()
        except OSError:
            return "it left no log"
