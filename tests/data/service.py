"""A server for tests, with faults on order: answers what a platform's would (things.py, broker_ld.py).

service.fail(status=500)     # the next request that changes something is answered so, and not done
service.fail(lose=True)      # ... is done, and the connection is cut before the answer
"""

import json
import threading
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote, urlsplit


@dataclass(frozen=True)
class Fault:
    status: int = 0
    lose: bool = False  # done, but nobody hears of it
    cut: bool = False  # not done, and the connection is cut
    slow: bool = False  # done, and and never answered: the connection stays
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Said:
    status: int
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


class Application(Protocol):
    def answer(self, asked: Asked) -> Said: ...


class Service:
    """Runs an application on a free port of this computer. Requests are answered one at a time."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.asked: list[Asked] = []
        self.faults: deque[Fault] = deque()
        self.down = False
        self.hurry = threading.Event()
        """Ends the waiting of slow answers."""
        self.lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def fail(self, times: int = 1, **fault: Any) -> None:
        self.faults.extend([Fault(**fault)] * times)

    def changing(self) -> list[Asked]:
        return [one for one in self.asked if one.method != "GET"]

    def close(self) -> None:
        self.hurry.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(service: Service) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # an answer goes out in one piece, at once
        wbufsize = -1

        def log_message(self, *_: Any) -> None:
            """Tests have their own."""

        def handle_any(self) -> None:
            with service.lock:
                asked = self.read()
                if service.down:
                    self.close_connection = True
                    return
                fault = service.faults.popleft() if service.faults and asked.method != "GET" else Fault()
                if fault.cut:
                    self.close_connection = True
                    return
                said = Said(fault.status, {"message": "on order"}, fault.headers)
                if not fault.status:
                    service.asked.append(asked)
                    said = service.application.answer(asked)
                if fault.lose:
                    self.close_connection = True
                    return
            if fault.slow:
                service.hurry.wait(30)
                self.close_connection = True
                return
            self.say(said)

        def read(self) -> Asked:
            size = int(self.headers.get("Content-Length", 0))
            content = self.rfile.read(size)
            parts = urlsplit(self.path)
            headers = {name.lower(): value for name, value in self.headers.items()}
            body = json.loads(content) if content else None
            return Asked(self.command, unquote(parts.path), dict(parse_qsl(parts.query)), headers, body)

        def say(self, said: Said) -> None:
            content = b"" if said.body is None else json.dumps(said.body).encode()
            self.send_response(said.status)
            for name, value in said.headers:
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any  # noqa: N815

    return Handler
