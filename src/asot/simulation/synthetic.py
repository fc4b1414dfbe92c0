"""Generated recordings and affinities with known segments, for tests and examples."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asot.data.recordings import Recordings
from asot.errors import ArgumentError, require_integer, require_number
from asot.simulation.features import autoregressive

_CORRELATION = 0.8  # of the noise between neighbouring frames
_TAIL = 0.7  # standard deviation of the log of the durations


def make_recordings(
    n_recordings: int = 10,
    n_actions: int = 6,
    n_frames: tuple[int, int] = (200, 400),
    width: int = 16,
    noise: float = 1.0,
    order: Literal["fixed", "varied"] = "fixed",
    random_state: int | np.random.Generator | None = None,
    background: float = 0.0,
) -> Recordings:
    """Generate recordings in which each action comes once, with known segments.

    An action is a point in feature space, drawn from a standard normal distribution; a frame is
    its action's point plus noise that is correlated in time. Durations have a long tail: each is
    log-normal, and some actions are longer than others in all recordings. Background differs in
    every recording: each draws scenes of its own, like actions, and shows them before, between and
    after its actions.

    Parameters
    ----------
    n_recordings, n_actions, width : int
        The numbers of recordings, of actions in each (K) and of feature columns (D).
    n_frames : (int, int)
        The shortest and the longest length in frames, both possible; a recording needs a frame for
        each action, beside its background.
    noise : float
        The noise's standard deviation in each column; the actions' own spread is 1.
    order : {"fixed", "varied"}
        One order of the actions in all recordings, or an order drawn for each.
    random_state : int, numpy.random.Generator or None
        Seed.
    background : float
        Share of each recording's frames that belong to no action, in [0, 1).

    Returns
    -------
    Recordings
        float32 features (N, D) and ground truth 0 .. K - 1, -1 for background; in the fixed order,
        action k is the k-th.

    Raises
    ------
    ArgumentError
        If a number or the order breaks its rule, or ``n_frames`` is too short for the actions.

    Examples
    --------
    >>> corpus = make_recordings(3, n_actions=4, n_frames=(50, 60), random_state=0)
    >>> len(corpus), np.unique(corpus[0].ground_truth).tolist()
    (3, [0, 1, 2, 3])
    """
    for name, size in (("n_recordings", n_recordings), ("n_actions", n_actions), ("width", width)):
        require_integer(name, size, at_least=1)
    require_number("background", background, at_least=0, below=1)
    require_number("noise", noise, at_least=0)
    low, high = n_frames
    least = math.ceil(n_actions / (1.0 - background))
    if not least <= low <= high:
        rule = f"{least} <= low <= high, so that each action has a frame"
        message = f"n_frames must be (low, high) with {rule}, but is {n_frames}."
        raise ArgumentError(message, setting="n_frames")
    if order not in ("fixed", "varied"):
        raise ArgumentError(f'order must be "fixed" or "varied", not {order!r}.', setting="order")
    rng = np.random.default_rng(random_state)
    actions = rng.standard_normal((n_actions, width))
    weights = np.exp(_TAIL * rng.standard_normal(n_actions))
    features, ground_truth = [], []
    for _ in range(n_recordings):
        sequence = np.arange(n_actions) if order == "fixed" else rng.permutation(n_actions)
        length = int(rng.integers(low, high, endpoint=True))
        n_background = min(round(background * length), length - n_actions)
        labels = np.repeat(sequence, _durations(length - n_background, weights[sequence], rng))
        points = actions[labels]
        if n_background:
            labels, points = _with_background(labels, points, n_background, rng)
        frames = points + noise * autoregressive(length, width, _CORRELATION, rng)
        features.append(frames.astype(np.float32))
        ground_truth.append(labels)
    return Recordings.from_arrays(features, ground_truth=ground_truth)


def make_affinity(
    n_frames: int = 500,
    n_actions: int = 8,
    noise: float = 0.5,
    random_state: int | np.random.Generator | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Generate the noisy affinity of one recording's frames to its actions.

    The clean affinity is 0.5 for a frame's action and -0.1 for the others; noise of a standard
    deviation is correlated in time, and the sum is limited to [-1, 1] like a cosine. The actions
    come once each, in order.

    Returns
    -------
    (N, K) float32 array, (N,) int64 array
        The affinity of N frames and K actions, ``1 - affinity`` being the cost to decode, and the
        true actions.

    Examples
    --------
    >>> affinity, labels = make_affinity(100, 5, random_state=0)
    >>> affinity.shape, labels[[0, -1]].tolist()
    ((100, 5), [0, 4])
    """
    require_integer("n_actions", n_actions, at_least=1)
    require_integer("n_frames", n_frames, at_least=n_actions)
    require_number("noise", noise, at_least=0)
    rng = np.random.default_rng(random_state)
    weights = np.exp(_TAIL * rng.standard_normal(n_actions))
    labels = np.repeat(np.arange(n_actions), _durations(n_frames, weights, rng))
    clean = np.where(labels[:, None] == np.arange(n_actions), 0.5, -0.1)
    noisy = clean + noise * autoregressive(n_frames, n_actions, _CORRELATION, rng)
    return np.clip(noisy, -1, 1).astype(np.float32), labels


def _with_background(
    labels: NDArray[np.int64],
    points: NDArray[np.float64],
    n_background: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Insert stretches of -1 around the actions, which show half as many scenes as gaps."""
    cuts = np.concatenate([[0], np.flatnonzero(np.diff(labels)) + 1, [len(labels)]])
    ends = np.rint(np.cumsum(rng.dirichlet(np.ones(len(cuts)))) * n_background).astype(np.int64)
    lengths = np.diff(ends, prepend=0)
    scenes = rng.standard_normal((math.ceil(len(cuts) / 2), points.shape[1]))
    at = np.repeat(cuts, lengths)
    shown = np.repeat(rng.integers(len(scenes), size=len(cuts)), lengths)
    return np.insert(labels, at, -1), np.insert(points, at, scenes[shown], axis=0)


def _durations(
    n_frames: int, weights: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw log-normal durations of at least a frame each that sum to ``n_frames``."""
    share = weights * np.exp(_TAIL * rng.standard_normal(len(weights)))
    ends = np.cumsum(share) / share.sum() * (n_frames - len(weights))
    return np.diff(np.rint(ends).astype(np.int64), prepend=0) + 1
