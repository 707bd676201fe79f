"""Every planted fault still fits the sources (`make mutants` plants them and runs their tests)."""

from pathlib import Path

import pytest

from tests.mutants.ground import Ground, Verdict
from tests.mutants.planted import Fault, Rotten, arguments, check, read
from tests.mutants.run import Row, end, try_one

FAULTS = read()


def test_each_fits_once() -> None:
    rotten = []
    for fault in FAULTS:
        try:
            check(fault)
        except Rotten as error:
            rotten.append(str(error))
    assert not rotten


def fault_in(text: str, old: str, new: str = "y = 2\n") -> str:
    return Fault("area", "name", "x.py", old, new, ("tests/core/test_token.py",)).planted(text)


def test_a_fault_is_planted_in_one_place() -> None:
    assert fault_in("a = 1\nx = 1\n", "x = 1\n") == "a = 1\ny = 2\n"


@pytest.mark.parametrize("text", ["", "x = 1\nx = 1\n"])
def test_none_or_two_places_are_rotten(text: str) -> None:
    with pytest.raises(Rotten, match=f"stands {text.count('x')} times"):
        fault_in(text, "x = 1\n")


def test_what_would_not_compile_is_rotten() -> None:
    with pytest.raises(Rotten, match="would not compile"):
        fault_in("x = 1\n", "x = 1\n", "x = (\n")


def test_a_choice_of_tests() -> None:
    assert arguments("tests/a.py -k one and two") == ["tests/a.py", "-k", "one and two"]
    assert arguments("tests/a.py") == ["tests/a.py"]


class Played:
    """A copy in which each choice of tests has a verdict."""

    def __init__(self, root: Path, verdicts: dict[str, Verdict]) -> None:
        self.root = root
        self.verdicts = verdicts
        self.ran: list[str] = []

    planted = Ground.planted
    _planted = 0

    def run(self, entry: str, timeout_s: float) -> Verdict:
        assert (self.root / "x.py").read_text() == "y = 2\n"
        self.ran.append(entry)
        return self.verdicts[entry]


def row_of(root: Path, may_hang: bool = False, **verdicts: str) -> tuple[Row, list[str]]:
    (root / "x.py").write_text("x = 1\n")
    ground = Played(root, {entry: Verdict(what, "by it") for entry, what in verdicts.items()})
    fault = Fault("area", "name", "x.py", "x = 1\n", "y = 2\n", tuple(verdicts), may_hang)
    row = try_one(ground, fault)  # type: ignore[arg-type]
    assert (root / "x.py").read_text() == "x = 1\n"
    return row, ground.ran


def test_the_first_red_test_catches(tmp_path: Path) -> None:
    row, ran = row_of(tmp_path, one="green", two="red", three="red")
    assert (row.what, row.by, ran) == ("caught", "by it", ["one", "two"])


def test_green_tests_let_it_survive(tmp_path: Path) -> None:
    assert row_of(tmp_path, one="green", two="green")[0].what == "survived"


def test_tests_without_end_catch_only_what_may_hang(tmp_path: Path) -> None:
    assert row_of(tmp_path, True, one="endless")[0].what == "caught"
    assert row_of(tmp_path, one="endless")[0].what == "endless"


def test_a_run_without_a_verdict_catches_nothing(tmp_path: Path) -> None:
    row, _ = row_of(tmp_path, one="unsure", two="red")
    assert row.what == "unsure"


@pytest.mark.parametrize("what, status", [("caught", 0), ("survived", 1), ("rotten", 1), ("unsure", 1)])
def test_status(what: str, status: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    caught, other = (Row("area", "name", "x.py", one, "", 1.0) for one in ("caught", what))
    assert end([caught, other], 2.0, tmp_path / "mutants.json") == status
    assert ("error:" in capsys.readouterr().err) == (status == 1)
