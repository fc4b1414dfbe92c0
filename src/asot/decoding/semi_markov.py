"""The likeliest segmentation of a recording under rules on lengths and on what follows what."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.decoding.durations import Durations
from asot.decoding.lattice import Lattice
from asot.decoding.rules import Rules
from asot.errors import ArgumentError


def decode_segments(
    log_probabilities: ArrayLike,
    *,
    minimum_duration: ArrayLike = 1,
    maximum_duration: ArrayLike | None = None,
    durations: Durations | ArrayLike | None = None,
    transitions: ArrayLike | None = None,
    start: ArrayLike | None = None,
    end: ArrayLike | None = None,
    switch_cost: float = 0.0,
) -> NDArray[np.int64]:
    """Find the best segmentation of a recording, exactly.

    Segments cover the recording, and neighbours differ in their action. Their score is

        sum over frames of log_probabilities
        + sum over segments of durations - (segments - 1) * switch_cost
        + start[first] + sum over neighbours of transitions[before, after] + end[last]

    Time is O(N K^2) where lengths have a minimum alone, else O(N K (K + D)) for segments of up to
    D frames.

    Parameters
    ----------
    log_probabilities : (N, K) array-like
        ``log p(action | frame)``, such as the log of a soft assignment, or ``log p(frame |
        action)``; -inf where a frame cannot have an action. A constant added to a frame's row
        changes nothing. Divided by a number above 1, frames count less against all the rest.
    minimum_duration : int or (K,) array-like of int
        Frames of the shortest segment, of any action or of each. A recording with fewer frames is
        one segment.
    maximum_duration : int or (K,) array-like of int, optional
        Frames of the longest segment.
    durations : Durations or (D,) or (D, K) array-like, optional
        Log-probability of each length: an object such as ``NegativeBinomial``, or a table whose
        rows are 1, 2, ... frames. Segments longer than the table are impossible.
    transitions : (K, K) array-like, optional
        From the row's action to the column's: booleans for what is allowed, or log-probabilities.
        The diagonal is not looked at.
    start, end : (K,) array-like, optional
        Which actions may come first and last: booleans or log-probabilities.
    switch_cost : float
        What each change of action costs, >= 0.

    Returns
    -------
    (N,) int64 array
        An action for each frame. Of equally good segmentations, always the same one.

    Raises
    ------
    ArgumentError
        If an argument breaks its rule, or no segmentation obeys them all: the sentence says which
        stand in the way.

    References
    ----------
    The Viterbi algorithm of hidden semi-Markov models: S.-Z. Yu, "Hidden semi-Markov models",
    Artificial Intelligence, 2010.

    Examples
    --------
    >>> likes = np.log([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]])
    >>> decode_segments(likes).tolist()
    [0, 0, 1, 0, 1, 1]
    >>> decode_segments(likes, minimum_duration=2).tolist()
    [0, 0, 0, 0, 1, 1]
    >>> decode_segments(likes, transitions=np.array([[True, False], [True, True]])).tolist()
    [0, 0, 0, 0, 0, 0]
    """
    rules = Rules(
        minimum_duration, maximum_duration, durations, transitions, start, end, switch_cost
    )
    lattice = rules.lattice(log_probabilities)
    enter, leave = lattice.reach(log_sum=False)
    final = leave[-1] + lattice.end
    if np.isneginf(final.max()):
        raise ArgumentError(no_segmentation(rules, log_probabilities))
    labels = np.empty(len(lattice.scores), dtype=np.int64)
    reached, action = len(labels), int(final.argmax())
    while reached > 0:
        first = int(lattice.since[reached, action])
        if lattice.durations is not None:
            first = max(first, reached - len(lattice.durations))
        last = reached - int(lattice.minimum[action]) + 1
        spans = lattice.spans(first, last, reached, slice(action, action + 1))[:, 0]
        begun = first + int((enter[first:last, action] + spans).argmax())
        labels[begun:reached] = action
        reached, action = begun, int((leave[begun] + lattice.transitions[:, action]).argmax())
    return labels


def no_segmentation(rules: Rules, log_probabilities: ArrayLike) -> str:
    """Say which rules stand in the way where no segmentation obeys all of them."""
    scores = np.asarray(log_probabilities, dtype=np.float64)
    defaults: dict[str, Any] = {
        one.name: one.default for one in fields(Rules) if one.name != "switch_cost"
    }
    given = {
        name: default
        for name, default in defaults.items()
        if np.size(getattr(rules, name)) > 1 or getattr(rules, name) != default
    }
    culprits = [
        name
        for name, default in given.items()
        if _possible(replace(rules, **{name: default}).lattice(scores))
    ]
    if _possible(rules.lattice(np.maximum(scores, scores[np.isfinite(scores)].min()))):
        culprits.append("the -inf in log_probabilities")
    frames = "frame" if len(scores) == 1 else "frames"
    if culprits:
        which = " or ".join(culprits)
        return f"no segmentation of the {len(scores)} {frames} obeys all rules: loosen {which}."
    *others, last = [*given, "the -inf in log_probabilities"] if np.isinf(scores).any() else given
    return (
        f"no segmentation of the {len(scores)} {frames} obeys all rules, and to loosen one is not "
        f"enough: they are {', '.join(others)} and {last}."
    )


def _possible(lattice: Lattice) -> bool:
    _, leave = lattice.reach(log_sum=False)
    return bool(np.isfinite((leave[-1] + lattice.end).max()))
