"""Parts of one's own in the place of asot's: each changes what it is for, and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sklearn.base import clone
from torch import Tensor, nn

from asot import ActionSegmenter, EarlyStopping, Epoch, ForwardPass
from asot.data import standardise
from asot.errors import ArgumentError, FileError
from asot.model.checkpoint import load_model, save
from asot.model.parts import Parts
from asot.simulation import make_recordings

Features = list[NDArray[Any]]

SMALL = {
    **{"n_actions": 3, "epochs": 2, "team": 0, "radius": 0.05, "order_prior": 0.1},
    **{"frames_per_recording": 32, "n_init": 1, "hidden": (8,), "embedding_width": 6},
}


@pytest.fixture
def X(seed: int) -> Features:  # noqa: N802
    return list(make_recordings(4, 3, (40, 70), width=5, random_state=seed).features)


def fitted(X: Features, **options: Any) -> ActionSegmenter:
    return ActionSegmenter(**{**SMALL, "random_state": 3, **options}).fit(X)


def same(one: ActionSegmenter, other: ActionSegmenter) -> None:
    torch.testing.assert_close(
        torch.from_numpy(one.cluster_centers_), torch.from_numpy(other.cluster_centers_)
    )
    for own, its in zip(one.labels_, other.labels_, strict=True):
        np.testing.assert_array_equal(own, its)


def paper_encoder(n_features: int) -> nn.Module:
    return nn.Sequential(nn.Linear(n_features, 8), nn.ReLU(), nn.Linear(8, 6))


def test_asots_own_parts_given_as_ones_own_change_nothing(X: Features) -> None:
    """Each path through a part of one's own, autograd's too, ends where the paper's does."""
    expected = fitted(X)
    for parts in (
        {"encoder": paper_encoder},
        {"cost": lambda one: 1 - one.embeddings @ one.model.actions.T},
        {"pseudo_labels": lambda one: one.solve().assignment},
        {"loss": lambda one: one.cross_entropy()},
        {"sample": _stratified},
        {"callbacks": [lambda epoch: None]},
    ):
        same(fitted(X, **parts), expected)


def _stratified(n_frames: int, count: int, rng: np.random.Generator) -> Any:
    from asot.data import stratified_frames

    return stratified_frames(n_frames, count, rng)


