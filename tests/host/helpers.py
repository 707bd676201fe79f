"""What the tests of the host tools share."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SITES = ROOT / "sites"
ROSTOCK = SITES / "hafensport-rostock.yaml"
WORKSHOP = SITES / "werkstatt.yaml"
STRALSUND = SITES / "stralsund-sundpark.yaml"
WARNEMUENDE = SITES / "warnemuende-mole.yaml"

# A site with nothing wrong; tests replace a part of it.
GOOD = """\
version: 1
site: test-site
time_zone: Europe/Berlin
languages: [de]
broker: {host: 127.0.0.1, port: 1883}
defaults:
  telemetry_s: 30
devices:
  box-1:
    board: box-esp32s3
    components:
      lock-1: {release_ms: 5000}
      door-1: {ajar_ms: 60000}
      gate-1:
  court-1:
    board: field-esp32c3
    components:
      court-1: {hold_ms: 5000}
"""
# The same as the newest version has it.
NEWEST = GOOD.replace("version: 1", "version: 2").replace("port: 1883", "port: 1883, tls: false")


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "site.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def changed(old: str, new: str, text: str = GOOD) -> str:
    assert text.count(old) == 1, f"{old!r} is not there exactly once"
    return text.replace(old, new)
