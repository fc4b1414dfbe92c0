"""The settings of the features: of videos, and of signals and poses."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asot.errors import ConfigurationError

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class VideoSettings:
    """How features are made of videos; a value that breaks its rule is a ConfigurationError.

    Parameters
    ----------
    backbone : str
        The network, as :func:`asot.inputs.video.backbones.open_backbone` takes it.
    frame_rate : float or None
        Frames a second to take; None for every frame.
    device : str
        "auto", "cpu" or "cuda".
    batch_size : int or None
        Frames for the network at once; None for what suits it.
    """

    backbone: str = "efficientnet-lite0"
    frame_rate: float | None = 10.0
    device: str = "auto"
    batch_size: int | None = None

    def __post_init__(self) -> None:
        _require(self, "frame_rate", "above 0, or all", lambda rate: rate is None or _above_0(rate))
        _require(self, "device", f"one of {', '.join(DEVICES)}", lambda device: device in DEVICES)
        _require(
            self,
            "batch_size",
            "an integer of at least 1",
            lambda size: size is None or (isinstance(size, int) and _above_0(size)),
        )


@dataclass(frozen=True)
class SeriesSettings:
    """How signals and poses are read, and what features are made of them.

    None stands for a choice that fits the file:

    ==============  ========================================  ====================  =============
    setting         signals, fewer than 64 columns            64 columns and more   poses
    ==============  ========================================  ====================  =============
    ``frame_rate``  5, or the rows a second if fewer          every row             10, or fewer
    ``window_s``    2.56 s if that holds 8 rows, else 0       0                     1 s, likewise
    ``smooth_s``    0                                         0                     0.1 s
    ==============  ========================================  ====================  =============

    A table of 64 columns and more is taken for features that are ready. A value that breaks its
    rule is a ConfigurationError.

    Parameters
    ----------
    rate : float, optional
        Rows a second of the file: needed for poses, arrays, and tables without times.
    time_column : str, optional
        The column of a table that holds its times; recognised by name by default.
    columns : list of str, optional
        The columns to use, of poses also points or individuals; all by default.
    frame_rate : float, optional
        Rows of features a second; 0 for every row of the file.
    window_s : float, optional
        Seconds that each row of features describes by mean, deviation and octaves of energy; 0 for
        plain signals.
    smooth_s : float, optional
        Seconds of a moving median over the signals; 0 for none.
    velocity : bool
        Add the change per second of each signal.
    egocentric, distances : bool
        Poses: give points relative to the middle and heading of their individual; add the distances
        between its points.
    body_axis : list of str, optional
        Poses: the rear and the front point that give the heading; recognised by name by default.
    min_confidence : float, optional
        Poses: points below it count as missing; 0.6 for DeepLabCut and 0 for SLEAP by default.
    """

    rate: float | None = None
    time_column: str | None = None
    columns: list[str] | None = None
    frame_rate: float | None = None
    window_s: float | None = None
    smooth_s: float | None = None
    velocity: bool = False
    egocentric: bool = True
    body_axis: list[str] | None = None
    distances: bool = False
    min_confidence: float | None = None

    def __post_init__(self) -> None:
        _require(
            self, "rate", "rows a second, above 0", lambda rate: rate is None or _above_0(rate)
        )
        for name in ("frame_rate", "window_s", "smooth_s"):
            _require(self, name, "0 or more", lambda value: value in (None, 0) or _above_0(value))
        _require(
            self,
            "min_confidence",
            "in [0, 1]",
            lambda least: least in (None, 0) or (_above_0(least) and least <= 1),
        )
        for name in ("velocity", "egocentric", "distances"):
            _require(self, name, "true or false", lambda value: isinstance(value, bool))
        _require(self, "time_column", "the name of a column", lambda one: one is None or _name(one))
        _require(self, "columns", "one or more names, each once", lambda some: _names(some, 1))
        _require(
            self,
            "body_axis",
            "two different points, rear and front",
            lambda axis: _names(axis, 2) and (axis is None or len(axis) == 2),
        )
        if self.frame_rate == 0 and self.window_s:
            raise ConfigurationError(
                f"window_s is {self.window_s}, but frame_rate 0 keeps every row of the file: give "
                "the rows a second (frame_rate) that are to be described, or window_s 0.",
                setting="window_s",
            )


def _require(settings: Any, name: str, rule: str, fits: Callable[[Any], bool]) -> None:
    value = getattr(settings, name)
    if not fits(value):
        raise ConfigurationError(f"{name} must be {rule}, but is {value!r}.", setting=name)


def _above_0(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value > 0


def _name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _names(values: Any, least: int) -> bool:
    """Tell None, and a list of at least so many names that differ."""
    return values is None or (
        isinstance(values, list)
        and all(map(_name, values))
        and len(set(values)) == len(values) >= least
    )
