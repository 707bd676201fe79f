"""`site new`: a right site file from a template, another site or answers, and none is overwritten."""

import builtins
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tools.cli import main
from host_tools.site.load import load_site, read_site
from host_tools.site.templates import BOXES_MAX, COURTS_MAX, SOCKETS, TEMPLATES, Answers, site_text
from tests.host.helpers import ROSTOCK, WORKSHOP, write


@pytest.mark.parametrize("template", list(TEMPLATES))
def test_templates_are_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["site", "new", "ground.yaml", "--template", template]) == 0
    out = capsys.readouterr().out
    assert out.startswith("ground.yaml: site ground, ")
    assert "sportbox site check ground.yaml" in out
    site, notes = read_site(tmp_path / "ground.yaml")
    assert site.version == 2
    marks = [] if template in ("workbench", "laptop") else ["title", "broker.host", "wifi.main.ssid"]
    assert [note.field for note in notes] == marks


def test_the_workbench_is_that_of_the_sample() -> None:
    ours, theirs = TEMPLATES["workbench"], load_site(WORKSHOP)
    assert (ours.broker, ours.port, ours.tls) == (theirs.broker.host, theirs.broker.port, theirs.broker.tls)
    assert str(theirs.ntp.port) in ours.ntp


def test_every_number_of_boxes_and_courts_is_right(tmp_path: Path) -> None:
    for boxes, each, courts in ((0, 1, 1), (BOXES_MAX, len(SOCKETS), COURTS_MAX), (1, 1, 0), (1, 5, 1)):
        answers = Answers("a", boxes=boxes, courts=courts, compartments=each)
        site, notes = read_site(write(tmp_path, site_text(answers)))
        assert notes == []
        box = site.devices.get("box-1")
        locks = [name for name in box.components if name.startswith("lock-")] if box else []
        assert len(locks) == (each if boxes else 0)
        assert len(site.devices) == boxes + courts


@pytest.mark.parametrize("title", ['a "b"', "c: #d", "{e}", "Bad Doberan — Mole", "'", "\\n"])
def test_any_title_is_quoted(tmp_path: Path, title: str) -> None:
    assert load_site(write(tmp_path, site_text(Answers("a", title, ssid=title)))).title == title


def test_from_another_site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "mole.yaml"
    assert main(["site", "new", str(path), "--from", str(ROSTOCK), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["site"], told["boards"], told["notes"]) == ("mole", 4, 4)
    assert load_site(path) == load_site(ROSTOCK).model_copy(update={"site": "mole"})


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["x.yaml", "--template", "box-and-cuorts"], "did you mean `box-and-courts`?"),
        (["x.yaml", "--template", "workbench", "--from", "y"], "one of them"),
        (["X!.yaml", "--template", "workbench"], "is no name"),
        (["--template", "workbench"], "needs a name"),
        (["x.yaml", "--from", "none.yaml"], "no file none.yaml"),
        (["no/x.yaml", "--template", "workbench"], "cannot write"),
        (["there.yaml", "--template", "workbench"], "is there already"),
    ],
)
def test_refusals(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.yaml").write_text("mine")
    assert main(["site", "new", *words]) == 2
    assert told in capsys.readouterr().err
    assert (tmp_path / "there.yaml").read_text() == "mine"
    assert [path.name for path in tmp_path.iterdir()] == ["there.yaml"]


class Person:
    """Answers at the terminal, one line each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
        self.lines: Iterator[str] = iter(lines)
        monkeypatch.setattr(builtins, "input", self.answer)
        monkeypatch.setattr(sys.stdin, "isatty", lambda: True)

    def answer(self) -> str:
        for line in self.lines:
            return line
        raise EOFError


def test_questions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        "Bad Name",
        "bad-name",
        "Ground",
        "Europe/Nowhere",
        "",
        "2",
        "9",
        "3",
        "0",
        "mqtt.example",
        "net",
    ]
    Person(monkeypatch, *lines)
    monkeypatch.chdir(tmp_path)
    assert main(["site", "new"]) == 0
    err = capsys.readouterr().err
    for told in ("`Bad Name` is no name", "no time zone", "from 1 to 6"):
        assert told in err
    site = load_site(tmp_path / "bad-name.yaml")
    assert (site.title, site.time_zone, site.broker.host) == ("Ground", "Europe/Berlin", "mqtt.example")
    assert (list(site.devices), site.first_network.ssid) == (["box-1", "box-2"], "net")
    assert sum(name.startswith("lock") for name in site.devices["box-2"].components) == 3


def test_an_answer_that_does_not_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Person(monkeypatch, "a", "A")
    assert main(["site", "new"]) == 2
    assert "nothing is written" in capsys.readouterr().err
    Person(monkeypatch, *["!"] * 9)
    assert main(["site", "new"]) == 2
    assert "after 5 tries" in capsys.readouterr().err
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    assert main(["site", "new"]) == 2
    assert "no terminal" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
