"""Figures that describe labelled features, to compare simulated with real features."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from asot.data.frames import standardise
from asot.data.recordings import Recordings
from asot.errors import ArgumentError

LAGS = (1, 2, 5, 10, 20, 50)
AXES = (1, 5, 10, 20)


def describe_features(recordings: Recordings) -> dict[str, float]:
    """Measure how easy or hard actions are to discover in features.

    The recordings, two or more, have ground truth and the same width; at most two are in memory at
    a time. Frames that are all zero count in ``zero_frames`` alone.

    Returns
    -------
    dict of str to float
        - ``norm_mean``, ``norm_sd``: of the frames' lengths; ``zero_frames``: share of zero frames
        - ``lag_1`` ... ``lag_50``: correlation of a column with itself so many frames later, mean
          over columns and recordings; ``within_lag_1`` ... the same after each action's mean in
          the recording is taken off
        - ``between_recordings``, ``between_classes``, ``recording_and_class``, ``within``: shares
          of the variance, which sum to 1: of the recordings' means; of the classes' means once
          recordings are centred; of the classes' means in single recordings beyond that; the rest
        - ``axes_1`` ... ``axes_20``: share of the variance along so many principal axes
        - ``ncm``, ``ncm_left_out``: share of frames whose class has the nearest mean (Euclidean),
          with means of all recordings, and of all others than the frame's; ``ncm_standardised``,
          ``ncm_left_out_standardised``: after :func:`~asot.data.standardise`

    Raises
    ------
    ArgumentError
        If there are fewer than two recordings, one has no ground truth, or widths differ.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> figures = describe_features(make_recordings(4, noise=0.1, random_state=0))
    >>> figures["ncm_left_out"], round(figures["zero_frames"], 3)
    (1.0, 0.0)
    """
    bare = [one.name for one in recordings if not one.labelled]
    widths = sorted({one.width for one in recordings})
    broken = ""
    if len(recordings) < 2:
        broken = f"be two or more, but there is {len(recordings)}"
    elif bare:
        broken = f"have ground truth, but {bare[0]!r} has none"
    elif len(widths) > 1:
        broken = f"have one width, but have {widths[0]} and {widths[-1]}"
    if broken:
        raise ArgumentError(f"recordings must {broken}.", setting="recordings")
    labels = [np.unique(np.asarray(one.ground_truth)) for one in recordings]
    classes = np.unique(np.concatenate(labels))
    figures = _norms(recordings) | _correlations(recordings)
    plain = _Sums(recordings, classes, standardised=False)
    scaled = _Sums(recordings, classes, standardised=True)
    figures |= plain.shares() | plain.spectrum()
    for sums, suffix in ((plain, ""), (scaled, "_standardised")):
        figures[f"ncm{suffix}"] = sums.accuracy(left_out=False)
        figures[f"ncm_left_out{suffix}"] = sums.accuracy(left_out=True)
    return figures


def _frames(
    recordings: Recordings, standardised: bool = False
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.int64]]]:
    """Yield the frames of each recording that are not all zero, and their labels."""
    for recording in recordings:
        features = standardise(recording.features) if standardised else recording.features
        present = np.asarray(features).any(axis=1)
        labels = np.asarray(recording.ground_truth)[present]
        yield np.asarray(features[present], dtype=np.float64), labels


def _norms(recordings: Recordings) -> dict[str, float]:
    norms = np.concatenate([np.linalg.norm(frames, axis=1) for frames, _ in _frames(recordings)])
    zero_frames = 1 - len(norms) / sum(one.n_frames for one in recordings)
    mean, deviation = (float(norms.mean()), float(norms.std())) if len(norms) else (0.0, 0.0)
    return {"norm_mean": mean, "norm_sd": deviation, "zero_frames": zero_frames}


def _correlations(recordings: Recordings) -> dict[str, float]:
    found: dict[str, list[NDArray[np.float64]]] = {}
    for frames, labels in _frames(recordings):
        centred = frames - frames.mean(axis=0)
        within = frames.copy()
        for label in np.unique(labels):
            within[labels == label] -= within[labels == label].mean(axis=0)
        for name, values in (("lag", centred), ("within_lag", within)):
            power = (values**2).sum(axis=0)
            varies = power > 0
            for lag in LAGS:
                if len(values) > lag and varies.any():
                    product = (values[lag:, varies] * values[:-lag, varies]).sum(axis=0)
                    found.setdefault(f"{name}_{lag}", []).append((product / power[varies]).mean())
    return {key: float(np.mean(values)) for key, values in found.items()}


class _Sums:
    """Counts and sums of features for each recording and class, (R, C) and (R, C, D)."""

    def __init__(
        self, recordings: Recordings, classes: NDArray[np.int64], standardised: bool
    ) -> None:
        self.recordings, self.classes, self.standardised = recordings, classes, standardised
        width = recordings[0].width
        self.counts = np.zeros((len(recordings), len(classes)))
        self.sums = np.zeros((len(recordings), len(classes), width))
        self.products = np.zeros((width, width))
        for i, (frames, labels) in enumerate(_frames(recordings, standardised)):
            place = np.searchsorted(classes, labels)
            self.counts[i] = np.bincount(place, minlength=len(classes))
            for k in np.unique(place):
                self.sums[i, k] = frames[place == k].sum(axis=0)
            self.products += frames.T @ frames
        self.n_frames = self.counts.sum()

    def shares(self) -> dict[str, float]:
        """Return the shares of the variance, which sum to 1."""
        total = self.sums.sum(axis=(0, 1)) / self.n_frames
        variance = np.trace(self.products) / self.n_frames - total @ total
        n_recording = self.counts.sum(axis=1)
        recording = self.sums.sum(axis=1) / np.maximum(n_recording, 1)[:, None]
        between = n_recording @ ((recording - total) ** 2).sum(axis=1)
        centred = self.sums - self.counts[:, :, None] * recording[:, None]
        n_class = self.counts.sum(axis=0)
        classes = centred.sum(axis=0) / np.maximum(n_class, 1)[:, None]
        between_classes = n_class @ (classes**2).sum(axis=1)
        each = centred / np.maximum(self.counts, 1)[:, :, None]
        both = (self.counts * (each**2).sum(axis=2)).sum() - between_classes
        parts = np.array([between, between_classes, both]) / (self.n_frames * max(variance, 1e-300))
        keys = ("between_recordings", "between_classes", "recording_and_class")
        return dict(zip(keys, parts.tolist(), strict=True)) | {"within": float(1 - parts.sum())}

    def spectrum(self) -> dict[str, float]:
        """Return the shares of the variance along the first principal axes."""
        mean = self.sums.sum(axis=(0, 1)) / self.n_frames
        values = np.linalg.eigvalsh(self.products / self.n_frames - np.outer(mean, mean))[::-1]
        held = np.cumsum(values) / max(values.sum(), 1e-300)
        return {f"axes_{n}": float(held[min(n, len(held)) - 1]) for n in AXES}

    def accuracy(self, left_out: bool) -> float:
        """Return the share of frames whose own class has the nearest mean."""
        counts, sums = self.counts.sum(axis=0), self.sums.sum(axis=0)
        right = 0
        for i, (frames, labels) in enumerate(_frames(self.recordings, self.standardised)):
            n = counts - self.counts[i] if left_out else counts
            known = np.flatnonzero(n > 0)
            held = sums - self.sums[i] if left_out else sums
            means = held[known] / n[known, None]
            if len(known):
                distances = (means**2).sum(axis=1) - 2 * frames @ means.T
                right += int((self.classes[known[distances.argmin(axis=1)]] == labels).sum())
        return float(right / max(self.n_frames, 1))
