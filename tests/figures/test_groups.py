"""Pictures of groups hold what they were given."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import PathCollection

from asot.errors import ArgumentError
from asot.figures import plot_budget, plot_groups, plot_transitions


def test_points_are_the_values_of_each_group(rng: np.random.Generator) -> None:
    samples = {"pour $x_1$": [rng.uniform(size=5), rng.uniform(size=3)], "stir": [[np.nan], []]}
    figure = plot_groups(samples, ["a", "b"], "share", marked={"stir"})
    (axes,) = figure.axes
    drawn = [one.get_offsets() for one in axes.collections if isinstance(one, PathCollection)]
    for found, given in zip(drawn, [one for own in samples.values() for one in own], strict=True):
        assert np.asarray(found)[:, 0].tolist() == [one for one in given if one == one]
    assert [one.get_text() for one in axes.get_yticklabels()] == [r"pour \$x_1\$", "stir *"]
    assert [one.get_text() for one in figure.legends[0].get_texts()] == ["a", "b"]


def test_long_and_short_bouts_share_a_scale_of_ratios() -> None:
    for longest, scale in ((1000.0, "log"), (5.0, "linear")):
        samples = {"pour": [[1.0, 2.0, longest]]}
        (axes,) = plot_groups(samples, ["all"], "length (s)", boxes=True).axes
        assert axes.get_xscale() == scale
        (box,) = axes.patches
        assert box.get_x() == 1.5
        assert box.get_width() == pytest.approx((2 + longest) / 2 - 1.5)


def test_bars_are_as_long_as_the_shares() -> None:
    (axes,) = plot_budget({"a": [0.25, 0.0, 0.5]}, ["pour", "", "stir"]).axes
    assert [(one.get_x(), one.get_width()) for one in axes.patches] == [
        *((0, 0.25), (0.25, 0.5), (0, 1))
    ]


def test_each_group_has_a_matrix() -> None:
    matrix = np.array([[np.nan, 1.0], [0.5, 0.5]])
    figure = plot_transitions(dict.fromkeys("abcd", matrix), ["pour", "stir"])
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:4] == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array().filled(np.nan), matrix)


def test_an_action_needs_a_sample_of_each_group() -> None:
    with pytest.raises(ArgumentError, match="each with a sample for each of the 2 groups"):
        plot_groups({"pour": [[1.0]]}, ["a", "b"], "share")
