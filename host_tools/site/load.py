"""Reading a site file: all that is wrong with it at once, each with line and field."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from host_tools.errors import BadInput
from host_tools.site import yamlfile
from host_tools.site.check import check_devices
from host_tools.site.check_sections import check_sections
from host_tools.site.explain import Explained, explain
from host_tools.site.marks import marked
from host_tools.site.migrations import migrated
from host_tools.site.models import FILE_VERSION, Site

PROBLEMS_MAX = 100


@dataclass(frozen=True)
class Problem:
    file: str
    line: int
    column: int
    field: str
    message: str

    def __str__(self) -> str:
        field = f"{self.field}: " if self.field else ""
        return f"{self.file}:{self.line}: {field}{self.message}"


class SiteFileError(BadInput):
    """The mistakes of a site file, in the order of its lines."""

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: (problem.line, problem.column))
        lines = [str(problem) for problem in self.problems[:PROBLEMS_MAX]]
        if len(self.problems) > PROBLEMS_MAX:
            lines.append(f"{path}: and {len(self.problems) - PROBLEMS_MAX} more")
        count = "1 mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        super().__init__(f"{count} in {path}", hint="docs/site-file.md lists every field", details=lines)


def load_site(path: Path) -> Site:
    """The site of a file; SiteFileError or BadInput if it is not right in every part."""
    return read_site(path)[0]


def read_site(path: Path) -> tuple[Site, list[Problem]]:
    """The site of a file, and notes: what is allowed but may not be meant."""
    content = yamlfile.read(path)
    try:
        document = yamlfile.parse(content)
    except yamlfile.YamlError as error:
        problem = Problem(str(path), error.mark.line, error.mark.column, "", error.message)
        raise SiteFileError(path, [problem]) from error
    if not isinstance(document.data, dict):
        message = (
            "the file is empty"
            if document.data is None
            else "a site file is a mapping: `site: name` and so on"
        )
        raise SiteFileError(path, [Problem(str(path), 1, 1, "", message)])
    found, site = _examine(document.data)
    wrong = [_located(str(path), document, item) for item in found if not item.note]
    if wrong or site is None:
        raise SiteFileError(path, wrong)
    notes = [_located(str(path), document, item) for item in found if item.note]
    for mark in marked(content):
        told = "is marked to be changed: change it, and remove the mark"
        notes.append(Problem(str(path), mark.line, mark.column, mark.field, told))
    return site, sorted(notes, key=lambda note: (note.line, note.column))


def site_of(data: dict[str, Any]) -> Site:
    """The site that parsed data of any version describe; pydantic's ValidationError if they do not."""
    return Site.model_validate(migrated(data).data)


def _examine(data: dict[str, Any]) -> tuple[list[Explained], Site | None]:
    """All findings, at places of the file; the site if it is right in itself."""
    now = migrated(data)
    if now.wrong is not None:
        return [now.wrong], None
    found: list[Explained] = []
    site: Site | None = None
    try:
        site = Site.model_validate(now.data)
    except ValidationError as error:
        found.extend(explain(error, Site, now.data))
    found.extend(check_devices(now.data))
    found.extend(check_sections(now.data))
    if now.is_old:
        told = (
            f"version {now.version} is old, and read as before; `sportbox site migrate SITE.yaml` makes it "
            f"version {FILE_VERSION}"
        )
        found.append(Explained(("version",), told, note=True))
    return [replace(item, loc=now.in_file(item.loc)) for item in found], site


def _located(file: str, document: yamlfile.Document, item: Explained) -> Problem:
    mark = document.mark(item.loc, item.at_key)
    field = ".".join(repr(str(part))[1:-1] for part in item.loc)
    return Problem(file, mark.line, mark.column, field, item.message)
