"""The settings of the features: of videos, and of signals and poses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from asot.errors import ConfigurationError
from asot.inputs.kinds import OfTable

TIME_UNITS = ("ns", "100ns", "us", "ms", "s", "min", "h", "d")
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class VideoSettings:
    """Settings of the features of videos; a value that breaks its rule is a ConfigurationError."""

    backbone: str = "efficientnet-lite0"  # a name for asot.inputs.video.backbones.open_backbone
    frame_rate: float | None = 10.0  # frames a second to take; None for every frame
    device: str = "auto"
    batch_size: int | None = None  # frames for the network at once; None for what suits it

    def __post_init__(self) -> None:
        rate, size = self.frame_rate, self.batch_size
        whole = size is None or (isinstance(size, int) and _above_0(size))
        _require(self, "frame_rate", "above 0, or all", rate is None or _above_0(rate))
        _require(self, "device", f"one of {', '.join(DEVICES)}", self.device in DEVICES)
        _require(self, "batch_size", "an integer of at least 1", whole)


@dataclass(frozen=True)
class SeriesSettings:
    """Settings of the reading of signals and poses, and of their features.

    None stands for a choice by the file:

    ==============  ========================================  ====================  =============
    setting         signals, fewer than 64 columns            64 columns and more   poses
    ==============  ========================================  ====================  =============
    ``frame_rate``  5, or the rows a second if fewer          every row             10, or fewer
    ``window_s``    2.56 s if that holds 8 rows, else 0       0                     1 s, likewise
    ``smooth_s``    0                                         0                     0.1 s
    ==============  ========================================  ====================  =============

    A table of 64 columns and more is taken for features that are ready. A value that breaks its
    rule is a ConfigurationError.
    """

    kind: OfTable | None = None  # "series" or "pose"; told by the head of a file by default
    rate: float | None = None  # rows a second of poses, arrays, and tables without times
    time_column: str | None = None  # of a table; recognised by name by default
    time_unit: str | None = None  # of a clock of numbers, such as ms; recognised by default
    skip_lines: int | None = None  # of a text file, above its table; recognised by default
    columns: list[str] | None = None  # to use; of poses also points or individuals; all by default
    frame_rate: float | None = None  # rows of features a second; 0 for every row of the file
    # Seconds that a row of features describes by mean, deviation and octaves of energy; 0 for
    # plain signals.
    window_s: float | None = None
    # Seconds of a moving median over the signals; 0 for none. Unless it is given, single values
    # that leap from both their neighbours are taken out before windows of signals.
    smooth_s: float | None = None
    velocity: bool = False  # add the change per second of each signal
    transposed: bool = False  # arrays are (columns, rows)
    egocentric: bool = True  # poses: give points by the middle and heading of their individual
    # Poses: the rear and the front point that give the heading; recognised by name by default.
    body_axis: list[str] | None = None
    distances: bool = False  # poses: add the distances between the points of an individual
    # Poses: points below it count as missing; 0.6 for DeepLabCut and 0 for SLEAP by default.
    min_confidence: float | None = None

    def __post_init__(self) -> None:
        rate, least, axis = self.rate, self.min_confidence, self.body_axis
        _require(self, "kind", "series or pose", self.kind in (None, "series", "pose"))
        _require(self, "rate", "rows a second, above 0", rate is None or _above_0(rate))
        for name in ("frame_rate", "window_s", "smooth_s"):
            value = getattr(self, name)
            _require(self, name, "0 or more", value is None or _above_0(value) or value == 0)
        in_range = least is None or least == 0 or (_above_0(least) and least <= 1)
        _require(self, "min_confidence", "in [0, 1]", in_range)
        for name in ("velocity", "transposed", "egocentric", "distances"):
            _require(self, name, "true or false", isinstance(getattr(self, name), bool))
        clock = self.time_column is None or _are_names([self.time_column])
        _require(self, "time_column", "the name of a column", clock)
        known = self.time_unit is None or self.time_unit in TIME_UNITS
        _require(self, "time_unit", f"one of {', '.join(TIME_UNITS)}", known)
        lines = self.skip_lines
        whole = lines is None or (type(lines) is int and lines >= 0)
        _require(self, "skip_lines", "an integer of at least 0", whole)
        some = self.columns is None or (_are_names(self.columns) and len(self.columns) > 0)
        _require(self, "columns", "one or more names, each once", some)
        two = axis is None or (_are_names(axis) and len(axis) == 2)
        _require(self, "body_axis", "two different points, rear and front", two)
        if self.frame_rate == 0 and self.window_s:
            raise ConfigurationError(
                f"window_s is {self.window_s}, but frame_rate 0 keeps every row of the file: give "
                "the rows a second (frame_rate) that are to be described, or window_s 0.",
                setting="window_s",
            )


def _require(settings: Any, name: str, rule: str, fits: bool) -> None:
    if not fits:
        message = f"{name} must be {rule}, but is {getattr(settings, name)!r}."
        raise ConfigurationError(message, setting=name)


def _above_0(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value > 0


def _are_names(values: Any) -> bool:
    return (
        isinstance(values, list)
        and all(isinstance(value, str) and value for value in values)
        and len(set(values)) == len(values)
    )
