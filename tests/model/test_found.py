"""Settings that were found are kept; processes that need the same look for them once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from asot.discover.prototypes import PlainEvidence
from asot.model.features import PreparedFeatures
from asot.model.found import Found


@dataclass(frozen=True)
class Chosen(PlainEvidence):
    number: int


@pytest.fixture
def features(rng: np.random.Generator) -> PreparedFeatures:
    return PreparedFeatures([rng.random((9, 2))], False)


def test_who_comes_later_waits_for_what_the_first_finds(
    features: PreparedFeatures, tmp_path: Path
) -> None:
    """A thread is another as a process is."""
    calls: list[int] = []

    def find() -> Chosen:
        calls.append(len(calls))
        time.sleep(0.1)
        return Chosen(calls[-1])

    def ask(seed: int) -> Chosen:
        return Found(tmp_path / "run" / "found.json").get(find, Chosen, "all", features, seed)

    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(ask, [1, 1, 1])) == {Chosen(0)}
    assert [one.name for one in (tmp_path / "run").iterdir()] == ["found.json"]
    assert ask(1) == Chosen(0)
    assert ask(2) == Chosen(1), "of another seed"
    assert ask(1) == Chosen(2), "the last one is kept"


def test_without_a_file_it_is_found_each_time(features: PreparedFeatures) -> None:
    numbers = iter([Chosen(1), Chosen(2)])
    assert Found().get(lambda: next(numbers), Chosen, "all", features) == Chosen(1)
    assert Found().get(lambda: next(numbers), Chosen, "all", features) == Chosen(2)


def test_a_search_that_fails_lets_others_look(features: PreparedFeatures, tmp_path: Path) -> None:
    def fail() -> Chosen:
        raise ValueError("no")

    found = Found(tmp_path / "found.json")
    with pytest.raises(ValueError, match="no"):
        found.get(fail, Chosen, "all", features)
    assert found.get(lambda: Chosen(3), Chosen, "all", features) == Chosen(3)
