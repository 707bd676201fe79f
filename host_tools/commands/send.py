"""`sportbox send`: hands a token to a board and waits for what the board makes of it."""

import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import typer

from host_tools.commands.options import (
    BoardName,
    BrokerUrl,
    Json,
    PassphraseFile,
    SiteFile,
    StateDir,
    VaultLogin,
    new_app,
)
from host_tools.errors import EXIT_DONE, EXIT_FAILED, BadInput, Unreachable
from host_tools.mqtt import Address, Topics, connected, find_broker, subscribe, unreachable
from host_tools.output import emit, printable
from host_tools.site.kinds import Lock
from host_tools.site.load import load_site
from host_tools.site.resolve import device_of
from host_tools.site.state import state_dir
from host_tools.token import JTI_SHOWN_MAX, unverified_jti

app = new_app()

TOKEN_MAX_BYTES = 65_536
WAIT_MAX_S = 3_600.0
FINAL_MARGIN_S = 5.0
RELEASE_DEFAULT_MS = 10_000
FINAL = {"done": EXIT_DONE, "rejected": EXIT_FAILED, "failed": EXIT_FAILED}
REASONS = {
    "signature": "not signed with this board's key",
    "key": "the board has no such key",
    "role": "a booking key may only unlock",
    "audience": "meant for another board",
    "not_yet": "its time has not come",
    "closed": "the lock is closed at this hour: `opening` in the site file",
    "expired": "its time is over",
    "lifetime": "valid for longer than 24 h",
    "replayed": "used before",
    "clock": "nonce missing or old: grant one with --nonce; `sportbox watch --json` shows it in `info`",
    "malformed": "not a token, or a claim is missing or wrong",
    "too_large": "longer than the board accepts",
    "retained": "was sent as a retained message",
    "busy": "another order is running, the lock needs a rest, or somebody is inside",
    "not_opened": "nobody opened the door in time",
    "jammed": "the bolt does not move far enough",
    "contact": "a contact does not tell, or not what it should",
    "power": "the board lost power meanwhile",
    "selftest": "something is out of order: its event `device.selftest` says what",
}


@dataclass(frozen=True)
class Ack:
    jti: str | None
    result: str
    reason: str | None
    raw: dict[str, Any]


def parse_ack(payload: bytes) -> Ack | None:
    """A board's answer; None for what is none."""
    try:
        raw = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(raw, dict):
        return None
    jti, result, reason = raw.get("jti"), raw.get("result"), raw.get("reason")
    if not isinstance(result, str) or not isinstance(jti, str | None) or not isinstance(reason, str | None):
        return None
    return Ack(jti, result, reason, raw)


def answers(ack: Ack, jti: str | None) -> bool:
    """Whether an answer is to the token with this `jti` (None: it has none that can be read)."""
    if jti is None:
        return ack.jti is None
    if ack.jti is None:  # the board could not read it, for it was too long or cut off
        return ack.result == "rejected" and (ack.reason == "too_large" or len(jti) > JTI_SHOWN_MAX)
    return ack.jti == jti or (len(jti) > JTI_SHOWN_MAX and ack.jti == jti[:JTI_SHOWN_MAX])


@app.command()
def send(
    site_file: SiteFile,
    board: BoardName,
    token: Annotated[
        str, typer.Argument(metavar="TOKEN|-", help="the token, or - for stdin", show_default=False)
    ],
    broker: BrokerUrl = None,
    wait: Annotated[float, typer.Option("--wait", metavar="SECONDS", help="for the first answer")] = 10.0,
    state: StateDir = None,
    passphrase_file: PassphraseFile = None,
    json_: Json = False,
) -> int:
    """Send a token to a board and print its answers: exit 0 done, 1 rejected or failed, 3 no answer."""
    site = load_site(site_file)
    device = device_of(site, board)
    if not 0 < wait <= WAIT_MAX_S:
        raise BadInput(f"--wait must be more than 0 and at most {WAIT_MAX_S:.0f} seconds", "--wait 10")
    text = _read_token(token)
    releases = [part.release_ms for part in device.components.values() if isinstance(part, Lock)]
    order = _Order(
        look=f"sportbox watch {site_file}",
        address=find_broker(
            site, broker, state_dir(state), VaultLogin(site_file, site, "booking", passphrase_file)
        ),
        topics=Topics(site.site, board),
        token=text.encode("utf-8", "surrogateescape"),
        jti=unverified_jti(text),
        wait_s=wait,
        final_s=max(releases, default=RELEASE_DEFAULT_MS) / 1000 + FINAL_MARGIN_S,
    )
    return asyncio.run(order.run(_print_json if json_ else _print_line))


