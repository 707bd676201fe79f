"""What the README shows works as it stands there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from host_tools.setup.paths import REPOSITORY
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
