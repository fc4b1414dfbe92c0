"""Learning from corrected segments: they hold, others follow, numbers stay, files keep it all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from asot import ActionSegmenter, evaluate
from asot.errors import ArgumentError, FileError
from asot.model.checkpoint import load_model, save
from asot.model.corrected import learn_corrected
from asot.model.features import prepare
from asot.model.network import decode
from asot.model.team import TeamModel
from tests.conftest import SEED

Labels = list[NDArray[np.int64]]
LOOKED = 4  # recordings that a person looked at


def small(n_actions: int, seed: int) -> ActionSegmenter:
    settings: dict[str, Any] = {"order_prior": 0.0, "frames_per_recording": 64, "n_init": 2}
    settings |= {"epochs": 1, "team": 0, "radius": 5, "device": "cpu"}
    return ActionSegmenter(n_actions, random_state=seed, **settings)


class Told:
    """A network of two actions, on recordings of three, of which it takes two for one."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        # Each action once a recording, in some order, about equally long.
        orders = [rng.permutation(3) for _ in range(8)]
        classes = [np.repeat(one, rng.integers(20, 30, 3)) for one in orders]
        points = 2 * np.eye(3, 6)
        self.raw = [points[one] + rng.normal(0, 0.5, (len(one), 6)) for one in classes]
        self.features = [prepare(one, True) for one in self.raw]
        fitted = small(2, seed).fit(self.raw)
        self.model, self.labels = fitted.model_, fitted.labels_
        matching = cast(dict[int, int], evaluate(self.labels, classes).matching)
        pair = [matching.get(action) for action in (0, 1)]
        free = (one for one in range(3) if one not in pair)
        numbers = [next(free) if one is None else one for one in (*pair, None)]
        # Each action has the number of the class that most of its frames are of.
        self.truth = [np.argsort(numbers)[one] for one in classes]

    def known(self, label: int = 2) -> Labels:
        """What a person says of some recordings, who gives the third action a label."""
        free = [np.full_like(one, -1) for one in self.truth[LOOKED:]]
        return [np.where(one == 2, label, one) for one in self.truth[:LOOKED]] + free


def right(labels: Labels, truth: Labels) -> float:
    return float(np.mean(np.concatenate(labels) == np.concatenate(truth)))


@pytest.fixture(scope="module")
def told() -> Told:
    return Told(SEED)


def decoded(model: TeamModel, told: Told, known: Labels) -> Labels:
    return [decode(model, *pair)[0] for pair in zip(told.features, known, strict=True)]


def test_an_added_action_is_found_where_nobody_looked(told: Told) -> None:
    known = told.known()
    model = learn_corrected(told.model, told.features, known, 3)
    found = decoded(model, told, known)
    for labels, own in zip(found[:LOOKED], known, strict=False):
        np.testing.assert_array_equal(labels, own)
    before = right(told.labels[LOOKED:], told.truth[LOOKED:])
    assert right(found[LOOKED:], told.truth[LOOKED:]) > before + 0.1
    # What has learnt can learn again, from all that is known by then.
    again = learn_corrected(model, told.features, known, 3)
    for one in told.features:
        np.testing.assert_array_equal(decode(again, one)[0], decode(model, one)[0])
    embedded = model.embed(torch.from_numpy(told.features[0]))
    assert model.actions.shape == (3, embedded.shape[1])
    assignment = model.decode(torch.from_numpy(told.features[0]), known[0]).assignment
    np.testing.assert_array_equal(assignment.argmax(dim=1), known[0])


def test_frames_without_an_action_are_found_too(told: Told) -> None:
    model = learn_corrected(told.model, told.features, told.known(), 2)
    found = [decode(model, one) for one in told.features[LOOKED:]]
    truth = [np.where(one == 2, -1, one) for one in told.truth[LOOKED:]]
    assert right([labels for labels, _ in found], truth) > right(told.labels[LOOKED:], truth) + 0.1
    for _, assignment in found:
        assert assignment.shape[1] == 2
        np.testing.assert_allclose(assignment.sum(axis=1), 1.0, atol=1e-5)


