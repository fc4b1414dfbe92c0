"""Portraits of actions: what tells each apart in the measured signals, in a line of words.

Of every segment and channel there are the level (mean), the spread (standard deviation about a
straight line) and the spectrum (Welch 1967). An action's level is low or high, and its spread still
or lively, where it differs from those of all other segments by more than ``CLEAR`` of their joint
deviation (Cohen's d). A rhythm is a peak of the spectrum that holds much of its power, in most of
the action's time; people differ in tempo, so that each segment has a peak of its own.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asot.page import Portrait
from asot.timeline.segments import UNLABELLED, run_lengths

CLEAR = 0.8  # standardised difference, large by Cohen's convention
ERRORS = 3.5  # of a difference's standard error, which is large where segments are few
MOST_CLAUSES = 3
MOST_CHANNELS = 4
PEAK = 0.3  # of the power, in a peak of three frequencies, of a rhythm over many windows
STEADY = 1.5  # times as fast, at most, as the middle segment, or as slow
LONGEST = 64  # frames of a spectrum
SHORTEST = 8
CYCLES = 2  # in the frames of a spectrum, at least
ROUNDING = 1e-5  # of a channel's size: float32 has some seven digits
LITTLE = 0.01  # of a channel's deviation, by which a spread does not matter

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A recording's measured signals (N q, C), their names, its labels (N,) and times (N + 1,)."""

    signals: NDArray[np.float32]
    names: tuple[str, ...]
    labels: NDArray[np.int64]
    times: Values


def draw_portraits(recordings: Iterable[Measured]) -> dict[int, Portrait]:
    """Draw a portrait of each action that has a segment; none where the channels differ.

    Examples
    --------
    >>> t = np.arange(600) / 10
    >>> labels = np.repeat([0, 1, 0, 1, 0, 1], 100)
    >>> swing = np.where(labels == 0, np.sin(2 * np.pi * 0.5 * t), 0) + 0.01 * np.cos(7 * t)
    >>> signals = np.column_stack([swing, 2.0 * labels]).astype(np.float32)
    >>> times = np.arange(601) / 10
    >>> drawn = draw_portraits([Measured(signals, ("gyr_y", "acc_x [g]"), labels, times)])
    >>> drawn[0].sentence
    'gyr_y swings 0.5 times a second; acc_x low (about 0.0 g)'
    """
    seen = _Segments()
    for one in recordings:
        if not seen.add(one):
            return {}
    actions = np.array(seen.actions)
    if not len(actions):
        return {}
    return {int(action): seen.portrait(actions, int(action)) for action in np.unique(actions)}


