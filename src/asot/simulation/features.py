"""A model of the features of labelled recordings, and its numbers fitted to real ones: presets."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from asot.errors import ArgumentError, require_integer, require_number
from asot.text import listing
from asot.timeline.segments import run_lengths


@dataclass(frozen=True)
class FeatureModel:
    """A model of a recording's features: a sum of parts, each with its own size.

    The frame ``t`` of a recording with labels ``y`` is ::

        x[t] = offset + shift + blur(mean[y] + appearance[y] + motion)[t] + drift[t] + jitter[t]

    ``offset`` and ``mean`` are the corpus's, drawn once for each seed and class name;
    ``shift`` is drawn for a recording, ``appearance`` for a recording and action; ``motion`` and
    ``jitter`` are white noise, ``drift`` an autoregressive process of order one. All parts share
    one covariance, whose axes are turned at random against the columns. A *size* is a root mean
    square length: of the part's vector over all D columns, in the unit of the features. The squared
    sizes of independent parts add up to the mean squared length.

    Parameters
    ----------
    width : int
        Columns, D.
    spectrum : float
        Axes over which the variance falls to 1/e; large for equal variance along all axes.
    offset : float
        Length of the vector that all frames share.
    separation : float
        Size of the class means; two classes are ``sqrt(2)`` times as far apart.
    shift : float
        Size of the vector that a recording adds to all its frames.
    appearance : float
        Size of the vector that a recording adds to its frames of an action.
    motion : float
        Size of the blurred noise, after blurring.
    window : int
        Frames of the first average of ``blur``, as of descriptors on a moving window; 1 for none.
    track : int
        Frames of the second average of ``blur``; 1 for none.
    drift : float
        Size of the slow noise.
    drift_frames : float
        Frames over which the slow noise's correlation falls to 1/e.
    jitter : float
        Size of the noise that is independent from frame to frame.
    blank : int
        Frames at the start of each recording that are all zero, "no feature here".

    Raises
    ------
    ArgumentError
        If a number is too small, not finite, or not an integer where it is a count.

    Examples
    --------
    >>> model = FeatureModel(width=8, blank=2)
    >>> features = model.draw([0, 0, 0, 1, 1], "P03_tea", {0: "SIL", 1: "pour_water"}, seed=0)
    >>> features.shape, features.any(axis=1).tolist()
    ((5, 8), [False, False, True, True, True])
    """

    width: int = 64
    spectrum: float = 25.0
    offset: float = 0.0
    separation: float = 1.0
    shift: float = 0.5
    appearance: float = 0.5
    motion: float = 1.0
    window: int = 20
    track: int = 5
    drift: float = 0.3
    drift_frames: float = 200.0
    jitter: float = 0.1
    blank: int = 0

    def __post_init__(self) -> None:
        low = {"width": 1, "spectrum": 1e-3, "window": 1, "track": 1, "drift_frames": 1e-3}
        require_settings(self, low, {"width": 10_000})

    def draw(
        self, labels: ArrayLike, name: str, class_names: Mapping[int, str], seed: int = 0
    ) -> NDArray[np.float32]:
        """Draw the (N, D) float32 features of one recording.

        They depend on the seed, on the recording's name and labels, and on the names of its
        classes alone: not on other recordings or classes.

        Parameters
        ----------
        labels : (N,) int array-like
            One class id a frame.
        name : str
            The recording's name.
        class_names : mapping of int to str
            The name of each class id.
        seed : int
            At least 0.

        Raises
        ------
        ArgumentError
            If there is no label, a class has no name, or the seed is negative.
        """
        starts, ends, values = run_lengths(labels)
        if not len(values):
            raise ArgumentError("labels must hold at least one frame.", setting="labels")
        missing = sorted(set(values.tolist()) - set(class_names))
        if missing:
            message = f"class_names must name every class, but {missing[0]} has no name."
            raise ArgumentError(message, setting="class_names")
        rng = named_generator(seed, "recording", name)
        shift = self.shift * rng.standard_normal(self.width)
        # In the order of first appearance, so that the classes' ids do not matter.
        place = {value: i for i, value in enumerate(dict.fromkeys(values.tolist()))}
        means = self.appearance * rng.standard_normal((len(place), self.width))
        for value, i in place.items():
            own = named_generator(seed, "class", class_names[value]).standard_normal(self.width)
            means[i] += self.separation * own
        frames = means[np.repeat([place[value] for value in values.tolist()], ends - starts)]
        frames = self._blurred(frames, rng)
        frames += shift
        if self.drift:
            keep = math.exp(-1 / self.drift_frames)
            frames += self.drift * autoregressive(len(frames), self.width, keep, rng)
        if self.jitter:
            frames += self.jitter * rng.standard_normal(frames.shape)
        mean, axes = _corpus(seed, self.width)
        spread = np.exp(-np.arange(self.width) / (2 * self.spectrum))
        result = frames @ ((spread / np.linalg.norm(spread))[:, None] * axes)
        result += self.offset * mean
        result[: self.blank] = 0
        return result.astype(np.float32)

    def _blurred(self, means: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Average the means and white noise over the window; the noise's variance stays."""
        from scipy.ndimage import uniform_filter1d

        sizes = self.window, self.track
        window, track = (np.full(size, 1 / size) for size in sizes)
        kernel = np.convolve(window, track)
        margin = len(kernel)
        frames = np.pad(means, ((margin, margin), (0, 0)), mode="edge")
        if self.motion:
            frames += self.motion / np.linalg.norm(kernel) * rng.standard_normal(frames.shape)
        for size in sizes:
            frames = uniform_filter1d(frames, size, axis=0)
        return frames[margin:-margin]


