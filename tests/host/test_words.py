"""Everything that is said through `tr` has its German, with the same places to fill in."""

import string
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from typer.main import get_command

from host_tools import words
from host_tools.cli import COMMANDS, MODULES, main
from host_tools.setup.paths import REPOSITORY

TECHNICIANS = (
    "flash",
    "provision",
    "selftest",
    "replace",
    "doctor",
    "label",
    "inventory",
    "station",
    "vault",
)


def said() -> dict[str, str]:
    """Every literal text of a `tr` call, and where it is."""
    found = extract_from_dir(REPOSITORY / "host_tools", [("**.py", "python")], keywords={"tr": None})
    return {text: f"{name}:{line}" for name, line, text, _, _ in found if isinstance(text, str)}


def helps(command: Any) -> list[str]:
    texts = [command.help, *(getattr(p, "help", None) for p in command.params)]
    inner = [text for sub in getattr(command, "commands", {}).values() for text in helps(sub)]
    return [text for text in texts if text and text != "Show this message and exit."] + inner


def shown() -> list[str]:
    """Help of the technicians' commands, as far as they are there."""
    texts = []
    for name in TECHNICIANS:
        if name in COMMANDS:
            module = import_module(f"host_tools.commands.{MODULES.get(name, name)}")
            texts += [COMMANDS[name], *helps(get_command(module.app))]
    return texts


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.fixture
def german() -> dict[str, str]:
    return words.catalogue("de")


def test_every_text_has_its_german(german: dict[str, str]) -> None:
    missing = [f"{place}: {text}" for text, place in said().items() if text not in german]
    missing += [f"help: {text}" for text in shown() if text not in german]
    assert not missing, "\n".join(missing)


def test_german_has_the_same_places_to_fill_in(german: dict[str, str]) -> None:
    wrong = [text for text in said() if text in german and places(text) != places(german[text])]
    assert not wrong, "\n".join(wrong)


def test_nothing_is_translated_that_nobody_says(german: dict[str, str]) -> None:
    used = {*said(), *shown()}
    assert not set(german) - used, "\n".join(sorted(set(german) - used))


def test_no_text_is_translated_twice() -> None:
    seen: dict[str, Path] = {}
    for path in sorted((words.FOLDER / "de").glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale="de"):
                if message.id:
                    assert message.id not in seen, (
                        f"{message.id!r} is in {path.name} and {seen[message.id].name}"
                    )
                    seen[message.id] = path


@pytest.mark.parametrize(
    ("environment", "spoken"),
    [
        ({"LANG": "de_DE.UTF-8"}, "de"),
        ({"LANG": "de_DE.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LC_ALL": "", "LC_MESSAGES": "de", "LANG": "en_GB.UTF-8"}, "de"),
        ({"LANG": "de_AT@euro"}, "de"),
        ({"LANG": "fr_FR.UTF-8"}, "en"),
        ({"LANG": "den_XX"}, "en"),
        ({"SPORTBOX_LANG": "de", "LANG": "en_GB.UTF-8"}, "de"),
        ({}, "en"),
    ],
)
def test_the_locale_chooses(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], spoken: str
) -> None:
    for name in (words.LANGUAGE_VARIABLE, *words.LOCALE_VARIABLES):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert words.language() == spoken


def test_the_option_chooses_wherever_it_stands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(words, "_chosen", [])
    assert main(["site", "check", "no-such-file.yaml", "--lang", "de"]) == 2
    assert capsys.readouterr().err.startswith("Fehler: ")


@pytest.mark.parametrize("given", [["--lang", "fr"], ["--lang"], ["--lang="]])
def test_another_language_is_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["key", *given]) == 2
    assert "hint: --lang en|de" in capsys.readouterr().err
