"""Updates of running boards over a real broker: to the new version, or the old one goes on and says why."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from host_tools.broker import BrokerProcess
from host_tools.sim.flash import FLASH_FILE, read_files, write_files
from host_tools.update.build import build
from host_tools.update.form import Range, sha256
from tests.faults.helpers import Bench, Board, patched_firmware, wait_until
from tests.faults.helpers_listen import Listener
from tests.faults.helpers_safe import HEARD, Blocks, break_slots, order, record_of, small_bundle
from tests.faults.helpers_stage import side_by_side
from tests.faults.test_sleep import asleep, field_board
from tests.host.bundles import FILES, made

Json = dict[str, Any]
MISSING = 40_000
"""From there on a block server has nothing for a while."""
HALF = 2_000
WRONG = "0123456789abcdef" * 4
ENTRIES = [
    {"path": path, "sha256": WRONG if path == "main.py" else sha256(FILES[path]), "size": len(FILES[path])}
    for path in sorted(FILES)
]
"""The list of a bundle in which one file is not what it says."""


def updates(heard: Listener, board: Board) -> list[tuple[str, str | None]]:
    """What events said, each once."""
    events = {e["id"]: e["data"] for e in heard.events(board, "device.update")}
    return [(data["state"], data["reason"]) for data in events.values()]


def wait_told(heard: Listener, board: Board, state: str, count: int = 1, timeout_s: float = 30.0) -> None:
    def told(heard: Listener) -> bool:
        return [each for each, _ in updates(heard, board)].count(state) >= count

    heard.wait(told, f"device.update {state}", timeout_s)


def to_a_new_version_over_a_power_cut(bench: Bench, broker: BrokerProcess, _heard: Listener) -> None:
    """An open door is waited for, the power fails in the middle, and the order is answered by the new one."""
    bundle = build(version="0.2.0")
    with Listener(broker.host, broker.port, bench.folder, HEARD) as heard:
        board = bench.add("box-1", (broker.host, broker.port))
        board.boot()
        heard.wait_ready(board)
        blocks = Blocks(heard, bundle)
        blocks.spoil = lambda at, data: data if at < MISSING else None
        token = order(board, heard.latest(board, "info"), bundle)
        heard.send(board, token)
        wait_until(lambda: blocks.asked[-1:] >= [MISSING], "a block that does not come")
        assert heard.latest(board, "info")["update"] == {"state": "pull", "version": "0.2.0"}
        board.cut()
        before = list(blocks.asked)
        blocks.asked.clear()
        blocks.spoil = lambda at, data: data
        board.set("door-1", "open")
        board.boot()
        wait_told(heard, board, "waiting")
        assert min(blocks.asked) >= before[-1], "it asked again for what it had"
        info = heard.latest(board, "info")
        assert (info["firmware"], info["slot"], info["boot"]) == ("0.1.0", "a", 2)
        board.set("door-1", "closed")
        wait_told(heard, board, "done")
        assert heard.wait_ack(board, token, "done")[-1] == ("done", None)
        heard.wait(lambda heard: heard.latest(board, "info")["update"] is None, "nothing under way")
        info = heard.latest(board, "info")
        assert (info["firmware"], info["slot"]) == ("0.2.0", "b")
        assert updates(heard, board) == [
            ("pulling", None),
            ("waiting", "door"),
            ("installing", None),
            ("done", None),
        ]
        heard.send(board, token)
        assert heard.wait_ack(board, token, "rejected")[-1] == ("rejected", "replayed")
        board.cut()


def a_board_that_sleeps(bench: Bench, broker: BrokerProcess, _heard: Listener) -> None:
    """It stays awake with its radio until the new version has proved itself, then sleeps in it."""
    bundle = build(version="0.2.0")
    with Listener(broker.host, broker.port, bench.folder, HEARD) as heard:
        board = field_board(bench, broker)
        blocks = Blocks(heard, bundle)
        board.boot()
        heard.wait_ready(board)
        token = order(board, heard.latest(board, "info"), bundle)
        heard.send(board, token)
        wait_told(heard, board, "done")
        assert heard.wait_ack(board, token, "done")[-1] == ("done", None)
        assert blocks.asked.count(0) == 1
        asleep(board, 3)
        info = heard.latest(board, "info")
        assert (info["firmware"], info["slot"], info["sleeping"]) == ("0.2.0", "b", True)
        assert "sleeping" not in [m.payload.decode() for m in heard.of(board, "availability")][:-1]
        board.cut()


def a_boot_loop_is_told_by_the_other_firmware(bench: Bench, broker: BrokerProcess, _heard: Listener) -> None:
    with Listener(broker.host, broker.port, bench.folder, HEARD) as heard:
        board = bench.add("box-1", (broker.host, broker.port))
        other = {
            f"/b{path[2:]}": data for path, data in read_files(board.sim.folder).items() if path[:3] == "/a/"
        }
        write_files(board.sim.folder / FLASH_FILE, other)
        break_slots(board, "a")
        board.boot()
        wait_told(heard, board, "failed")
        info = heard.latest(board, "info")
        assert (info["firmware"], info["slot"], info["update"]) == ("0.1.0", "b", None)
        board.cut()
        assert (record_of(board)["slot"], record_of(board)["fell"]) == ("b", "")
        board.boot()
        heard.wait_ready(board, boots=2)
        assert updates(heard, board) == [("failed", "boot_loop")]
        board.cut()


class Foundry:
    """A board that is given one bad bundle after the other."""

    def __init__(self, board: Board, heard: Listener) -> None:
        self.board = board
        self.heard = heard
        self.blocks = Blocks(heard, b"")
        self.count = 0

    def gives(
        self, bundle: bytes, spoil: Callable[[int, bytes], bytes | None] | None = None, **args: Any
    ) -> tuple[str, str | None]:
        """The order's end, which the event tells as well."""
        self.count += 1
        self.blocks.bundle = bundle
        self.blocks.spoil = spoil or (lambda at, data: data)
        heard, board = self.heard, self.board
        token = order(board, heard.latest(board, "info"), bundle, args=args)
        heard.send(board, token)
        end = heard.wait_ack(board, token, "accepted", "failed", timeout_s=30)[-1]
        wait_told(heard, board, "failed", self.count)
        assert updates(heard, board)[-1] == end
        heard.wait(lambda heard: heard.latest(board, "info")["update"] is None, "nothing under way")
        info = heard.latest(board, "info")
        assert (info["firmware"], info["slot"]) == ("0.1.0", "a")
        return end