class _Segments:
    """The statistics of all segments of the recordings, channel by channel."""

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ()
        self.actions: list[int] = []
        self.weights: list[float] = []
        self.levels: list[Values] = []
        self.spreads: list[Values] = []
        self.rhythms: list[Values] = []  # cycles a second, NaN where there is none
        self.window = 0

    def add(self, one: Measured) -> bool:
        """Add a recording; tell whether it has the channels of those before."""
        self.names = self.names or one.names
        if one.names != self.names:
            return False
        each = len(one.signals) // len(one.labels)
        starts, ends, values = run_lengths(np.repeat(one.labels, each))
        rate = len(one.signals) / float(one.times[-1] - one.times[0])
        if not self.window:
            usual = float(np.median(ends - starts))
            longest = LONGEST * 2 ** math.floor(math.log2(each))
            self.window = int(np.clip(2 ** np.floor(np.log2(max(usual, 1))), SHORTEST, longest))
        signals = np.asarray(one.signals, dtype=np.float64)
        signals = np.where(np.isfinite(signals), signals, 0.0)
        for start, end, action in zip(starts.tolist(), ends.tolist(), values.tolist(), strict=True):
            if action == UNLABELLED:
                continue
            part = signals[start:end]
            self.actions.append(action)
            self.weights.append(end - start)
            self.levels.append(part.mean(axis=0))
            self.spreads.append(_straightened(part).std(axis=0))
            self.rhythms.append(rate / self.window * self._rhythm(part))
        return True

    def _rhythm(self, part: Values) -> Values:
        """Return the cycles (C,) in a window of a segment (n, C), NaN without a rhythm."""
        hann = np.hanning(self.window + 2)[1:-1, None]
        power = np.zeros((self.window // 2 + 1, part.shape[1]))
        firsts = range(0, max(1, len(part) - self.window + 1), self.window // 2)
        # Noise has peaks too, the fewer windows the higher.
        needed = PEAK + (1 - PEAK) / (1 + len(firsts))
        for first in firsts:
            rows = _straightened(part[first : first + self.window])
            if len(rows) == self.window:
                power += np.abs(np.fft.rfft(rows * hann, axis=0)) ** 2
        peaks = power[1:].argmax(axis=0) + 1
        found = np.full(part.shape[1], np.nan)
        power[:, _straightened(part).std(axis=0) <= ROUNDING * np.abs(part).max(axis=0)] = 0
        for c, peak in enumerate(peaks.tolist()):
            near = power[peak - 1 : peak + 2, c]
            if peak >= CYCLES and near.sum() > needed * power[1:, c].sum():
                found[c] = np.average(np.arange(peak - 1, peak - 1 + len(near)), weights=near)
        return found

    def portrait(self, actions: NDArray[np.int64], action: int) -> Portrait:
        """Say what tells an action apart, and name the channels to show."""
        own, weights = actions == action, np.array(self.weights)
        levels, spreads = np.array(self.levels), np.array(self.spreads)
        size = levels.std(axis=0) + np.sqrt(np.average(spreads**2, axis=0, weights=weights))
        loudness = np.log(spreads + LITTLE * size + 1e-12)
        level = _difference(levels, own, weights)
        spread = _difference(loudness, own, weights)
        clear = max(CLEAR, ERRORS * math.sqrt(1 / own.sum() + 1 / max(1, (~own).sum())))
        clauses: dict[int, str] = {}
        rhythms = self._usual_rhythms(own, weights)
        swinging = [c for c in rhythms if spread[c] > -clear]
        if swinging:
            channel = max(swinging, key=lambda c: spread[c])
            clauses[channel] = f"{_split(self.names[channel])[0]} swings {_often(rhythms[channel])}"
        whole = ""
        if len(spread) > 1 and (np.all(spread < -clear) or np.all(spread > clear)):
            whole = "all channels still" if spread[0] < 0 else "all channels lively"
        found = [(abs(d), c, "level") for c, d in enumerate(level)]
        found += [(abs(d), c, "spread") for c, d in enumerate(spread) if not whole]
        found.sort(reverse=True)
        centre = np.average(levels[own], axis=0, weights=weights[own])
        for size_of, c, kind in found:
            if size_of < clear or len(clauses) + bool(whole) >= MOST_CLAUSES:
                break
            if c in clauses:
                continue
            name, unit = _split(self.names[c])
            if kind == "spread":
                clauses[c] = f"{name} {'lively' if spread[c] > 0 else 'still'}"
            else:
                digits = max(0, 1 - math.floor(math.log10(size[c] + 1e-9)))
                about = f"{centre[c] + 0.0:.{digits}f} {unit}".strip().replace("-", "−")
                clauses[c] = f"{name} {'high' if level[c] > 0 else 'low'} (about {about})"
        rest = sorted(range(len(level)), key=lambda c: -max(abs(level[c]), abs(spread[c])))
        channels = [*clauses, *(c for c in rest if c not in clauses)][:MOST_CHANNELS]
        said = [*clauses.values()]
        said.insert(1 if swinging else 0, whole)
        return Portrait("; ".join(filter(None, said)), tuple(channels))

    def _usual_rhythms(self, own: NDArray[np.bool_], weights: Values) -> dict[int, float]:
        """Return the cycles a second of the channels that have a rhythm for most of the time."""
        rhythms, usual = np.array(self.rhythms)[own], {}
        for c in range(rhythms.shape[1]):
            middle = float(np.nanmedian(rhythms[:, c])) if (rhythms[:, c] > 0).any() else 1.0
            near = np.abs(np.log(rhythms[:, c] / middle)) < math.log(STEADY)
            if weights[own][near].sum() > weights[own].sum() / 2:
                usual[c] = middle
        return usual


def _straightened(rows: Values) -> Values:
    """Return rows (n, C) about their straight line."""
    along = np.arange(len(rows)) - (len(rows) - 1) / 2
    slope = along @ rows / max(float(along @ along), 1.0)
    centred: Values = rows - rows.mean(axis=0) - along[:, None] * slope
    return centred


def _difference(values: Values, own: NDArray[np.bool_], weights: Values) -> Values:
    """Return Cohen's d (C,) of the own segments (S,) against the others; 0 without others."""
    if own.all():
        return np.zeros(values.shape[1])
    means, variances = [], []
    for side in (own, ~own):
        mean = np.average(values[side], axis=0, weights=weights[side])
        means.append(mean)
        variances.append(np.average((values[side] - mean) ** 2, axis=0, weights=weights[side]))
    joint = np.sqrt((variances[0] + variances[1]) / 2) + LITTLE * values.std(axis=0) + 1e-12
    difference: Values = (means[0] - means[1]) / joint
    return difference


def _split(name: str) -> tuple[str, str]:
    """Split a channel's name from its unit: "acc_x [g]" is "acc_x", "g"."""
    found = re.fullmatch(r"(.*\S)\s*[\[(]([^\])]*)[\])]", name)
    return (found[1], found[2]) if found else (name, "")


def _often(cycles: float) -> str:
    """Say how often something comes, given the cycles a second.

    Examples
    --------
    >>> _often(0.404), _often(1.0), _often(1 / 3600)
    ('0.4 times a second', 'once a second', 'once an hour')
    """
    for unit, seconds in (("second", 1), ("minute", 60), ("hour", 3600), ("day", 86400)):
        if cycles * seconds >= 0.15 or unit == "day":
            count = f"{float(f'{cycles * seconds:.2g}'):g}"
            often = "once" if count == "1" else f"{count} times"
            return f"{often} {'an' if unit == 'hour' else 'a'} {unit}"
    raise AssertionError
