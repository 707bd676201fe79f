"""The limits that a board checks a change of its configuration against are those of a site file."""

import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import BaseModel
from sportbox.system import setting

from host_tools.site.base import HOST_PATTERN
from host_tools.site.load import load_site
from host_tools.site.models import Settings
from host_tools.site.openvault import no_wifi_password
from host_tools.site.resolve import HASH_DIGITS, device_config, device_secrets
from host_tools.site.sections import Broker, Ntp, Wifi
from tests.faults.test_full_boards import SITE

MODELS: dict[str, type[BaseModel]] = {"broker": Broker, "ntp": Ntp, "wifi": Wifi}
"""Of groups; all others are fields of the settings."""
NOT_SET = {
    *("version", "site", "device", "board", "chip", "components", "utc_offsets"),
    *("led", "buzzer", "i2c", "expander", "rtc", "power"),
}
"""What a board is, and what it is made of: that changes with the site file alone."""


def leaves(limits: dict[str, Any], group: str = "") -> Iterator[tuple[str, str, Any]]:
    for name, inner in limits.items():
        if isinstance(inner, dict):
            yield from leaves(inner, name)
        else:
            yield group, name, inner


ALL = [leaf for leaf in (*leaves(setting.LIMITS), *leaves(setting.SEALED)) if leaf[1] != "hash"]


def constraints(kind: Any) -> Iterator[Any]:
    """Of a field's type, wherever they stand in it."""
    for item in get_args(kind):
        yield from (item.metadata if hasattr(item, "metadata") else [item])
        yield from constraints(item)


def bound(found: list[Any], kind: type, name: str) -> Any:
    for item in found:
        if isinstance(item, kind):
            return getattr(item, name)
    return next((value for item in found if (value := getattr(item, name, None)) is not None), None)


@pytest.mark.parametrize(("group", "name", "limits"), ALL, ids=[f"{g}.{n}" for g, n, _ in ALL])
def test_a_bound(group: str, name: str, limits: Any) -> None:
    if name == "password":
        return  # below
    field = MODELS.get(group, Settings).model_fields[name]
    found = [*field.metadata, *constraints(field.annotation)]
    if isinstance(limits[0], str):
        assert set(limits) == set(get_args(field.annotation))
    elif len(limits) == 2:
        assert limits == (bound(found, Ge, "ge"), bound(found, Le, "le"))
    else:
        assert limits[:2] == (bound(found, MinLen, "min_length"), bound(found, MaxLen, "max_length"))
        pattern = bound(found, type(None), "pattern")
        assert pattern == (HOST_PATTERN if limits[2] else None)


def test_the_characters_of_a_host_name() -> None:
    allowed = {chr(code) for code in range(0x250) if re.fullmatch(HOST_PATTERN[1:-1], chr(code))}
    assert set(setting.LIMITS["broker"]["host"][2]) == allowed


@pytest.mark.parametrize("char", ["a", "F", "g", " ", "~", "\x7f", "\x1f", "ä", "\n"])
@pytest.mark.parametrize("length", [1, 7, 8, 63, 64, 65])
def test_a_password_of_a_wifi(char: str, length: int) -> None:
    told = setting.fits(char * length, setting.SEALED["wifi"]["password"])
    assert told == (no_wifi_password(char * length) is None)


def test_everything_of_a_configuration_can_be_set_or_is_what_the_board_is() -> None:
    """A new setting must be put into the firmware's table, or here."""
    config = device_config(load_site(SITE), "box-1")
    tables = {name: limits for name, limits in setting.LIMITS.items() if isinstance(limits, dict)}
    assert set(config) - NOT_SET == set(setting.LIMITS)
    for name, limits in tables.items():
        assert set(config[name]) - {"tls"} == set(limits), name
    wifi = device_secrets(load_site(SITE), "box-1", bytes(32))["wifi"]
    assert set(wifi) == set(setting.SEALED["wifi"])
    assert setting.LIMITS["hash"][:2] == (HASH_DIGITS, HASH_DIGITS)
    assert setting.fits(config["hash"], setting.LIMITS["hash"])
