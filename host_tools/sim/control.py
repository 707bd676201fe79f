"""The control socket of a running `sim up`: power for its boards, one JSON line each way.

{"cmd": "cut" | "boot" | "brownout", "board": "box-1"}
-> {"ok": true, "board": "box-1", "pid": 4711} | {"error": "..."}
"""

import asyncio
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from host_tools.errors import EXIT_FAILED, ToolError, Unreachable

SOCKET_FILE = "control.sock"
LINE_BYTES_MAX = 4096
ANSWER_S = 10.0
PATH_BYTES_MAX = 107

Json = dict[str, Any]
Power = Callable[[str, str], int]


def _connectable(path: Path) -> str:
    """The socket by a path that fits into sun_path, wherever the state directory lies."""
    absolute = str(path.resolve())
    if len(os.fsencode(absolute)) <= PATH_BYTES_MAX:
        return absolute
    relative = os.path.relpath(absolute)
    if len(os.fsencode(relative)) <= PATH_BYTES_MAX:
        return relative
    raise ToolError(f"the path {absolute} is too long for a socket", hint="choose a shorter --state DIR")


class ControlServer:
    def __init__(self, server: asyncio.Server, path: Path) -> None:
        self._server = server
        self._path = path

    @classmethod
    async def start(cls, state_dir: Path, power: Power) -> "ControlServer":
        path = state_dir / SOCKET_FILE
        path.unlink(missing_ok=True)  # of a run that was killed: the caller holds the directory's lock

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                line = await asyncio.wait_for(reader.readline(), ANSWER_S)
                writer.write(json.dumps(_obey(line, power)).encode() + b"\n")
                await writer.drain()
            except (OSError, ValueError, TimeoutError):
                return  # the other side went away or sent no line: nobody waits for an answer
            finally:
                writer.close()

        server = await asyncio.start_unix_server(serve, _connectable(path), limit=LINE_BYTES_MAX)
        path.chmod(0o600)
        return cls(server, path)

    def stop(self) -> None:
        self._server.close()
        self._path.unlink(missing_ok=True)


def _obey(line: bytes, power: Power) -> Json:
    try:
        request = json.loads(line)
        command, board = request["cmd"], request["board"]
        if command not in ("cut", "boot", "brownout") or not isinstance(board, str):
            raise ValueError(command)
        return {"ok": True, "board": board, "pid": power(command, board)}
    except ToolError as e:
        return {"error": e.message, "hint": e.hint, "status": e.status}
    except (ValueError, KeyError, TypeError) as e:
        return {"error": f"not understood: {type(e).__name__}: {e}"}


def ask(state_dir: Path, command: str, board: str) -> Json:
    """Give a command to the `sim up` that runs in `state_dir`."""
    hint = f"sportbox sim up SITE.yaml --state {state_dir}"
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(ANSWER_S)
        try:
            s.connect(_connectable(state_dir / SOCKET_FILE))
            s.sendall(json.dumps({"cmd": command, "board": board}).encode() + b"\n")
            with s.makefile("rb") as f:
                line = f.readline(LINE_BYTES_MAX)
        except TimeoutError:
            raise Unreachable(f"the simulation in {state_dir} does not answer") from None
        except OSError:
            raise Unreachable(f"no simulation runs in {state_dir}", hint=hint) from None
    if not line:
        raise Unreachable(f"the simulation in {state_dir} has just ended", hint=hint)
    answer: Json = json.loads(line)
    if "error" in answer:
        raise ToolError(answer["error"], answer.get("hint"), answer.get("status", EXIT_FAILED))
    return answer
