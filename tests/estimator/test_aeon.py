"""The example that wraps asot as a segmenter of aeon, on a stand-in for its base class."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from asot.simulation import make_recordings

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "aeon_wrapper.py"


class BaseSegmenter:
    """What the base class of aeon 1.6 does with a series of numbers."""

    def __init__(self, axis: int, n_segments: int = 2) -> None:
        self.axis, self.n_segments = axis, n_segments

    def fit_predict(self, X: Any, y: Any = None, axis: int = 1) -> Any:
        assert {"X_inner_type": "np.ndarray", "fit_is_empty": True, **self._tags}["fit_is_empty"]
        return self._predict(X if axis == self.axis else X.T)


@pytest.fixture(params=["aeon", "stand-in"])
def wrapper(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    if request.param == "aeon":
        pytest.importorskip("aeon.segmentation", exc_type=ImportError)
    else:
        names = "aeon", "aeon.segmentation", "aeon.segmentation.base"
        for name in names:
            monkeypatch.setitem(sys.modules, name, ModuleType(name))
        sys.modules[names[-1]].BaseSegmenter = BaseSegmenter  # type: ignore[attr-defined]
    return runpy.run_path(str(EXAMPLE))["AsotSegmenter"]


@pytest.mark.filterwarnings("ignore")
def test_aeon_gets_labels_and_change_points(wrapper: Any, seed: int) -> None:
    series = make_recordings(1, 3, (150, 200), width=6, noise=0.2, random_state=seed)[0].features
    options = {"team": 0, "order_prior": 0.0, "radius": 0.04, "epochs": 1, "random_state": 0}
    segmenter = wrapper(n_segments=3, options=options)
    labels = segmenter.fit_predict(series.T, axis=1)
    np.testing.assert_array_equal(labels, segmenter.fit_predict(series, axis=0))
    assert labels.shape == (len(series),)
    assert set(labels.tolist()) <= {0, 1, 2}
    cuts = wrapper.change_points(labels)
    assert [np.unique(part).size for part in np.split(labels, cuts)] == [1] * (len(cuts) + 1)
