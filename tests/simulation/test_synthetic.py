from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.errors import ArgumentError
from asot.simulation import make_affinity, make_recordings


def _order(labels: np.ndarray) -> list[int]:
    return labels[np.flatnonzero(np.diff(labels, prepend=-1))].tolist()


@given(
    st.integers(1, 4), st.integers(1, 20), st.integers(0, 50), st.integers(0, 50), st.integers(0)
)
def test_each_action_comes_once_in_each_recording(
    n_recordings: int, n_actions: int, more: int, range_: int, seed: int
) -> None:
    low = n_actions + more
    corpus = make_recordings(n_recordings, n_actions, (low, low + range_), 5, random_state=seed)
    assert len(corpus) == n_recordings
    for recording in corpus:
        assert low <= recording.n_frames <= low + range_
        assert recording.width == 5
        assert recording.features.dtype == np.float32
        assert recording.ground_truth is not None
        assert _order(recording.ground_truth) == list(range(n_actions))


def test_a_varied_order_differs_between_recordings(seed: int) -> None:
    corpus = make_recordings(8, n_actions=8, order="varied", random_state=seed)
    orders = [_order(labels) for labels in corpus.ground_truth if labels is not None]
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert len({tuple(order) for order in orders}) > 1


def test_a_seed_repeats(seed: int) -> None:
    first, second = (make_recordings(2, random_state=seed) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.features, other.features)
        np.testing.assert_array_equal(one.ground_truth, other.ground_truth)
    assert not np.array_equal(first[0].features[:9], make_recordings(2)[0].features[:9])


def test_noise_has_the_deviation_asked_for_and_is_correlated(seed: int) -> None:
    arguments = {"n_actions": 1, "n_frames": (5000, 5000), "width": 8, "random_state": seed}
    (recording,) = make_recordings(1, noise=2.0, **arguments)
    centred = recording.features - recording.features.mean(axis=0)
    assert centred.std() == pytest.approx(2, rel=0.1)
    neighbours = (centred[1:] * centred[:-1]).mean() / centred.var()
    assert neighbours == pytest.approx(0.8, abs=0.05)
    (clean,) = make_recordings(1, noise=0.0, **arguments)
    assert len(np.unique(clean.features, axis=0)) == 1


def test_durations_have_a_long_tail(seed: int) -> None:
    corpus = make_recordings(20, n_actions=10, n_frames=(1000, 1000), random_state=seed)
    lengths = np.concatenate([np.bincount(labels) for labels in corpus.ground_truth])
    assert np.median(lengths) < 0.95 * lengths.mean()
    assert lengths.max() > 2.5 * lengths.mean()


@given(st.integers(1, 4), st.integers(1, 9), st.floats(0, 0.95), st.integers(0))
def test_background_has_its_share_and_leaves_the_actions_whole(
    n_recordings: int, n_actions: int, background: float, seed: int
) -> None:
    corpus = make_recordings(
        n_recordings, n_actions, (200, 300), width=2, random_state=seed, background=background
    )
    for recording in corpus:
        assert 200 <= recording.n_frames <= 300
        labels = recording.ground_truth
        share = (labels == -1).mean()
        assert share == pytest.approx(background, abs=0.5 / recording.n_frames + 1e-9)
        actions = labels[labels >= 0]
        assert _order(actions) == list(range(n_actions))
        runs = labels[np.flatnonzero(np.diff(labels, prepend=-2))]
        assert (runs >= 0).sum() == n_actions


def test_background_shows_scenes_that_no_other_recording_has(seed: int) -> None:
    arguments = {"n_actions": 3, "n_frames": (300, 300), "noise": 0.0, "random_state": seed}
    corpus = make_recordings(4, background=0.5, **arguments)
    scenes = [{row.tobytes() for row in one.features[one.ground_truth == -1]} for one in corpus]
    assert all(1 <= len(one) <= 2 for one in scenes)
    assert len(set.union(*scenes)) == sum(map(len, scenes))
    for action in range(3):
        rows = [one.features[one.ground_truth == action] for one in corpus]
        assert len(np.unique(np.concatenate(rows), axis=0)) == 1


def test_without_background_nothing_changes() -> None:
    # Figures that were made before there was background.
    corpus = make_recordings(3, 4, (50, 60), width=3, order="varied", random_state=7)
    assert [one.n_frames for one in corpus] == [58, 54, 60]
    np.testing.assert_allclose(
        [one.features.sum() for one in corpus], [-65.5709, -40.2685, -137.1184], rtol=1e-5
    )


@given(st.integers(1, 30), st.integers(0, 200), st.integers(0))
def test_an_affinity_and_its_labels(n_actions: int, more: int, seed: int) -> None:
    n_frames = n_actions + more
    affinity, labels = make_affinity(n_frames, n_actions, random_state=seed)
    assert affinity.shape == (n_frames, n_actions)
    assert np.abs(affinity).max() <= 1
    assert _order(labels) == list(range(n_actions))
    clean, labels = make_affinity(n_frames, n_actions, noise=0.0, random_state=seed)
    np.testing.assert_array_equal(clean.argmax(axis=1), labels)


def test_affinity_noise_misleads_frame_by_frame_decoding(seed: int) -> None:
    affinity, labels = make_affinity(2000, 8, noise=0.5, random_state=seed)
    assert 0.2 < (affinity.argmax(axis=1) == labels).mean() < 0.8


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"n_recordings": 0}, "n_recordings must be an integer of at least 1"),
        ({"width": 0}, "width must be an integer of at least 1"),
        ({"n_frames": (5, 10)}, r"6 <= low <= high.*is \(5, 10\)"),
        ({"n_frames": (20, 10)}, r"is \(20, 10\)"),
        ({"noise": -1.0}, "noise must be a finite number that is at least 0"),
        ({"order": "random"}, "order must be"),
        ({"background": 1.0}, r"background must be .* below 1, but is 1.0"),
        ({"background": 0.5, "n_frames": (11, 20)}, r"12 <= low <= high.*is \(11, 20\)"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict, sentence: str) -> None:
    with pytest.raises(ArgumentError, match=sentence):
        make_recordings(**arguments)


def test_a_bad_affinity_is_refused() -> None:
    with pytest.raises(ArgumentError, match="n_frames must be an integer of at least 8, but is 7"):
        make_affinity(7, 8)