def test_some_of_many_segments_teach_and_all_hold(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = told.known()
    every = learn_corrected(told.model, told.features, known, 3)
    monkeypatch.setattr("asot.model.corrected.MOST_TAUGHT", 8)
    some = learn_corrected(told.model, told.features, known, 3)
    assert every.lessons is not None
    assert some.lessons is not None
    # Of each of three actions two, of one segment in each recording.
    assert len(every.lessons.rows) - len(some.lessons.rows) == 3 * (LOOKED - 2)
    for labels, own in zip(decoded(some, told, known)[:LOOKED], known, strict=False):
        np.testing.assert_array_equal(labels, own)


def test_a_checkpoint_keeps_the_lessons(told: Told, tmp_path: Path) -> None:
    path = tmp_path / "all.ckpt"
    model = learn_corrected(told.model, told.features, told.known(), 3)
    save(path, team=model)
    again = load_model(path)
    assert isinstance(again, TeamModel)
    for one in told.features:
        np.testing.assert_array_equal(decode(again, one)[1], decode(model, one)[1])
    assert model.lessons is not None
    for rows, moves in (
        (model.lessons.rows[:, 1:], model.lessons.moves),
        (model.lessons.rows[1:], model.lessons.moves),
        (model.lessons.rows, model.lessons.moves[:, 1:]),
    ):
        altered = replace(model.lessons, rows=rows, moves=moves)
        save(path, team=replace(model, lessons=altered))
        with pytest.raises(FileError, match="lessons do not fit"):
            load_model(path)


def test_fit_keeps_known_frames_and_numbers(told: Told, seed: int) -> None:
    # Other numbers than any training would find.
    truth = [(one + 1) % 3 for one in told.truth]
    y = [np.where(np.arange(len(one)) % 50 < 25, one, -1) for one in truth]
    segmenter = small(3, seed).fit(told.raw, y)
    for labels, own in zip(segmenter.labels_, y, strict=True):
        np.testing.assert_array_equal(labels[own >= 0], own[own >= 0])
    assert right(segmenter.labels_, truth) > 0.8
    assert right(segmenter.predict(told.raw), truth) > 0.6


def test_actions_that_nobody_named_are_still_found(told: Told, seed: int) -> None:
    y = [np.where(one == 2, 0, -1) for one in told.truth]
    y[-1] = np.full_like(y[-1], -1)
    found = small(3, seed).fit(told.raw, y).labels_
    assert len(np.unique(np.concatenate(found))) > 1
    # Their numbers are others than that which was given.
    given = np.concatenate(found)[np.concatenate(y) == 0]
    assert set(given.tolist()) == {0}


def test_ground_truth_is_not_learnt_from(told: Told, seed: int) -> None:
    plain = small(3, seed).fit(told.raw)
    nothing = [np.full_like(one, -1) for one in told.truth]
    for y in (told.truth, nothing):
        again = small(3, seed).fit(told.raw, y)
        for name in ("labels_", "confidence_"):
            for a, b in zip(getattr(plain, name), getattr(again, name), strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda y: y[1:], "y must have labels for each of 8 recordings, but has them for 7"),
        (lambda y: [y[0][1:], *y[1:]], r"y\[0\] must have a whole number for each of"),
        (lambda y: [y[0] * 1.5, *y[1:]], r"y\[0\] must have .* the type float64"),
        (lambda y: [y[0] - 1, *y[1:]], "y must hold actions, from 0 to 2, .* but holds -2"),
        (lambda y: [np.maximum(y[0], 3), *y[1:]], "from 0 to 2, or -1 .* but holds 3"),
    ],
)
def test_labels_that_do_not_fit(told: Told, change, sentence: str) -> None:  # type: ignore[no-untyped-def]
    y = [np.where(np.arange(len(one)) < 9, one, -1) for one in told.truth]
    with pytest.raises(ArgumentError, match=sentence):
        small(3, 0).fit(told.raw, change(y))
