"""Compares all parts of a site and changes them, in their order: boards come after the broker they need.

found = survey(providers)            # what `site plan` shows
left = carry_out(providers, say)     # what `site apply` could not do
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from host_tools.errors import ToolError
from host_tools.output import printable
from host_tools.site.plan import SIGNS, Change, Provider

DIFF_LINES_MAX = 60


@dataclass
class Survey:
    """`unknown`: parts that could not be looked at, with the reason and the cure."""

    changes: list[Change] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unknown: dict[str, ToolError] = field(default_factory=dict)


def survey(providers: Sequence[Provider]) -> Survey:
    """Everything that differs. A part that cannot be looked at, as one behind a broker that does not run, is
    unknown, and keeps none of the others from it."""
    found = Survey()
    for provider in providers:
        try:
            found.changes += provider.changes()
            found.notes += provider.notes()
        except ToolError as error:
            found.unknown[provider.part] = error
    return found


def carry_out(providers: Sequence[Provider], say: Callable[[str], None]) -> list[str]:
    """Makes every change that can be made; what is left, a sentence each. A part that fails does not keep
    the next ones from trying."""
    left: list[str] = []
    for provider in providers:
        try:
            changes = provider.changes()
            if changes:
                for line in lines_of(changes, diffs=False):
                    say(line)
                left += provider.apply(changes, say)
            else:
                say(f"{provider.part}: nothing to do")
        except ToolError as error:
            left.append(sentence(provider.part, error))
    return left


def sentence(part: str, error: ToolError) -> str:
    """What could not be done at a part."""
    hint = f" (hint: {error.hint})" if error.hint else ""
    return f"{part}: {error.message}{hint}"


def lines_of(changes: Sequence[Change], diffs: bool = True) -> list[str]:
    """For people: a heading a part, a line a change, and its diff below."""
    lines: list[str] = []
    part = ""
    for change in changes:
        if change.part != part:
            part = change.part
            count = sum(1 for other in changes if other.part == part)
            lines.append(f"{part}: {count} {'change' if count == 1 else 'changes'}")
        lines.append(f"  {SIGNS[change.what]} {printable(change.name)}: {printable(change.text)}")
        if diffs:
            lines += [f"      {printable(line)}" for line in change.diff[:DIFF_LINES_MAX]]
            if len(change.diff) > DIFF_LINES_MAX:
                lines.append(f"      ... {len(change.diff) - DIFF_LINES_MAX} more lines")
    return lines
