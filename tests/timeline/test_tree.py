"""Trees of segments: each level's cuts, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from asot.errors import ArgumentError
from asot.timeline.segments import to_labels
from asot.timeline.tree import segment_tree


def test_a_cut_of_one_level_is_one_of_all_below(rng: np.random.Generator) -> None:
    levels = [np.repeat(rng.integers(0, 3, 40 // each), each) for each in (8, 4, 2)]
    walked = [pair for node in segment_tree(levels) for pair in node.walk()]
    for level, labels in enumerate(levels):
        own = [segment for depth, segment in walked if depth == level]
        np.testing.assert_array_equal(to_labels(own, 40), labels)
        cuts = {i for one in levels[: level + 1] for i in np.flatnonzero(np.diff(one)) + 1}
        assert {one.start for one in own} == {0, *cuts}


def test_frames_without_an_action_have_nothing_below() -> None:
    first, last = segment_tree([[0, 0, -1, -1, 0], [1, -1, 1, 1, 1]])
    assert [(one.segment.start, one.segment.end) for one in first.parts] == [(0, 1)]
    assert [(level, one.start, one.end) for level, one in last.walk()] == [(0, 4, 5), (1, 4, 5)]
    assert segment_tree([[], []]) == []


@pytest.mark.parametrize("levels", [[], [[0, 1], [0]]])
def test_levels_that_do_not_fit_each_other(levels: list[list[int]]) -> None:
    with pytest.raises(ArgumentError, match="levels must be one or more arrays of one length"):
        segment_tree(levels)
