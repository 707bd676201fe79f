"""The catalogue's texts with their values filled in."""

from typing import Any

from host_tools.demo.account import number_of
from host_tools.demo.messages import CATALOGUE

NAMES = {"part": "part", "reason": "reason"}  # values that are names of the catalogue


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
