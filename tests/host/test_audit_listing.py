"""Which rows of `audit show` are asked for, and its three forms."""

import csv
import io
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from host_tools.audit import listing
from host_tools.cli import main
from host_tools.errors import BadInput
from tests.host.audits import NOW_S, Board, journal_in, shown, tampering
from tests.host.helpers import GOOD, write

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def board() -> Board:
    return Board()


def test_what_is_asked_for(board: Board, tmp_path: Path) -> None:
    found = shown(
        tmp_path,
        board.lend("one", "a", n=2),
        board.lend("two", "b", n=3),
        Board("box-2", begin_s=NOW_S + 3_600).lend("one", "c", n=3),
        [board.event("door-1", "door.opened")],
    )

    def of(**asked: Any) -> list[str | None]:
        return [row.jti for row in found if listing.Wanted(**asked).fits(row)]

    def there(text: str) -> list[str | None]:
        return [row.jti for row in found if listing.wanted_component(text).fits(row)]

    assert of() == ["a", "b", None, "c"]
    assert of(sub="one") == ["a", "c"]
    assert there("lock-3") == there("door-3") == ["b", "c"]
    assert there("box-2/lock-3") == there("box-2/") == ["c"]
    assert there("device") == []
    assert of(until_s=NOW_S + 10) == ["a"]
    assert of(since_s=NOW_S + 30, until_s=NOW_S + 40) == ["a"]  # it was open then
    assert of(since_s=NOW_S + 100) == ["b", None, "c"]
    assert of(since_s=NOW_S + 90_000) == [None]  # it still is
    for wrong in ("Lock 3", "a/b/c", "x" * 40):
        with pytest.raises(BadInput, match="--component"):
            listing.wanted_component(wrong)


def test_times_that_are_asked_for() -> None:
    assert listing.moment_s("2026-11-18", "--since", BERLIN) == 1_794_956_400
    assert listing.moment_s("2026-11-18", "--until", BERLIN, end=True) == 1_794_956_400 + 86_399
    assert listing.moment_s("2026-11-18T12:06:40", "--since", BERLIN) == NOW_S
    assert listing.moment_s("2026-11-18T11:06:40Z", "--since", BERLIN) == NOW_S
    assert listing.moment_s("2h", "--since", BERLIN) + 3_600 == pytest.approx(
        listing.moment_s("1h", "--since", BERLIN), abs=1
    )
    for wrong in ("", "yesterday", "2026-13-01", "99999-01-01", "-1d"):
        with pytest.raises(BadInput, match="--since"):
            listing.moment_s(wrong, "--since", BERLIN)


def test_the_command(board: Board, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = write(tmp_path, GOOD)
    journal = journal_in(tmp_path)
    journal.store.path.rename(tmp_path / "audit.db")
    journal.store.path = tmp_path / "audit.db"
    journal.note(board.lend("=cmd|' /C calc'!A0", "a"))
    words = ["audit", "show", str(site), "--state", str(tmp_path)]

    def run(*more: str, status: int = 0) -> str:
        capsys.readouterr()
        assert main([*words, *more]) == status
        return capsys.readouterr().out

    assert "box-1/door-2" in run()
    assert json.loads(run("--json"))["sub"].startswith("=cmd")
    (row,) = csv.DictReader(io.StringIO(run("--csv")))
    assert (row["sub"][:2], row["open_s"], row["still_open"], row["entries"]) == (
        "'=",
        "60",
        "false",
        "1 3 4 6",
    )
    assert run("--since", "2026-11-19") == ""
    assert run("--sub", "somebody else", "--json") == ""
    assert run("--csv", "--json", status=2) == ""
    with tampering(journal) as db:
        db.execute("UPDATE entries SET body = replace(body, 'cmd', 'me')")
    assert main(words) == 0
    assert "note: tampered with: entry 1 " in capsys.readouterr().err
    with tampering(journal) as db:
        db.execute("UPDATE entries SET body = '{'")
    assert main(words) == 1
    assert "hint: sportbox audit verify" in capsys.readouterr().err
