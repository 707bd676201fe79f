"""Two runs of the benchmarks beside each other, and what is said of them."""

import json
from pathlib import Path

import pytest

from tests.bench import compare
from tests.bench.figure import FAILED, Bar, Figure
from tests.bench.page import page
from tests.bench.record import Record, Suite, read

QUIET = [0.70, 0.71, 0.69, 0.70]


def run(path: Path, ours: list[float], failures: tuple[str, ...] = (), better: str = "more") -> Path:
    """A file of a run in which the other one always makes 1."""
    bar = Bar("ours", "raw <socket>", 0.6, None, text="At least 0.6 times the raw loop.")
    rounds = {"ours": ours, "raw <socket>": [1.0] * len(ours)}
    figure = Figure("publish/x", "messages/s", better, rounds, [bar], "on a whim")  # type: ignore[arg-type]
    suite = Suite("publish", "Messages.", 1.0, list(failures), [figure])
    Record({"processor": "a fast one"}, [suite]).write(path)
    return path


@pytest.mark.parametrize(
    ("now", "status", "said"),
    [
        (QUIET, 0, "within the spread"),
        ([0.65, 0.72, 0.64, 0.66], 0, "within the spread"),  # a little less, and the quartiles overlap
        ([0.62, 0.61, 0.62, 0.61], 1, "clearly worse"),
        ([0.9, 0.91, 0.9, 0.92], 0, "clearly better"),
        ([0.3, 0.9, 0.59, 0.55], 1, "bar no longer met"),
        ([0.7, FAILED, 0.7, 0.7], 1, "failed now"),
    ],
)
def test_judgements(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], now: list[float], status: int, said: str
) -> None:
    old, new = run(tmp_path / "old.json", QUIET), run(tmp_path / "new.json", now)
    assert compare.main([str(old), str(new)]) == status
    told = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert all(word in told for word in said.split()), told


def test_where_less_is_better(tmp_path: Path) -> None:
    def change(before: list[float], after: list[float]) -> str:
        files = (run(tmp_path / "f.json", values, better="less") for values in (before, after))
        old, new = (read(file).figures() for file in files)
        return compare.changes(old, new)[0].judgement

    assert change(QUIET, [1.4, 1.41, 1.4, 1.42]) == "clearly worse"
    assert change([1.4, 1.41, 1.4, 1.42], QUIET) == "clearly better"


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version": 2}', '{"version": 1, "machine": {}, "suites": [{}]}']
)
def test_a_file_of_something_else(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    file = tmp_path / "other.json"
    file.write_text(text)
    good = run(tmp_path / "good.json", QUIET)
    for pair in ((file, good), (good, file), (tmp_path / "none.json", good)):
        assert compare.main([str(pair[0]), str(pair[1])]) == 2
        told = capsys.readouterr().err
        assert told.startswith(f"error: {tmp_path}")
        assert "hint: make bench" in told


def test_the_page_tells_everything(tmp_path: Path) -> None:
    record = read(run(tmp_path / "a.json", [0.5, FAILED, 0.5, 0.5], ("ours, round 2: it broke <badly>",)))
    html = page(record)
    for words in (
        "0 of 1 bars are met",
        "not met",
        "raw &lt;socket&gt;",
        "it broke &lt;badly&gt;",
        "a fast one",
    ):
        assert words in html
    assert html.count("<svg") == 2
    assert "<script" not in html
    json.dumps(record.suites[0].plain(), allow_nan=False)
