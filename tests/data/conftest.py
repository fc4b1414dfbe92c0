"""A small dataset folder that tests then damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

NAMES = {0: "reach", 1: "pour milk", 2: "stir"}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, so that no test writes to the user's."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("ASOT_CACHE", str(folder))
    return folder


@pytest.fixture
def make_root(tmp_path: Path) -> Callable[..., Path]:
    """Makes a sound folder: recordings ``a`` (text, 6 frames) and ``b`` (.npy, 4), 3 wide."""

    def make(name: str = "toys", labels: bool = True, mapping: bool = True) -> Path:
        root = tmp_path / name
        rng = np.random.default_rng(0)
        (root / "features").mkdir(parents=True)
        np.savetxt(root / "features" / "a.txt", rng.normal(size=(6, 3)))
        np.save(root / "features" / "b.npy", rng.normal(size=(4, 3)).astype(np.float32))
        if labels:
            (root / "groundTruth").mkdir()
            (root / "groundTruth" / "a").write_text("reach\nreach\npour milk\n" + "stir\n" * 3)
            (root / "groundTruth" / "b.txt").write_text("stir\nstir\nreach\nreach")
        if mapping:
            (root / "mapping").mkdir()
            lines = "".join(f"{class_id} {name}\n" for class_id, name in NAMES.items())
            (root / "mapping" / "mapping.txt").write_text(lines)
        return root

    return make


@pytest.fixture
def root(make_root: Callable[..., Path]) -> Path:
    return make_root()
