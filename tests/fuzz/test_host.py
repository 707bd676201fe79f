# runs on: cpython
"""Hostile input to the host tools: a few hundred inputs a target, the same ones each time, and all that was
ever found. `make fuzz` goes on from there, by coverage."""

import importlib
from pathlib import Path

import pytest

from tests.fuzz import corpus
from tests.fuzz.targets import HOST

INPUTS = 100
SEED = 7


@pytest.mark.parametrize("target", HOST)
def test_hostile_input(target: str) -> None:
    module = importlib.import_module(f"tests.fuzz.targets.{target}")
    for told, data in corpus.inputs(target, module.SEEDS, SEED, INPUTS):
        try:
            module.one(data)
        except BaseException as error:
            error.add_note(f"{target}, {told}: {data[:150].hex()}")
            raise


def test_every_target_is_here() -> None:
    folder = importlib.import_module("tests.fuzz.targets").__path__[0]
    files = {path.stem for path in Path(folder).glob("host_*.py")}
    assert files == set(HOST)
