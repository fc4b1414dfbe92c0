"""SeLA's equipartition against a Sinkhorn written here, and the estimator's use of it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp

from asot.baselines.sela import SeLASegmenter, equipartition
from asot.data import standardise
from asot.model.parts import ForwardPass
from asot.model.recipe import Recipe
from asot.simulation import make_recordings


def sinkhorn(cost: NDArray[np.float64], epsilon: float) -> NDArray[np.float64]:
    """Assignments of the entropic transport with uniform marginals, by plain scaling."""
    n_frames, n_actions = cost.shape
    f, g, moved = np.zeros(n_frames), np.zeros(n_actions), np.inf
    while moved > 1e-12:
        before = g
        f = -epsilon * logsumexp((g - cost) / epsilon, axis=1) - epsilon * np.log(n_frames)
        g = -epsilon * logsumexp((f[:, None] - cost) / epsilon, axis=0) - epsilon * np.log(
            n_actions
        )
        moved = np.abs(g - before).max()
    coupling: NDArray[np.float64] = np.exp((f[:, None] + g - cost) / epsilon)
    return n_frames * coupling


@pytest.mark.parametrize("epsilon", [0.05, 0.07, 0.5])
def test_equipartition_is_the_entropic_transport(rng: np.random.Generator, epsilon: float) -> None:
    lengths = [30, 7]
    cost = rng.uniform(0, 2, (2, 30, 4))
    found = equipartition(cost, lengths, epsilon)
    for one, own, n_frames in zip(found, cost, lengths, strict=True):
        np.testing.assert_allclose(one[:n_frames], sinkhorn(own[:n_frames], epsilon), atol=1e-6)
        assert not one[n_frames:].any()


def test_by_hand() -> None:
    # Both frames like action 0, the first more: it gets it, as each action must have one frame.
    # T = [[a, b], [b, a]] with a + b = 1, a / b = exp((0.6 + 0 - 0 - 1) / -2 eps) = exp(0.2 / eps).
    ratio = np.exp(0.2 / 0.1)
    found = equipartition(np.array([[[0.0, 1.0], [0.0, 0.6]]]), [2], 0.1)[0]
    np.testing.assert_allclose(found[0], [ratio / (1 + ratio), 1 / (1 + ratio)], atol=1e-9)


def test_labels_are_the_networks_likeliest_actions(seed: int) -> None:
    recordings = make_recordings(4, 3, (30, 60), width=5, random_state=seed)
    recipe = Recipe.from_dict({"training": {"epochs": 2, "frames_per_recording": 32}})
    segmenter = SeLASegmenter(recipe, 3, random_state=seed).fit(recordings.features)
    model = segmenter.model_
    for labels, recording in zip(segmenter.labels_, recordings, strict=True):
        with torch.no_grad():
            frames = model.encoder(torch.from_numpy(standardise(recording.features)))
        directions = frames / frames.norm(dim=1, keepdim=True)
        nearest = torch.cdist(directions, model.actions.detach()).argmin(dim=1)
        np.testing.assert_array_equal(labels, nearest)
    assert segmenter.objective_ > 0
    again = pickle.loads(pickle.dumps(segmenter))
    for labels, own in zip(again.predict(recordings.features), segmenter.labels_, strict=True):
        np.testing.assert_array_equal(labels, own)


def test_the_pseudo_labels_it_trains_on_are_balanced(seed: int) -> None:
    recordings = make_recordings(2, 3, (30, 60), width=5, random_state=seed)
    recipe = Recipe.from_dict({"training": {"epochs": 1, "frames_per_recording": 16}})
    segmenter = SeLASegmenter(recipe, 3, random_state=seed).fit(recordings.features)
    model = segmenter.model_
    model.parts = segmenter._parts(recipe)
    features = torch.randn(2, 16, 5, generator=torch.Generator().manual_seed(seed % 2**31))
    lengths = torch.tensor([16, 9])
    targets = ForwardPass.of(model, features, lengths).targets
    np.testing.assert_allclose(targets.sum(dim=1), [[16 / 3] * 3, [3.0] * 3], rtol=1e-4)


def test_a_recipe_of_a_team_trains_one_network(seed: int) -> None:
    """The method is its pseudo-labels; learners of another kind have no place in it."""
    from asot.model.network import ActionModel

    X = make_recordings(3, 3, (30, 50), random_state=seed).features
    settings = {"training": {"epochs": 1, "kmeans_restarts": 1}, "encoder": {"width": 6}}
    alone = SeLASegmenter(Recipe.from_dict(settings), 3, random_state=seed).fit(X)
    teams = SeLASegmenter(Recipe.from_dict({**settings, "team": 2}), 3, random_state=seed).fit(X)
    assert isinstance(teams.model_, ActionModel)
    np.testing.assert_array_equal(teams.cluster_centers_, alone.cluster_centers_)
