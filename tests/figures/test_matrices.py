from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from scipy.spatial.distance import cdist

from asot.errors import ArgumentError
from asot.figures import plot_matrix, plot_pairwise_distances
from asot.figures.style import GREYS, class_style

Layout = Callable[[Figure], None]


def lines(figure: Figure) -> list[list[float]]:
    """Positions of each set of boundary lines, and whether they stand or lie."""
    found = []
    for collection in figure.axes[0].collections:
        assert isinstance(collection, LineCollection)
        segments = np.array(collection.get_segments()).reshape(-1, 2, 2)
        axis = 0 if (segments[:, 0, 0] == segments[:, 1, 0]).all() else 1
        found.append(segments[:, 0, axis].tolist())
    return found


def row_names(figure: Figure) -> list[str]:
    """Names beside the matrix, or beside its swatches where there are strips."""
    image, _, *others = figure.axes
    named = image if len(image.get_yticks()) else others[0]
    return [label.get_text() for label in named.get_yticklabels()]


@settings(max_examples=12)
@given(
    st.integers(1, 60),
    st.integers(1, 64),
    st.sampled_from(["affinity", "assignment", "cost"]),
    st.sampled_from([1e-6, 1.0, 1e6]),
    st.booleans(),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_matrices_of_every_shape(
    check_layout: Layout,
    n_frames: int,
    n_actions: int,
    kind: str,
    size: float,
    with_truth: bool,
    with_labels: bool,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    matrix = size * rng.normal(size=(n_frames, n_actions))
    truth = rng.integers(-1, n_actions + 2, n_frames) if with_truth else None
    labels = rng.integers(-1, n_actions, n_frames) if with_labels else None
    figure = plot_matrix(matrix, truth, kind=kind, labels=labels, title="t")
    (image,) = figure.axes[0].images
    np.testing.assert_array_equal(image.get_array(), matrix.T)
    assert image.get_extent() == [0, n_frames, n_actions, 0]
    assert row_names(figure) == [f"action {k + 1}" for k in range(n_actions)]
    if with_truth:
        changes = [i for i in range(1, n_frames) if truth[i] != truth[i - 1]]
        assert lines(figure) == [changes]
    assert len(figure.axes) == 2 + (with_truth or with_labels) + with_truth + with_labels
    check_layout(figure)


@pytest.mark.parametrize("value", [0.0, 0.5, -3.0])
@pytest.mark.parametrize("kind", ["affinity", "assignment", "cost"])
def test_constant_matrices(check_layout: Layout, value: float, kind: Any) -> None:
    check_layout(plot_matrix([[value]], kind=kind))
    check_layout(plot_matrix([[value], [value * (1 + 1e-15)]], kind=kind))


def test_bright_is_the_better_fit() -> None:
    matrix = [[0.0, 1.0]]
    for kind, best in (("affinity", 1.0), ("assignment", 1.0), ("cost", 0.0)):
        image = plot_matrix(matrix, kind=kind).axes[0].images[0]
        red, green, blue, _ = image.cmap(image.norm(best))
        assert (red, green, blue) == pytest.approx((0.993, 0.906, 0.144), abs=0.01)


def test_long_recordings_are_drawn_in_blocks(rng: np.random.Generator) -> None:
    matrix = rng.random((100_000, 3))
    blocks = matrix.reshape(1000, 100, 3)
    mean = plot_matrix(matrix).axes[0].images[0].get_array()
    np.testing.assert_allclose(mean, blocks.mean(axis=1).T)
    largest = plot_matrix(matrix, kind="assignment").axes[0].images[0].get_array()
    np.testing.assert_array_equal(largest, blocks.max(axis=1).T)
    uneven = plot_matrix(np.ones((1001, 1))).axes[0].images[0].get_array()
    np.testing.assert_array_equal(uneven, np.ones((1, 1000)))


def test_very_many_boundaries_are_left_out_and_it_says_so() -> None:
    figure = plot_matrix(np.eye(2)[np.arange(1000) % 2], np.arange(1000) % 2)
    assert lines(figure) == []
    assert [text.get_text() for text in figure.texts] == [
        "The 999 boundaries of the ground truth are too many to be drawn."
    ]


def test_rows_of_matched_clusters_have_name_and_colour_of_their_class() -> None:
    figure = plot_matrix(
        np.eye(3),
        [5, 5, 0],
        labels=[2, 2, 1],
        matching={2: 5, 1: 0},
        action_names={0: "pour", 5: "stir"},
    )
    swatches = [to_hex(patch.get_facecolor()) for patch in figure.axes[2].patches]
    assert swatches[0] in GREYS
    assert swatches[1:] == [class_style(0).colour, class_style(1).colour]
    assert row_names(figure) == ["action 1", "pour", "stir"]
    assert not figure.legends


def test_classes_without_a_row_are_in_the_legend() -> None:
    figure = plot_matrix(np.eye(2), [0, 2], action_names=["pour", "stir", "rest"])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["rest"]


def test_names_and_titles_of_any_length_fit(check_layout: Layout) -> None:
    name = "a name that goes on and on, with $5, 牛乳 and _underscores_, without any end to it"
    for n_actions, width in ((1, 3.3), (7, 3.3), (48, 6.9), (64, 3.3)):
        figure = plot_matrix(
            np.eye(n_actions),
            np.arange(n_actions),
            title=f"{name} {name}",
            action_names=[f"{name} {k}" for k in range(n_actions)],
            labels=np.arange(n_actions),
            frame_rate=30,
            width=width,
        )
        assert figure.get_figwidth() == width
        check_layout(figure)


def test_tensors_are_drawn_too() -> None:
    for matrix in (
        torch.eye(3, requires_grad=True),
        torch.eye(3, dtype=torch.bfloat16),
        torch.eye(3, dtype=torch.float16),
    ):
        figure = plot_matrix(matrix, torch.arange(3))
        np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), np.eye(3))


