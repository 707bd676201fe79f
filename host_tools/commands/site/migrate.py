"""`sportbox site migrate`: an older site file as the newest version."""

from host_tools.commands.options import Json, SiteFile
from host_tools.output import emit, say


def migrate(site_file: SiteFile, json_: Json = False) -> None:
    """Write an older site file anew as the newest version, with its comments."""
    from host_tools.site.migrate import migrate_file
    from host_tools.site.models import FILE_VERSION

    before, site = migrate_file(site_file)
    open_ = before != FILE_VERSION and not site.broker.tls
    if json_:
        emit({"file": str(site_file), "from": before, "to": FILE_VERSION, "tls": site.broker.tls})
    elif before == FILE_VERSION:
        print(f"{site_file} is of version {FILE_VERSION} already")
    else:
        print(f"{site_file}: version {before} became {FILE_VERSION}")
    if open_:
        say("note: its broker is open (`broker.tls: false`), as it was: with `tls: true` it is locked")
