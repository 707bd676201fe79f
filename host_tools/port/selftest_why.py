"""What a result of a board's self-test means, in the technician's words: the cause, and what to do about it.

The board gives a word (firmware/sportbox/selftest/); here is its sentence, with the pins of this board.
"""

from collections.abc import Mapping
from typing import Any

from host_tools.port.selftest_names import Facts, bus_of, called, pins_of, short
from host_tools.words import tr

Texts = dict[str, tuple[str, str]]


def why(check: str, component: str, word: str, value: Any, config: Facts) -> tuple[str, str]:
    """Cause and cure; the cure is empty where nothing is to be done."""
    told = value if isinstance(value, dict) else {}
    places = {
        **{name: short(told[name]) if name in told else "-" for name in _PLACES},
        "what": called(component),
        "pin": pins_of(component, config),
        "bus": bus_of(config),
        "value": short(value),
        "why": short(word),
    }
    for texts in (_own, _network, _chips, _contacts, _doors, _people):
        found = texts(places).get(f"{check} {word}")
        if found is not None:
            return found
    return tr("the board cannot check this: {why}", **places), tr("run `sportbox provision` again")


_PLACES = ("free_kib", "rssi_dbm", "task", "error", "wrong", "missing", "typed", "mv", "blocked")
"""What sentences may name; a dash where the board did not tell."""


def _own(v: Mapping[str, str]) -> Texts:
    anew = tr("run `sportbox provision` again")
    return {
        "config other_device": (tr("its files are those of another device"), anew),
        "config other_site": (tr("its files are those of another site"), anew),
        "files no_manifest": (tr("the list of its files is missing"), anew),
        "files changed": (tr("damaged files: {wrong}", **v), anew),
        "files updated": (tr("the firmware came over the air, where each file was checked"), ""),
        "chip other_chip": (
            tr("the chip is an {value}, the configuration is for another one", **v),
            tr("correct `board` in the site file, then `sportbox provision`"),
        ),
        "chip unknown": (tr("the configuration names no chip of ours"), ""),
        "flash full": (
            tr("only {free_kib} KiB of flash are free", **v),
            tr("`sportbox flash --force`, then `sportbox provision`: that empties it"),
        ),
        "flash worn": (tr("the flash does not keep what is written"), tr("replace the board")),
        "heap little": (
            tr("only {free_kib} KiB of memory are free", **v),
            tr("`sportbox flash --force` with the MicroPython that the board file names"),
        ),
        "reset brownout": (
            tr("the supply voltage broke down before the last start"),
            tr("use a stronger power supply and shorter, thicker wires"),
        ),
        "crash crashed": (
            tr("the last run crashed in {task}: {error}", **v),
            tr("`sportbox doctor` tells more; let it reach the broker once, then test again"),
        ),
    }


def _network(v: Mapping[str, str]) -> Texts:
    offline = (tr("not tested without Wi-Fi"), "")
    names = tr("check `broker` and `ntp` in the site file, and the DNS server of the access point")
    user = tr("run `sportbox provision` again, and give the broker this board's user and password")
    return {
        "wifi no_radio": (
            tr("the radio does not switch on"),
            tr("take its power away for ten seconds and test again; if it stays so, replace the board"),
        ),
        "wifi no_network": (
            tr("the Wi-Fi network is not found"),
            tr("is the access point on, at 2.4 GHz, and its name (`wifi.ssid`) right in the site file?"),
        ),
        "wifi password": (
            tr("the access point refuses the password"),
            tr("correct the Wi-Fi password in the vault, then `sportbox provision`"),
        ),
        "wifi not_joined": (
            tr("it joins the Wi-Fi network but gets no address, or not in time"),
            tr("check the access point (DHCP, MAC filter), go closer to it, and test again"),
        ),
        "wifi too_weak": (
            tr("Wi-Fi is too weak: {rssi_dbm} dBm", **v),
            tr("move the antenna out of the metal housing, or the access point closer"),
        ),
        "wifi weak": (tr("Wi-Fi is weak: {rssi_dbm} dBm", **v), ""),
        "wifi lost": (tr("Wi-Fi was lost at once"), tr("check the access point, then test again")),
        "dns no_wifi": offline,
        "time no_wifi": offline,
        "broker no_wifi": offline,
        "dns no_address": (
            tr("the name {value} is not found", **v),
            names,
        ),
        "time no_answer": (
            tr("the time server {value} does not answer", **v),
            tr("let UDP port 123 out of the network, or name another server under `ntp` in the site file"),
        ),
        "time not_set": (tr("the chip's clock does not take the time"), tr("replace the board")),
        "broker credentials": (tr("the broker refuses the board's user or password"), user),
        "broker subscription": (tr("the broker does not let the board subscribe"), user),
        "broker refused": (tr("the broker refuses the board"), user),
        "broker closed": (
            tr("the broker {value} closes the connection", **v),
            tr("is another board of this name online, or is that no MQTT broker? its log tells more"),
        ),
        **_tls(v),
        "broker silent": (
            tr("{value} takes the connection and says nothing", **v),
            tr("is this the broker's port, without TLS?"),
        ),
        "broker no_address": (
            tr("the broker's name in {value} is not found", **v),
            names,
        ),
        "broker unreachable": (
            tr("the broker {value} is out of reach", **v),
            tr("is it running, and does the firewall let its port through?"),
        ),
    }


