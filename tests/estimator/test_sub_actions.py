"""ActionSegmenter with sub-actions: the tree that is there is found, shown and stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from asot import ActionSegmenter
from asot.errors import ArgumentError
from asot.timeline.segments import UNLABELLED
from tests.trees import Trees, make_trees

Make = Callable[..., ActionSegmenter]


@pytest.fixture(scope="module")
def trees() -> Trees:
    return make_trees(0, apart=5.0)


@pytest.fixture(scope="module")
def fitted(trees: Trees) -> ActionSegmenter:
    settings = {"team": 0, "order_prior": 0.15, "radius": 0.04, "device": "cpu"}
    return ActionSegmenter(3, sub_actions=4, random_state=0, **settings).fit(trees.features)


def test_the_tree_that_is_there_is_found(trees: Trees, fitted: ActionSegmenter) -> None:
    assert fitted.score(trees.features, trees.actions) > 0.9
    pairs = zip(fitted.labels_, fitted.sub_actions_, strict=True)
    joined = [labels * 10 + steps for labels, steps in pairs]
    truth = [own * 10 + steps for own, steps in zip(trees.actions, trees.steps, strict=True)]
    true = np.concatenate(truth)
    assert adjusted_rand_score(true, np.concatenate(joined)) > 0.88
    assert adjusted_rand_score(true, np.concatenate(fitted.labels_)) < 0.8  # actions alone


def test_the_table_has_both_levels(trees: Trees, fitted: ActionSegmenter) -> None:
    pytest.importorskip("pandas")
    table = fitted.segments(frame_rate=10, names=["a", "b", "c"])
    for index, (labels, steps) in enumerate(zip(fitted.labels_, fitted.sub_actions_, strict=True)):
        own = table[table.recording == index]
        for rows, wanted in ((own[own.level == 0], labels), (own[own.level == 1], steps)):
            found = np.full(len(labels), UNLABELLED)
            for row in rows.itertuples():
                value = row.sub_action if row.level else "abc".index(row.action)
                found[row.start_frame : row.end_frame] = value
            np.testing.assert_array_equal(found, wanted)
        parents = own[own.level == 0]
        for row in own[own.level == 1].itertuples():
            held = parents[(parents.start_frame <= row.start_frame)].iloc[-1]
            assert (held.action, held.end_frame >= row.end_frame) == (row.action, True)
    np.testing.assert_allclose(table.start_s, table.start_frame / 10)
    assert fitted.segments(trees.features[:1]).equals(fitted.segments()[lambda t: t.recording == 0])


def test_the_actions_are_those_of_a_segmenter_without(
    trees: Trees, fitted: ActionSegmenter
) -> None:
    plain = ActionSegmenter(**{**fitted.get_params(), "sub_actions": 0}).fit(trees.features)
    for one, other in zip(plain.labels_, fitted.labels_, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not hasattr(plain, "sub_actions_")
    pytest.importorskip("pandas")
    assert "level" not in plain.segments()


def test_a_stored_segmenter_knows_its_steps(
    trees: Trees, fitted: ActionSegmenter, tmp_path: Path
) -> None:
    pytest.importorskip("pandas")
    fitted.save(tmp_path / "one.ckpt")
    again = ActionSegmenter.load(tmp_path / "one.ckpt", device="cpu")
    assert again.sub_actions == 4
    assert again.segments(trees.features).equals(fitted.segments())


def test_the_order_of_recordings_does_not_matter(trees: Trees, fitted: ActionSegmenter) -> None:
    turned = ActionSegmenter(**fitted.get_params()).fit(trees.features[::-1])
    for one, other in zip(turned.sub_actions_[::-1], fitted.sub_actions_, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_setting_out_of_range_is_named(make: Make) -> None:
    with pytest.raises(ArgumentError, match="sub_actions must be an integer"):
        make(sub_actions=-1).fit([np.ones((9, 2))])
