"""The tokens of the evening: good ones as a booking app makes them, and bad ones."""

import secrets
import time
from dataclasses import dataclass, replace

from host_tools import token
from host_tools.site.keys import KEY_BYTES, device_key, key_id
from host_tools.site.models import Site

VALID_S = 900
OTHER_BOX = "box-2"
BAD = ("expired", "audience", "signature")


@dataclass(frozen=True)
class Token:
    text: str
    jti: str
    device: str
    lock: str


class Desk:
    """Where citizens and trainers get their tokens."""

    def __init__(self, site: Site, master: bytes) -> None:
        self._site = site
        self._master = master

    def good(self, device: str, lock: str, subject: str, role: str = "booking") -> Token:
        return self._sign(self._order(device, lock, subject), device, role)

    def count(self, device: str, gate: str, count: int, subject: str) -> Token:
        """Tells a gate how many people are inside."""
        order = self._order(device, gate, subject)
        return self._sign(replace(order, act="configure", args={"count": count}), device, "ops")

    def bad(self, reason: str, device: str, lock: str, subject: str) -> Token:
        """One that the device refuses for this reason, and for no other."""
        if reason == "expired":
            past_s = int(time.time()) - 4 * VALID_S
            return self._sign(self._order(device, lock, subject, now_s=past_s), device, "booking")
        if reason == "audience":
            return self._sign(self._order(OTHER_BOX, lock, subject), device, "booking")
        if reason == "signature":
            return self._sign(
                self._order(device, lock, subject), device, "booking", secrets.token_bytes(KEY_BYTES)
            )
        raise ValueError(reason)

    def _order(self, device: str, lock: str, subject: str, now_s: int | None = None) -> token.Order:
        return token.Order(
            site=self._site.site,
            device=device,
            component=lock,
            now_s=int(time.time()) if now_s is None else now_s,
            valid_s=VALID_S,
            subject=subject,
        )

    def _sign(self, order: token.Order, device: str, role: str, key: bytes | None = None) -> Token:
        """Signed with the device's own key, unless another is given."""
        version = self._site.devices[device].key_version
        if key is None:
            key = device_key(self._master, self._site.site, device, role, version)
        claims = order.claims()
        return Token(token.make(claims, key, key_id(role, version)), claims["jti"], device, order.component)