class Recurrent(nn.Module):
    """A recurrent encoder that sees both ways, and so needs the lengths."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gru = nn.GRU(width, 4, batch_first=True, bidirectional=True)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(
            features, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        encoded, _ = nn.utils.rnn.pad_packed_sequence(
            self.gru(packed)[0], batch_first=True, total_length=features.shape[1]
        )
        return encoded


def test_a_sequence_model_is_trained_and_left_as_it_came(X: Features) -> None:
    own = Recurrent(5)
    before = [one.clone() for one in own.parameters()]
    segmenter = fitted(X, encoder=own, epochs=3)
    assert segmenter.cluster_centers_.shape == (3, 8)
    trained = list(segmenter.model_.encoder.parameters())
    assert all(torch.equal(one, was) for one, was in zip(own.parameters(), before, strict=True))
    assert all(not torch.equal(one, was) for one, was in zip(trained, before, strict=True))
    # Decoded one by one, as no padding may be seen.
    for one, labels in zip(X, segmenter.labels_, strict=True):
        np.testing.assert_array_equal(segmenter.predict(one), labels)
    embedded = segmenter.transform(X[0])
    with torch.no_grad():
        ready = torch.from_numpy(standardise(X[0]))[None]
        by_hand = segmenter.model_.encoder(ready, torch.tensor([len(X[0])]))
    np.testing.assert_allclose(embedded, F.normalize(by_hand, dim=-1)[0].numpy(), atol=1e-6)


def test_a_layer_that_returns_its_state_too_will_do_and_is_fitted_alike_by_a_clone(
    X: Features,
) -> None:
    segmenter = fitted(X, encoder=nn.GRU(5, 4, batch_first=True))
    assert segmenter.transform(X[0]).shape == (len(X[0]), 4)
    same(clone(segmenter).fit(X), segmenter)


def test_dropout_draws_from_the_seed(X: Features) -> None:
    options = {"encoder": nn.Sequential(nn.Linear(5, 6), nn.Dropout(0.5))}
    state = torch.get_rng_state()
    same(fitted(X, **options), fitted(X, **options))
    assert torch.equal(torch.get_rng_state(), state)


def test_fixed_actions_stay_and_label_without_training(X: Features) -> None:
    """As with embeddings of texts: zero-shot where no epoch is trained."""
    actions = np.eye(5)[:3] * 7
    zero_shot = fitted(X, encoder=nn.Identity(), actions=actions, epochs=0, order_prior=0)
    np.testing.assert_allclose(zero_shot.cluster_centers_, np.eye(5)[:3])
    unit = F.normalize(torch.from_numpy(standardise(X[0])), dim=-1)
    np.testing.assert_allclose(zero_shot.transform(X[0]), unit.numpy(), atol=1e-6)
    trained = fitted(X, encoder=nn.Linear(5, 5), actions=actions)
    np.testing.assert_allclose(trained.cluster_centers_, np.eye(5)[:3])
    assert trained.objective_ is not None


def test_a_cost_of_several_views_decides_the_labels(X: Features) -> None:
    def by_column(given: ForwardPass) -> Tensor:
        views = [given.features[..., :3], given.features[..., 1:4]]
        return sum(0.5 * (3 - one) for one in views) + 0 * given.embeddings.sum()

    segmenter = fitted(X, cost=by_column, order_prior=0, alpha_eval=0.0)
    for one, labels in zip(X, segmenter.labels_, strict=True):
        ready = standardise(one)
        nearest = (ready[:, :3] + ready[:, 1:4]).argmax(axis=1)
        assert (labels == nearest).mean() > 0.6  # the penalty on actions moves some


class Weighed(nn.Module):
    """A loss with a parameter of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))

    def forward(self, given: ForwardPass) -> Tensor:
        steps = (given.embeddings[:, 1:] - given.embeddings[:, :-1]).square().mean()
        return given.cross_entropy() * self.weight.exp() - self.weight + 0.1 * steps


def test_a_loss_of_ones_own_is_descended_with_its_parameters(X: Features) -> None:
    plain, own = fitted(X), fitted(X, loss=Weighed())
    assert not np.array_equal(plain.cluster_centers_, own.cluster_centers_)
    trained = []
    fitted(X, loss=Weighed(), callbacks=[lambda one: trained.append(one.model.own("loss").weight)])
    assert float(trained[-1].detach()) != 0


def test_own_parts_are_told_which_frames_of_which_recordings_they_see(
    X: Features,
) -> None:
    seen = set()

    def look(given: ForwardPass) -> Tensor:
        for b, index in enumerate(given.indices):
            length = int(given.lengths[b])
            ready = standardise(X[index])[given.frames[b, :length].numpy()]
            np.testing.assert_array_equal(given.features[b, :length].numpy(), ready)
            assert given.exists[b].sum() == length
            seen.add(index)
        return given.solve().assignment

    fitted(X, pseudo_labels=look)
    assert seen == {0, 1, 2, 3}


def test_own_places_of_actions_and_own_frames(X: Features) -> None:
    start = np.eye(6)[:3].astype(np.float32)
    placed = fitted(X, initialise=lambda embeddings, n_actions, seed: start, epochs=0)
    np.testing.assert_allclose(placed.cluster_centers_, start)
    frames = []

    def loss(given: ForwardPass) -> Tensor:
        frames.append(given.frames)
        return given.cross_entropy()

    fitted(X, sample=lambda n_frames, count, rng: np.arange(min(n_frames, count)), loss=loss)
    assert all(torch.equal(row, torch.arange(32)) for one in frames for row in one)


def test_actions_move_as_one_says_and_are_not_descended(X: Features) -> None:
    class Turn(nn.Module):
        """A step is a turn of the coordinates: after six of them the actions are back."""

        def forward(self, given: ForwardPass) -> Tensor:
            return given.model.actions.roll(1, dims=1)

    start = fitted(X, epochs=0).cluster_centers_
    for update in (Turn(), lambda one: one.model.actions.roll(1, dims=1)):
        found = fitted(X, epochs=2, update_actions=update)  # of two steps each
        np.testing.assert_allclose(found.cluster_centers_, np.roll(start, 4, axis=1), atol=1e-6)
        assert not found.model_.modules_of_own


