"""What `site plan` and `site apply` do with parts that differ, fail, or cannot be looked at."""

from collections.abc import Callable, Sequence

from host_tools.errors import ToolError, Unreachable
from host_tools.site.plan import Change
from host_tools.site.planner import DIFF_LINES_MAX, carry_out, lines_of, survey


class Part:
    """A part of a site that is out of order in `wrong` ways until they are mended."""

    def __init__(self, part: str, *wrong: str, fails: ToolError | None = None, left: str = "") -> None:
        self.part = part
        self.wrong = list(wrong)
        self.fails = fails
        self.left = left

    def changes(self) -> list[Change]:
        if isinstance(self.fails, Unreachable):
            raise self.fails
        return [Change(self.part, name, "change", f"{name} differs", ("-old", "+new")) for name in self.wrong]

    def apply(self, changes: Sequence[Change], say: Callable[[str], None]) -> list[str]:
        if self.fails is not None:
            raise self.fails
        self.wrong.clear()
        return [self.left] if self.left else []

    def notes(self) -> list[str]:
        return [f"{self.part} is fine"]


def test_a_survey_tells_what_differs_and_what_it_could_not_see() -> None:
    found = survey([Part("broker", "acl"), Part("boards", fails=Unreachable("no broker", "start it"))])
    assert [change.name for change in found.changes] == ["acl"]
    assert found.notes == ["broker is fine"]
    assert found.unknown["boards"].hint == "start it"


def test_a_part_that_fails_does_not_keep_the_next_from_trying() -> None:
    broken = Part("broker", "acl", fails=ToolError("no room", "make some"))
    boards = Part("boards", "box-1", left="court-2 is offline")
    said: list[str] = []
    assert carry_out([broken, boards], said.append) == [
        "broker: no room (hint: make some)",
        "court-2 is offline",
    ]
    assert boards.wrong == [] and broken.wrong == ["acl"]
    assert "  ~ box-1: box-1 differs" in said


def test_a_second_time_there_is_nothing_to_do() -> None:
    parts = [Part("broker", "acl"), Part("boards", "box-1")]
    assert carry_out(parts, lambda _: None) == []
    said: list[str] = []
    assert carry_out(parts, said.append) == []
    assert said == ["broker: nothing to do", "boards: nothing to do"]


def test_long_diffs_are_cut_and_nothing_of_a_network_reaches_the_terminal_raw() -> None:
    diff = tuple(f"-{number}" for number in range(DIFF_LINES_MAX + 5))
    lines = lines_of([Change("boards", "box\x1b[2J", "change", "text", diff)])
    assert lines[0] == "boards: 1 change"
    assert lines[-1].strip() == "... 5 more lines"
    assert not any("\x1b" in line for line in lines)
