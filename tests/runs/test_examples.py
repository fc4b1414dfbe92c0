"""Typical and untypical segments, against the same in plain words of NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from asot.data import Recording, Recordings
from asot.data import features as blocks_of
from asot.runs.alike import Survey
from asot.runs.examples import ATYPICAL, TYPICAL, Examples, find_examples
from asot.runs.predictions import PredictionFolder
from asot.timeline.segments import UNLABELLED, to_segments


def predicted(
    root: Path, labels: dict[str, NDArray[np.int64]], width: int, rng: np.random.Generator
) -> tuple[PredictionFolder, Recordings]:
    folder, recordings = PredictionFolder(root), []
    for name, own in labels.items():
        features = rng.normal(rng.normal(), 2.0, size=(len(own), width)).astype(np.float32)
        features[:, 0] = 3.0  # a column that never changes says nothing
        recordings.append(Recording(name, features))
        folder.write(name, own, np.ones((len(own), 4), dtype=np.float32))
    return folder, Recordings(recordings)


def similarities(
    folder: PredictionFolder, recordings: Recordings
) -> dict[int, dict[tuple[str, int, int], float]]:
    """Of every segment, by action: one frame after the other, nothing clever."""
    means: dict[int, dict[tuple[str, int, int], NDArray[np.float64]]] = {}
    for one in recordings:
        values = np.asarray(one.features, dtype=np.float64)
        spread = values.std(axis=0)
        spread[spread < 1e-9] = 1
        values = (values - values.mean(axis=0)) / spread
        for segment in to_segments(folder.labels(one.name)):
            if segment.label != UNLABELLED:
                own = means.setdefault(segment.label, {})
                own[one.name, segment.start, segment.end] = values[
                    segment.start : segment.end
                ].mean(axis=0)
    found = {}
    for action, own in means.items():
        centre = sum((end - start) * mean for (_, start, end), mean in own.items())
        found[action] = {
            key: float(mean @ centre / (np.linalg.norm(mean) * np.linalg.norm(centre)))
            # A recording of one segment has nothing that this could differ from.
            if min(np.linalg.norm(mean), np.linalg.norm(centre)) > 1e-9
            else 0.0
            for key, mean in own.items()
        }
    return found


def check(
    typical: Examples, atypical: Examples, folder: PredictionFolder, recordings: Recordings
) -> None:
    expected = similarities(folder, recordings)
    assert set(typical) == set(atypical) == set(expected)
    for action, own in expected.items():
        best, worst = typical[action], atypical[action]
        assert len(best) == min(TYPICAL, len(own))
        assert len(worst) == min(ATYPICAL, len(own) - len(best))
        keys = [(one.recording, one.start_frame, one.end_frame) for one in (*best, *worst)]
        assert len(set(keys)) == len(keys), "none is both"
        for key, one in zip(keys, (*best, *worst), strict=True):
            assert one.typicality == pytest.approx(own[key], abs=1e-6)
        shown = [one.typicality for one in best]
        assert shown == sorted(shown, reverse=True)
        shown = [one.typicality for one in worst]
        assert shown == sorted(shown)
        left = [own[key] for key in own if key not in keys]
        assert not left or max(one.typicality for one in worst) <= min(left) + 1e-6
        # As many recordings as there are, and of each its best segment.
        names = {name for name, _, _ in own}
        assert len({one.recording for one in best}) == min(TYPICAL, len(names))
        for name in {one.recording for one in best}:
            first = next(one for one in best if one.recording == name)
            most = max(value for key, value in own.items() if key[0] == name)
            assert first.typicality == pytest.approx(most, abs=1e-6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), block=st.sampled_from([4, 40, 1 << 20]))
@example(seed=5903287, block=4)
def test_examples_are_those_of_brute_force(
    seed: int, block: int, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Blocks of one frame and of ten, and all in one.
    monkeypatch.setattr(blocks_of, "_BLOCK", block)
    rng = np.random.default_rng(seed)
    labels = {
        f"r{number}": np.repeat(rng.integers(-1, 4, size=8), rng.integers(1, 12, size=8)).astype(
            np.int64
        )
        for number in range(rng.integers(1, 7))
    }
    folder, recordings = predicted(tmp_path_factory.mktemp("examples"), labels, 4, rng)
    check(*find_examples(recordings, folder.labels_of, Survey(4)), folder, recordings)


def test_recordings_longer_than_a_block(tmp_path: Path, rng: np.random.Generator) -> None:
    width = 512
    step = blocks_of._BLOCK // width
    # Boundaries on the edges of blocks, beside them, and segments over several blocks.
    lengths = [step, 1, step - 1, 3, 2 * step, 5]
    labels = {
        "long": np.repeat([0, 1, 0, 2, 1, 0], lengths),
        "short": np.repeat([0, 1, 2], [2, 3, 4]),
    }
    folder, recordings = predicted(tmp_path, labels, width, rng)
    check(*find_examples(recordings, folder.labels_of, Survey(4)), folder, recordings)


def test_features_that_never_change(tmp_path: Path) -> None:
    folder = PredictionFolder(tmp_path)
    labels = np.array([0, 0, 1, -1])
    folder.write("still", labels, np.ones((4, 2), dtype=np.float32))
    recordings = Recordings([Recording("still", np.full((4, 3), 7, dtype=np.float32))])
    typical, atypical = find_examples(recordings, folder.labels_of, Survey(4))
    assert [(one.start_frame, one.end_frame, one.typicality) for one in typical[0]] == [(0, 2, 0.0)]
    assert atypical == {0: [], 1: []}


def test_recordings_without_an_action(tmp_path: Path) -> None:
    folder = PredictionFolder(tmp_path)
    folder.write("none", np.full(3, -1), np.ones((3, 2), dtype=np.float32))
    recordings = Recordings([Recording("none", np.eye(3, dtype=np.float32))])
    assert find_examples(recordings, folder.labels_of, Survey(4)) == ({}, {})
