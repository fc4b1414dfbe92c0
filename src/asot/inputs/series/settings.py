"""What people may choose about recordings that are no video."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from asot.errors import ConfigurationError


@dataclass(frozen=True)
class SeriesSettings:
    """How signals and poses are read, and what features are made of them.

    None stands for a choice that fits the file:

    =============  ==========================================  ====================  =============
    setting        signals, fewer than 64 columns              64 columns and more   poses
    =============  ==========================================  ====================  =============
    ``fps``        5, or the rows a second if they are fewer   every row             10, or fewer
    ``window_s``   2.56 s if that holds 8 rows, else none      none                  1 s, likewise
    ``smooth_s``   none                                        none                  0.1 s
    =============  ==========================================  ====================  =============

    A table of 64 columns and more is taken for features that are ready.

    Parameters
    ----------
    rate : float, optional
        Rows a second of the file: needed for poses, arrays, and tables without times.
    time_column : str, optional
        The column of a table that holds its times; recognised by name by default.
    columns : list of str, optional
        The columns to use, of poses also points or individuals; all by default.
    fps : float, optional
        Rows of features a second; 0 for every row of the file.
    window_s : float, optional
        Seconds that each row of features describes by mean, deviation and octaves of energy; 0
        for plain signals.
    smooth_s : float, optional
        Seconds of a moving median over the signals; 0 for none.
    velocity : bool
        Add the change per second of each signal.
    egocentric : bool
        Poses: points relative to the middle and heading of their individual.
    body_axis : list of str, optional
        Poses: the rear and the front point that give the heading; recognised by name by default.
    distances : bool
        Poses: add the distances between an individual's points.
    min_confidence : float, optional
        Poses: points below it count as missing; 0.6 for DeepLabCut and 0 for SLEAP by default.

    Examples
    --------
    >>> SeriesSettings(rate=50.0).check()
    """

    rate: float | None = None
    time_column: str | None = None
    columns: list[str] | None = None
    fps: float | None = None
    window_s: float | None = None
    smooth_s: float | None = None
    velocity: bool = False
    egocentric: bool = True
    body_axis: list[str] | None = None
    distances: bool = False
    min_confidence: float | None = None

    def check(self) -> None:
        """Refuse values that cannot be.

        Raises
        ------
        ConfigurationError
            A sentence that names the setting, its rule and its value.
        """
        _require(
            self.rate is None or (_number(self.rate) and self.rate > 0),
            "rate",
            "rows a second, above 0",
            self.rate,
        )
        for name in ("fps", "window_s", "smooth_s"):
            value = getattr(self, name)
            _require(value is None or (_number(value) and value >= 0), name, "0 or more", value)
        _require(
            self.min_confidence is None
            or (_number(self.min_confidence) and 0 <= self.min_confidence <= 1),
            "min_confidence",
            "in [0, 1]",
            self.min_confidence,
        )
        for name in ("velocity", "egocentric", "distances"):
            _require(
                isinstance(getattr(self, name), bool), name, "true or false", getattr(self, name)
            )
        _require(
            self.time_column is None or _name(self.time_column),
            "time_column",
            "the name of a column",
            self.time_column,
        )
        _require(
            self.columns is None or (_names(self.columns) and len(self.columns) > 0),
            "columns",
            "one or more names, each once",
            self.columns,
        )
        _require(
            self.body_axis is None or (_names(self.body_axis) and len(self.body_axis) == 2),
            "body_axis",
            "two different points, rear and front",
            self.body_axis,
        )
        if self.fps == 0 and self.window_s:
            raise ConfigurationError(
                f"window_s is {self.window_s}, but fps 0 keeps every row of the file: give the "
                "rows a second (fps) that are to be described, or window_s 0."
            )

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain JSON values."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


def _require(condition: bool, name: str, rule: str, value: Any) -> None:
    if not condition:
        raise ConfigurationError(f"{name} must be {rule}, but is {value!r}.")


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _names(values: Any) -> bool:
    return (
        isinstance(values, list)
        and all(_name(value) for value in values)
        and len(set(values)) == len(values)
    )
