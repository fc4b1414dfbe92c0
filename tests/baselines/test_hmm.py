"""The hidden Markov model: its paths against all paths there are, its silence, its priors."""

from __future__ import annotations

import builtins
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

from asot.baselines import HMMSegmenter
from asot.errors import MissingExtraError
from asot.simulation import make_recordings

pytest.importorskip("hmmlearn", reason="hmmlearn, of the extra hmm, is not installed")


def test_the_path_is_the_likeliest_of_all(seed: int) -> None:
    X = [one.features for one in make_recordings(4, 3, (5, 7), width=2, random_state=seed)]
    segmenter = HMMSegmenter(3, standardise=False, random_state=0).fit(X)
    model = segmenter.model_
    start, moves = np.log(model.startprob_), np.log(model.transmat_)
    total = 0.0
    for x, labels in zip(X, segmenter.labels_, strict=True):
        # hmmlearn gives each state's diagonal covariance as a matrix.
        density = np.stack(
            [
                multivariate_normal(mean, covariance).logpdf(x)
                for mean, covariance in zip(model.means_, model.covars_, strict=True)
            ],
            axis=1,
        )

        def value(path: Any, density: np.ndarray = density) -> float:
            steps = np.asarray(path)
            emitted = density[np.arange(len(steps)), steps].sum()
            return float(start[steps[0]] + emitted + moves[steps[:-1], steps[1:]].sum())

        best = max(value(path) for path in product(range(3), repeat=len(x)))
        assert value(labels) == pytest.approx(best, abs=1e-8)
        total -= best
    assert segmenter.objective_ == pytest.approx(total / sum(map(len, X)), abs=1e-8)


def test_recordings_of_one_frame_make_it_a_mixture(rng: np.random.Generator) -> None:
    """Without transitions to learn from, it is scikit-learn's mixture of Gaussians."""
    centres = np.array([[0.0, 0.0], [4.0, 0.0], [0.0, 5.0]])
    which = rng.integers(0, 3, 600)
    frames = centres[which] + rng.normal(size=(600, 2)) * [0.5, 0.8]
    X = list(frames[:, None, :])
    segmenter = HMMSegmenter(
        3, standardise=False, random_state=0, max_iterations=30, tolerance=1e-6
    ).fit(X)
    mixture = GaussianMixture(
        3, covariance_type="diag", means_init=centres, max_iter=500, tol=1e-7
    ).fit(frames.astype(np.float32))
    nearest = ((segmenter.model_.means_[:, None] - mixture.means_) ** 2).sum(2).argmin(1)
    assert sorted(nearest.tolist()) == [0, 1, 2]
    # Apart from the priors, of a thousandth of the frames.
    np.testing.assert_allclose(segmenter.model_.means_, mixture.means_[nearest], atol=0.1)
    variances = np.stack([np.diagonal(one) for one in segmenter.model_.covars_])
    np.testing.assert_allclose(variances, mixture.covariances_[nearest], rtol=0.15)
    agree = nearest[np.concatenate(segmenter.labels_)] == mixture.predict(frames)
    assert agree.mean() > 0.97


def test_it_stays_in_actions_for_a_time(seed: int) -> None:
    corpus = make_recordings(4, 4, (100, 150), noise=1.0, random_state=seed)
    labels = HMMSegmenter(4, random_state=0).fit_predict(corpus.features)
    assert np.mean([(np.diff(one) != 0).mean() for one in labels]) < 0.3


def test_no_advice_is_heard(caplog: Any, capfd: Any, rng: np.random.Generator) -> None:
    """More parameters than data, states without frames, an end before convergence."""
    capfd.readouterr()  # the fixture's seed
    for X in ([rng.normal(size=(6, 9))], [np.zeros((20, 2)), np.ones((9, 2))]):
        for iterations in (1, 30):
            segmenter = HMMSegmenter(5, max_iterations=iterations, tolerance=0, random_state=0)
            segmenter.fit(X)
            for values in (segmenter.model_.transmat_, segmenter.model_.startprob_):
                np.testing.assert_allclose(values.sum(axis=-1), 1)
    assert caplog.text == ""
    assert capfd.readouterr() == ("", "")


def test_the_missing_library_is_named(monkeypatch: Any, X: list[np.ndarray]) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == "hmmlearn":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r'pip install "asot\[hmm\]"'):
        HMMSegmenter(3).fit(X)
