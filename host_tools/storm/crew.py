"""Worker processes and their jobs: so many at a time, in order, and a worker that falls is replaced."""

import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from host_tools import die_with_parent
from host_tools.environment import without_secrets
from host_tools.errors import ToolError
from host_tools.setup.paths import REPOSITORY
from host_tools.site.state import alive

Json = dict[str, Any]

POLL_S = 0.2
STOP_S = 3.0
TAIL_BYTES = 4_000


SCRATCH = "sportbox-storm-"
"""And the process that it is of."""
MEMORY = Path("/dev/shm")
MEMORY_FREE_BYTES = 512 << 20


def scratch() -> AbstractContextManager[str]:
    """A folder for as long as a crew works; in memory, where it has room: flash images are written a lot."""
    has_room = os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_FREE_BYTES
    root = MEMORY if has_room else Path(tempfile.gettempdir())
    for left in root.glob(f"{SCRATCH}*"):  # by a storm that was killed
        owner = left.name.removeprefix(SCRATCH).partition("-")[0]
        if owner.isdigit() and not alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    return tempfile.TemporaryDirectory(
        prefix=f"{SCRATCH}{os.getpid()}-", ignore_cleanup_errors=True, dir=root
    )


class Fallen(ToolError):
    """A worker ended, or did not answer in time, while it had a job."""


class _Worker:
    def __init__(self, number: int, place: int, engine: str, scratch: Path) -> None:
        self.place = place
        self.job: Json | None = None
        self.begun_s = 0.0
        self._ended_s = 0.0
        self._received = b""
        self._log = scratch / f"worker-{number}.log"
        command = [sys.executable, "-I", "-S", die_with_parent.__file__, str(os.getpid())]
        command += [sys.executable, "-m", "host_tools.storm.worker", engine, str(scratch), str(place)]
        with self._log.open("wb") as log:
            # a session of its own: Ctrl-C is for the storm, which then ends the worker and its machines
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                cwd=REPOSITORY,
                env={**without_secrets(), "PYTHONPATH": str(REPOSITORY)},
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in: IO[bytes] = self._process.stdin
        self._out: IO[bytes] = self._process.stdout

    def fileno(self) -> int:
        return self._out.fileno()

    def begin(self, job: Json) -> None:
        self.job, self.begun_s = job, time.monotonic()
        with suppress(BrokenPipeError):  # it has fallen: reading tells
            self._in.write(json.dumps(job).encode() + b"\n")
            self._in.flush()

    def read(self) -> Json | None:
        """Its answer, None: not yet. Raises Fallen."""
        data = os.read(self.fileno(), 1 << 16)
        if not data:
            raise Fallen(self.why())
        self._received += data
        if not self._received.endswith(b"\n"):
            return None
        answer, self._received = json.loads(self._received), b""
        assert isinstance(answer, dict)
        return answer

    def fell_long_ago(self) -> bool:
        """So long that what it said before has been read."""
        if self._process.poll() is None:
            return False
        self._ended_s = self._ended_s or time.monotonic()
        return time.monotonic() - self._ended_s > STOP_S

    def kill(self) -> None:
        """With the machines that it has forked."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._in_closed()
        self._out.close()

    def stop(self) -> None:
        """At a moment in which it has no job."""
        self._in_closed()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(STOP_S)
        self.kill()

    def _in_closed(self) -> None:
        with suppress(BrokenPipeError):
            self._in.close()

    def why(self) -> str:
        status = self._process.wait()
        said = self._log.read_bytes()[-TAIL_BYTES:].decode(errors="replace").strip()
        last = said.splitlines()[-1] if said else ""
        if status < 0:
            how = f"was ended by signal {-status} ({signal.Signals(-status).name})"
        else:
            how = f"ended with status {status}"
        return f"the worker {how}{f': {last}' if last else ''}"


class Crew:
    """Each job gets one answer, or the Fallen that its worker became; `limit_s` bounds a job."""

    def __init__(self, engine: str, jobs: int, scratch: Path, limit_s: Callable[[Json], float]) -> None:
        self._engine = engine
        self._jobs = jobs
        self._scratch = scratch
        self._limit_s = limit_s
        self._fed: Iterator[Json] = iter(())
        self._waiting: deque[Json] = deque()
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()
        self._count = 0

    def __enter__(self) -> "Crew":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in list(self._workers):
            if kind is None and worker.job is None:
                worker.stop()
            else:
                worker.kill()
        self._workers.clear()
        self._selector.close()

    def feed(self, jobs: Iterable[Json]) -> None:
        """Each is fetched when there is somebody for it, so they may be a million."""
        self._fed = iter(jobs)

    def add(self, job: Json) -> None:
        """Comes after those that are fed; also while `answers` goes on."""
        self._waiting.append(job)

    def answers(self) -> Iterator[tuple[Json, Json | Fallen]]:
        """As they come, until no job is left."""
        self._hand_out()
        while any(worker.job for worker in self._workers):
            for key, _ in self._selector.select(POLL_S):
                yield from self._heard(key.fileobj)  # type: ignore[arg-type]
            for worker in [one for one in self._workers if one.job is not None]:
                if (error := self._trouble(worker)) is not None:
                    yield self._lost(worker, error)
            self._hand_out()

    def _hand_out(self) -> None:
        while sum(worker.job is not None for worker in self._workers) < self._jobs:
            job = next(self._fed, None)
            if job is None and self._waiting:
                job = self._waiting.popleft()
            if job is None:
                return
            idle = next((worker for worker in self._workers if worker.job is None), None)
            (idle or self._hired()).begin(job)

    def _hired(self) -> _Worker:
        self._count += 1
        place = min(set(range(self._jobs)) - {worker.place for worker in self._workers})
        worker = _Worker(self._count, place, self._engine, self._scratch)
        self._workers.append(worker)
        self._selector.register(worker, selectors.EVENT_READ)
        return worker

    def _heard(self, worker: _Worker) -> Iterator[tuple[Json, Json | Fallen]]:
        if worker not in self._workers:
            return
        try:
            answer = worker.read()
        except Fallen as error:
            if worker.job is None:  # between two jobs: nobody misses anything
                self._forget(worker)
            else:
                yield self._lost(worker, error)
            return
        if answer is not None:
            assert worker.job is not None
            job, worker.job = worker.job, None
            yield job, answer

    def _trouble(self, worker: _Worker) -> Fallen | None:
        if worker.fell_long_ago():  # its machines hold its stdout open
            return Fallen(worker.why())
        limit_s = self._limit_s(worker.job or {})
        if time.monotonic() - worker.begun_s > limit_s:
            return Fallen(f"no end after {limit_s:.0f} s: the run was given up")
        return None

    def _lost(self, worker: _Worker, error: Fallen) -> tuple[Json, Fallen]:
        job = worker.job
        assert job is not None
        self._forget(worker)
        return job, error

    def _forget(self, worker: _Worker) -> None:
        self._selector.unregister(worker)
        self._workers.remove(worker)
        worker.kill()
