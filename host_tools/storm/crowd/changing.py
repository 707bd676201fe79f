"""Somebody of the city changes a board's configuration."""

import base64
import json
import random
from dataclasses import replace

from host_tools.site.renew.blob import IV_BYTES, seal
from host_tools.storm.crowd.orders import Orders
from host_tools.storm.stage import Json
from host_tools.storm.weather.changes_menu import REFUSED

KID = "ops-1"


def change(orders: Orders, rng: random.Random, act: Json) -> None:
    """Only who knows the nonce of this start can; the trace says which hash the board has with it."""
    if not orders.knows_nonce():
        return
    digest = rng.randbytes(6).hex()
    parts = act.get("set", {})
    args: Json = {"set": parts if act["comes"] == REFUSED else {**parts, "hash": digest}}
    if "set_sealed" in act:
        sealed = seal(orders.stage.keys[KID], json.dumps(act["set_sealed"]).encode(), rng.randbytes(IV_BYTES))
        args["set_sealed"] = base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()
    sent = orders.good(rng, "configure", "device", role="ops", args=args)
    if act["comes"] == REFUSED:
        sent = replace(sent, good=False, why="malformed")
    orders.send(replace(sent, about={"comes": act["comes"], "hash": digest}))
