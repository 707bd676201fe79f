"""`site apply` cut off at every step of its work on the broker: the next one finishes it."""

import contextlib
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from host_tools.brokers import install, provider, running
from host_tools.site import atomic
from host_tools.site.load import load_site
from host_tools.site.plan import Provider
from host_tools.site.planner import carry_out, survey
from host_tools.site.workplace import Workplace
from tests.mosquitto.bench import Bench, bench

STEPS_MIN = 8


class Cut(KeyboardInterrupt):
    """As Ctrl-C: nothing in the tool may take it for a failure that it can go on after."""


class Knife:
    """Cuts at the step of this number; `steps` counts those that were reached."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.steps = 0

    def __call__(self, *_: object) -> None:
        self.steps += 1
        if self.steps == self.at:
            raise Cut

    def around(self, work: Callable[..., Any]) -> Callable[..., Any]:
        """Before and after a piece of work."""

        def cut(*arguments: Any, **options: Any) -> Any:
            self()
            done = work(*arguments, **options)
            self()
            return done

        return cut


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with bench("cut", request) as made:
        yield made


def parts(site: Bench) -> list[Provider]:
    """But for the boards, of which there are none."""
    place = Workplace(site.file, load_site(site.file), site.vault, site.inventory)
    return [part for part in place.providers() if part.part != "boards"]


def differing(site: Bench) -> list[str]:
    found = survey(parts(site))
    assert not found.unknown
    return [f"{change.part} {change.name}" for change in found.changes]


def change(site: Bench, number: int) -> None:
    """Another prefix of Home Assistant's: rights at the broker, and messages that it keeps."""
    text = site.file.read_text().split("outputs:")[0]
    site.file.write_text(f"{text}outputs: {{home_assistant: {{prefix: ha-{number}}}}}\n")
    site.inventory.revoke("box-1", 0, None, f"{number + 0x1234:x}", "for the test")


def test_cut_off_at_every_step(site: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in itertools.count(1):
        change(site, number)
        taken_back = ["home_assistant box-1", "home_assistant court-1"] if number > 1 else []
        changed = ["broker services.acl", "broker revoked.pem", "home_assistant all boards"]
        assert differing(site) == taken_back + changed
        knife = Knife(number)
        with monkeypatch.context() as patched:
            patched.setattr(install, "replace_file", knife.around(atomic.replace_file))
            patched.setattr(running, "reload", knife.around(running.reload))
            patched.setattr(provider, "record", knife.around(install.record))
            with contextlib.suppress(Cut):
                carry_out(parts(site), knife)
        if knife.steps < number:
            break
        assert carry_out(parts(site), lambda _: None) == []
        assert differing(site) == [], f"cut at step {number}"
    assert number > STEPS_MIN
    assert prefixes(site) == {f"ha-{number}"}
    site.file.write_text(site.file.read_text().split("outputs:")[0])
    assert differing(site) == ["home_assistant box-1", "home_assistant court-1", "broker services.acl"]
    assert carry_out(parts(site), lambda _: None) == []
    assert (differing(site), prefixes(site)) == ([], set())


def prefixes(site: Bench) -> set[str]:
    """Those under which the broker keeps anything: in its file, for nobody may read all of it."""
    assert site.broker is not None
    site.broker.stop()
    kept = (site.directory / "data" / "mosquitto.db").read_bytes()
    site.start()
    return {found.decode() for found in re.findall(rb"(ha-[0-9]+)/sensor/", kept)}
