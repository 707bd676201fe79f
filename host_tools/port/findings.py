"""What `sportbox doctor` found: a mark, a sentence, and where something is wrong, its cure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from host_tools.output import emit
from host_tools.words import tr

Mark = Literal["ok", "note", "wrong"]
SIGNS: dict[Mark, str] = {"ok": "  ok", "note": "   i", "wrong": "  !!"}


@dataclass(frozen=True)
class Finding:
    """`what`: a word for programs, in `--json`; `facts` go there, too."""

    mark: Mark
    what: str
    text: str
    cure: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def show(findings: Iterable[Finding], json_: bool) -> bool:
    """On stdout, each as it comes; whether something was wrong."""
    wrong = False
    for finding in findings:
        wrong = wrong or finding.mark == "wrong"
        if json_:
            line = {"what": finding.what, "mark": finding.mark, "message": finding.text}
            hint = {} if finding.cure is None else {"hint": finding.cure}
            emit({**line, **hint, **finding.facts})
        else:
            print(f"{SIGNS[finding.mark]}  {finding.text}", flush=True)
            if finding.cure is not None:
                print(f"      {tr('hint: {hint}', hint=finding.cure)}", flush=True)
    return wrong
