"""What is planned, in a sentence for a person."""

import string
from typing import Any

from host_tools.storm.engine import Planned
from host_tools.storm.oracle.broken import at, lasting

SENTENCES = {
    "broker_restart": "the broker is down",
    "broker_freeze": "the broker does nothing",
    "broker_mode": "the broker is a bad peer: {mode}",
    "time_silent": "the time server is silent",
    "time_garbage": "the time server sends garbage",
    "time_kod": "the time server sends kisses of death",
    "time_lie": "the time server lies by {lie_s} s",
    "dns_silent": "the name server is silent",
    "dns_garbage": "the name server sends garbage",
    "dns_fails": "the name server knows no name",
    "latency": "packets take {latency_us} us",
    "loss": "packets are lost, {loss} of them",
    "partition": "nothing gets through the network",
    "half_open": "connections are dead and nobody is told",
    "reset_all": "all connections are reset",
    "refuse": "connections are refused",
    "slow_net": "the network is slow, {bytes_s} bytes/s",
    "wifi_down": "the Wi-Fi is down",
    "wifi_flaps": "the Wi-Fi comes and goes",
    "wifi_status": "the station says of itself: {says}, and nothing passes",
    "radio_fails": "the radio does not switch on: {says}",
    "dhcp": "no address from the DHCP server: {says}",
    "new_address": "the DHCP server gives another address",
    "power_cut": "the power is off",
    "power_flaps": "the power comes and goes",
    "cut_at_op": "the power goes in the middle of flash operation {op} from then",
    "brownout": "the supply sags and the board resets",
    "rot": "bits flip in {count} flash sectors",
    "bad_sector": "flash sector number {place} (modulo all) is worn out",
    "flash_full": "foreign files take the flash but for {left} sectors",
    "deny_heap": "of allocations of {least_bytes} bytes and more fail {share}",
    "jump_wall": "the wall clock jumps by {jump_s} s",
    "drift": "the clock is off by {ppm} ppm",
    "battery": "the battery is at {mv} mV",
    "door_cut": "{component}: its wire is cut",
    "door_sticks": "{component} sticks",
    "lock_jam": "{component} jams",
    "latch_lost": "{component}: its latch falls back by itself",
    "lock_cut": "{component}: the wire of its contact is cut",
    "bounce": "{component} bounces",
    "chatter": "{component} chatters",
    "stuck": "{component} is stuck at {level}",
    "radar": "{component}: the radar is {fault}",
    "pir_fails": "{component}: the motion sensor is stuck",
    "tof_fails": "{component}: the distance sensor is gone",
    "expander_lost": "the port expander is gone",
    "rtc_lost": "the clock chip is gone",
    "rtc_flat": "the clock chip has lost its time",
    "forged": "somebody sends an order for {lock} that is to be refused: {why}",
    "flood": "somebody sends {count} forged orders for {lock}",
    "replay": "somebody sends an order a second time",
    "retained": "an order for {lock} is retained",
    "order": "somebody orders: {act}",
    "change": "somebody changes the configuration, which {comes}",
    "visit": "somebody orders {lock} to open and comes",
    "force": "somebody forces {door}",
    "pull": "somebody pulls {door} without an order",
    "inside": "{component}: somebody goes in through {door}",
    "release": "{component} is pressed",
    "tamper": "{component}: the housing is opened",
    "court": "{people} on {component}",
    "gate": "somebody goes through {component}",
    "rush": "much happens, one thing after another",
    "code": "somebody types a code for {lock} at {component}",
}
"""By kind. What a fault has beyond that stands behind it; for a kind without a sentence, all of it."""
LISTED = 3
UNTOLD = ("seed", "pause_us")
"""What only chance needs."""


def words_of(planned: Planned) -> str:
    """One line: when, for how long, what."""
    sentence = SENTENCES.get(planned.what, planned.what.replace("_", " "))
    named = {name for _, name, _, _ in string.Formatter().parse(sentence) if name}
    if not named <= planned.args.keys():  # another form of it than is known here
        sentence, named = planned.what.replace("_", " "), set()
    rest = {name: value for name, value in planned.args.items() if name not in {*named, *UNTOLD}}
    more = f" ({', '.join(map(_named, rest.items()))})" if rest else ""
    told = sentence.format(**{name: _value(planned.args[name]) for name in named})
    lasts = f" for {lasting(planned.lasts_us)}" if planned.lasts_us else ""
    return f"{at(planned.at_us)}{lasts}: {told}{more}"


def _named(pair: tuple[str, Any]) -> str:
    return f"{pair[0].replace('_', ' ')} {_value(pair[1])}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        if len(value) == 2:
            return " to ".join(map(_value, value))
        return ", ".join(map(_value, value[:LISTED])) + (" ..." if value[LISTED:] else "") or "none"
    return str(value)
