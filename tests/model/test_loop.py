"""The plain loop against Lightning's, and its callbacks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from asot.data import Recordings
from asot.errors import ConfigurationError
from asot.model.features import PreparedFeatures
from asot.model.loop import train
from asot.model.recipe import Recipe
from asot.model.training import fit


@pytest.mark.parametrize("standardise", [True, False])
def test_the_loop_is_lightnings_to_the_last_bit(
    recordings: Recordings, make_recipe: Callable[..., Recipe], seed: int, standardise: bool
) -> None:
    recipe = make_recipe(dataset={"standardise": standardise})
    features = PreparedFeatures(recordings.features, standardise)
    losses: list[float] = []
    others: list[float] = []
    plain = train(
        features,
        recipe,
        3,
        seed=seed,
        device="cpu",
        after_epoch=lambda done, model, loss: losses.append(loss),
    )
    lightning = fit(
        recordings.features,
        recipe,
        3,
        seed=seed,
        device="cpu",
        progress=lambda done, total, loss: others.append(loss),
    )
    assert losses == others
    assert len(losses) == recipe.training.epochs
    for one, two in zip(plain.parameters(), lightning.parameters(), strict=True):
        assert torch.equal(one, two)


def test_the_global_generator_is_left_alone(
    recordings: Recordings, recipe: Recipe, seed: int
) -> None:
    torch.manual_seed(seed)
    before = torch.random.get_rng_state()
    train(PreparedFeatures(recordings.features, True), recipe, 3, device="cpu")
    assert torch.equal(before, torch.random.get_rng_state())


def test_without_epochs_the_start_is_left(recordings: Recordings, recipe: Recipe) -> None:
    recipe.training.epochs = 0
    model = train(PreparedFeatures(recordings.features, True), recipe, 3, device="cpu")
    assert not model.training
    assert model.actions.norm(dim=1).tolist() == pytest.approx([1, 1, 1], abs=1e-6)


def test_a_device_that_is_not_there(recordings: Recordings, recipe: Recipe) -> None:
    with pytest.raises(ConfigurationError, match="device 'meta-verse' cannot be used here: "):
        train(PreparedFeatures(recordings.features, True), recipe, 3, device="meta-verse")


def test_many_frames_choose_the_restart_on_some_of_them(
    monkeypatch: pytest.MonkeyPatch, recordings: Recordings, recipe: Recipe
) -> None:
    from asot.model import start

    fitted: list[int] = []

    class Watched(start.KMeans):  # type: ignore[misc, name-defined]
        def fit(self, X, y=None):  # type: ignore[no-untyped-def]
            fitted.append(len(X))
            return super().fit(X)

    monkeypatch.setattr(start, "KMeans", Watched)
    features = PreparedFeatures(recordings.features, True)
    start.start_at_kmeans(start.draw_model(recipe, 5, 3, 0), features, 0)
    monkeypatch.setattr(start, "RESTART_FRAMES", 20)
    start.start_at_kmeans(start.draw_model(recipe, 5, 3, 0), features, 0)
    n_frames = 32 + 20 + 32 + 32 + 5
    assert fitted == [n_frames, 20, n_frames]


def test_the_restart_is_chosen_on_frames_of_all_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    from asot.model import start

    monkeypatch.setattr(start, "RESTART_FRAMES", 40)
    # Every fourth frame is of the first kind: a stride would see no other.
    kinds = np.eye(4, dtype=np.float32)[np.arange(400) % 4]
    centres = start._centres(kinds, 4, 10, 0)
    np.testing.assert_allclose(np.sort(centres.argmax(axis=1)), [0, 1, 2, 3])
