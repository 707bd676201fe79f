"""Every board with all that it can carry: the shipped firmware starts on it and finds each part."""

from pathlib import Path
from typing import Any

from tests.sim.test_up import up


def pairs(*numbers: int) -> list[str]:
    """Locks with their doors."""
    return [name for number in numbers for name in (f"lock-{number}", f"door-{number}")]


PEOPLE = ["release-1", "inside-1", "tamper-1"]
BOARDS: dict[str, tuple[str, list[str]]] = {
    "box-s3": (
        "box-esp32s3",
        [
            "lock-1: {role: lock-9}",
            "door-1",
            *pairs(2, 3, 5, 6, 7, 8, 10),
            *PEOPLE,
            "keypad-1: {opens: [lock-2, lock-10]}",
            "gate-1",
        ],
    ),
    "box-classic": (
        "box-esp32",
        [*pairs(1, 2, 3, 4, 5, 6, 7, 8), *PEOPLE, "keypad-1: {opens: [lock-8]}"],
    ),
    "chest": (
        "box-esp32",
        [
            *pairs(4, 5),
            "keypad-1: {rows: [18, 19, 25, 26], columns: [14, 27, 32, 34], opens: [lock-4]}",
        ],
    ),
    "field-gate": (
        "field-esp32c3",
        ["gate-1", "court-1: {sensors: [court-1, radar-1, gate-1]}", "court-2"],
    ),
    "field-tof": ("field-esp32c3", ["court-1: {sensors: [court-1, radar-1, tof-1]}", "court-2"]),
    "field-battery": ("field-esp32c3-battery", ["court-1", "court-2"]),
    "sim-locks": (
        "sim",
        [
            *pairs(1, 2, 3, 4, 9, 10, 11, 12),
            *PEOPLE,
            "keypad-2: {opens: [lock-1, lock-9]}",
        ],
    ),
    "sim-courts": (
        "sim",
        [
            "gate-1",
            "gate-2",
            "court-1: {sensors: [court-1, radar-1, tof-1, gate-1]}",
            "court-2: {sensors: [court-2, radar-2, tof-2, gate-2]}",
            *[f"court-{number}" for number in range(3, 9)],
        ],
    ),
}


def site_text() -> str:
    lines = ["version: 1", "site: test-site", "devices:"]
    for name, (board, components) in BOARDS.items():
        lines += [f"  {name}:", f"    board: {board}", "    components:"]
        lines += [f"      {part if ': ' in part else part + ':'}" for part in components]
    return "\n".join(lines) + "\n"


def test_every_board_starts_with_all_that_it_can_carry(run_dir: Path) -> None:
    with up(run_dir, "--broker", "embedded", site_text=site_text()) as running:
        online = {line["board"] for line in running.lines if "board" in line}
        assert online == set(BOARDS)
        for name in BOARDS:
            console = (running.state / "boards" / name / "log.txt").read_text()
            assert "Traceback" not in console, console
            shown: dict[str, Any] = running.show(name)
            assert shown["boot_count"] == 1, "it did not restart on its way"
            assert sum(lock["pulses"] for lock in shown["locks"].values()) == 0, "nothing moves at boot"
