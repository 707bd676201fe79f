"""What one board is and how it is, from its console: heard first, then asked.

`examine` says nothing to a board with `interrupt=False`. Otherwise it asks MicroPython, which stops the
firmware for some seconds; afterwards the board starts anew.
"""

import binascii
import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from host_tools.errors import ToolError, Unreachable
from host_tools.output import printable
from host_tools.port.console import Console
from host_tools.port.findings import Finding
from host_tools.port.ports import Port
from host_tools.port.trouble import Lost
from host_tools.strangers import read_json
from host_tools.words import tr

LISTEN_S = 3.0
LINES_SHOWN = 8
LINE_CHARS_MAX = 200
BOOTS_OF_A_LOOP = 2

# The ROM's first line at each reset: `ets Jul 29 2019`, `ESP-ROM:esp32s3-20210327` and its `rst:0x..`
_BOOT = re.compile(r"rst:0x[0-9a-f]+", re.IGNORECASE)
_BLANK = re.compile(r"invalid header: 0x|no bootable app", re.IGNORECASE)
_ROM = re.compile(r"waiting for download", re.IGNORECASE)
_HELD = "sportbox: held for service"
_NOT_PROVISIONED = re.compile(r"sportbox: not provisioned: (.*)")
_BROWNOUT = re.compile(r"brownout detector was triggered|BROWNOUT", re.IGNORECASE)

# Runs on the board. Small files as hex: they may be damaged, and not be text. Of the manifest only what is
# told: with its list of files it would be 30 kB. {} is one that cannot be read.
_ASK = """\
def _():
 import sys,os,json,machine,binascii
 def m():
  try:
   with open('/manifest.json') as f: d=json.load(f)
   return {k:d.get(k) for k in ('site','device','firmware','key_version')}
  except OSError: return None
  except Exception: return {}
 def g(p,n=4096):
  try:
   with open(p,'rb') as f: return binascii.hexlify(f.read(n)).decode()
  except OSError: return None
 v=os.statvfs('/')
 i=sys.implementation
 return json.dumps({'version':'.'.join(map(str,i.version[:3])),
  'machine':getattr(i,'_machine',''),'mac':binascii.hexlify(machine.unique_id()).decode(),
  'free_bytes':v[0]*v[3],'total_bytes':v[0]*v[2],'reset':machine.reset_cause(),
  'manifest':m(),'marker':g('/provisioning'),'crash':g('/data/crash'),
  'config':g('/config.json',1) is not None,'main':g('/main.py',1) is not None})
print(_())
"""


class Answer(BaseModel):
    """What _ASK prints."""

    model_config = ConfigDict(extra="ignore")

    version: str = Field(max_length=40)
    machine: str = Field(max_length=200)
    mac: str = Field(max_length=40)
    free_bytes: int
    total_bytes: int
    reset: int
    manifest: dict[str, Any] | None
    marker: str | None
    crash: str | None
    config: bool
    main: bool


def examine(port: Port, interrupt: bool) -> Iterator[Finding]:
    """Raises Unreachable where the port itself does not open."""
    with Console.listening(port) as console:
        heard = console.listen(LISTEN_S)
    yield from heard_findings(heard)
    if not interrupt:
        if not heard.strip():
            yield _silent()
        return
    if _BLANK.search(heard):
        yield from _chip_alone(port)
        return
    try:
        with Console.open(port) as console:
            console.hold()
            try:
                text = console.run(_ASK)
            finally:
                console.restart()
        answer = Answer.model_validate(read_json(text))
    except (ValueError, ValidationError):
        text = tr("the board answers, but not what MicroPython with our firmware would")
        yield Finding("wrong", "console", text, f"sportbox flash --port {printable(port.device)} --force")
    except Unreachable as error:
        yield from _chip_alone(port, error)
    else:
        yield from answer_findings(answer)
        yield Finding("ok", "restart", tr("the board starts anew"))


def heard_findings(heard: str) -> Iterator[Finding]:
    """What a few seconds of console mean, the newest lines last."""
    lines = [printable(line)[:LINE_CHARS_MAX] for line in heard.splitlines() if line.strip()]
    if lines:
        shown = lines[-LINES_SHOWN:]
        text = tr("the console's last lines:") + "".join(f"\n        {line}" for line in shown)
        yield Finding("note", "lines", text, facts={"lines": shown})
    boots = len(_BOOT.findall(heard))
    if _BLANK.search(heard):
        yield Finding("wrong", "blank", tr("there is no MicroPython on it"), "sportbox flash")
    elif _BROWNOUT.search(heard):
        yield Finding(
            "wrong",
            "brownout",
            tr("its supply voltage collapses"),
            tr("another cable, another socket, or a hub with a power supply of its own"),
        )
    elif boots >= BOOTS_OF_A_LOOP:
        text = tr("it restarts again and again ({count} times while listening)", count=boots)
        cure = tr("look at the crash below; if there is none, `sportbox flash --force` and provision it anew")
        yield Finding("wrong", "loop", text, cure, {"boots": boots})
    if _ROM.search(heard):
        text = tr("it waits in its boot loader")
        yield Finding("wrong", "rom", text, tr("press RESET on the board; BOOT must not be held down"))
    if _HELD in heard:
        yield Finding(
            "note", "held", tr("it is held for service: nothing of ours runs"), tr("press RESET on it")
        )
    found = _NOT_PROVISIONED.findall(heard)
    if found:
        yield _not_provisioned(printable(found[-1].strip())[:LINE_CHARS_MAX])