def test_callbacks_end_a_training_and_see_the_recordings_as_they_were_given(
    X: Features,
) -> None:
    ends = []

    def stop(epoch: Epoch) -> bool:
        assert [one.shape for one in epoch.features] == [one.shape for one in X]
        ends.append([len(one) for one in epoch.labels])
        return epoch.done == 2

    segmenter = fitted(X, epochs=9, callbacks=[stop])
    assert ends == [[len(one) for one in X]] * 2
    same(segmenter, fitted(X, epochs=2))


def test_early_stopping_keeps_the_best_epoch_and_can_be_used_again(
    X: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asot.model import parts

    gains = iter([1.0, 5.0, 4.0, 3.0, 9.0] * 2)
    monkeypatch.setattr(
        parts, "SegmentationScore", lambda *_: type("", (), {"gain": lambda *_: next(gains)})()
    )
    stopping, expected = EarlyStopping(patience=2), fitted(X, epochs=2)
    same(fitted(X, epochs=9, callbacks=[stopping]), expected)
    next(gains)
    same(fitted(X, epochs=9, callbacks=[stopping]), expected)


def test_parts_that_do_not_fit_are_named(X: Features) -> None:
    narrow = nn.Sequential(nn.Flatten(), nn.LazyLinear(3))
    for options, sentence in (
        ({"encoder": 3}, "encoder must be a function or a torch.nn.Module, but is a int"),
        ({"encoder": lambda width: width}, "encoder must be a torch.nn.Module, or a function that"),
        ({"encoder": narrow}, r"encoder must turn \(recordings, frames, columns\) into"),
        (
            {"actions": np.eye(4)},
            "actions must be finite vectors, one of the embedding's 6 numbers",
        ),
        (
            {"loss": lambda one: one.lengths},
            r"loss must return a tensor of shape \(\), but returns",
        ),
        ({"cost": lambda one: None}, "cost must return a tensor of shape .* returns NoneType"),
        ({"pseudo_labels": lambda one: one.cost[0]}, "pseudo_labels must return a tensor of shape"),
        ({"initialise": lambda *_: np.eye(3)}, "initialise must return a tensor of shape"),
        ({"callbacks": [3]}, "callbacks must be a list of functions"),
        ({"actions": np.eye(3, 6), "initialise": max}, "initialise places action embeddings, but"),
        (
            {"actions": np.eye(3, 6), "update_actions": max},
            "update_actions moves action embeddings",
        ),
        ({"update_actions": lambda one: None}, "update_actions must return a tensor of shape"),
    ):
        with pytest.raises(ArgumentError, match=sentence):
            fitted(X, **options)


def test_a_model_of_own_parts_is_loaded_with_them_alone(X: Features, tmp_path: Any) -> None:
    segmenter, path = fitted(X, encoder=paper_encoder, loss=Weighed()), tmp_path / "own.ckpt"
    save(path, network=segmenter.model_)
    with pytest.raises(FileError, match="was trained with encoder of one's own, but is read"):
        load_model(path)
    loaded = load_model(path, Parts(encoder=paper_encoder))
    ready = torch.from_numpy(standardise(X[0]))
    np.testing.assert_array_equal(loaded.decode(ready).labels.numpy(), segmenter.labels_[0])


def test_modules_that_only_make_targets_or_places_stay_as_they_are(X: Features) -> None:
    """They are called without gradients, and so cannot learn."""

    class Targets(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.own = nn.Parameter(torch.ones(()))

        def forward(self, given: ForwardPass) -> Tensor:
            return self.own * given.solve().assignment

    own, plain = fitted(X, pseudo_labels=Targets()), fitted(X)
    same(own, plain)
    same(own.partial_fit(X), plain.partial_fit(X))


def test_what_the_loss_does_not_reach_stays(X: Features) -> None:
    """Weight decay alone would move it by a whole step."""

    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.idle = nn.Parameter(torch.tensor(5.0))

        def forward(self, given: ForwardPass) -> Tensor:
            return given.cross_entropy()

    seen = []
    fitted(X, loss=Idle(), callbacks=[lambda one: seen.append(one.model.own("loss").idle.item())])
    assert seen == [5.0, 5.0]


def test_an_encoder_may_come_out_of_another_training(X: Features) -> None:
    def learnt(width: int) -> nn.Module:
        encoder: nn.Module = fitted(X, epochs=1).model_.encoder
        return encoder

    assert fitted(X, encoder=learnt).objective_ is not None


def test_callbacks_are_not_copied_with_the_network(X: Features, tmp_path: Any) -> None:
    with (tmp_path / "log").open("w") as log:  # which cannot be copied

        def tell(epoch: Epoch) -> None:
            log.write(f"{epoch.done} {len(epoch.labels)}\n")

        fitted(X, callbacks=[tell])
    assert (tmp_path / "log").read_text() == "1 4\n2 4\n"


def test_whatever_part_draws_draws_from_the_seed(X: Features) -> None:
    def noisy(given: ForwardPass) -> Tensor:
        plan = given.solve().assignment * (0.5 + torch.rand(given.features.shape[1], 1))
        return plan / plan.sum(dim=2, keepdim=True).clamp(min=1e-9)

    fits = []
    for state in (1, 2):
        torch.manual_seed(state)
        before = torch.get_rng_state()
        fits.append(fitted(X, pseudo_labels=noisy))
        assert torch.equal(torch.get_rng_state(), before)
    same(*fits)


def test_a_module_in_two_places_stays_one(X: Features) -> None:
    class Shared(nn.Module):
        def __init__(self, encoder: nn.Module) -> None:
            super().__init__()
            self.encoder = encoder

        def forward(self, given: ForwardPass) -> Tensor:
            return 1 - given.cosine + 0 * self.encoder(given.features).sum()

    encoder = nn.Linear(5, 6)
    model = fitted(X, encoder=encoder, cost=Shared(encoder)).model_
    assert model.own("cost").encoder is model.encoder


def test_results_that_cannot_be_used_are_named(X: Features) -> None:
    def divided(given: ForwardPass) -> Tensor:
        plan = given.solve().assignment ** 2
        return plan / plan.sum(dim=2, keepdim=True)

    short = [X[0], X[1][:20]]  # so that there is padding
    for options, sentence in (
        ({"pseudo_labels": divided}, "pseudo_labels must return finite numbers"),
        ({"loss": lambda one: one.cross_entropy() * float("nan")}, "loss must return finite"),
        ({"loss": lambda one: one.cost.mean()}, "loss must hang on what is trained"),
        ({"cost": lambda one: one.cost * 2}, "cost must not ask for what it makes"),
        ({"encoder": nn.GRU(5, 6)}, "encoder must have batch_first=True"),
        ({"sample": lambda length, most, rng: rng.permutation(length)}, "sample must return the"),
        ({"sample": lambda length, most, rng: np.array([length])}, "sample must return the places"),
    ):
        with pytest.raises(ArgumentError, match=sentence):
            fitted(short, **options)


def test_fixed_actions_stay_fixed_after_loading(X: Features, tmp_path: Any) -> None:
    segmenter = fitted(X, encoder=nn.Linear(5, 5), actions=torch.eye(5)[:3].requires_grad_())
    save(tmp_path / "own.ckpt", network=segmenter.model_)
    encoder = nn.Linear(5, 5)
    before = torch.get_rng_state()
    model = load_model(tmp_path / "own.ckpt", Parts(encoder=encoder))
    assert torch.equal(torch.get_rng_state(), before)
    assert isinstance(model, type(segmenter.model_))
    assert not model.actions.requires_grad


def test_parts_of_a_training_may_be_given_to_load(X: Features, tmp_path: Any) -> None:
    options = {"encoder": paper_encoder, "loss": Weighed()}
    segmenter = fitted(X, **options)
    segmenter.save(tmp_path / "own.ckpt")
    again = ActionSegmenter.load(tmp_path / "own.ckpt", **options)
    np.testing.assert_array_equal(again.predict(X[0]), segmenter.labels_[0])
    with pytest.raises(FileError, match=r"give ActionSegmenter\.load the same parts"):
        ActionSegmenter.load(tmp_path / "own.ckpt")
    with pytest.raises(FileError, match="do not have the shapes of encoder as given"):
        ActionSegmenter.load(tmp_path / "own.ckpt", encoder=nn.Linear(5, 6))