def _tls(v: Mapping[str, str]) -> Texts:
    anew = tr("run `sportbox provision` again")
    forged = tr("does another machine answer at this address? if not, its certificate needs to be renewed")
    return {
        "broker tls_name": (tr("the broker's certificate is for another name"), forged),
        "broker tls_authority": (tr("the broker's certificate is not of this site's authority"), forged),
        "broker tls_early": (
            tr("the broker's certificate is not valid yet"),
            tr("check the time of the time server"),
        ),
        "broker tls_expired": (tr("the broker's certificate has expired"), forged),
        "broker tls_refused": (tr("the broker refuses the board's certificate"), anew),
        "broker tls_memory": (
            tr("there is not enough memory for TLS"),
            tr("test again; if it stays so, replace the board"),
        ),
        "broker tls_files": (tr("the board's certificates are missing or damaged"), anew),
        "broker tls": (
            tr("{value} speaks no TLS that the board understands", **v),
            tr("is this the broker's port for boards?"),
        ),
    }


def _chips(v: Mapping[str, str]) -> Texts:
    cell = tr("put a new coin cell into the clock chip")
    wires = tr("check the wires {bus} and the supply of {what}", **v)
    serial = tr("check its supply (5 V), ground and the wires at {pin}", **v)
    return {
        "rtc no_answer": (tr("the clock chip does not answer"), wires),
        "rtc unset": (tr("the clock chip has lost its time, and there is no network time to set it"), cell),
        "rtc does_not_keep": (tr("the clock chip does not keep its time"), cell),
        "rtc was_unset": (tr("it had lost its time and was set; at a second test: a new coin cell"), ""),
        "rtc was_off": (tr("it was wrong and was set"), ""),
        "rtc not_compared": (tr("without network time to compare it with"), ""),
        "expander no_answer": (tr("the port expander does not answer"), wires),
        "battery implausible": (
            tr("the battery's voltage cannot be true"),
            tr("check the voltage divider and its wire at {pin}", **v),
        ),
        "battery low": (tr("the battery is low: {mv} mV", **v), tr("charge the battery")),
        "pir stuck": (
            tr("it sees somebody all the time"),
            tr("turn it away from sun and machines; check its wire at {pin}", **v),
        ),
        "radar silent": (tr("{what} says nothing", **v), serial),
        "radar garbage": (tr("{what} sends what is no report", **v), serial),
        "tof no_answer": (tr("{what} does not answer", **v), wires + ", " + tr("and {pin}", **v)),
    }


