"""Which self-test a board is tested with: the one of the firmware that runs there, or none."""

from typing import Any, cast

import pytest
import selftest
import sportbox

from host_tools import __version__
from host_tools.build.firmware import compile_firmware
from host_tools.errors import ToolError
from host_tools.port import selftest_code
from host_tools.port.selftest_code import VERSION_FILE, match, steps
from host_tools.port.upload import Survey, sha


@pytest.fixture
def brought(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    consoles: list[Any] = []
    monkeypatch.setattr(selftest_code, "bring", consoles.append)
    return consoles


def survey(files: dict[str, bytes]) -> Survey:
    return Survey({path: (len(data), sha(data)) for path, data in files.items()})


def test_tool_firmware_and_self_test_have_one_version() -> None:
    assert sportbox.__version__ == selftest.__version__ == __version__


@pytest.mark.parametrize("there", [None, "0.0.1", __version__])
def test_ours_is_brought_to_our_firmware(there: str | None, brought: list[Any]) -> None:
    match(cast(Any, "console"), __version__, there)
    assert brought == ["console"]


def test_the_boards_own_serves_another_firmware(brought: list[Any]) -> None:
    match(cast(Any, "console"), "9.9.9", "9.9.9")
    assert brought == []


@pytest.mark.parametrize(
    ("there", "said"), [(None, "has no self-test"), (__version__, f"its self-test is for {__version__}")]
)
def test_a_firmware_that_nobody_here_knows(there: str | None, said: str, brought: list[Any]) -> None:
    with pytest.raises(ToolError, match=f"runs firmware 9.9.9.*{said}") as caught:
        match(cast(Any, "console"), "9.9.9", there)
    assert caught.value.status == 1 and "sportbox 9.9.9" in str(caught.value.hint)
    assert brought == []


def test_only_what_differs_is_written_and_the_version_last() -> None:
    files = compile_firmware().selftest
    assert steps(survey(files), files) == []
    assert steps(Survey(), files)[-1] == (VERSION_FILE, files[VERSION_FILE]) and len(files) > 4
    there = {**files, VERSION_FILE: b"old", "/selftest/own.mpy": b"cut", "/selftest/gone.mpy": b"x"}
    assert steps(survey(there), files) == [
        ("/selftest/gone.mpy", None),
        ("/selftest/own.mpy", files["/selftest/own.mpy"]),
        (VERSION_FILE, files[VERSION_FILE]),
    ]


def test_a_bundle_and_the_slots_do_without_it() -> None:
    firmware = compile_firmware()
    assert not [path for path in firmware.slot if "selftest" in path]
    assert set(firmware.selftest) <= set(firmware.on_flash())
