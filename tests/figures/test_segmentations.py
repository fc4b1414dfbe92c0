from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from numpy.typing import NDArray

from asot.errors import ArgumentError
from asot.figures import plot_corpus, plot_segmentation
from asot.figures.style import GREYS, class_style, unmatched_style

Layout = Callable[[Figure], None]
LABELS = st.lists(st.integers(-1, 30), min_size=1, max_size=80)
AWKWARD = "_hidden, $5, 牛乳, \n and a name that goes on and on without any sign of an end to it"


def bars(axes: Axes) -> list[tuple[float, float, PathPatch, NDArray[np.float64]]]:
    """Top, bottom, patch and (S, 2) spans of all fills."""
    found = []
    for patch in axes.patches:
        if isinstance(patch, PathPatch):
            corners = patch.get_path().vertices.reshape(-1, 5, 2)[:, :4]
            x, y = corners[:, :, 0], corners[:, :, 1]
            spans = np.stack([x.min(axis=1), x.max(axis=1)], axis=1)
            found.append((y.min(), y.max(), patch, spans))
    return found


def fills(axes: Axes, row: float, n_frames: int) -> list[tuple[str, str]]:
    """Colour and hatch of each frame at height ``row``, which must be filled exactly once."""
    seen: list[list[tuple[str, str]]] = [[] for _ in range(n_frames)]
    for top, bottom, patch, spans in bars(axes):
        if top < row < bottom:
            for start, end in spans:
                for frame in range(round(start), round(end)):
                    seen[frame].append((to_hex(patch.get_facecolor()), patch.get_hatch() or ""))
    assert all(len(fill) == 1 for fill in seen)
    return [fill[0] for fill in seen]


def style(label: int) -> tuple[str, str]:
    if label == -1:
        return "#ffffff", ""
    return class_style(label).colour, class_style(label).hatch


def legend(figure: Figure) -> list[str]:
    return [t.get_text() for t in figure.legends[0].get_texts()] if figure.legends else []


@settings(max_examples=15)
@given(LABELS, st.sampled_from([None, 1.0, 29.97]), st.data())
def test_every_frame_has_the_fill_of_its_label(
    check_layout: Layout, labels: list[int], rate: float | None, data: st.DataObject
) -> None:
    n_frames = len(labels)
    truth = data.draw(st.lists(st.integers(-1, 60), min_size=n_frames, max_size=n_frames))
    figure = plot_segmentation({"one": labels, "ground truth": truth}, frame_rate=rate)
    (axes,) = figure.axes
    assert fills(axes, 0.5, n_frames) == [style(label) for label in labels]
    assert fills(axes, 1.5, n_frames) == [style(label) for label in truth]
    assert axes.get_xlim() == (0, n_frames)
    present = sorted({*labels, *truth} - {-1})
    unlabelled = ["unlabelled"] if -1 in {*labels, *truth} else []
    assert legend(figure) == [f"action {label + 1}" for label in present] + unlabelled
    check_layout(figure)


@settings(max_examples=15)
@given(LABELS)
def test_segments_are_drawn_once_each_at_their_boundaries(labels: list[int]) -> None:
    (axes,) = plot_segmentation({"one": labels}).axes
    spans = np.concatenate([spans for _, _, _, spans in bars(axes)])
    starts = [i for i in range(len(labels)) if i == 0 or labels[i] != labels[i - 1]]
    assert sorted(spans[:, 0].tolist()) == starts
    assert sorted(spans[:, 1].tolist()) == [*starts[1:], len(labels)]


