"""JSON of strangers: what was read can be written and shown again, however deep the program is by then."""

import json

import pytest

from host_tools.output import json_line
from host_tools.setup.paths import REPOSITORY
from host_tools.site.live import LiveSite, line_of, read_message
from host_tools.site.load import load_site
from host_tools.strangers import DEPTH_MAX, read_json

STATE = "sportbox/v1/werkstatt/box-1/lock-1/state"


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def test_as_deep_as_is_needed_and_no_deeper() -> None:
    assert json_line(read_json(nested(DEPTH_MAX))) == nested(DEPTH_MAX)
    for depth in (DEPTH_MAX + 1, 500, 990, 100_000):
        with pytest.raises(ValueError, match="nested too deep"):
            read_json(nested(depth))


@pytest.mark.parametrize("content", ["", "{", '{"a":NaN}', "[Infinity]", b"\xff\xfe\x00", "{'a': 1}"])
def test_what_is_no_json(content: str | bytes) -> None:
    with pytest.raises(ValueError):
        read_json(content)


def test_no_depth_ends_a_watch() -> None:
    """Python reads a little more than it can write some calls further in."""
    site = load_site(REPOSITORY / "sites" / "werkstatt.yaml")
    for depth in (*range(60, 70), *range(900, 1000)):
        for payload in (nested(depth), json.dumps({"state": 1}).replace("1", nested(depth))):
            message = read_message(STATE, payload.encode(), retained=False)
            LiveSite(site).feed(message)
            line = line_of(site.site, message)
            assert line is not None and len(line) < 500


def test_a_number_that_no_float_holds() -> None:
    site = load_site(REPOSITORY / "sites" / "werkstatt.yaml")
    live = LiveSite(site)
    live.feed(read_message(STATE, b'{"state":"locked","confidence":1' + b"0" * 400 + b"}", retained=False))
    assert live.boards["box-1"].components["lock-1"].state == "locked"