def _read_token(argument: str) -> str:
    if argument != "-":
        text = argument.strip()
    else:
        content = sys.stdin.buffer.read(TOKEN_MAX_BYTES + 1)
        if len(content) > TOKEN_MAX_BYTES:
            raise BadInput(f"the token on stdin is longer than {TOKEN_MAX_BYTES} bytes")
        text = content.decode("utf-8", "surrogateescape").strip()
    if not text:
        raise BadInput("the token is empty", "sportbox grant SITE.yaml BOARD COMPONENT prints one")
    return text


def _print_json(ack: Ack) -> None:
    emit(ack.raw)


def _print_line(ack: Ack) -> None:
    reason = ""
    if ack.reason is not None:
        meaning = REASONS.get(ack.reason)
        reason = f": {printable(ack.reason)}" + (f" ({meaning})" if meaning else "")
    print(f"{datetime.now().astimezone():%H:%M:%S}  {printable(ack.result)}{reason}", flush=True)


@dataclass
class _Order:
    look: str  # the command that shows more, for hints
    address: Address
    topics: Topics
    token: bytes
    jti: str | None
    wait_s: float
    final_s: float
    accepted: bool = False
    availability: str | None = None

    async def run(self, show: Callable[[Ack], None]) -> int:
        import aiomqtt

        async with connected(self.address) as client:
            try:
                await subscribe(client, self.topics.ack)
                await subscribe(client, self.topics.availability)
                await client.publish(self.topics.cmd, self.token, qos=1, retain=False, timeout=self.wait_s)
                async with asyncio.timeout(self.wait_s) as limit:
                    async for message in client.messages:
                        status = self._take(str(message.topic), message.payload, show)
                        if status is not None:
                            return status
                        if self.accepted:
                            limit.reschedule(asyncio.get_running_loop().time() + self.final_s)
                            break
                    async for message in client.messages:
                        status = self._take(str(message.topic), message.payload, show)
                        if status is not None:
                            return status
            except TimeoutError:
                raise self._no_answer() from None
            except aiomqtt.MqttError as error:
                raise unreachable(self.address, error) from error
        raise self._no_answer()

    def _take(self, topic: str, payload: object, show: Callable[[Ack], None]) -> int | None:
        """Look at one message; the exit status once it is the final answer."""
        content = payload if isinstance(payload, bytes) else b""
        if topic == self.topics.availability:
            self.availability = content[:32].decode("utf-8", "replace")
            return None
        ack = parse_ack(content)
        if ack is None or not answers(ack, self.jti):
            return None
        show(ack)
        self.accepted = self.accepted or ack.result == "accepted"
        return FINAL.get(ack.result)

    def _no_answer(self) -> Unreachable:
        board = self.topics.device
        if self.accepted:
            return Unreachable(
                f"`{board}` accepted the order, but said nothing more for {self.final_s:.0f} s",
                f"{self.look} shows what it does",
            )
        if self.availability is None:
            hint = f"no board `{board}` has been at {self.address} yet: is it the right broker?"
        elif self.availability == "online":
            hint = f"the broker says that it is online; try again, or look at it with `{self.look}`"
        else:
            hint = f"the broker says that it is {printable(self.availability)}; look at it with `{self.look}`"
        return Unreachable(f"no answer from `{board}` within {self.wait_s:g} s", hint)
