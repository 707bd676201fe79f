"""The self-test of a board must be that of the firmware that runs on it: it knows that from inside, and a
board that has updated itself over the air runs another one than the cable brought (docs/selftest.md)."""

from host_tools import __version__
from host_tools.build.firmware import compile_firmware
from host_tools.errors import ToolError
from host_tools.port.console import Console
from host_tools.port.upload import Step, Survey, check_space, survey, upload
from host_tools.words import tr

FOLDER = "/selftest"
VERSION_FILE = f"{FOLDER}/__init__.mpy"


def match(console: Console, firmware: str, selftest: str | None) -> None:
    """Brings ours where our firmware runs; else the board's own must do. Raises ToolError."""
    if firmware == __version__:
        bring(console)
    elif selftest != firmware:
        cause = (
            tr("the board runs firmware {theirs} and has no self-test", theirs=firmware)
            if selftest is None
            else tr(
                "the board runs firmware {theirs}, its self-test is for {selftest}",
                theirs=firmware,
                selftest=selftest,
            )
        )
        raise ToolError(
            tr("{cause}; this sportbox has the one for {ours}", cause=cause, ours=__version__),
            tr(
                "test it with sportbox {theirs}, or give it firmware {ours} first: sportbox provision",
                theirs=firmware,
                ours=__version__,
            ),
        )


def bring(console: Console) -> None:
    """What differs goes to the board."""
    found = survey(console, (FOLDER,))
    wanted = steps(found, compile_firmware().selftest)
    check_space(console, found, wanted)
    upload(console, wanted)


def steps(found: Survey, files: dict[str, bytes]) -> list[Step]:
    """The file that tells the version comes last: until all is there, it is the old one."""
    changed = found.changed(files)
    wanted: list[Step] = [(path, None) for path in found.files if path not in files]
    return wanted + sorted(changed.items(), key=lambda step: step[0] == VERSION_FILE)
