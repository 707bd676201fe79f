"""`sportbox site apply`: broker and boards become what site file and vault say."""

from host_tools.commands.options import Json, PassphraseFile, SiteFile
from host_tools.errors import EXIT_DONE, EXIT_FAILED
from host_tools.output import emit, printable, say


def apply(site_file: SiteFile, passphrase_file: PassphraseFile = None, json_: Json = False) -> int:
    """Bring broker and boards what differs from the site file: over the air, to all that are there.

    The broker's delivery is proven with messages of every kind; a wrong right is told by name.
    What was cut off half way is finished by the next one; where nothing differs nothing is changed. Exit
    status: 0 all is as declared, 1 something is left, which is told."""
    from host_tools.site.workplace import open_workplace

    place = open_workplace(site_file, passphrase_file, wifi=True, create=True)
    for note in place.notes():
        say(f"note: {note}")
    with place.alone():
        left = place.bring(say)
    if json_:
        emit({"done": not left, "left": left})
    else:
        for line in [f"left: {printable(one)}" for one in left] or ["all is as declared"]:
            print(line)
    if not left:
        return EXIT_DONE
    say(f"note: {len(left)} left; the same command again goes on with it")
    return EXIT_FAILED
