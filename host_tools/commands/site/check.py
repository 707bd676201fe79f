"""`sportbox site check`: what a site file says, and what is wrong with it."""

import dataclasses

from host_tools.commands.options import Json, SiteFile
from host_tools.errors import BadInput
from host_tools.output import emit, report, say
from host_tools.site.load import Problem, SiteFileError, read_site
from host_tools.site.models import Site


def check(site_file: SiteFile, json_: Json = False) -> int:
    """Check a site file: everything that is wrong with it, with file, line and field."""
    try:
        found, notes = read_site(site_file)
    except SiteFileError as error:
        if not json_:
            raise
        for problem in error.problems:
            emit({"ok": False, **dataclasses.asdict(problem)})
        report(error.message, error.hint)
        return error.status
    except BadInput as error:
        if json_:
            emit({"ok": False, "file": str(site_file), "message": error.message, "details": error.details})
        raise
    if json_:
        emit(_summary(found, str(site_file), notes))
    else:
        print(_table(found, str(site_file)))
        for note in notes:
            say(f"note: {note}")
    return 0


def _summary(found: Site, file: str, notes: list[Problem]) -> dict[str, object]:
    return {
        "ok": True,
        "file": file,
        "site": found.site,
        "boards": len(found.devices),
        "components": sum(len(device.components) for device in found.devices.values()),
        "notes": [dataclasses.asdict(note) for note in notes],
    }


def _table(found: Site, file: str) -> str:
    width = max(len(name) for name in found.devices)
    boards = max(len(device.board) for device in found.devices.values())
    lines = [
        f"  {name:<{width}}  {device.board:<{boards}}  {', '.join(device.components)}"
        for name, device in found.devices.items()
    ]
    components = sum(len(device.components) for device in found.devices.values())
    counts = f"{_count(len(found.devices), 'board')}, {_count(components, 'component')}"
    return "\n".join([f"ok: {file}: site {found.site}, {counts}", *lines])


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
