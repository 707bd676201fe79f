"""The journal of a simulated evening: a citizen's opening, a token nobody may use, a break-in."""

import signal
from pathlib import Path

from host_tools.audit import listing
from host_tools.audit.openings import rows
from host_tools.audit.store import Store
from host_tools.audit.times import read
from host_tools.audit.verify import verify
from tests.brokers import wait_until
from tests.e2e.commands import json_lines, sim_up, sportbox, start
from tests.host.helpers import changed, write

SITE = changed(
    "      gate-1:\n",
    "",
    changed("  court-1:\n    board: field-esp32c3\n    components:\n      court-1: {hold_ms: 5000}\n", ""),
)


def brief(state: Path) -> list[tuple[object, ...]]:
    """The journal as it is now, without the start of a command each time."""
    found = rows(read(listing.entries_of(Store(state / "audit.db", "test-site"))))
    return [(row.what, row.component, row.sub, row.is_open, row.result) for row in found]


def test_who_opened_what_when_for_how_long(run_dir: Path) -> None:
    site, state = write(run_dir, SITE), run_dir / "state"
    with sim_up(site, state=state):
        service = start("audit", "collect", site, "--json", state=state)
        try:
            assert service.stdout is not None and service.stderr is not None
            while "connected to" not in service.stderr.readline():
                assert service.poll() is None
            token = sportbox(
                "grant", site, "box-1", "lock-1", "--sub", "booking-4711", state=state
            ).stdout.strip()
            order = start("send", site, "box-1", token, "--json", state=state)
            assert order.stdout is not None and "accepted" in order.stdout.readline()
            sportbox("sim", "set", "box-1", "door-1", "pull", state=state)
            assert order.wait(20) == 0
            sportbox("sim", "set", "box-1", "door-1", "closed", state=state)
            sportbox("send", site, "box-1", token, state=state, status=1)  # used up

            expected = [
                ("opening", "door-1", "booking-4711", False, "done"),
                ("refused", "lock-1", "booking-4711", False, "replayed"),
            ]
            wait_until(lambda: brief(state) == expected, "the evening in the journal", 20)
            sportbox("sim", "set", "box-1", "door-1", "open", state=state)
            expected.append(("forced", "door-1", None, True, "forced"))
            wait_until(lambda: brief(state) == expected, "the break-in in the journal", 20)
            service.send_signal(signal.SIGTERM)
            assert service.wait(20) == 0
        finally:
            service.kill()
            service.communicate()
        assert verify(Store(state / "audit.db", "test-site"), None).problem is None
        opening, *_ = json_lines(sportbox("audit", "show", site, "--json", state=state).stdout)
        assert opening["at"] >= opening["ordered"] and opening["open_s"] is not None