def test_matched_clusters_have_the_fill_of_their_class_and_others_are_grey() -> None:
    figure = plot_segmentation(
        {"asot": [7, 7, 4, 9, 2, -1], "ground truth": [0, 0, 1, 1, 1, 1]},
        names=["pour", "stir"],
        matching={7: 0, 4: 1},
    )
    (axes,) = figure.axes
    predicted, truth = fills(axes, 0.5, 6), fills(axes, 1.5, 6)
    assert predicted[:3] == truth[:3]
    (grey_a, hatch_a), (grey_b, hatch_b) = predicted[3:5]
    assert {grey_a, grey_b} <= set(GREYS)
    assert hatch_a
    assert hatch_b
    assert hatch_a != hatch_b
    assert predicted[5] == ("#ffffff", "")
    assert legend(figure) == [
        "pour",
        "stir",
        "action 3, unmatched",
        "action 10, unmatched",
        "unlabelled",
    ]


def test_each_track_can_have_a_matching_of_its_own() -> None:
    figure = plot_segmentation(
        {"a": [0, 1], "b": [0, 1], "ground truth": [0, 1]},
        matching={"a": {0: 1, 1: 0}, "b": {1: 1}},
    )
    (axes,) = figure.axes
    assert fills(axes, 0.5, 2) == [style(1), style(0)]
    assert fills(axes, 1.5, 2) == [("#b0b0b0", unmatched_style(0).hatch), style(1)]
    assert fills(axes, 2.5, 2) == [style(0), style(1)]
    assert legend(figure)[-1] == "action 1 of b, unmatched"


def test_an_empty_matching_leaves_everything_unmatched() -> None:
    (axes,) = plot_segmentation({"asot": [0, 1]}, matching={}).axes
    assert {colour for colour, _ in fills(axes, 0.5, 2)} <= set(GREYS)


def test_a_mapping_of_names_gives_its_classes_the_first_fills() -> None:
    (axes,) = plot_segmentation({"truth": [40, 3]}, names={40: "peel", 3: "cut"}).axes
    assert fills(axes, 0.5, 2) == [style(0), style(1)]


def test_forty_eight_unmatched_clusters_are_told_apart(check_layout: Layout) -> None:
    figure = plot_segmentation({"asot": list(range(48))}, matching={})
    assert len(set(fills(figure.axes[0], 0.5, 48))) == 48
    check_layout(figure)


