"""What the tools say, in the language of the person in front of them.

    say(tr("{board}: {count} files written", board=name, count=7))

English is the text in the source; de/*.po holds the German of it, one file an area. The language is that of
`--lang`, else of $SPORTBOX_LANG, else of the locale. A text without a translation is shown in English.
"""

import os
import re
from functools import cache
from pathlib import Path

LANGUAGES = ("en", "de")
LANGUAGE_VARIABLE = "SPORTBOX_LANG"
LOCALE_VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
FOLDER = Path(__file__).parent

_chosen: list[str] = []


def choose(language: str) -> None:
    """From now on speak `language`, one of LANGUAGES."""
    _chosen[:] = [language]


def language() -> str:
    if _chosen:
        return _chosen[0]
    wanted = os.environ.get(LANGUAGE_VARIABLE)
    if not wanted:
        wanted = next((value for name in LOCALE_VARIABLES if (value := os.environ.get(name))), "en")
    spoken = re.split("[-_.@]", wanted, maxsplit=1)[0].lower()
    return spoken if spoken in LANGUAGES else LANGUAGES[0]


def tr(text: str, /, **values: object) -> str:
    """`text` in the chosen language, its {names} filled in."""
    spoken = language()
    if spoken != "en":
        text = catalogue(spoken).get(text, text)
    return text.format(**values) if values else text


@cache
def catalogue(spoken: str) -> dict[str, str]:
    """Translations by the English text."""
    from babel.messages.pofile import read_po

    found: dict[str, str] = {}
    for path in sorted((FOLDER / spoken).glob("*.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=spoken):
                if (
                    message.id
                    and message.string
                    and isinstance(message.id, str)
                    and isinstance(message.string, str)
                ):
                    found[message.id] = message.string
    return found


def take_language(words: list[str]) -> list[str]:
    """The command line without `--lang L`, which may stand anywhere before `--`; raises ValueError."""
    kept: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            return [*kept, word, *rest]
        if word == "--lang" or word.startswith("--lang="):
            value = word.partition("=")[2] if "=" in word else next(rest, "")
            if value not in LANGUAGES:
                raise ValueError(value)
            choose(value)
        else:
            kept.append(word)
    return kept
