"""What many recordings hold: bytes within a budget, and no more open files than are in use."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from asot import kept
from asot.data import DatasetFolder
from asot.data.features import FeatureFile
from asot.discover.prototypes import Prototypes, learn_prototypes
from asot.discover.views import fit_view
from asot.kept import Kept
from asot.model.features import Batches, PreparedFeatures, ViewedFeatures

COUNT, BUDGET, FILES = 120, 10_000, 20


class Rows(Kept):
    """Arrays of 10 x ``index`` numbers that count how often they were made."""

    def __init__(self, folder: Path | None, in_file: bool = True) -> None:
        super().__init__(5, in_file=in_file, folder=folder)
        self.made = [0] * 5

    def _make(self, index: int) -> np.ndarray:
        self.made[index] += 1
        return np.full((index, 10), index, dtype=np.float64)


@pytest.fixture(name="root")
def many_recordings(tmp_path: Path, rng: np.random.Generator) -> Path:
    (tmp_path / "features").mkdir()
    for index in range(COUNT):
        actions = np.repeat(rng.permutation(3), 10)
        values = np.eye(3)[actions] + 0.3 * rng.normal(size=(30, 3))
        np.save(tmp_path / "features" / f"{index:03d}.npy", values.astype(np.float32))
    return tmp_path


@contextmanager
def few_files() -> Iterator[None]:
    """Let this process open twenty files more than it has open."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    gc.collect()
    taken = max(int(one.name) for one in Path("/dev/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (taken + FILES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_what_is_beyond_the_budget_is_written_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "KEPT_BYTES", 3 * 80)
    written, anew = Rows(tmp_path), Rows(tmp_path, in_file=False)
    for rows in (written, anew):
        for _ in range(3):
            assert [one.tolist() for one in rows] == [[[i] * 10] * i for i in range(5)]
    assert written.made == [1] * 5
    assert anew.made == [1, 1, 1, 3, 3]
    assert not any(tmp_path.iterdir()), "the file has no name"


def test_many_recordings_need_few_open_files(
    root: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(kept, "KEPT_BYTES", BUDGET)
    with few_files():
        features = DatasetFolder(root).recordings().features
        for standardised in (False, True):
            prepared = PreparedFeatures(features, standardised, folder=root)
            seen = ViewedFeatures(fit_view("motion", 4, prepared), prepared, root)
            for _ in range(2):
                batches = list(Batches(seen, 8, 2, seed).epoch(0))
            assert sum(len(one.indices) for one in batches) == COUNT
            assert max(held(prepared), held(seen)) <= BUDGET


def held(recordings: Kept) -> int:
    return sum(one.nbytes for one in recordings._arrays.values())


@pytest.mark.parametrize("settings", [{"sized": True}, {"order_weight": 0.1, "rounds": 3}])
def test_the_budget_decides_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch, seed: int, settings: dict
) -> None:
    def learn() -> Prototypes:
        features = DatasetFolder(root).recordings()[:40].features
        return learn_prototypes(PreparedFeatures(features, True), 3, 4, seed=seed, **settings)

    whole = learn()
    monkeypatch.setattr(kept, "KEPT_BYTES", 0)
    with few_files():
        small = learn()
    np.testing.assert_array_equal(whole.centres, small.centres)
    np.testing.assert_equal(whole.order, small.order)


def test_a_file_is_closed_when_its_features_are_no_longer_used(root: Path) -> None:
    one = FeatureFile(root / "features" / "000.npy")
    with few_files():
        first = one.open()
        for _ in range(COUNT):
            np.testing.assert_array_equal(one.open(), first)
