"""The options that say how features are made of recordings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from asot.cli.parsing import Parser
from asot.errors import ConfigurationError

if TYPE_CHECKING:
    from jsonargparse import Namespace

    from asot.inputs.extract import VideoSettings
    from asot.inputs.series import SeriesSettings

EVERY = "all"
VIDEO = ("backbone", "device", "batch_size")
SERIES = ("rate", "time_column", "columns", "window_s", "smooth_s", "velocity")
POSES = ("egocentric", "body_axis", "distances", "min_confidence")


def add_feature_options(parser: Parser) -> None:
    """Add the options for videos, for series and for poses."""
    parser.add_argument(
        "--fps",
        type=str,
        help="Frames, or rows of features, a second: a number or all. Unless given, 10 for videos "
        "and poses, 5 for sensor logs.",
    )
    videos = parser.add_argument_group("videos")
    videos.add_argument(
        "--backbone",
        type=str,
        help="The network: efficientnet-lite0 (unless given; it comes with asot[video]), an ONNX "
        "file, hf:NAME of a vision model for transformers, or module:function of your own.",
    )
    videos.add_argument("--device", type=str, help="auto (unless given), cpu or cuda.")
    videos.add_argument("--batch_size", type=int, help="Frames for the network at once.")
    series = parser.add_argument_group("sensor logs, arrays and poses")
    series.add_argument(
        "--rate", type=float, help="Rows a second of the files, where they have no time column."
    )
    series.add_argument("--time_column", type=str, help="The column with the time.")
    series.add_argument(
        "--columns", type=str, nargs="+", help="The columns, or points, to use; all unless given."
    )
    series.add_argument(
        "--window_s",
        type=float,
        help="Seconds of signal that each row of features describes; 0 for the plain signal.",
    )
    series.add_argument("--smooth_s", type=float, help="Seconds of a moving median; 0 for none.")
    series.add_argument("--velocity", type=bool, help="Add the change a second: true or false.")
    poses = parser.add_argument_group("poses")
    poses.add_argument(
        "--egocentric",
        type=bool,
        help="Points relative to the middle and heading of the body: true (unless given) or false.",
    )
    poses.add_argument(
        "--body_axis", type=str, nargs=2, help="The rear and the front point that give the heading."
    )
    poses.add_argument(
        "--distances", type=bool, help="Add the distances between points: true or false."
    )
    poses.add_argument(
        "--min_confidence", type=float, help="Points below it count as missing, in [0, 1]."
    )


def feature_settings(
    values: Namespace,
    earlier: tuple[VideoSettings | None, SeriesSettings | None] | None = None,
) -> tuple[VideoSettings, SeriesSettings]:
    """The settings of these options.

    Parameters
    ----------
    values : Namespace
        The parsed options.
    earlier : (VideoSettings or None, SeriesSettings or None), optional
        Settings of a segmentation whose model is applied, in place of the usual ones.

    Raises
    ------
    ConfigurationError
        If a value cannot be.
    """
    from asot.inputs.extract import VideoSettings
    from asot.inputs.series import SeriesSettings

    old_video, old_series = earlier or (None, None)
    video = old_video or VideoSettings()
    series = old_series or SeriesSettings()
    if values.fps is not None:
        fps = None if values.fps == EVERY else _number(values.fps)
        video, series = replace(video, fps=fps), replace(series, fps=fps or 0.0)
    video = replace(video, **_given(values, VIDEO))
    series = replace(series, **_given(values, (*SERIES, *POSES)))
    video.check()
    series.check()
    return video, series


def _given(values: Namespace, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: values[name] for name in names if values[name] is not None}


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigurationError(f"--fps must be a number or {EVERY}, not {text!r}.") from None
