from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from asot.errors import ArgumentError
from asot.figures import plot_comparison, plot_objective
from asot.figures.style import line_style

Layout = Callable[[Figure], None]
VALUES = st.floats(-1e6, 1e6)


def drawn(figure: Figure) -> list[list[float]]:
    return [line.get_ydata().tolist() for line in figure.axes[0].lines]


@settings(max_examples=20)
@given(st.lists(st.lists(VALUES, min_size=1, max_size=60), min_size=1, max_size=12))
def test_every_trace_is_a_line(check_layout: Layout, traces: list[list[float]]) -> None:
    figure = plot_objective(traces)
    assert drawn(figure) == traces
    check_layout(figure)


@pytest.mark.parametrize(
    "traces",
    [
        [3.0, 2.0, 1.0],
        np.array([3.0, 2.0, 1.0]),
        torch.tensor([3.0, 2.0, 1.0], requires_grad=True),
        np.array([[3.0, 2.0, 1.0]]),
        [torch.tensor([3.0, 2.0, 1.0])],
        {"one": (3, 2, 1)},
        [[3.0, 2.0, 1.0, np.nan, np.nan]],
    ],
)
def test_traces_come_in_many_forms(traces: Any) -> None:
    assert drawn(plot_objective(traces)) == [[3.0, 2.0, 1.0]]


def test_named_traces_are_in_the_legend_and_many_are_counted(check_layout: Layout) -> None:
    figure = plot_objective({"a": [2.0, 1.0], "_b": [3.0, 1.0]}, title="J")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "_b"]
    assert [line.get_color() for line in figure.axes[0].lines] == [
        line_style(0).colour,
        line_style(1).colour,
    ]
    many = plot_objective(np.linspace(1, 0, 20) + np.zeros((500, 1)))
    assert not many.legends
    assert [text.get_text() for text in many.texts] == ["Each line is one of 500 traces."]
    check_layout(many)


@pytest.mark.parametrize("traces", [[], [[]], {}, [1.0, np.inf], [1.0, np.nan, 2.0], [np.nan]])
def test_empty_and_broken_traces_are_refused(traces: Any) -> None:
    with pytest.raises(ArgumentError, match="trace"):
        plot_objective(traces)


@settings(max_examples=10)
@given(
    st.dictionaries(st.text(min_size=1, max_size=30), st.just(0), min_size=1, max_size=5),
    st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=10, unique=True),
    st.integers(0, 2**31),
)
def test_every_score_is_a_bar_with_its_figure(
    check_layout: Layout, methods: dict[str, int], names: list[str], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    scores = {method: {name: float(rng.uniform(-0.5, 1.5)) for name in names} for method in methods}
    figure = plot_comparison(scores)
    (axes,) = figure.axes
    expected = [scores[method][name] for method in methods for name in names]
    assert [bar.get_width() for bar in axes.patches] == expected
    assert [text.get_text() for text in axes.texts] == [f"{value:.3f}" for value in expected]
    colours = [bar.get_facecolor() for bar in axes.patches]
    assert len(set(colours)) == len(methods)
    check_layout(figure)


def test_scores_can_be_chosen_and_missing_values_are_said() -> None:
    scores = {"asot": {"mof": 0.5, "jsd": float("nan"), "edit": 1}}
    (axes,) = plot_comparison(scores, ["jsd", "mof"]).axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["JSD (lower is better)", "MoF"]
    assert [text.get_text() for text in axes.texts] == ["n/a", "0.500"]


@pytest.mark.parametrize(
    "scores, names, sentence",
    [
        ({}, None, "there are 0 methods"),
        ({"asot": {}}, None, "0 scores"),
        ({"asot": {"mof": 1}, "b": {}}, None, "'mof' of 'b' is missing"),
        ({"asot": {"mof": 1}}, ["miou"], "'miou' of 'asot' is missing"),
        ({"asot": {"mof": np.inf}}, None, "'mof' of 'asot' is inf"),
    ],
)
def test_incomplete_scores_are_refused(scores: Any, names: Any, sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        plot_comparison(scores, names)
