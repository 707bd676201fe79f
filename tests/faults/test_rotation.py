"""All secrets of a running site are renewed: nothing gets lost, nobody is left behind, the old is refused."""

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from host_tools import token
from host_tools.site import ca
from host_tools.site.inventory_issued import certificates
from host_tools.site.keys import device_key
from tests.faults.helpers import Bench
from tests.faults.helpers_rotation import Ears, RunningSite, let_in, people, seconds, two_ports


class Old:
    """What counted before: kept by somebody who should not have it."""

    def __init__(self, site: RunningSite, folder: Path) -> None:
        vault = site.vault
        self.authority = vault.ca
        self.key = device_key(vault.master, site.name, "box-1", "ops", 1)
        private = ca.device_private_key(vault.master, site.name, "box-1", 1)
        self.private = ca.key_pem(private)
        issued = certificates(site.inventory).values()
        self.certificate = next(one.der for one in issued if one.device == "box-1")
        self.folder = folder

    def token(self, site: str, nonce: str) -> tuple[str, str]:
        order = token.Order(site, "box-1", "lock-1", int(time.time()), 60, "identify", nonce=nonce)
        claims = order.claims()
        return token.make(claims, self.key, "ops-1"), claims["jti"]


def check_nothing_lost(ears: Ears, names: Sequence[str]) -> None:
    """Every event that a board has accepted was heard, in order and without a gap."""

    def all_heard() -> bool:
        for name in names:
            figures, heard = ears.telemetry(name), ears.seqs.get(name, [0])
            if figures.get("queue") != 0 or max(heard) < figures["accepted"]:
                return False
        return True

    ears.wait(all_heard, "the last event of each board", 20)
    for name in names:
        first_time = list(dict.fromkeys(ears.seqs[name]))
        assert first_time == list(range(1, len(first_time) + 1)), name
        assert ears.telemetry(name)["dropped"] == 0, name
        assert len(first_time) >= ears.telemetry(name)["accepted"], name


@pytest.mark.timeout(400)  # fifty seconds of a machine that has nothing else to do
def test_everything_is_renewed_while_it_runs(bench: Bench, run_dir: Path) -> None:
    step = seconds()
    site = RunningSite(run_dir, bench, two_ports())
    site.create()
    broker = site.start_broker()
    ears = Ears(site)
    names = list(site.boards)
    rotator = site.rotator(step)
    try:
        site.boot()
        ears.wait(lambda: all(ears.telemetry(name) for name in names), "all boards", 30)
        step("20 boards are online")
        old = Old(site, run_dir)
        assert let_in(site.port, old.authority.certificate_der(), old.certificate, old.private, run_dir)
        with people(site.boards) as moves:
            assert rotator.rotate("master", False) == []
            step("new master secret")
            assert rotator.finish("master", False) == []
            step("the old one is gone")
            assert rotator.rotate("ca", False) == []
            step("new CA is trusted")
            ears.trust(site.vault.authorities[1])
            assert rotator.rotate("ca", False) == []
            step("new CA is in use")
            assert rotator.finish("ca", False) == []
            step("the old one is gone")
            rotator.device("court-7", site.inventory)
            step("one board")
            moved = moves()
        check_nothing_lost(ears, names)
        step(f"nothing lost of {moved} moves: {sum(len(set(s)) for s in ears.seqs.values())} events")
        check_nobody_left_behind(site, ears)
        check_old_is_refused(site, ears, old)
    finally:
        ears.stop()
        broker.stop()


def check_nobody_left_behind(site: RunningSite, ears: Ears) -> None:
    assert site.vault.rotation is None
    for name in site.boards:
        info = ears.latest[name]["info"]
        version = 2 if name == "court-7" else 1
        assert sorted(info["keys"]) == [f"booking-{version}-g2", f"ops-{version}-g2"], name
        row = site.inventory.board_of(name)
        assert row is not None
        assert row.serial == info["cert"], name


def check_old_is_refused(site: RunningSite, ears: Ears, old: Old) -> None:
    port, new_ca, old_ca = site.port, site.vault.ca.certificate_der(), old.authority.certificate_der()
    assert new_ca != old_ca
    made, jti = old.token(site.name, ears.latest["box-1"]["info"]["nonce"])
    ears.client.publish(f"sportbox/v1/{site.name}/box-1/cmd", made, 1)
    ears.wait(lambda: ears.acks.get(jti), "the answer to an old token")
    assert ears.acks[jti] == [("rejected", "key")]
    assert not let_in(port, new_ca, old.certificate, old.private, old.folder)
    fresh = ca.device_private_key(site.vault.master, site.name, "box-1", 1)
    by_old = ca.issue(old.authority, fresh.public_key(), "box-1")
    by_new = ca.issue(site.vault.ca, fresh.public_key(), "box-1")
    assert not let_in(port, new_ca, by_old, ca.key_pem(fresh), old.folder)
    assert not let_in(port, old_ca, by_new, ca.key_pem(fresh), old.folder)
    assert let_in(port, new_ca, by_new, ca.key_pem(fresh), old.folder)