def _contacts(v: Mapping[str, str]) -> Texts:
    wire = tr("check the contact's wire at {pin}", **v)
    bus = tr("it hangs on the port expander: mend that first")
    return {
        "contact no_answer": (tr("{what} cannot be read", **v), bus),
        "contact pressed": (
            tr("{what} reads as pressed; so does a cut wire", **v),
            tr("let go of it; check its wire at {pin}", **v),
        ),
        "contact blocked": (
            tr("a light barrier of {what} is broken: beam {blocked}", **v),
            tr("clear the way and align both ends; check its wire at {pin}", **v),
        ),
        "bolt no_answer": (tr("the contacts of {what} cannot be read", **v), bus),
        "bolt both_ends": (tr("the bolt of {what} seems to be at both ends at once", **v), wire),
        "bolt between": (
            tr("the bolt of {what} stands half-way", **v),
            tr("free the bolt; check the end switches at {pin}", **v),
        ),
    }


def _doors(v: Mapping[str, str]) -> Texts:
    coil = tr("check the coil's wire at {pin}, its driver and its supply", **v)
    reed = tr("check the reed contact's wire at {pin} and the magnet's place", **v)
    return {
        "door never_closed": (tr("{what} never closed", **v), reed),
        "door never_opened": (tr("{what} never opened: its contact stayed closed", **v), reed),
        "door no_answer": (
            tr("{what} cannot be read", **v),
            tr("it hangs on the port expander: mend that first"),
        ),
        "door lock": (tr("not tested, for its lock failed"), ""),
        "lock door": (tr("not tested, for its door's contact failed"), ""),
        "lock not_opened": (
            tr("{what} was released, and its door was not opened", **v),
            tr("pull while it is released; without a click: ") + coil,
        ),
        "lock not_moved": (tr("{what} did not move", **v), tr("free the latch or bolt; ") + coil),
        "lock jammed": (tr("{what} is jammed", **v), tr("free the latch or bolt; ") + coil),
        "lock busy": (
            tr("{what} takes no order: it ran too much just now", **v),
            tr("wait a minute and test again"),
        ),
        "lock coil": (tr("the output of {what} cannot be driven", **v), coil),
        "lock power": (tr("the output of {what} cannot be driven", **v), coil),
        "lock expander": (
            tr("{what} cannot be driven: the port expander does not answer", **v),
            tr("it hangs on the port expander: mend that first"),
        ),
        "lock not_locked": (
            tr("{what} did not lock behind the closed door", **v),
            tr("adjust the strike plate; check the wires at {pin}", **v),
        ),
        "lock somebody_inside": (
            tr("{what} does not lock: somebody is inside, or so it seems", **v),
            tr("leave the container; check the sensor inside and the inside release"),
        ),
    }


def _people(v: Mapping[str, str]) -> Texts:
    wire = tr("check its wire and supply at {pin}", **v)
    aim = tr("aim it at the place, away from walls, sun and machines; check its wire at {pin}", **v)
    keys = tr("check its wires at {pin}", **v)
    texts = {
        "release always_pressed": (tr("{what} reads as pressed; so does a cut wire", **v), wire),
        "release never_pressed": (tr("{what} was never seen pressed", **v), wire),
        "tamper never_open": (tr("{what} was never seen open", **v), wire),
        "tamper never_closed": (tr("{what} was never seen closed", **v), wire),
        "gate nobody_in": (tr("{what} saw nobody go in", **v), aim),
        "gate nobody_out": (tr("{what} saw nobody go out", **v), aim),
        "gate swapped": (
            tr("{what} takes in for out", **v),
            tr("swap the wires of the two light barriers at {pin}: the first is the street's", **v),
        ),
        "keypad no_keys": (tr("no key of {what} arrived", **v), keys),
        "keypad keys_missing": (tr("keys of {what} did not arrive: {missing}", **v), keys),
        "keypad keys_wrong": (tr("{what} sent other keys: {typed}", **v), keys),
        "led not_noticed": (tr("{what} did not blink", **v), wire),
        "buzzer not_noticed": (tr("{what} was not heard", **v), wire),
        "led not_confirmed": (tr("nobody confirmed it"), ""),
        "buzzer not_confirmed": (tr("nobody confirmed it"), ""),
    }
    for kind in ("pir", "radar", "tof", "inside"):
        texts[f"{kind} never_occupied"] = (tr("{what} saw nobody come", **v), aim)
        texts[f"{kind} never_free"] = (tr("{what} sees somebody though nobody is there", **v), aim)
    return texts
