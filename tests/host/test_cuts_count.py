"""The count of power cuts: what is told at the end of a run, and what is too little."""

import pytest

from tests.cuts import LEAST, Count, shrunk, table, total


def test_a_table_of_all_families() -> None:
    found = {"outbox": Count(1200, 3600, 70), "updates": Count(30, 90, 0)}
    assert [line.split() for line in table(found)] == [
        ["family", "operations", "cuts", "pairs"],
        ["outbox", "1,200", "3,600", "70"],
        ["updates", "30", "90", "0"],
        ["all", "1,230", "3,690", "70"],
    ]
    assert total(found) == Count(1230, 3690, 70)


def test_what_reaches_the_least_is_enough() -> None:
    assert shrunk(LEAST) == []


@pytest.mark.parametrize("family", LEAST)
def test_a_family_that_has_gone_is_told(family: str) -> None:
    rest = {name: count for name, count in LEAST.items() if name != family}
    said = shrunk(rest)
    assert said and all(line.startswith(f"{family}: 0 ") for line in said)


def test_fewer_pairs_are_told() -> None:
    least = LEAST["outbox"]
    found = {**LEAST, "outbox": least._replace(pairs=least.pairs - 1)}
    assert shrunk(found) == [f"outbox: {least.pairs - 1:,} pairs, of {least.pairs:,} at least"]


def test_a_family_that_nobody_holds_to_anything_is_told() -> None:
    assert shrunk({**LEAST, "clock": Count(1, 3, 0)}) == ["clock: is not in tests.cuts.LEAST"]