def autoregressive(
    n_frames: int, width: int, keep: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw a stationary process (N, D) of order one, unit variance and coefficient ``keep``."""
    from scipy.signal import lfilter

    noise = rng.standard_normal((n_frames, width))
    noise[1:] *= math.sqrt(1 - keep**2)  # the first frame has the process's own variance
    return lfilter([1.0], [1.0, -keep], noise, axis=0)


@lru_cache(maxsize=1)
def _corpus(seed: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw a direction (D,) and orthogonal axes (D, D), the same for all recordings."""
    rng = named_generator(seed, "corpus", "")
    mean = rng.standard_normal(width)
    return mean / np.linalg.norm(mean), np.linalg.qr(rng.standard_normal((width, width)))[0]


def require_settings(model: Any, low: Mapping[str, float], high: Mapping[str, float]) -> None:
    """Refuse a dataclass of numbers outside their bounds, which begin at 0 by default."""
    for setting in fields(model):
        name, value = setting.name, getattr(model, setting.name)
        least, most = low.get(name, 0), high.get(name, math.inf)
        if setting.type == "int":
            require_integer(name, value, at_least=int(least))
        else:
            require_number(name, value, at_least=least)
        if value > most:
            message = f"{name} must be a number from {least:g} to {most:,.12g}, but is {value}."
            raise ArgumentError(message, setting=name)


def named_generator(seed: int, kind: str, name: str) -> np.random.Generator:
    """Make the random generator of a named thing, independent of all others."""
    require_integer("seed", seed, at_least=0)
    digest = hashlib.sha256(f"{kind}\0{name}".encode()).digest()
    return np.random.default_rng([seed, int.from_bytes(digest[:16], "little")])


@dataclass(frozen=True)
class Preset:
    """A feature model, its source, and the layout and recipe of the data sets it imitates."""

    model: FeatureModel
    source: str
    activity_pattern: str | None
    recipe: str  # a {granularity} in it stands for that of the labels


def preset_names() -> list[str]:
    """Return the names of the presets, sorted.

    Examples
    --------
    >>> preset_names()
    ['breakfast', 'salads', 'salads_svm']
    """
    return sorted(_presets())


def load_preset(name: str) -> Preset:
    """Load a preset such as ``breakfast``: a model whose numbers were fitted to recordings.

    Raises
    ------
    ArgumentError
        If no preset has this name; the sentence lists those there are.

    Examples
    --------
    >>> load_preset("breakfast").model.width
    64
    """
    if name not in _presets():
        known = listing(preset_names(), 20)
        raise ArgumentError(f"like must be one of {known}, but is {name!r}.", setting="like")
    return _presets()[name]


@cache
def _presets() -> dict[str, Preset]:
    import yaml

    text = (resources.files("asot.simulation") / "presets.yaml").read_text(encoding="utf-8")
    return {
        name: Preset(**{**values, "model": FeatureModel(**values["model"])})
        for name, values in yaml.safe_load(text).items()
    }