@pytest.mark.parametrize("n_classes", [1, 7, 22, 48, 64])
@pytest.mark.parametrize("width", [3.3, 6.9])
def test_any_number_of_long_names_fits(
    check_layout: Layout, n_classes: int, width: float, rng: np.random.Generator
) -> None:
    labels = np.repeat(rng.permutation(n_classes), 10_000 // n_classes + 1)[:10_000]
    names = [f"{AWKWARD}, number {k}" if k % 3 else f"_k{k}" for k in range(n_classes)]
    figure = plot_segmentation(
        {AWKWARD: labels, "ground truth": labels},
        names=names,
        title=f"{AWKWARD} {AWKWARD}",
        frame_rate=25,
        width=width,
    )
    assert len(legend(figure)) == n_classes
    assert legend(figure)[0] == "_k0"
    assert figure.get_figwidth() == width
    check_layout(figure)


def test_very_many_segments_are_thinned_out(rng: np.random.Generator) -> None:
    labels = rng.integers(0, 5, 100_000)
    (axes,) = plot_segmentation({"noise": labels}).axes
    spans = np.concatenate([spans for _, _, _, spans in bars(axes)])
    assert 1000 < len(spans) <= 2000
    assert spans.min() == 0
    assert spans.max() == 100_000
    assert (spans[:, 1] - spans[:, 0]).sum() == pytest.approx(100_000)


@pytest.mark.parametrize(
    "convert",
    [list, tuple, np.array, np.int8, torch.tensor, lambda x: torch.tensor(x, dtype=torch.int32)],
)
def test_labels_come_as_lists_arrays_or_tensors(convert: Callable[[Any], Any]) -> None:
    (axes,) = plot_segmentation({"one": convert([0, 1, 1])}).axes
    assert fills(axes, 0.5, 3) == [style(0), style(1), style(1)]


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"tracks": {}}, "tracks must hold at least one"),
        ({"tracks": {"a": []}}, "track 'a' must have one axis"),
        ({"tracks": {"a": [[0]]}}, r"shape is \(1, 1\)"),
        ({"tracks": {"a": [0], "b": [0, 1]}}, "'a' has 1 and 'b' has 2"),
        ({"tracks": {"a": ["pour"]}}, "must hold numbers"),
        ({"tracks": {"a": [0.5]}}, "whole numbers"),
        ({"tracks": {"a": [-2]}}, "smallest is -2"),
        ({"tracks": {"a": [2]}, "names": ["x", "y"]}, "class 2 has none among the 2"),
        ({"tracks": {"a": [2]}, "names": {1: "x"}}, "class 2 has none among the 1"),
        ({"tracks": {"a": [2]}, "matching": {"b": {2: 0}}}, "'b' is not among 'a'"),
        ({"tracks": {"a": [2]}, "matching": {2: "pour"}}, "cluster 2 is matched to 'pour'"),
        (
            {"tracks": {"a": [2]}, "frame_rate": 0},
            "frame_rate must be a finite number that is above 0",
        ),
        ({"tracks": {"a": [2]}, "width": 1}, "width must be a finite number that is at least 2"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(
    arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        plot_segmentation(**arguments)


@settings(max_examples=8)
@given(st.lists(LABELS, min_size=1, max_size=5), st.booleans())
def test_a_corpus_shows_each_recording_over_its_truth(
    check_layout: Layout, predictions: list[list[int]], with_truth: bool
) -> None:
    truths = [labels[::-1] for labels in predictions] if with_truth else None
    figure = plot_corpus(predictions, truths)
    (axes,) = figure.axes
    for row, labels in enumerate(predictions):
        assert fills(axes, row + 0.3, len(labels)) == [style(label) for label in labels]
        if with_truth:
            below = fills(axes, row + 0.7, len(labels))
            assert below == [style(label) for label in labels[::-1]]
    assert axes.get_xlim()[1] == max(map(len, predictions))
    check_layout(figure)


def test_a_corpus_says_how_many_recordings_it_leaves_out(check_layout: Layout) -> None:
    figure = plot_corpus(
        [[0, 1]] * 1712, [[0, 1]] * 1712, recordings=[f"{AWKWARD} {i}" for i in range(1712)]
    )
    assert len(figure.axes[0].get_yticks()) == 30
    (note,) = (text.get_text() for text in figure.texts)
    assert "The first 30 of 1,712 recordings are shown; 1,682 are left out." in note
    assert "prediction is above" in note
    check_layout(figure)
    assert not plot_corpus([[0, 1]] * 30).texts


def test_a_corpus_takes_one_matching_or_one_for_each_recording() -> None:
    (axes,) = plot_corpus([[3], [3]], [[0], None], matching={3: 0}).axes
    assert fills(axes, 0.3, 1) == fills(axes, 0.7, 1) == fills(axes, 1.5, 1) == [style(0)]
    (axes,) = plot_corpus([[3], [3], [3]], matching=[{3: 0}, {3: 1}, None]).axes
    first, second, third = (fills(axes, row + 0.5, 1)[0] for row in range(3))
    assert (first, second) == (style(0), style(1))
    assert third[0] in GREYS


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"predictions": []}, "there are 0 predictions"),
        ({"predictions": [[0]], "most": 0}, "most is 0"),
        ({"predictions": [[0]], "ground_truth": [[0], [0]]}, "ground_truth must have one entry"),
        ({"predictions": [[0]], "recordings": []}, "recordings must have one entry"),
        ({"predictions": [[0]], "matching": []}, "matching must have one entry"),
        ({"predictions": [[0]], "ground_truth": [[0, 1]]}, "ground truth of recording '1'"),
    ],
)
def test_a_corpus_that_does_not_fit_together_is_refused(
    arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        plot_corpus(**arguments)
