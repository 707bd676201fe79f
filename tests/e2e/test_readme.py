"""What the README shows works as it stands there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from host_tools.setup.paths import REPOSITORY
from host_tools.sim.board import SimBoard
from host_tools.sim.flash import Template
from host_tools.site.load import load_site
from host_tools.site.resolve import device_config
from tests.e2e.commands import ROSTOCK, environment, sim_up, sportbox

README = REPOSITORY / "README.md"


def shell_block() -> str:
    """The block behind the comment that names this file."""
    found = re.search(
        r"<!-- a test runs this block: tests/e2e/test_readme.py -->\n```sh\n(.*?)```",
        README.read_text(),
        re.S,
    )
    assert found is not None
    return found[1]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_a_token_made_with_a_shell_and_openssl_opens_a_compartment(run_dir: Path) -> None:
    with sim_up(ROSTOCK, state=run_dir / "site"):
        state = run_dir / "site"
        made = subprocess.run(
            ["sh", "-eu", "-c", shell_block()],
            capture_output=True,
            text=True,
            timeout=60,
            env=environment(state),
            cwd=REPOSITORY,
            check=True,
        )
        sportbox("sim", "set", "box-1", "door-2", "open", state=state)  # open: `done` comes at once
        sent = sportbox("send", ROSTOCK, "box-1", made.stdout.strip(), state=state)
        assert "accepted" in sent.stdout and "done" in sent.stdout


def test_every_command_of_the_table_exists() -> None:
    listed = re.findall(r"^\| `sportbox ([a-z]+)", README.read_text(), re.M)
    helped = sportbox("--help", state=REPOSITORY / "build").stdout
    assert len(set(listed)) >= 7
    for command in set(listed):
        assert re.search(rf"^  {command}\s", helped, re.M), command


def test_the_world_that_is_moved_by_hand_is_that_of_the_sample_sites(run_dir: Path) -> None:
    """Each `sim set` in a block of the README names what the sample site before it has."""
    boards: dict[str, SimBoard] = {}
    moved = 0
    for line in README.read_text().splitlines():
        if found := re.match(r"(?:S=|sportbox sim up )(sites/[a-z-]+\.yaml)", line):
            site = load_site(REPOSITORY / found[1])
            boards = {}
            for name in site.devices:
                boards[name] = SimBoard(run_dir / site.site / name)
                boards[name].create(device_config(site, name), {}, Template({"/main.py": b""}))
        if found := re.match(r"sportbox sim set (\S+) (\S+) ([^$\s]\S*)", line):
            boards[found[1]].set(found[2], found[3])
            moved += 1
    assert moved >= 10
