"""`sportbox site plan`: what `site apply` would change at broker and boards, as a diff."""

from dataclasses import asdict
from typing import TYPE_CHECKING

from host_tools.commands.options import Json, PassphraseFile, SiteFile
from host_tools.errors import EXIT_DIFFERS, EXIT_DONE
from host_tools.output import emit, say

if TYPE_CHECKING:
    from host_tools.site.planner import Survey


def plan(site_file: SiteFile, passphrase_file: PassphraseFile = None, json_: Json = False) -> int:
    """Show what differs between the site file and broker and boards; nothing is changed.

    Exit status: 0 nothing differs, 4 something does, 3 nothing does as far as could be seen, but the broker
    is out of reach; 2 the same, but something is missing here, as a password."""
    from host_tools.site.planner import survey
    from host_tools.site.workplace import open_workplace

    place = open_workplace(site_file, passphrase_file)
    found = survey(place.providers())
    found.notes += place.notes()
    if json_:
        _emit(found)
    else:
        _tell(found, str(site_file))
    if found.changes:
        return EXIT_DIFFERS
    return min((error.status for error in found.unknown.values()), default=EXIT_DONE)


def _emit(found: "Survey") -> None:
    for change in found.changes:
        emit(asdict(change))
    for part, error in found.unknown.items():
        emit({"part": part, "unknown": error.message, "hint": error.hint})
    for note in found.notes:
        emit({"note": note})


def _tell(found: "Survey", file: str) -> None:
    from host_tools.site.planner import lines_of

    for line in lines_of(found.changes):
        print(line)
    for part, error in found.unknown.items():
        say(f"{part}: unknown: {error.message}")
    for hint in dict.fromkeys(error.hint for error in found.unknown.values() if error.hint):
        say(f"hint: {hint}")
    for note in found.notes:
        say(f"note: {note}")
    people = sum(1 for change in found.changes if change.what == "missing")
    bringable = len(found.changes) - people
    if bringable:
        say(f"note: {bringable} to bring, by: sportbox site apply {file}")
    if people:
        say(f"note: {people} for you to do (marked ?)")
    if not found.changes and not found.unknown:
        print("nothing would change")
