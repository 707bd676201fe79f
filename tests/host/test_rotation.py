"""Rotations: what counts at each step, what a missing board stops, and that every step can be cut off."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from host_tools.broker import BrokerProcess
from host_tools.errors import BadInput, ToolError
from host_tools.site import rotation
from host_tools.site.ca import serial_of
from host_tools.site.load import load_site
from host_tools.site.plan import Change
from host_tools.site.rotation import Rotator
from tests.brokers import start
from tests.host.grounds import MACS, Ground
from tests.host.played_renewal import RenewedBoard, Script
from tests.vaults import reopened


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrokerProcess]:
    with start("mosquitto", tmp_path_factory.mktemp("rotation")) as running:
        yield running


class PlayedBroker:
    """Keeps what it was told to trust and to show; notes what the boards had then."""

    part = "broker"

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.trusts: list[bytes] = []
        self.shows: bytes = b""
        self.revoked: set[str | None] = set()
        self.fails = False

    def changes(self) -> list[Change]:
        return [Change("broker", "x", "change", "x")]

    def apply(self, changes: Sequence[Change], say: Any) -> list[str]:
        if self.fails:
            return ["the broker does not start"]
        vault = self._ground.vault
        trusts = [one.certificate_der() for one in vault.authorities]
        for board in self._ground.boards.values():
            assert vault.ca.certificate_der() in trusted(board), "it would not connect any more"
        self.trusts, self.shows = trusts, vault.ca.certificate_der()
        self.revoked = {one.serial for one in self._ground.inventory.revoked()}
        for board in self._ground.boards.values():
            assert issuer(board) in trusts, "it would not be let in any more"
        return []

    def notes(self) -> list[str]:
        return []


def trusted(board: RenewedBoard) -> list[bytes]:
    return [board.files["/certs/ca.der"], board.files.get("/certs/ca-next.der", b"")]


def issuer(board: RenewedBoard) -> bytes:
    """The trusted CA that the board's certificate is of."""
    certificate = x509.load_der_x509_certificate(board.files["/certs/device.der"])
    for der in filter(None, trusted(board)):
        try:
            certificate.verify_directly_issued_by(x509.load_der_x509_certificate(der))
        except Exception:
            continue
        return der
    return b""


class Stage:
    def __init__(self, ground: Ground, folder: Path) -> None:
        self.ground = ground
        self.broker = PlayedBroker(ground)
        self.told: list[str] = []
        self.folder = folder
        self.broker.apply([], print)

    @property
    def rotator(self) -> Rotator:
        """As the next command has it: all of the state is in the files."""
        self.ground.vault = reopened(self.ground.file, self.folder)
        return Rotator(
            self.ground.file,
            self.ground.vault,
            lambda: rotation.Ground(self.ground.provider(), self.broker),
            self.told.append,
        )

    @property
    def step(self) -> str | None:
        found = reopened(self.ground.file, self.folder).rotation
        return found.step if found else None


@pytest.fixture
def stage(tmp_path: Path, broker: BrokerProcess) -> Iterator[Stage]:
    ground = Ground(tmp_path, broker.port)
    for name in MACS:
        ground.provisioned(name)
    yield Stage(ground, tmp_path)
    ground.close()


def kids(board: RenewedBoard) -> set[str]:
    return set(json.loads(board.files["/secrets.json"])["keys"])


OLD, NEW = {"booking-1", "ops-1"}, {"booking-1-g2", "ops-1-g2"}


def test_the_master_secret(stage: Stage) -> None:
    boards = stage.ground.boards.values()
    serials = {serial_of(board.files["/certs/device.der"]) for board in boards}
    old = stage.ground.vault.master
    assert stage.rotator.rotate("master", False) == []
    assert stage.step == "switch"
    assert all(kids(board) == OLD | NEW for board in boards)
    assert stage.rotator.standing().lacking == {}
    sent = [len(board.parts) for board in boards]
    assert stage.rotator.rotate("master", False) == []  # again: nothing to do
    assert [len(board.parts) for board in boards] == sent
    with pytest.raises(BadInput, match="of the master secret has begun"):
        stage.rotator.rotate("ca", False)
    assert stage.rotator.finish("master", False) == []
    assert all(kids(board) == NEW for board in boards)
    assert stage.broker.revoked == serials
    vault = reopened(stage.ground.file, stage.folder)
    assert (vault.rotation, vault.generation, len(vault.masters)) == (None, 2, 1)
    assert vault.master != old
    assert stage.ground.differs() == []
    with pytest.raises(BadInput, match="no renewal of the master secret has begun"):
        stage.rotator.finish("master", False)


def test_the_ca(stage: Stage) -> None:
    boards = stage.ground.boards.values()
    old = stage.ground.vault.ca.certificate_der()
    assert stage.rotator.rotate("ca", False) == []
    assert (stage.step, stage.broker.shows) == ("trusted", old)
    assert all(trusted(board)[0] == old and trusted(board)[1] for board in boards)
    assert stage.rotator.rotate("ca", False) == []
    vault = reopened(stage.ground.file, stage.folder)
    new = vault.ca.certificate_der()
    assert stage.step == "switch"
    assert (stage.broker.shows, stage.broker.trusts) == (new, [new, old])
    assert all(trusted(board) == [new, old] and issuer(board) == new for board in boards)
    with pytest.raises(BadInput, match="no way back"):
        stage.rotator.abort("ca")
    assert stage.rotator.finish("ca", False) == []
    assert stage.broker.trusts == [new]
    assert all(trusted(board) == [new, b""] for board in boards)
    assert reopened(stage.ground.file, stage.folder).rotation is None
    assert stage.ground.differs() == []


