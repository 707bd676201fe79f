"""The rules of tests/conftest.py and tests/run_dirs.py: state is kept on failure, a skip fails in CI."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.setup.paths import REPOSITORY
from tests.run_dirs import RUNS, folder_name

SAMPLE = """
import pytest

def test_fails(run_dir, seed):
    (run_dir / "flash.bin").write_bytes(bytes(4096))
    (run_dir / "log.txt").write_text("first line\\nthe last words of the board\\n")
    assert seed == 1

def test_passes(run_dir):
    (run_dir / "flash.bin").write_bytes(bytes(4096))

@pytest.fixture
def board(run_dir):
    yield run_dir
    raise RuntimeError("left a process behind")

def test_fails_at_the_end(board):
    (board / "log.txt").write_text("what it said")
"""
SKIPS = """
import pytest

def test_skipped():
    pytest.skip("no broker here")

@pytest.mark.xfail
def test_known():
    assert False
"""


def run_pytest(folder: Path, text: str, ci: str) -> str:
    (folder / "test_sample.py").write_text(text)
    environment = {**os.environ, "CI": ci, "SPORTBOX_SEED": "4711", "PYTHONPATH": str(REPOSITORY)}
    environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    command = [sys.executable, "-m", "pytest", "-ra", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [
            *command,
            "-c",
            os.devnull,
            "--rootdir",
            str(folder),
            "--junit-xml",
            str(folder / "junit.xml"),
            str(folder),
        ],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return f"{done.stdout}{done.stderr}\nexit status {done.returncode}"


@pytest.fixture
def kept() -> Iterator[list[Path]]:
    """The folders of the sample's tests, removed in the end."""
    names = ("test_fails", "test_passes", "test_fails_at_the_end")
    folders = [RUNS / folder_name(f"test_sample.py::{name}") for name in names]
    yield folders
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def test_state_is_kept_and_named_when_a_test_fails(tmp_path: Path, kept: list[Path]) -> None:
    said = run_pytest(tmp_path, SAMPLE, ci="")
    assert [folder.exists() for folder in kept] == [True, False, True]
    assert f"kept: {kept[0].relative_to(REPOSITORY)}" in said
    assert f"kept: {kept[2].relative_to(REPOSITORY)}" in said
    assert "flash.bin (4096 bytes)" in said
    assert "the last words of the board" in said
    assert "what it said" in said
    assert "SPORTBOX_SEED=4711" in said
    assert (kept[0] / "flash.bin").stat().st_size == 4096
    junit = (tmp_path / "junit.xml").read_text()
    assert 'name="seed" value="4711"' in junit
    assert 'name="run_dir"' in junit


def test_skip_is_a_failure_in_ci_only(tmp_path: Path) -> None:
    said = run_pytest(tmp_path, SKIPS, ci="")
    assert "1 skipped, 1 xfailed" in said
    said = run_pytest(tmp_path, SKIPS, ci="true")
    assert "1 failed, 1 xfailed" in said
    assert "no broker here" in said
    assert "exit status 1" in said


def test_skipped_file_is_a_failure_in_ci_only(tmp_path: Path) -> None:
    text = "import pytest\npytest.importorskip('not_installed_anywhere')\n"
    assert "1 skipped" in run_pytest(tmp_path, text, ci="")
    said = run_pytest(tmp_path, text, ci="true")
    assert "not_installed_anywhere" in said
    assert "1 error" in said


def test_folder_names_are_short_and_distinct() -> None:
    long = "tests/sim/test_boards.py::test_" + "x" * 200
    assert len(folder_name(long)) <= 48
    assert folder_name(long) != folder_name(long + "y")
    assert folder_name("tests/sim/test_a.py::test_b[amqtt]") == "sim-test_a-test_b-amqtt"
