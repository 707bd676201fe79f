"""A folder for what a test leaves behind (flash images, logs), kept and named when the test fails.

Put everything that would help to understand a failure below `run_dir`; draw chance from `seed`. To play a
failed test again: SPORTBOX_SEED=<the seed that the report names> make test PYTEST_ARGS="-k <the test>".
"""

import os
import random
import re
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from host_tools.setup.paths import REPOSITORY

RUNS = REPOSITORY / "build" / "test-runs"
SEED_VARIABLE = "SPORTBOX_SEED"
LOG_TAIL_LINES = 30
FILES_LISTED_MAX = 40

RUN_DIR = pytest.StashKey[Path]()
SEED = pytest.StashKey[int]()
FAILED = pytest.StashKey[bool]()


def folder_name(nodeid: str) -> str:
    """A short file name for a test: Unix sockets below it may have 107 characters in all."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", nodeid.removeprefix("tests/").replace(".py::", "-")).strip("-")
    if len(name) <= 48:
        return name
    return f"{name[:39]}-{random.Random(nodeid).getrandbits(32):08x}"


@pytest.fixture
def run_dir(request: pytest.FixtureRequest) -> Path:
    """An empty folder of this test's own: build/test-runs/<test name>/."""
    folder = RUNS / folder_name(request.node.nodeid)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    request.node.stash[RUN_DIR] = folder
    return folder


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> Iterator[int]:
    """The seed of this test's chance, named in the report of a failure."""
    given = os.environ.get(SEED_VARIABLE)
    value = int(given) if given else random.SystemRandom().randrange(2**32)
    request.node.stash[SEED] = value
    request.node.user_properties.append(("seed", value))
    yield value


def describe(folder: Path) -> str:
    """What a kept folder holds, and how its logs end."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [
        f"  {path.relative_to(folder)} ({path.stat().st_size} bytes)" for path in files[:FILES_LISTED_MAX]
    ]
    for log in (path for path in files if path.name.endswith(("log", "log.txt"))):
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
        lines += [f"--- {log.relative_to(folder)}, its end ---", *tail]
    return "\n".join([f"kept: {folder.relative_to(REPOSITORY)}", *lines])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    folder = item.stash.get(RUN_DIR, None)
    if report.failed:
        item.stash[FAILED] = True
        if SEED in item.stash:
            report.sections.append(("seed", f"{SEED_VARIABLE}={item.stash[SEED]}"))
        if folder is not None:
            report.sections.append(("what the test left behind", describe(folder)))
            report.user_properties.append(("run_dir", str(folder.relative_to(REPOSITORY))))
    if report.when == "teardown" and folder is not None and not item.stash.get(FAILED, False):
        shutil.rmtree(folder, ignore_errors=True)
    return report
