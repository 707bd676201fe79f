"""More field boards than a site has."""

import pytest

from host_tools.errors import BadInput
from host_tools.sim.replicate import replicate
from host_tools.site.models import Site

BOX = {"board": "box-esp32s3", "components": {"lock-1": {}, "door-1": {}}}
COURT = {"board": "field-esp32c3", "components": {"court-1": {}}}


def site(*courts: str) -> Site:
    devices = {"box-1": BOX, **dict.fromkeys(courts, COURT)}
    return Site.model_validate({"version": 2, "site": "s", "devices": devices})


def test_own_boards_come_first_and_copies_get_numbers() -> None:
    found = replicate(site("court-1", "court-2"), 5)
    assert list(found.devices) == ["box-1", "court-1", "court-2", "court-1-2", "court-2-2", "court-1-3"]
    assert found.devices["court-2-2"] == found.devices["court-2"]


def test_names_stay_short_and_unique() -> None:
    long = "c" * 32
    found = replicate(site(long, "court-1", "court-1-2"), 300)
    assert len(found.devices) == 301
    assert max(map(len, found.devices)) <= 32


@pytest.mark.parametrize(("courts", "count"), [((), 3), (("a", "b"), 1), (("a",), 5001)])
def test_what_makes_no_sense_is_refused(courts: tuple[str, ...], count: int) -> None:
    with pytest.raises(BadInput):
        replicate(site(*courts), count)
