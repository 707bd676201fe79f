"""`sportbox`: finds the command, runs it, and turns what goes wrong into a message and an exit status.

A command's module is imported when it is called: `sportbox --help` does not wait for libraries.
"""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from host_tools import __version__
from host_tools.errors import EXIT_BAD_INPUT, EXIT_DONE, EXIT_FAILED, EXIT_INTERRUPTED, BadInput, ToolError
from host_tools.output import printable, report, say
from host_tools.words import LANGUAGES, take_language, tr

PACKAGE = "host_tools.commands"
DEBUG_VARIABLE = "SPORTBOX_DEBUG"
VALIDATORS_WORDS = "Value error, "
"""What pydantic, which reads options for Typer, puts before what is wrong with a choice."""
COMMANDS = {
    "demo": "play an evening at a simulated sports ground, in about a minute",
    "data": "what a site's messages are, for machines: AsyncAPI, JSON Schemas",
    "sim": "simulated boards: up, board, network, image, set, cut, boot, brownout, energy, show, storm",
    "site": "a site in one file: new, check, plan, apply, status, login, rotate, export, import",
    "centre": "a city's central broker, which the brokers of its sites bridge to",
    "broker": "a site's own Mosquitto: run it here, or write its files",
    "grant": "print a token that opens a box",
    "code": "print keypad codes, which open a box without network",
    "key": "print a board's key for a booking service",
    "inventory": "which board is which device, and what is missing",
    "replace": "give a device a new board, with new keys",
    "label": "QR labels for boards and compartments, as PDF",
    "vault": "the secrets of a site: show what is there, set the Wi-Fi password, change the passphrase",
    "selftest": "a board checks itself, a technician helps, a record is written",
    "send": "send a token to a board and wait for its answer",
    "order": "order a board to show itself, restart, check itself or tell of its crash",
    "configure": "change a part of a board's configuration over the broker, with a way back",
    "audit": "who opened what, when, for how long: a journal that shows tampering",
    "bridge": "a site's data to a city's platform: OGC SensorThings, NGSI-LD",
    "watch": "live table of boards, locks, doors and courts",
    "flash": "put MicroPython on boards, whatever was on them before",
    "provision": "make boards devices of a site: firmware, configuration, keys",
    "doctor": "what is wrong with this computer, its ports or a board",
    "update": "new firmware: build a bundle, bring it to the boards of a site",
    "logs": "what a board has noted about itself, also before its last restart",
    "station": "make devices of boards that are plugged in one after the other",
}
MODULES = {"demo": "demo_app"}  # where the module is not called like its command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is returned (and is the console script's)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(words)
    except ToolError as error:
        report(error.message, error.hint, error.details)
        return error.status
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _close_stdout()
        return EXIT_FAILED
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        return _unexpected(error)


def _run(words: list[str]) -> int:
    try:
        words = take_language(words)
    except ValueError as error:
        shown = printable(str(error))
        raise BadInput(
            tr("--lang: there is no language `{name}`", name=shown), f"--lang {'|'.join(LANGUAGES)}"
        ) from None
    if not words:
        say(_help())
        return EXIT_BAD_INPUT
    if words[0] in ("--help", "-h", "help"):
        print(_help())
        return EXIT_DONE
    if words[0] == "--version":
        print(f"sportbox {__version__}")
        return EXIT_DONE
    name = words[0]
    if name not in COMMANDS:
        return _unknown(name)
    return _invoke(_load(name), name, words[1:])


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {tr(text)}" for name, text in COMMANDS.items()]
    return "\n".join(
        [
            tr("Usage: sportbox COMMAND ..."),
            "",
            tr("Boxes and courts of public sports grounds: describe, simulate, open and watch them."),
            "",
            tr("Commands:"),
            *lines,
            "",
            tr("Options:"),
            tr("  --help     show this message, or with a command: that command's"),
            tr("  --version  show the version"),
            tr("  --lang L   speak en or de [default: $SPORTBOX_LANG, else the locale]"),
            "",
            tr(
                "Exit status: 0 done, 1 failed, 2 usage or bad input, 3 device or broker out of reach,\n"
                "4 something differs (`site plan`), 130 interrupted."
            ),
        ]
    )


def _unknown(name: str) -> int:
    import difflib

    meant = difflib.get_close_matches(name, COMMANDS, n=1)
    guess = tr(", did you mean `{name}`?", name=meant[0]) if meant else ""
    shown = printable(name)
    option = name.startswith("-")
    problem = (
        tr("there is no option `{name}`", name=shown)
        if option
        else tr("there is no command `{name}`", name=shown)
    )
    report(problem + guess, "sportbox --help")
    return EXIT_BAD_INPUT


def _load(name: str) -> Any:
    """What Typer makes of the `app` in the command's module, its help in the chosen language."""
    from typer.main import get_command

    command = get_command(import_module(f"{PACKAGE}.{MODULES.get(name, name)}").app)
    _translate(command)
    return command


def _translate(command: Any) -> None:
    if command.help:
        command.help = tr(command.help)
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = tr(parameter.help)
    for inner in getattr(command, "commands", {}).values():
        _translate(inner)


def _invoke(command: Any, name: str, words: list[str]) -> int:
    from typer.exceptions import TyperException

    program = f"sportbox {name}"
    try:
        status = command.main(args=words or _help_of_group(command), prog_name=program, standalone_mode=False)
    except TyperException as error:
        context = getattr(error, "ctx", None)
        asked = context.command_path if context is not None else program
        error.message = error.message.removeprefix(VALIDATORS_WORDS)
        format_message = getattr(error, "format_message", None)
        text = format_message() if format_message else str(error)
        report(printable(" ".join(text.split())), f"{asked} --help")
        return int(getattr(error, "exit_code", EXIT_BAD_INPUT))
    if not words and _help_of_group(command):
        return EXIT_BAD_INPUT
    return status if isinstance(status, int) else EXIT_DONE


def _help_of_group(command: Any) -> list[str]:
    """A command with subcommands, called without one, shows them."""
    return ["--help"] if hasattr(command, "commands") else []


def _unexpected(error: Exception) -> int:
    """A fault of the program: one line for the person, the trace into a file for who mends it."""
    kind = type(error).__name__
    text = printable(str(error))[:200]
    report(f"unexpected {kind}: {text}" if text else f"unexpected {kind}", trace_file(error))
    return EXIT_FAILED


def trace_file(error: Exception) -> str:
    """Writes the trace to a file; the hint that names it."""
    import tempfile
    import traceback

    try:
        descriptor, path = tempfile.mkstemp(prefix="sportbox-", suffix=".log")
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return f"set {DEBUG_VARIABLE}=1 to see where"
    return f"{path} says where; please add it to a report"


def _close_stdout() -> None:
    """The reader of our output is gone; keep the interpreter from complaining at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