def _not_provisioned(why: str) -> Finding:
    text = tr("it is not provisioned: {why}", why=why)
    return Finding("wrong", "provisioned", text, "sportbox provision --site SITE.yaml --device NAME")


def _silent() -> Finding:
    return Finding(
        "note",
        "silent",
        tr("it says nothing: it runs quietly, is in deep sleep, or has no power"),
        tr("without --no-interrupt it is asked; a board on battery sleeps, so press RESET on it just before"),
    )


def _chip_alone(port: Port, error: Unreachable | None = None) -> Iterator[Finding]:
    """There is no MicroPython, or it does not answer (`error`). Does the chip?"""
    from host_tools.port.chip import identify

    try:
        chip = identify(port)
    except Lost as other:
        yield Finding("wrong", "console", (error or other).message, (error or other).hint)
        text = tr("its boot loader does not answer either")
        cure = tr(
            "a board in deep sleep: press RESET and repeat at once; else another cable, or another board"
        )
        yield Finding("wrong", "chip", text, cure)
    except ToolError as other:
        yield Finding("wrong", "chip", other.message, other.hint)
    else:
        told = {"chip": chip.description, "mac": chip.mac, "mib": chip.flash_mib}
        yield Finding("ok", "chip", tr("{chip}, {mac}, {mib} MiB of flash", **told), facts={"mac": chip.mac})
        if error is None:
            return
        text = tr("the chip is well, but MicroPython does not answer: {why}", why=error.message)
        yield Finding("wrong", "console", text, f"sportbox flash --port {printable(port.device)}")


def answer_findings(answer: Answer) -> Iterator[Finding]:
    mac = ":".join(answer.mac[at : at + 2] for at in range(0, len(answer.mac), 2))
    told = {"version": printable(answer.version), "machine": printable(answer.machine), "mac": printable(mac)}
    yield Finding("ok", "chip", tr("MicroPython {version}, {machine}, {mac}", **told), facts=dict(told))
    yield _space(answer.free_bytes, answer.total_bytes)
    yield _provisioned(answer)
    if answer.crash is not None:
        yield _crash(answer.crash)


def _space(free: int, total: int) -> Finding:
    facts = {"free_bytes": free, "total_bytes": total}
    if total <= 0:
        text = tr("there is no file system on it")
        return Finding("wrong", "space", text, "sportbox flash --force", facts)
    full = free < total // 20
    cure = tr("`sportbox provision` again; if that does not help, `sportbox flash --force`") if full else None
    text = tr("{free} of {total} KiB free", free=free // 1024, total=total // 1024)
    return Finding("wrong" if full else "ok", "space", text, cure, facts)


def _provisioned(answer: Answer) -> Finding:
    if answer.marker is not None:
        return _not_provisioned(tr("the last provisioning was cut off"))
    manifest = answer.manifest
    if not manifest:
        if manifest is None and not answer.config and not answer.main:
            return _not_provisioned(tr("nothing of ours is on it"))
        return _not_provisioned(tr("its manifest is missing or damaged"))
    told = {name: manifest.get(name) for name in ("site", "device", "firmware")}
    known = {name: "?" if fact is None else printable(str(fact))[:80] for name, fact in told.items()}
    text = tr("it is {device} of {site}, firmware {firmware}", **known)
    return Finding("ok", "provisioned", text, facts={**known, "key_version": manifest.get("key_version")})


def _crash(written: str) -> Finding:
    """firmware/sportbox/store/record.py: CRC-32 of the rest, little-endian; the rest is crash.py's JSON."""
    data = _bytes(written)
    note = None
    if len(data) > 4 and int.from_bytes(data[:4], "little") == binascii.crc32(data[4:]):
        note = _object(data[4:].hex())
    if note is None:
        return Finding("note", "crash", tr("the note of its last crash is damaged"))
    task, error = (printable(str(note.get(name, "?")))[:LINE_CHARS_MAX] for name in ("task", "error"))
    stack = [printable(line)[:LINE_CHARS_MAX] for line in str(note.get("stack", "")).splitlines()][
        -LINES_SHOWN:
    ]
    text = tr("it crashed and has not reported it yet, in {task}: {error}", task=task, error=error)
    text += "".join(f"\n        {line}" for line in stack)
    cure = tr(
        "give these lines to who looks after the firmware; it is reported as soon as the broker is reached"
    )
    return Finding("wrong", "crash", text, cure, {"task": task, "error": error, "stack": stack})


def _bytes(written: str) -> bytes:
    try:
        return bytes.fromhex(written)
    except ValueError:
        return b""


def _object(written: str) -> dict[str, Any] | None:
    try:
        value = json.loads(_bytes(written))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
