"""What the tests of the storm share."""

from collections.abc import Iterator

import pytest

from host_tools.sim import times


@pytest.fixture(autouse=True)
def real_time_afterwards() -> Iterator[None]:
    yield
    times.use(times.Clock())