def test_the_real_affinities(shared: Path, check_layout: Layout) -> None:
    folder = shared / "data" / "asot_affinities"
    mappings = {
        "2020-04-19_14-03-25": "mapping_da.txt",
        "P36_webcam01_P36_salat": "mapping_salat.txt",
    }
    for recording, mapping in mappings.items():
        affinity = np.load(folder / "affinity" / f"{recording}.npy", allow_pickle=False)
        text = (folder / "gt" / mapping).read_text(encoding="utf-8")
        names = [line.split(" ", 1)[1] for line in text.splitlines() if line]
        lines_ = (folder / "gt" / recording).read_text(encoding="utf-8").split("\n")
        truth = [names.index(line) for line in lines_ if line]
        figure = plot_matrix(affinity, truth, action_names=names, frame_rate=15)
        changes = [i for i in range(1, len(truth)) if truth[i] != truth[i - 1]]
        assert lines(figure) == [changes]
        check_layout(figure)


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ({"matrix": [1.0, 2.0]}, r"must have two axes \(N, K\).*shape is \(2,\)"),
        ({"matrix": np.empty((0, 3))}, r"shape is \(0, 3\)"),
        ({"matrix": [[1.0, 2.0], [3.0]]}, "matrix must be an array of numbers"),
        ({"matrix": [["a"]]}, "matrix must hold numbers"),
        ({"matrix": [[0.0, np.nan]]}, r"\(N, K\) = \(0, 1\) is nan"),
        ({"matrix": [[1.0]], "kind": "coupling"}, "kind must be one of .* 'coupling'"),
        ({"matrix": [[1.0]], "ground_truth": [0, 1]}, "each of the 1 frames, but it has 2"),
        ({"matrix": [[1.0]], "labels": [0.0]}, "labels must hold whole numbers"),
        ({"matrix": [[1.0, 2.0]], "action_names": ["one"]}, "class 1 has none"),
        ({"matrix": [[1.0]], "frame_rate": float("nan")}, "frame_rate must be"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_a_sentence(
    arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        plot_matrix(**arguments)


@settings(max_examples=10)
@given(
    st.integers(1, 40),
    st.integers(1, 5),
    st.sampled_from(["cosine", "euclidean"]),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_distances_are_those_of_scipy(
    check_layout: Layout, n_frames: int, width: int, metric: Any, with_truth: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n_frames, width))
    truth = rng.integers(-1, 3, n_frames) if with_truth else None
    figure = plot_pairwise_distances(features, truth, metric=metric, frame_rate=25)
    drawn = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(drawn, cdist(features, features, metric), atol=1e-7)
    if with_truth:
        changes = [i for i in range(1, n_frames) if truth[i] != truth[i - 1]]
        assert lines(figure) == [changes, changes]
    check_layout(figure)


def test_long_recordings_are_compared_at_a_thousand_evenly_spaced_frames() -> None:
    times = np.arange(5000.0)[:, None]
    figure = plot_pairwise_distances(times, np.arange(5000) // 1000, metric="euclidean")
    image = figure.axes[0].images[0]
    assert image.get_array().shape == (1000, 1000)
    assert image.get_array()[0, -1] == 4995
    assert image.get_extent() == [0, 5000, 5000, 0]
    assert lines(figure)[0] == [1000, 2000, 3000, 4000]


def test_a_frame_of_zeros_is_at_cosine_distance_one() -> None:
    image = plot_pairwise_distances([[0.0, 0.0], [1.0, 0.0]]).axes[0].images[0]
    assert image.get_array().tolist() == [[0, 1], [1, 0]]


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"metric must be cosine or euclidean.*'l7'"):
        plot_pairwise_distances([[1.0]], metric="l7")  # type: ignore[arg-type]
