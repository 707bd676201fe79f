"""Which language, and the catalogue's texts with their values filled in."""

import os
from collections.abc import Mapping
from typing import Any

from host_tools.demo.account import number_of
from host_tools.demo.messages import CATALOGUE

DEFAULT = "en"
VARIABLES = ("LC_ALL", "LC_MESSAGES", "LANG")
NAMES = {"part": "part", "reason": "reason"}  # values that are names of the catalogue


def language_of(environment: Mapping[str, str] = os.environ) -> str:
    """The language of the locale, as POSIX finds it; English where it is neither German nor English."""
    locale = next((environment[name] for name in VARIABLES if environment.get(name)), "")
    language = locale.replace("-", "_").partition("_")[0].partition(".")[0].lower()
    return language if language in CATALOGUE else DEFAULT


class Words:
    def __init__(self, language: str) -> None:
        self.language = language
        self._texts = CATALOGUE[language]

    def __call__(self, key: str, **values: Any) -> str:
        filled = {name: self._name(name, value) for name, value in values.items()}
        return self._texts[key].format(**filled)

    def name(self, kind: str, word: str) -> str:
        """`state`, `reason` or `part` in words; the word itself where the catalogue knows no better."""
        found = self._texts.get(f"{kind}.{word}")
        if found is None and kind == "part":
            found = (
                self._texts.get(f"part.{number_of(word)}") if word.startswith(("lock-", "door-")) else None
            )
        return word if found is None else found

    def who(self, who: str) -> str:
        """A person or thing of the catalogue, else a board by its name."""
        return self.name("who", who)

    def _name(self, name: str, value: Any) -> Any:
        return self.name(NAMES[name], str(value)) if name in NAMES else value
