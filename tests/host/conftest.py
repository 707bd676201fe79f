"""Fixtures of the host tools' tests."""

import pytest

from host_tools import words
from tests.host.played_board import board

__all__ = ["board", "own_language"]


@pytest.fixture(autouse=True)
def own_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """`--lang` in one test is not that of the next."""
    monkeypatch.setattr(words, "_chosen", [])
