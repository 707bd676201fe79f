"""Orders as a city's app and its enemies give them, each with the judgement of whoever made it: good or not,
and if not, why. Where that depends on what the issuer cannot know (to which start of the board a nonce
belongs by the time it arrives) the judgement is None, and `why` is the reason for which it might be refused.
"""

import random
from dataclasses import dataclass, field, replace
from typing import Any

from host_tools.storm.crowd.forging import FORGERIES, LEEWAY_S, Forgery
from host_tools.storm.crowd.hearing import Hearing
from host_tools.storm.stage import Json, Stage, wall_s
from host_tools.storm.weather.menu import log_uniform
from host_tools.token import LIFETIME_MAX_S, Order, make

VALID_S = 900
VALID_LONG_S = (60, LIFETIME_MAX_S)
LONG = 0.3
"""So many orders are valid for another time than most."""
CLEAR_AGAIN_US = 5_000_000
ISSUER_TRUSTED = ("rtc", "ntp")
RESET_S = 120
"""So long after a replay log was begun anew an order may be taken for one from before."""


@dataclass(frozen=True)
class Sent:
    """A token that was sent, and what its issuer thinks of it."""

    raw: bytes
    jti: str | None
    act: str
    component: str | None
    good: bool | None
    why: str
    nbf: int
    exp: int
    nonce: str | None
    about: Json = field(default_factory=dict)
    """What the oracle has to know beyond that."""


class Orders(Hearing):
    """Sends tokens to one board, and listens to what it answers."""

    def __init__(self, stage: Stage) -> None:
        self.used: list[Sent] = []
        """Good tokens that were accepted, the newest last."""
        self._sent: dict[str, Sent] = {}
        self._latest_exp_s = 0
        self._doubtful_until_s = 0
        super().__init__(stage)

    def accepted(self, jti: str) -> None:
        if jti in self._sent:
            self.used.append(self._sent.pop(jti))

    # --- what is known of the board ---

    def clock_is_right(self) -> None:
        """After a lie. The board may have forgotten tokens that it then took for expired: none that could be
        one of them is surely good."""
        self.stage.holds.lied = False
        self._doubtful_until_s = max(self._doubtful_until_s, self._latest_exp_s + LEEWAY_S)

    def log_is_new(self) -> None:
        """A new replay log was asked for: the board refuses what is older than that."""
        self._doubtful_until_s = max(self._doubtful_until_s, wall_s(self.stage.agenda.now_us) + RESET_S)

    # --- who may ---

    def good(
        self,
        rng: random.Random,
        act: str,
        component: str | None,
        *,
        role: str = "booking",
        with_nonce: bool = True,
        args: Json | None = None,
    ) -> Sent:
        """An order of somebody who may give it, not sent yet."""
        nonce = self.info.nonce if with_nonce and self.info is not None else None
        claims = self.claims(rng, act, component, nonce=nonce, args=args)
        return self._judged(claims, self._signed(claims, f"{role}-1"), self.doubts(nonce, act, args or {}))

    def claims(
        self,
        rng: random.Random,
        act: str,
        component: str | None,
        *,
        nonce: str | None = None,
        args: Json | None = None,
    ) -> Json:
        config = self.stage.config
        now_s = wall_s(self.stage.agenda.now_us)
        valid_s = log_uniform(rng, *VALID_LONG_S) if rng.random() < LONG else VALID_S
        order = Order(config["site"], config["device"], "", now_s, valid_s, act, "booking-7", nonce=nonce)
        claims = replace(order, args=args or {}).claims()
        claims["jti"] = rng.randbytes(12).hex()
        if component is None:
            del claims["cmp"]
        else:
            claims["cmp"] = component
        return claims

    def knows_nonce(self) -> bool:
        """That of the board's newest start."""
        return self.info is not None and self.info.boots == self.stage.board.boots

    def doubts(self, nonce: str | None, act: str, args: Json) -> str:
        """Why a flawless order might be refused, "" if nothing speaks against it."""
        info = self.info
        newest = info is not None and info.boots == self.stage.board.boots
        fresh = newest and info is not None and nonce == info.nonce
        if "reset" in args:
            return "" if fresh else "clock"
        if (
            info is None
            or info.replay_log != "ok"
            or wall_s(self.stage.agenda.now_us) <= self._doubtful_until_s
        ):
            return "replayed"
        if self.stage.holds.lied:  # it may even be expired, or not valid yet, by the board's clock
            return "clock"
        trusted = info is not None and newest and info.clock in ISSUER_TRUSTED
        if trusted and info is not None and info.heard_us > self.stage.holds.jumped_us:
            return ""
        return "" if fresh else "clock"

    def _judged(self, claims: Json, raw: str, doubt: str) -> Sent:
        return Sent(
            raw.encode(),
            claims["jti"],
            claims["act"],
            claims.get("cmp"),
            None if doubt else True,
            doubt,
            claims["nbf"],
            claims["exp"],
            claims.get("nonce"),
        )

    def _signed(self, claims: Json, kid: str) -> str:
        return make(claims, self.stage.keys[kid], kid)

    # --- who may not ---

    def forged(self, rng: random.Random, why: str, lock: str | None) -> Sent:
        """An order with one thing wrong with it, for which it is refused."""
        forgery: Forgery = FORGERIES[why]
        nonce = self.info.nonce if forgery.takes_nonce and self.info is not None else None
        act, role = ("unlock", "booking") if lock is not None else ("identify", "ops")
        claims = self.claims(rng, act, lock, nonce=nonce)
        made = forgery.make(rng, claims, role, self.stage.keys)
        in_doubt = forgery.good is None or (forgery.by_clock and self.stage.holds.lied)
        return Sent(
            made.raw,
            made.jti,
            str(made.claims.get("act")),
            _text(made.claims.get("cmp")),
            None if in_doubt else False,
            why,
            _number(made.claims.get("nbf")),
            _number(made.claims.get("exp")),
            _text(made.claims.get("nonce")),
        )

    def again(self, sent: Sent) -> Sent:
        """The same token once more: it acts once at most."""
        was_used = sent.jti in self.finished_us
        if sent.good is False:
            return sent
        return replace(sent, good=False if was_used else None, why="replayed")

    # --- sending ---

    def send(self, sent: Sent, *, first: bool = True, retain: bool = False) -> None:
        if first and sent.jti is not None and sent.good is not False:
            self._sent[sent.jti] = sent
            self._latest_exp_s = max(self._latest_exp_s, sent.exp)
        self.stage.trace.note(
            "order",
            jti=sent.jti,
            act=sent.act,
            component=sent.component,
            good=sent.good,
            why=sent.why,
            nbf=sent.nbf,
            exp=sent.exp,
            nonce=sent.nonce,
            first=first,
            **sent.about,
        )
        self.stage.broker.publish(f"{self.base}/cmd", sent.raw, 1, retain)

    def send_retained(self, sent: Sent) -> None:
        """Whoever is connected gets it as any other order, only later connections see the flag."""
        if sent.good is not False:
            sent = replace(sent, good=None, why="retained")
        self.send(sent, retain=True)

    def clear_retained(self) -> None:
        """An empty message takes the retained one away; who is connected gets it as an order that is none."""
        if self.stage.holds.values("broker down"):
            self.stage.agenda.after(CLEAR_AGAIN_US, self.clear_retained)
            return
        self.send(Sent(b"", None, "None", None, False, "malformed", 0, 0, None), retain=True)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> int:
    return value if type(value) is int else 0
