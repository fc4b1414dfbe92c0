"""The estimator within scikit-learn: searches, cross-validation, pipelines, other processes."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from asot import ActionSegmenter
from asot.baselines import KMeansSegmenter
from asot.model import segmenter as segmenters
from asot.simulation import make_recordings


@pytest.fixture
def data(seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    recordings = make_recordings(6, 3, (20, 60), width=5, random_state=seed)
    return list(recordings.features), recordings.ground_truth


def small(**changes: Any) -> ActionSegmenter:
    return ActionSegmenter(
        **{
            **{"n_actions": 3, "epochs": 1, "hidden": (8,), "embedding_width": 6},
            **{"frames_per_recording": 32, "n_init": 2, "device": "cpu", "random_state": 0},
            **{"team": 0, "order_prior": 0.15, "radius": 0.04},
            **changes,
        }
    )


def few_segments(segmenter: ActionSegmenter, X: Any, y: Any = None) -> float:
    """A score that needs no labels."""
    return -float(sum((np.diff(labels) != 0).sum() for labels in segmenter.predict(X)))


def test_grid_search_with_ground_truth(data: Any) -> None:
    X, y = data
    search = GridSearchCV(
        small(), {"n_actions": np.arange(2, 4), "radius": [0.02, 5]}, cv=2, error_score="raise"
    )
    search.fit(X, y)
    assert set(search.best_params_) == {"n_actions", "radius"}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(search.predict(X)) == 6
    assert search.score(X, y) == search.best_estimator_.score(X, y)


def test_grid_search_without_ground_truth(data: Any) -> None:
    X, _ = data
    search = GridSearchCV(
        small(), {"alpha_eval": [0.1, 0.8]}, scoring=few_segments, cv=3, error_score="raise"
    )
    search.fit(X)
    scores = search.cv_results_["mean_test_score"]
    assert search.best_params_["alpha_eval"] == [0.1, 0.8][int(np.argmax(scores))]


@pytest.mark.parametrize("kind", ["asot", "k-means"])
def test_cross_validation_over_groups(data: Any, kind: str) -> None:
    X, y = data
    segmenter = small() if kind == "asot" else KMeansSegmenter(3, random_state=0)
    scores = cross_val_score(
        segmenter, X, y, groups=[0, 0, 1, 1, 2, 2], cv=GroupKFold(3), error_score="raise"
    )
    assert scores.shape == (3,)
    assert ((scores > 0.3) & (scores <= 1)).all()
    folds = list(GroupKFold(3).split(X, groups=[0, 0, 1, 1, 2, 2]))
    for score, (fitted, left) in zip(scores, folds, strict=True):
        segmenter.fit([X[i] for i in fitted])
        assert segmenter.score([X[i] for i in left], [y[i] for i in left]) == score


def halve(X: list[np.ndarray]) -> list[np.ndarray]:
    return [x[:, :3] for x in X]


def test_pipeline(data: Any) -> None:
    X, y = data
    pipeline = make_pipeline(FunctionTransformer(halve), small())
    pipeline.fit(X)
    expected = small().fit(halve(X))
    for one, two in zip(pipeline.predict(X), expected.labels_, strict=True):
        np.testing.assert_array_equal(one, two)
    assert pipeline.score(X, y) == expected.score(halve(X), y)
    assert pipeline.predict_proba(X)[0].shape == (len(X[0]), 3)
    for one, two in zip(pipeline.fit_predict(X), expected.labels_, strict=True):
        np.testing.assert_array_equal(one, two)
    search = GridSearchCV(
        pipeline, {"actionsegmenter__n_actions": [2, 3]}, cv=2, error_score="raise"
    )
    assert search.fit(X, y).best_params_["actionsegmenter__n_actions"] in (2, 3)


def test_embeddings_feed_another_step(data: Any) -> None:
    X, _ = data
    pipeline = make_pipeline(small(), KMeansSegmenter(3, standardise=False, random_state=0))
    assert [len(one) for one in pipeline.fit(X).predict(X)] == [len(x) for x in X]


def test_a_fitted_segmenter_survives_joblib(data: Any) -> None:
    X, _ = data
    segmenter = small().fit(X)
    stream = io.BytesIO()
    joblib.dump(segmenter, stream)
    stream.seek(0)
    loaded = joblib.load(stream)
    for one, two in zip(loaded.predict_proba(X), segmenter.predict_proba(X), strict=True):
        np.testing.assert_array_equal(one, two)


class Travelling:
    """Workers whose jobs are packed, as other processes take them."""

    def run(self, function: Callable[..., Any], jobs: list[Any], seconds: float) -> Any:
        taken = pickle.loads(pickle.dumps(function))
        return [(job, taken(job)) for job in jobs]


def test_parts_for_training_alone_do_not_travel(data: Any, monkeypatch: Any) -> None:
    X, _ = data
    monkeypatch.setattr(segmenters, "DEFAULT_WORKERS", Travelling())
    parts = {"callbacks": [lambda epoch: False], "loss": lambda given: given.cross_entropy()}
    segmenter = small(**parts).fit(X)
    for one, two in zip(segmenter.predict(X), segmenter.labels_, strict=True):
        np.testing.assert_array_equal(one, two)
    recipe = small()._recipe()
    recipe.training.epochs, recipe.training.validate_every = 2, 1
    kept = segmenters.RecipeSegmenter(recipe, 3, keep_epochs=True, device="cpu", random_state=0)
    assert [one.epoch for one in kept.fit(X).snapshots_] == [1]
    pytest.importorskip("pandas")
    assert len(segmenter.segments(X)) == len(segmenter.segments())


def test_tags_are_those_of_a_clusterer() -> None:
    from sklearn.base import is_classifier, is_clusterer, is_regressor

    for segmenter in (ActionSegmenter(), KMeansSegmenter()):
        assert is_clusterer(segmenter)
        assert not is_classifier(segmenter)
        assert not is_regressor(segmenter)


@pytest.mark.slow
def test_grid_search_in_other_processes(data: Any) -> None:
    X, y = data
    grid = {"n_actions": [2, 3]}
    here, there = (
        GridSearchCV(small(), grid, cv=2, n_jobs=n_jobs, error_score="raise").fit(X, y)
        for n_jobs in (1, 2)
    )
    np.testing.assert_allclose(
        here.cv_results_["mean_test_score"], there.cv_results_["mean_test_score"]
    )
