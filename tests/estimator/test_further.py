"""Training that goes on with new recordings."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from asot import ActionSegmenter
from asot.discover.prototypes import Prototypes
from asot.errors import ArgumentError
from asot.model import further, learners
from asot.model.features import PreparedFeatures
from asot.model.parts import Parts
from asot.model.recipe import Recipe, TrainingSettings
from asot.simulation import make_recordings

Make = Callable[..., ActionSegmenter]
TEAM = {"team": 1, "order_prior": "auto", "radius": "auto"}


@pytest.mark.parametrize("face", [{}, TEAM])
def test_actions_keep_their_numbers(make: Make, face: dict[str, Any], seed: int) -> None:
    made = make_recordings(10, 3, (60, 90), width=8, noise=0.3, random_state=seed)
    X, first = list(made.features), slice(5)
    segmenter = make(**{**face, "epochs": 5, "order_prior": 0.0}).fit(X[first])
    model, before = segmenter.model_, segmenter.predict(X)
    models = [one.model for one in getattr(model, "learners", [])] or [model]
    networks = [one for one in models if not isinstance(one, Prototypes)]
    kept = [one.actions.detach().clone() for one in networks]
    assert segmenter.partial_fit(X[5:]) is segmenter
    after = segmenter.predict(X)
    same = np.mean(np.concatenate(after) == np.concatenate(before))
    assert same > 0.8
    # The model of before is left as it was, and that of now is another.
    assert all(torch.equal(one.actions, two) for one, two in zip(networks, kept, strict=True))
    assert segmenter.model_ is not model
    if networks:  # some teams keep prototypes alone, which stay
        assert not np.array_equal(segmenter.cluster_centers_, model.actions.detach())
    for one, two in zip(segmenter.labels_, after[5:], strict=True):
        np.testing.assert_array_equal(one, two)
    assert [len(one) for one in segmenter.confidence_] == [len(x) for x in X[5:]]


def test_the_first_call_is_fit(make: Make, X: list[np.ndarray]) -> None:
    one, two = make().partial_fit(X), make().fit(X)
    np.testing.assert_array_equal(one.cluster_centers_, two.cluster_centers_)


def test_without_epochs_nothing_changes(make: Make, X: list[np.ndarray]) -> None:
    segmenter = make().fit(X)
    before = segmenter.cluster_centers_
    segmenter.set_params(epochs=0).partial_fit(X[:2])
    np.testing.assert_array_equal(segmenter.cluster_centers_, before)


def test_what_does_not_go_on(make: Make, X: list[np.ndarray]) -> None:
    segmenter = make().fit(X)
    before = segmenter.predict(X)
    with pytest.raises(ArgumentError, match=r"same columns, but X\[0\] has 2, not 5"):
        segmenter.partial_fit([x[:, :2] for x in X])
    with pytest.raises(ArgumentError, match="y must be left out of partial_fit"):
        segmenter.partial_fit(X, [np.arange(len(x)) % 2 - 1 for x in X])
    for one, two in zip(segmenter.predict(X), before, strict=True):
        np.testing.assert_array_equal(one, two)


def test_an_encoder_of_ones_own_goes_on(make: Make, X: list[np.ndarray]) -> None:
    encoder, seen = torch.nn.Linear(5, 4), list[int]()
    segmenter = make(encoder=encoder, callbacks=[lambda epoch: seen.append(epoch.done)]).fit(X)
    before = segmenter.model_.encoder.weight.detach().clone()
    segmenter.partial_fit(X)
    assert not torch.equal(segmenter.model_.encoder.weight, before)
    assert not torch.equal(segmenter.model_.encoder.weight, encoder.weight)
    assert seen == [1, 2, 1, 2]


@pytest.mark.parametrize("name", ["encoder", "actions", "cost", "update_actions"])
def test_parts_that_were_fitted_stay(make: Make, X: list[np.ndarray], name: str) -> None:
    own = {
        "encoder": torch.nn.Linear(5, 6),
        "actions": np.eye(3, 6),
        "cost": lambda given: 1 - given.model.similarity(given.embeddings),
        "update_actions": lambda given: given.model.actions,
    }[name]
    for before, after in ((own, None), (None, own)):
        segmenter = make(**{name: before}).fit(X)
        model = segmenter.model_
        with pytest.raises(ArgumentError, match=f"{name} must stay in partial_fit") as caught:
            segmenter.set_params(**{name: after}).partial_fit(X)
        assert caught.value.setting == name
        assert segmenter.model_ is model
        again = own.tolist() if name == "actions" else own
        if before is not None:
            segmenter.set_params(**{name: again}).partial_fit(X)


def test_a_team_goes_on_without_parts(make: Make, X: list[np.ndarray]) -> None:
    segmenter = make(**TEAM, epochs=1).fit(X)
    for name, part in (("loss", lambda given: given.cross_entropy()), ("callbacks", [print])):
        with pytest.raises(ArgumentError, match=f"{name} must be left out of partial_fit"):
            copy.copy(segmenter).set_params(**{name: part}).partial_fit(X)


def test_a_team_goes_on_with_few_steps_over_many_recordings(
    make: Make, X: list[np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learners, "MANY_RECORDINGS", 2)
    segmenter, passes = make(**{**TEAM, "epochs": 4}).fit(X), list[int]()

    def counted(seen: Any, recipe: Recipe, *rest: Any, begun: Any) -> Any:
        passes.append(recipe.training.epochs)
        return begun

    monkeypatch.setattr(further, "train", counted)
    further.train_further(
        segmenter.model_, PreparedFeatures(X, True), TrainingSettings(epochs=4), 0, "cpu", Parts()
    )
    networks = [one for one in segmenter.model_.learners if not isinstance(one.model, Prototypes)]
    assert passes == [2] * len(networks)


def test_the_objective_is_that_of_the_last_epoch(make: Make, X: list[np.ndarray]) -> None:
    losses = list[float]()
    segmenter = make(callbacks=[lambda epoch: losses.append(epoch.loss)]).fit(X)
    assert segmenter.objective_ == losses[1]
    assert segmenter.partial_fit(X).objective_ == losses[3]
    assert segmenter.set_params(epochs=0).partial_fit(X).objective_ is None
