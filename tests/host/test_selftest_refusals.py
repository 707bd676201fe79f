"""What a self-test refuses before anybody has worked for it."""

import shutil
from pathlib import Path

import pytest

from host_tools.commands.selftest import _still_is
from host_tools.errors import BadInput, ToolError
from host_tools.port.record import ready_folder
from host_tools.setup.paths import REPOSITORY
from host_tools.site.inventory import Inventory

OLD, NEW = "24:dc:c3:00:00:01", "24:dc:c3:00:00:02"


def test_a_board_that_was_replaced_is_not_accepted(run_dir: Path) -> None:
    site_file = run_dir / "site.yaml"
    shutil.copy(REPOSITORY / "sites/werkstatt.yaml", site_file)
    _still_is(site_file, "box-1", OLD)  # nothing is known yet
    assert not site_file.with_suffix(".inventory.db").exists()
    store = Inventory.open(site_file)
    store.record("provision", OLD, "box-1")
    _still_is(site_file, "box-1", OLD)
    store.record("replace", NEW, "box-1")
    _still_is(site_file, "box-1", NEW)
    with pytest.raises(BadInput, match=f"box-1 is the board {NEW} now") as refused:
        _still_is(site_file, "box-1", OLD)
    assert refused.value.hint


def test_the_folder_of_records_is_made_first(run_dir: Path) -> None:
    ready_folder(run_dir / "site.records")
    assert (run_dir / "site.records").is_dir()
    (run_dir / "file").touch()
    with pytest.raises(ToolError, match=r"cannot write the record in .*: part of the path is no folder"):
        ready_folder(run_dir / "file" / "records")
