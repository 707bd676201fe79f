"""A cable helps a board that is in safe mode, too."""

from pathlib import Path

import pytest

from host_tools.cli import main
from host_tools.errors import EXIT_DONE
from tests.sim.bench import PASSPHRASE, SiteBench
from tests.sim.chips import chip_board

STARTS = "sportbox: starts as hafensport-rostock/box-1"


def test_a_board_in_safe_mode_is_provisioned_anew(run_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is interrupted at whatever it waits for, and the firmware that restarts is gone."""
    bench = SiteBench(run_dir / "site")
    monkeypatch.setenv("SPORTBOX_PASSPHRASE", PASSPHRASE)
    with chip_board(run_dir, blank=False, flash_mib=8) as board:
        words = ["provision", "--site", str(bench.file), "--wait", "0", "--port", board.port]
        assert main([*words, "--device", "box-1"]) == EXIT_DONE
        board.cut()
        board.put({"/a/sportbox/run.py": b"import machine\nmachine.reset()\n"})
        board.boot()
        board.said("sportbox: safe mode: starts")
        assert main(words) == EXIT_DONE
        assert board.log().count(STARTS) == 2
        board.cut()
        assert "/a/sportbox/run.py" not in board.files()
