"""What comes over the broker to the host tools: boards may say anything, and so may whoever has the password
of one. Input: which topic (a letter of `_TOPICS`), then the payload; `~N ` in it becomes a list nested N
deep.

Nothing that is heard ends a program that listens, or reaches the terminal as it is.
"""

import json
import re
import zlib
from typing import Any

from rich.console import Console, ConsoleDimensions

from host_tools import collect
from host_tools.audit import reading as audit
from host_tools.commands.watch_table import Status, render
from host_tools.data.bridge import reading as bridge
from host_tools.output import printable
from host_tools.setup.paths import REPOSITORY
from host_tools.site import loglines
from host_tools.site.live import LiveSite, line_of, read_message
from host_tools.site.load import load_site
from host_tools.site.renew.line import object_of
from host_tools.token import unverified_jti
from tests.core import tokens

_SITE = load_site(REPOSITORY / "sites" / "werkstatt.yaml")
_BASE = f"sportbox/v1/{_SITE.site}"
_TOPICS = {
    b"a": f"{_BASE}/box-1/availability",
    b"i": f"{_BASE}/box-1/info",
    b"t": f"{_BASE}/box-1/telemetry",
    b"s": f"{_BASE}/box-1/lock-1/state",
    b"e": f"{_BASE}/box-1/event",
    b"x": f"{_BASE}/stranger/event",
    b"k": f"{_BASE}/box-1/ack",
    b"l": f"{_BASE}/box-1/log",
}
_NEST = re.compile(rb"~(\d{1,4}) ")
RENDERED_OF = 40
"""The screen is made for one in so many: it takes ten times as long as everything else."""
_TIME = "2026-11-29T12:00:00Z"


def _event(kind: str, **data: Any) -> bytes:
    source = f"/{_SITE.site}/box-1/door-1"
    common = {"specversion": "1.0", "id": "box-1-00112233-5", "source": source, "time": _TIME}
    more = {"seq": 5, "uptime": 77, "bootid": "00112233", "type": "sportbox." + kind, "data": data}
    return b"e" + json.dumps({**common, **more}).encode()


SEEDS = [
    b"aonline",
    b"i" + json.dumps({"firmware": "0.1.0", "clock": "ntp", "nonce": "00", "wake_by": 1795366800}).encode(),
    b"t" + json.dumps({"queue": 3, "loop_stall_ms": 12, "rssi": -60}).encode(),
    b"s" + json.dumps({"state": "locked", "since": _TIME, "count": 2, "confidence": 0.5}).encode(),
    b's{"state":"free","confidence":1' + b"0" * 400 + b"}",
    _event("door.opened", jti="order-1", by="token"),
    _event("device.update", state="pull", version="0.2.0", reason=None),
    b"x" + _event("access.accepted", sub="s")[1:],
    b"k" + json.dumps({"jti": "order-1", "result": "rejected", "reason": "expired"}).encode(),
    b"l#0 1 22.333 info time 2026-11-29T12:00:00Z",
    b"k" + tokens.token(tokens.claims()),
    b's{"state":~490 }',
    b'k{"jti":~30 }',
    _event("door.opened", jti="order-1").replace(b'"order-1"', b"~600 "),
]


def one(data: bytes) -> None:
    topic = _TOPICS.get(data[:1])
    if topic is None:
        return
    payload = _nested(data[1:])
    for retained in (False, True):
        live = LiveSite(_SITE)
        message = read_message(topic, payload, retained)
        live.feed(message)
        line = line_of(_SITE.site, message)
        assert line is None or line == printable(line), "reaches the terminal"
        if zlib.crc32(data) % RENDERED_OF == 0:
            Console(file=_Nowhere(), width=120).print(render(live, Status(), ConsoleDimensions(120, 40)))
        try:
            event = audit.read_event(_SITE.site, collect.Message(topic, payload, retained))
            assert event is None or json.dumps(event.body)
        except audit.Unreadable:
            pass
    try:
        entry = bridge.read(_SITE, topic, payload)
        assert entry is None or json.dumps(entry.body)
    except (ValueError, RecursionError):  # as intake.py counts them
        pass
    assert isinstance(object_of(payload), dict)
    text = payload.decode("utf-8", "replace")
    jti = unverified_jti(text)
    assert jti is None or jti
    loglines.read(text.splitlines())


def _nested(payload: bytes) -> bytes:
    return _NEST.sub(lambda found: b"[" * int(found[1]) + b"]" * int(found[1]), payload)


class _Nowhere:
    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass
