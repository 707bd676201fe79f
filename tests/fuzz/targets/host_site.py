"""Site files, as people and other cities write them. What is wrong is said as such, within bounds; what is
right can be made into the configuration of each board.
"""

import time
from pathlib import Path

from host_tools.errors import BadInput
from host_tools.output import printable
from host_tools.setup.paths import REPOSITORY
from host_tools.site.load import SiteFileError, read_site
from host_tools.site.resolve import device_config
from tests.fuzz import place

CPU_S_MAX = 5.0
MISTAKES_MAX = 101

_FULL = b"""\
version: 2
site: test-site
time_zone: Europe/Berlin
broker: {host: broker.example, port: 8883}
ntp: {host: ntp.example}
wifi: {main: {ssid: net, password_secret: wifi-main}}
defaults: {telemetry_s: 30, log_level: info}
devices:
  box-1:
    board: box-esp32
    components:
      lock-1: {title: Fach 1, hours: {from: "06:00", to: "22:00", days: [mon, sat]}}
      door-1:
      keypad-1: {slot_minutes: 60}
      gate-1:
  court-1: {board: field-esp32c3, components: {court-1: {title: Feld}}}
"""

SEEDS = [path.read_bytes() for path in sorted((REPOSITORY / "sites").glob("*.yaml"))]
SEEDS += [
    _FULL,
    b"version: 1\nsite: a\ndevices: {}\n",
    b"a: &x [1, 2]\nb: *x\nc: !tag d\n--- {}\n",
    b"? [a, b]\n: c\n",
    b'\xef\xbb\xbfversion: 2\r\nsite: "a\\u0000b"\r\n',
]


def one(data: bytes) -> None:
    path = Path(place.fresh()) / "site.yaml"
    path.write_bytes(data)
    begin = time.process_time()
    try:
        site, notes = read_site(path)
    except SiteFileError as error:
        assert 0 < len(error.details) <= MISTAKES_MAX
        for problem in error.problems:
            assert problem.line >= 1 and problem.column >= 1
            assert str(problem) == printable(str(problem)), "reaches the terminal"
        return
    except BadInput as error:
        assert error.message
        return
    finally:
        assert time.process_time() - begin < CPU_S_MAX, "slow"
    for note in notes:
        assert str(note) == printable(str(note)), "reaches the terminal"
    for name in site.devices:
        try:
            config = device_config(site, name)
        except BadInput as error:
            raise AssertionError(f"{name} was right, and now is not: {error.message}") from error
        assert config["device"] == name
