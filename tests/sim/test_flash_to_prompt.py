"""`sportbox flash` and `sportbox doctor` on whole simulated boards: from blank to MicroPython's prompt."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from host_tools.cli import main
from host_tools.port import examine, jobs
from host_tools.port.ports import PORTS_VARIABLE
from host_tools.sim.chip.image import sim_image
from tests.sim.chips import chip_board

CHIPS = ("esp32", "esp32s3", "esp32c3")


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(examine, "LISTEN_S", 0.6)
    monkeypatch.setattr(jobs, "PAUSE_S", 0.0)
    yield


def images(run_dir: Path, *chips: str) -> list[str]:
    """--image F for each chip."""
    words = []
    for chip in chips:
        path = run_dir / f"{chip}.bin"
        path.write_bytes(sim_image(chip))
        words += ["--image", str(path)]
    return words


def found(capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, object]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {line["what"]: line for line in lines}


def test_blank_chips_come_to_their_prompt_and_doctor_tells(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with ExitStack() as stack:
        boards = [stack.enter_context(chip_board(run_dir, chip, name=f"a-{chip}")) for chip in CHIPS]
        monkeypatch.setenv(PORTS_VARIABLE, ",".join(board.port for board in boards))
        assert main(["doctor", "--port", boards[0].port, "--json"]) == 1
        told = found(capsys)
        assert told["blank"]["message"] == "there is no MicroPython on it"
        assert told["chip"]["mac"] == boards[0].mac
        assert main(["flash", "--all", *images(run_dir, *CHIPS), "--json"]) == 0
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert [line["mac"] for line in lines] == [board.mac for board in boards]
        assert [line["micropython"] for line in lines] == ["1.29.0"] * 3
        assert main(["doctor", "--port", boards[1].port, "--json"]) == 1
        told = found(capsys)
        assert told["chip"]["mac"] == boards[1].mac
        assert told["space"]["mark"] == "ok"
        assert told["provisioned"]["message"] == "it is not provisioned: nothing of ours is on it"


@pytest.mark.parametrize(
    ("fault", "tries"), [("disconnect=20000", 2), ("reset-write=20000", 2), ("drop=0.00005:1", 1)]
)
def test_a_flaky_board_comes_through(
    run_dir: Path, capsys: pytest.CaptureFixture[str], fault: str, tries: int
) -> None:
    with chip_board(run_dir, "esp32c3", faults=[fault]) as board:
        assert main(["flash", "--port", board.port, *images(run_dir, "esp32c3"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tries"] >= tries


def test_a_bad_sector_and_a_busy_port_do_not_hold_up_the_third(
    run_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        chip_board(run_dir, "esp32c3", name="bad", faults=["bad-sector=0x11000"]) as bad,
        chip_board(run_dir, "esp32c3", name="busy", faults=["busy"]) as busy,
        chip_board(run_dir, "esp32c3", name="good") as good,
    ):
        monkeypatch.setenv(PORTS_VARIABLE, ",".join(board.port for board in (bad, busy, good)))
        assert main(["flash", "--all", *images(run_dir, "esp32c3")]) == 1
    err = capsys.readouterr().err
    assert f"{bad.port}: error: the flash sector at 0x11000 does not keep what is written to it\n" in err
    assert f"{busy.port}: error: {busy.port} is in use by another program\n" in err
    assert f"2 of 3 failed: {bad.port}, {busy.port}\n" in err
