"""A centre that is a RabbitMQ of three real nodes, on three addresses of the loopback, for tests."""

import contextlib
import dataclasses
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools import die_with_parent
from host_tools.broker import free_port
from host_tools.brokers.wire import Line, Refused, Silent, service
from host_tools.centre import rabbitmq
from host_tools.centre.output import write_all
from tests.centre.bench import BridgedSite, bridge_line, folder_for, joined, login, new_centre
from tests.mosquitto.bench import Pass

SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
HOSTS = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
READY_S = 150.0
"""Three Erlangs on two cores that others use, too: 25 s when these are idle."""
WAIT_S = 60.0


class Node:
    def __init__(self, cluster: "Cluster", host: str) -> None:
        self.cluster, self.host = cluster, host
        self.folder = cluster.folder / "nodes" / host
        self.log = self.folder / "out.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        shutil.copyfile(self.folder / rabbitmq.COOKIE, self.folder / ".erlang.cookie")
        (self.folder / ".erlang.cookie").chmod(0o400)
        self.process = self.cluster.spawn([str(SERVER)], self.log, self._environment())

    def control(self, *words: str) -> None:
        """rabbitmqctl at this node."""
        names = {**self.cluster.epmd_names, **self._environment()}
        done = subprocess.run(
            [str(SERVER.with_name("rabbitmqctl")), *words],
            env={**os.environ, **names},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=WAIT_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def _environment(self) -> dict[str, str]:
        own = {
            "HOME": self.folder,
            "ERL_CRASH_DUMP": self.folder / "crash.log",
            "RABBITMQ_CONF_ENV_FILE": self.folder / rabbitmq.ENVIRONMENT,
            "RABBITMQ_MNESIA_BASE": self.folder / "data",
            "RABBITMQ_LOG_BASE": self.folder / "log",
            "RABBITMQ_GENERATED_CONFIG_DIR": self.folder / "generated",
            "RABBITMQ_PID_FILE": self.folder / "pid",
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the node, and the process is its own
        }
        return {name: str(value) for name, value in own.items()}

    def kill(self) -> None:
        """As if its machine had lost its power."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def answers(self) -> bool:
        try:
            self.cluster.service("dashboard", ".ready", host=self.host, wait_s=5.0).close()
        except (Refused, Silent, OSError):
            return False
        return True

    def wait_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while not self.answers():
            if self.process is None or self.process.poll() is not None:
                pytest.fail(f"the node on {self.host} has ended: {self.tail()}")
            if time.monotonic() > deadline:
                pytest.fail(f"the node on {self.host} does not answer within {READY_S:g} s: {self.tail()}")
            time.sleep(0.2)

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-2_000:] if self.log.exists() else "no log"


class Cluster:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.centre, self.keys = new_centre(folder / "city", "rabbitmq", HOSTS)
        self.nodes = [Node(self, host) for host in HOSTS]
        self.sites: list[BridgedSite] = []
        self.lines: list[Line] = []
        self.left: Pass | None = None
        self.epmd_port = free_port()
        self.epmd_names = {"ERL_EPMD_PORT": str(self.epmd_port), "ERL_EPMD_ADDRESS": ",".join(HOSTS)}
        self.epmd: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.configure()
        self.epmd = self.spawn(["/usr/bin/epmd"], self.folder / "epmd.log", {})
        # One after the other, as docs/centre.md says: two at once may wait for each other for 100 s.
        for node in self.nodes:
            node.start()
            node.wait_ready()

    def configure(self) -> None:
        write_all(self.centre, self.keys, self.folder / "nodes")

    def take_over(self) -> None:
        """New users and rights, as `centre config` says it."""
        self.configure()
        self.nodes[0].control("import_definitions", str(self.nodes[0].folder / rabbitmq.DEFINITIONS))

    def spawn(self, command: list[str], log: Path, more: dict[str, str]) -> subprocess.Popen[bytes]:
        """Ends with this process, however that happens."""
        wrapper = [sys.executable, "-I", "-S", die_with_parent.__file__, str(os.getpid())]
        with log.open("ab") as file:
            return subprocess.Popen(
                [*wrapper, *command],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.epmd_names, **more},
                start_new_session=True,
            )

    def service(
        self,
        user: str,
        name: str = "",
        lasting: bool = False,
        host: str = HOSTS[0],
        wait_s: float = WAIT_S,
    ) -> Line:
        """A connection of a service, whose client id begins with the user's name."""
        who = service(login(self.centre, self.keys, user), f"{user}{name}")
        line = Line(host, self.centre.services_port, dataclasses.replace(who, lasting=lasting), wait_s)
        self.lines.append(line)
        return line

    def bridge(self, name: str, client_id: str = "", host: str = HOSTS[0]) -> Line:
        made = Pass(self.keys.authority, name)
        self.lines.append(bridge_line(self.centre, self.keys, made, client_id or name, host))
        return self.lines[-1]

    def join(self, name: str) -> Pass:
        """A site without a broker."""
        return joined(self.centre, self.keys, name)

    def close(self) -> None:
        for line in self.lines:
            line.vanish()
        for site in self.sites:
            site.close()
        for node in self.nodes:
            node.kill()
        if self.epmd is not None:
            self.epmd.kill()
            self.epmd.wait()


@contextlib.contextmanager
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Not started yet, so that sites can join before."""
    if not SERVER.exists():
        pytest.skip("RabbitMQ is not installed: sudo apt install rabbitmq-server")
    with folder_for("rabbitmq", request) as folder:
        made = Cluster(folder)
        try:
            yield made
        finally:
            made.close()
