"""A seed from begin to end: the plan happens, all is mended in the end, and it is the same each time."""

from pathlib import Path

from host_tools.storm.oracle import judge
from host_tools.storm.play import Played, boards_of, config_of, play
from host_tools.storm.weather.plan import made


def played(folder: Path, seed: str, board: str, hours: float) -> Played:
    plan = made(seed, hours, board, config_of(board))
    return play(seed, board, plan, folder / board)


def test_two_hours_of_a_box(tmp_path: Path) -> None:
    first, again = (played(tmp_path, "7", "box-1", 2) for _ in range(2))
    assert first.digest == again.digest
    assert first.records[-1]["kind"] == "end"
    faults = [record["number"] for record in first.records if record["kind"] == "fault" and record["on"]]
    assert sorted(faults) == sorted(fault.number for fault in first.plan.faults)
    assert not (tmp_path / "box-1").exists()
    assert judge(first.records, first.config, first.plan.to_json()["faults"]) == []


def test_boards_are_many(tmp_path: Path) -> None:
    names = boards_of(7)
    assert names[:2] + names[5:] == ["box-1", "court-1", "box-1.2", "court-1.2"]
    assert config_of("box-1.2") == config_of("box-1")
