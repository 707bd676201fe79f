"""`network`: the station interface. The access point of the world is up or down.

Like the ESP32's driver, a station that was told to connect keeps trying and comes back by itself; joining
takes 100 to 300 ms, counted from the later of connect() and the access point's return.

What can be wrong with it (`wifi_fault` of the world) is what MicroPython's ports/esp32/network_wlan.c makes
of the driver: isconnected() is a flag that GOT_IP sets and only the end of the association clears, so a lost
lease leaves it set; as long as it tries for ever, the status is STAT_CONNECTING whatever the reason is.
"""

from binascii import crc32 as _crc32

from _layout import WIFI_LEASE_LOST as _LEASE_LOST, WIFI_NO_ADDRESS as _NO_ADDRESS, WIFI_NO_AP as _NO_AP
from _layout import WIFI_NO_MEMORY as _NO_MEMORY, WIFI_INTERNAL_ERROR as _INTERNAL_ERROR
from _layout import WIFI_STALE as _STALE, WIFI_STATE_ERROR as _STATE_ERROR, WIFI_STUCK as _STUCK
from _layout import WIFI_WRONG_PASSWORD as _WRONG_PASSWORD
from _time import ticks_us as _now_us
from _world import page as _page

STA_IF = 0
AP_IF = 1
STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010
STAT_NO_AP_FOUND = 201
STAT_WRONG_PASSWORD = 202
STAT_BEACON_TIMEOUT = 200
STAT_ASSOC_FAIL = 203
STAT_CONNECT_FAIL = 203
STAT_HANDSHAKE_TIMEOUT = 204

_is_up = False  # the driver, with the first station of a life
_active = False
_asked_us = 0  # when connect() was called; 0: it was not
_reconnects = -1
_ssid = ""
_is_there = True  # an access point of that name
_hostname = "mpy-esp32"


def _joined():
    """What the station says."""
    if not _active or not _asked_us:
        return False
    fault = _page.wifi_fault
    if fault == _STALE:
        return True
    if not _page.wifi_up or not _is_there or (fault and fault != _LEASE_LOST):
        return False
    join_us = 100000 + (_page.mac_low + _page.boot_count * 7919) % 200 * 1000
    return _now_us() - max(_asked_us, _page.wifi_changed_us) >= join_us


def _carries():
    """Whether anything passes."""
    return not _page.wifi_fault and _joined()


def _count_radio(on):
    """How long it was on, for the energy model; what ends with the VM is counted by the zygote."""
    if on:
        _page.radio_since_us = _now_us()
        _page.radio_starts += 1
    else:
        _page.radio_us += _now_us() - _page.radio_since_us
        _page.radio_since_us = 0


def hostname(_name=None):
    global _hostname
    if _name is None:
        return _hostname
    _hostname = _name


class WLAN:
    IF_STA = 0
    IF_AP = 1
    PM_NONE = 0
    PM_PERFORMANCE = 1
    PM_POWERSAVE = 2

    def __init__(self, _interface_id=0):
        global _is_up
        if _interface_id != STA_IF:
            raise ValueError("only the station interface is simulated")
        if _page.wifi_fault == _NO_MEMORY and not _is_up:
            raise RuntimeError("Wifi Unknown Error 0x0101")
        _is_up = True

    def active(self, _is_active=None):
        global _active, _asked_us
        if _is_active is None:
            return _active
        if _page.wifi_fault == _INTERNAL_ERROR:
            raise OSError("Wifi Internal Error")
        if _page.wifi_fault == _NO_MEMORY and _is_active:
            raise RuntimeError("Wifi Unknown Error 0x0101")
        if bool(_is_active) != _active:
            _count_radio(bool(_is_active))
            if _page.wifi_fault == _STUCK:
                _page.wifi_fault = 0
        _active = bool(_is_active)
        if not _active:
            _asked_us = 0

    def connect(self, _ssid_=None, _password=None, *, bssid=None):
        global _asked_us, _is_there, _ssid
        if not _active:
            raise OSError("Wifi Not Started")
        fault = _page.wifi_fault
        if fault == _STATE_ERROR or (_asked_us and not _joined() and _reconnects):
            raise OSError("Wifi Internal State Error")
        if fault == _STALE:
            _page.wifi_fault = 0
        elif fault == _LEASE_LOST:  # the next association begins with a question for an address
            _page.wifi_fault = _NO_ADDRESS
        if _ssid_ is not None:
            _ssid = _ssid_
            crc = _page.ssid_crc
            _is_there = not crc or _crc32(_ssid) == crc
        _asked_us = _now_us()

    def disconnect(self):
        global _asked_us
        _asked_us = 0

    def isconnected(self):
        return _joined()

    def status(self, _param=None):
        if _param == "rssi":
            if not _joined() and _page.wifi_fault != _NO_ADDRESS:
                raise OSError("STA is not connected")
            return _page.rssi_dbm
        if _param is not None:
            raise ValueError("unknown status param")
        if _joined():
            return STAT_GOT_IP
        if not _asked_us:
            return STAT_IDLE
        if _reconnects >= 0 and _page.wifi_fault == _WRONG_PASSWORD:
            return STAT_WRONG_PASSWORD
        is_there = _is_there and _page.wifi_up and _page.wifi_fault != _NO_AP
        return STAT_CONNECTING if _reconnects < 0 or is_there else STAT_NO_AP_FOUND

    def config(self, _param=None, **kwargs):
        global _reconnects
        if _param is None:
            _reconnects = kwargs.pop("reconnects", _reconnects)
            for name, value in kwargs.items():
                if name == "hostname":
                    hostname(value)
                elif name not in ("pm", "txpower", "channel", "mac"):
                    raise ValueError("unknown config param")
            return None
        if _param == "mac":
            return _page.mac_high.to_bytes(3, "big") + _page.mac_low.to_bytes(3, "big")
        if _param in ("ssid", "essid"):
            return _ssid
        if _param == "hostname":
            return _hostname
        if _param == "reconnects":
            return _reconnects
        if _param == "channel":
            return 6
        raise ValueError("unknown config param")

    def ifconfig(self):
        if not _joined() or _page.wifi_fault == _LEASE_LOST:
            return ("0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.0")
        return ("127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1")
