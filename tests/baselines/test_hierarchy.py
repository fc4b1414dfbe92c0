"""Sub-actions: their cost against a plain sum, their split, and both levels of the results."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import logsumexp, softmax

from asot.baselines import HierarchySegmenter
from asot.errors import ArgumentError
from asot.model.network import ActionModel
from asot.model.parts import ForwardPass
from asot.model.recipe import Recipe
from asot.model.segmenter import RecipeSegmenter
from tests.baselines.conftest import SMALL


def unit(rows: np.ndarray) -> np.ndarray:
    scaled: np.ndarray = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return scaled


def given_of(recipe: Recipe, rng: np.random.Generator, alpha: int, k: int) -> ForwardPass:
    parts = HierarchySegmenter(recipe, k, alpha=alpha)._parts(recipe)
    model = ActionModel(recipe, 5, k, parts)
    features = torch.from_numpy(rng.normal(size=(2, 14, 5)).astype(np.float32))
    return ForwardPass.of(model, features, torch.tensor([14, 9]))


def test_an_action_has_the_sum_of_its_sub_actions_probabilities(
    rng: np.random.Generator, recipe: Recipe
) -> None:
    alpha, k = 3, 4
    given = given_of(recipe, rng, alpha, k)
    offsets = rng.normal(size=(k, alpha, 6)).astype(np.float32)
    with torch.no_grad():
        given.model.own("cost").offsets.copy_(torch.from_numpy(offsets))
    z, c = given.embeddings.detach().numpy(), given.model.actions.detach().numpy()
    cosines = np.einsum("bnd,kad->bnka", z, unit(c[:, None] + offsets))
    t = recipe.training.temperature
    expected = 1 - t * (logsumexp(cosines / t, axis=-1) - np.log(alpha))
    np.testing.assert_allclose(given.cost, expected, atol=1e-5)
    shares = given.model.log_probabilities(given.similarity).exp().detach()
    np.testing.assert_allclose(shares, softmax(cosines / t, (2, 3)).sum(axis=3), atol=1e-5)


def test_sub_actions_at_their_action_change_nothing(
    rng: np.random.Generator, recipe: Recipe
) -> None:
    given = given_of(recipe, rng, 2, 4)  # before the split, all offsets are 0
    paper = given.model.similarity(given.embeddings)
    torch.testing.assert_close(given.similarity, paper, rtol=0, atol=1e-6)


def test_one_sub_action_each_is_the_papers_network(X: list[np.ndarray], recipe: Recipe) -> None:
    paper = RecipeSegmenter(recipe, 3, random_state=3).fit(X)
    flat = HierarchySegmenter(recipe, 3, alpha=1, random_state=3).fit(X)
    np.testing.assert_array_equal(flat.cluster_centers_, paper.cluster_centers_)
    for one, other, fine in zip(flat.labels_, paper.labels_, flat.sub_actions_, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, fine)


def test_both_levels_of_each_recording_by_itself(X: list[np.ndarray], recipe: Recipe) -> None:
    segmenter = HierarchySegmenter(recipe, 3, alpha=3, random_state=3).fit(X)
    again = HierarchySegmenter(recipe, 3, alpha=3, random_state=3).fit(X)
    for i, (coarse, fine) in enumerate(zip(segmenter.labels_, segmenter.sub_actions_, strict=True)):
        np.testing.assert_array_equal(fine // 3, coarse)
        np.testing.assert_array_equal(segmenter.predict(X[i]), coarse)
        np.testing.assert_array_equal(segmenter.sub_actions(X[i]), fine)
        np.testing.assert_array_equal(again.sub_actions_[i], fine)


def test_the_number_of_actions_may_be_found(
    X: list[np.ndarray], recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = SimpleNamespace(chosen=4)
    monkeypatch.setattr("asot.model.automatic.settle_number", lambda *_, **__: found)
    segmenter = HierarchySegmenter(recipe, "auto", alpha=3, random_state=3).fit(X)
    told = HierarchySegmenter(recipe, 4, alpha=3, random_state=3).fit(X)
    assert segmenter.n_actions_ == 4
    np.testing.assert_array_equal(segmenter.sub_actions_[0], told.sub_actions_[0])


def test_ways_of_doing_an_action_are_found_below_it(rng: np.random.Generator, seed: int) -> None:
    # Two actions, the first in two ways that are nearer to each other than to the second.
    points = np.array([[3.0, 1, 0, 0], [3, -1, 0, 0], [-3, 0, 2, 0]])
    ways = np.repeat([0, 1, 2], (20, 20, 30))
    X = [points[ways] + 0.1 * rng.normal(size=(70, 4)) for _ in range(4)]
    settings = {**SMALL, "order_prior": 0.0, "encoder": {"width": 16}}
    recipe = Recipe.from_dict({**settings, "dataset": {"standardise": False}})
    segmenter = HierarchySegmenter(recipe, 2, random_state=seed).fit(X)
    found = np.array(segmenter.sub_actions_)
    assert segmenter.score(X, [ways // 2] * 4) == 1.0
    # The transport may put a boundary some frames away from where it is.
    first, second = (
        np.bincount(own.ravel(), minlength=4) for own in (found[:, :20], found[:, 20:40])
    )
    assert first.max() / first.sum() > 0.8
    assert second.max() / second.sum() > 0.8
    assert first.argmax() != second.argmax()


def test_the_table_has_each_action_before_its_sub_actions(
    X: list[np.ndarray], recipe: Recipe
) -> None:
    pytest.importorskip("pandas")
    segmenter = HierarchySegmenter(recipe, 3, random_state=3).fit(X)
    table = segmenter.segments(frame_rate=10)
    assert table.equals(segmenter.segments(X, frame_rate=10))
    assert table.level.iloc[0] == 0
    for index, levels in enumerate(zip(segmenter.labels_, segmenter.sub_actions_, strict=True)):
        own = table[table.recording == index]
        for level, labels in enumerate(levels):
            rows = own[own.level == level]
            lengths = rows.end_frame - rows.start_frame
            found = rows.action if level == 0 else 2 * rows.action + rows.sub_action
            np.testing.assert_array_equal(np.repeat(found, lengths), labels)
    np.testing.assert_allclose(table.end_s, table.end_frame / 10)
    assert segmenter.segments().start_s.isna().all()
    assert table.confidence.dtype == float, "though none is known"


@pytest.mark.parametrize("changes", [{"alpha": 0}, {"n_actions": 0}])
def test_settings_out_of_range_are_named(changes: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=f"{next(iter(changes))} must be an integer"):
        HierarchySegmenter(**{"n_actions": 2, **changes}).fit([np.ones((4, 2))])