def what_a_board_does_not_take(bench: Bench, broker: BrokerProcess, _heard: Listener) -> None:
    quick = patched_firmware(bench.folder, constants={"sportbox/box.py": {"_TICK_MS": 200}})
    with Listener(broker.host, broker.port, bench.folder, HEARD) as heard:
        board = bench.add("box-1", (broker.host, broker.port), firmware=quick)
        board.boot()
        heard.wait_ready(board)
        foundry = Foundry(board, heard)
        good, foreign = small_bundle(), small_bundle(content=b"x")
        spoiled: list[Callable[[int, bytes], bytes]] = [
            lambda at, data: data[:-1],
            lambda at, data: data if at < HALF else good[-len(data) :],
            lambda at, data: data if at < HALF else foreign[at:][: len(data)],
            lambda at, data: data if at else data[:99] + data[100:] + b" ",
        ]
        for spoil in spoiled:  # cut off, swapped, foreign, a damaged head
            assert foundry.gives(good, spoil) == ("failed", "block")
        foundry.blocks.digest = WRONG
        assert foundry.gives(good, sha256=WRONG) == ("failed", "hash")
        foundry.blocks.digest = ""
        assert foundry.gives(small_bundle("box-esp32")) == ("failed", "board")
        old = Range(first="1.1.0", below="1.2.0")
        assert foundry.gives(small_bundle(series=old)) == ("failed", "micropython")
        assert foundry.gives(made(older)) == ("failed", "downgrade")
        assert foundry.gives(made(for_this, entries=ENTRIES), version="1.2.3") == ("failed", "damaged")
        assert foundry.gives(made(larger)) == ("failed", "space")
        board.cut()


def for_this(manifest: Json) -> None:
    manifest["boards"] = ["box-esp32s3"]


def older(manifest: Json) -> None:
    for_this(manifest)
    manifest["version"] = "0.0.9"


def larger(manifest: Json) -> None:
    for_this(manifest)
    manifest["flash"] = 1_400_000


def test_updates(run_dir: Path) -> None:
    side_by_side(
        run_dir,
        to_a_new_version_over_a_power_cut,
        a_board_that_sleeps,
        a_boot_loop_is_told_by_the_other_firmware,
        what_a_board_does_not_take,
    )
