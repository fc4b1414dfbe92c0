"""TOT's prior against the distance it is defined by, its order and its decoding."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from asot.baselines.tot import TOTSegmenter, squared_distances
from asot.errors import ArgumentError
from asot.model.recipe import Recipe
from asot.simulation import make_recordings
from tests.baselines.test_sela import sinkhorn


@pytest.fixture
def recipe() -> Recipe:
    return Recipe.from_dict({"training": {"epochs": 3, "frames_per_recording": 32}})


def test_the_prior_is_the_distance_from_the_diagonal() -> None:
    # The line through (0, 0) and (1, 1) in the unit square, whose axes are scaled by N and K: the
    # distance of a point from it, by the usual formula with the line's normal (1/N, -1/K).
    n_frames, n_actions = 7, 3
    found = squared_distances(n_frames, n_actions)
    for i in range(n_frames):
        for k in range(n_actions):
            point = np.array([i + 0.5, k + 0.5])
            normal = np.array([1 / n_frames, -1 / n_actions])
            distance = abs(point @ normal) / np.linalg.norm(normal)
            assert found[i, k] == pytest.approx(distance**2)


@pytest.mark.parametrize("sigma", [0.5, 2.0])
def test_pseudo_labels_maximise_similarity_less_the_divergence_from_the_prior(
    rng: np.random.Generator, recipe: Recipe, sigma: float
) -> None:
    epsilon = recipe.transport_train.epsilon
    make = TOTSegmenter(recipe, 3, sigma=sigma)._parts(recipe).pseudo_labels
    cost = rng.uniform(0, 2, (2, 12, 3))
    given = SimpleNamespace(cost=torch.from_numpy(cost), lengths=torch.tensor([12, 8]))
    found = make(given)
    for one, own, n_frames in zip(found.numpy(), cost, (12, 8), strict=True):
        # <Q, S> - eps KL(Q || R) with S = 1 - C: a cost of C - eps log R with the entropy eps.
        log_prior = -squared_distances(n_frames, 3) / (2 * sigma**2)
        expected = sinkhorn(own[:n_frames] - epsilon * log_prior, epsilon)
        np.testing.assert_allclose(one[:n_frames], expected, atol=1e-6)
        assert not one[n_frames:].any()


def test_every_recording_goes_through_the_actions_in_the_estimated_order(
    seed: int, recipe: Recipe
) -> None:
    recordings = make_recordings(5, 4, (40, 90), width=6, random_state=seed)
    segmenter = TOTSegmenter(recipe, 4, random_state=seed).fit(recordings.features)
    place = {action: i for i, action in enumerate(segmenter.order_.tolist())}
    assert sorted(place) == [0, 1, 2, 3]
    for labels in [*segmenter.labels_, *segmenter.predict(recordings.features)]:
        order = [place[int(label)] for label in labels]
        assert order[0] == 0
        assert order[-1] == 3
        assert all(after - before in (0, 1) for before, after in pairwise(order))


def test_equally_long_actions_in_one_order_are_found(
    rng: np.random.Generator, seed: int, recipe: Recipe
) -> None:
    points = np.eye(8)[:4] * 3
    truth = [np.repeat(np.arange(4), n) for n in (15, 20, 18, 25)]
    features = [points[labels] + 0.1 * rng.normal(size=(len(labels), 8)) for labels in truth]
    # About one start in fifteen ends in a worse place; that three of five do is very unlikely.
    starts = [TOTSegmenter(recipe, 4, random_state=seed // 8 + start) for start in range(5)]
    scores = [one.fit(features).score(features, truth) for one in starts]
    assert np.median(scores) > 0.95


def test_a_width_of_the_prior_that_is_none() -> None:
    with pytest.raises(ArgumentError, match="sigma must be a finite number"):
        TOTSegmenter(n_actions=2, sigma=0).fit([np.ones((4, 2))])