def test_a_missing_board_holds_the_ca_back(stage: Stage) -> None:
    stage.ground.boards["box-1"].say("offline")
    old = stage.ground.vault.ca.certificate_der()
    (left,) = stage.rotator.rotate("ca", False)
    assert left.startswith("box-1: ")
    assert (stage.step, stage.broker.shows, len(stage.broker.trusts)) == ("trust", old, 2)
    with pytest.raises(BadInput, match="not in use yet"):
        stage.rotator.finish("ca", False)
    stage.ground.boards["box-1"].say()
    assert stage.rotator.rotate("ca", False) == []
    assert (stage.step, stage.broker.shows) == ("trusted", old)
    stage.ground.boards["box-1"].say("offline")  # it trusts both
    assert len(stage.rotator.rotate("ca", False)) == 1
    assert stage.step == "switch"
    assert stage.broker.shows != old


def test_a_missing_board_holds_the_end_back(stage: Stage) -> None:
    stage.ground.boards["box-1"].say("offline")
    assert len(stage.rotator.rotate("master", False)) == 1
    with pytest.raises(ToolError, match="without the new master secret: box-1") as caught:
        stage.rotator.finish("master", False)
    assert caught.value.details[0].startswith("box-1: keys")
    assert kids(stage.ground.boards["court-1"]) == OLD | NEW
    assert len(stage.rotator.finish("master", True)) == 1  # locked out knowingly
    assert stage.step is None
    assert kids(stage.ground.boards["court-1"]) == NEW


def test_back_to_the_old_one(stage: Stage) -> None:
    old = stage.ground.vault.master
    stage.ground.boards["box-1"].script = Script(final=("failed", "unreachable"))
    assert len(stage.rotator.rotate("master", False)) == 1
    stage.ground.boards["box-1"].script = Script()
    assert stage.rotator.abort("master") == []
    vault = reopened(stage.ground.file, stage.folder)
    assert (vault.rotation, vault.masters) == (None, {1: old})
    assert all(kids(board) == OLD for board in stage.ground.boards.values())
    assert stage.rotator.rotate("master", False) == []  # not a generation that a board may remember
    assert reopened(stage.ground.file, stage.folder).generation == 3
    stage.rotator.abort("master")
    stage.ground.boards["box-1"].say("offline")
    stage.rotator.rotate("ca", False)
    stage.ground.boards["box-1"].say()
    assert stage.rotator.abort("ca") == []
    assert (stage.step, len(stage.broker.trusts)) == (None, 1)
    assert all(trusted(board)[1] == b"" for board in stage.ground.boards.values())


@pytest.mark.parametrize("what", ["master", "ca"])
def test_cut_off_at_every_step(stage: Stage, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The k-th thing that changes anything does not happen any more; the next run finishes it."""
    boards = stage.ground.boards.values()
    for command in ("rotate", "rotate", "finish"):
        for k in range(20):
            with monkeypatch.context() as cut:
                left = [k]

                def counted(original: Any, left: list[int] = left) -> Any:
                    def call(*arguments: Any, **named: Any) -> Any:
                        left[0] -= 1
                        if left[0] < 0:
                            raise KeyboardInterrupt
                        return original(*arguments, **named)

                    return call

                for owner, name in (
                    (type(stage.ground.vault), "change"),
                    (PlayedBroker, "apply"),
                    (rotation.BoardsProvider, "push"),
                ):
                    cut.setattr(owner, name, counted(getattr(owner, name)))
                try:
                    getattr(stage.rotator, command)(what, False)
                except KeyboardInterrupt:
                    continue
                break
        else:
            pytest.fail("it never ends")
        assert k > 2 or command == "rotate"
    assert stage.step is None
    assert stage.ground.differs() == []
    assert all(kids(board) == (NEW if what == "master" else OLD) for board in boards)
    assert stage.broker.trusts == [reopened(stage.ground.file, stage.folder).ca.certificate_der()]


def test_where_the_broker_does_not_nothing_goes_on(stage: Stage) -> None:
    stage.broker.fails = True
    with pytest.raises(ToolError, match="does not start"):
        stage.rotator.rotate("ca", False)
    assert stage.step == "trust"
    assert all(trusted(board)[1] == b"" for board in stage.ground.boards.values())


def test_one_board(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    board, inventory = stage.ground.boards["box-1"], stage.ground.inventory
    old = serial_of(board.files["/certs/device.der"])
    board.say("offline")
    with pytest.raises(ToolError, match="nothing was changed"):
        stage.rotator.device("box-1", inventory)
    assert load_site(stage.ground.file).devices["box-1"].key_version == 1
    board.say()
    board.script.final = ("failed", "unreachable")
    with pytest.raises(ToolError, match="went back"):
        stage.rotator.device("box-1", inventory)
    assert (kids(board), stage.broker.revoked) == (OLD, set())
    board.script.final = ("done", None)
    stage.rotator.device("box-1", inventory)  # goes on, and does not raise it again
    assert load_site(stage.ground.file).devices["box-1"].key_version == 2
    assert kids(board) == {"booking-2", "ops-2"}
    assert stage.broker.revoked == {old}
    assert stage.ground.differs() == []
    stage.rotator.device("box-1", inventory)
    assert load_site(stage.ground.file).devices["box-1"].key_version == 3
