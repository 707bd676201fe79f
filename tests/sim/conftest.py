from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.sim.host import ZygoteHost
from tests.sim.boards import Bench


@pytest.fixture
def zygote(run_dir: Path) -> Iterator[ZygoteHost]:
    with ZygoteHost(run_dir / "zygote.log") as host:
        yield host


@pytest.fixture
def bench(run_dir: Path, zygote: ZygoteHost) -> Bench:
    return Bench(run_dir / "box-1", zygote)
