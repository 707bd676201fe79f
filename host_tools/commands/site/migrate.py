"""`sportbox site migrate`: an older site file as the newest version."""

from host_tools.commands.options import Json, SiteFile
from host_tools.output import emit, say


def migrate(site_file: SiteFile, json_: Json = False) -> None:
    """Write an older site file anew as the newest version, with its comments."""
    from host_tools.site.load import load_site
    from host_tools.site.migrate import migrate_file
    from host_tools.site.models import FILE_VERSION

    before = migrate_file(site_file)
    broker = load_site(site_file).broker
    if json_:
        emit({"file": str(site_file), "from": before or FILE_VERSION, "to": FILE_VERSION, "tls": broker.tls})
    elif before is None:
        print(f"{site_file} is of version {FILE_VERSION} already")
    else:
        print(f"{site_file}: version {before} became {FILE_VERSION}")
    if before is not None and not broker.tls:
        say("note: its broker is open (`broker.tls: false`), as it was: with `tls: true` it is locked")
