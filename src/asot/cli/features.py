"""Options for making features of recordings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from asot.cli.parsing import Parser
from asot.errors import ConfigurationError, DataError
from asot.inputs.kinds import ARRAYS, KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jsonargparse import Namespace

    from asot.inputs.find import Input
    from asot.inputs.settings import SeriesSettings, VideoSettings

EVERY = "all"
TITLES = {str(kind): title for kind, title in KINDS.items()} | {
    "array": "arrays of features",
    "features": "features that are made already",
}
# Options that are settings of the same name, with their type and help.
VIDEO: dict[str, tuple[type, str]] = {
    "backbone": (
        str,
        "The network: efficientnet-lite0 (unless given; it comes with asot[video]), an ONNX "
        "file, hf:NAME of a vision model for transformers, or module:function of your own.",
    ),
    "device": (str, "auto (unless given), cpu or cuda."),
    "batch_size": (int, "Frames for the network at once."),
}
SERIES: dict[str, tuple[type, str]] = {
    "rate": (float, "Rows a second of the files, where they have no time column."),
    "time_column": (str, "The column with the time."),
    "time_unit": (
        str,
        "The unit of times that are numbers: ns, 100ns, us, ms, s, min, h or d; told by the name "
        "of the column, or by what is plausible, unless given.",
    ),
    "skip_lines": (int, "Lines above the table in a text file; recognised unless given."),
    "columns": (str, "The columns, or points, to use; all unless given."),
    "window_s": (float, "Seconds of signal that each row describes; 0 for the plain signal."),
    "smooth_s": (
        float,
        "Seconds of a moving median; 0 for none. Unless given, single values that leap from those "
        "beside them are taken out of signals before windows are made.",
    ),
    "velocity": (bool, "Add the change a second: true or false."),
    "transposed": (bool, "Arrays are (columns, rows): true or false (unless given)."),
}
POSES: dict[str, tuple[type, str]] = {
    "egocentric": (
        bool,
        "Points relative to the middle and heading of the body: true (unless given) or false.",
    ),
    "body_axis": (str, "The rear and the front point that give the heading."),
    "distances": (bool, "Add the distances between points: true or false."),
    "min_confidence": (float, "Points below it count as missing, in [0, 1]."),
}
# The kinds of recordings that options concern, where these are not those of their group.
CONCERNED = {
    **dict.fromkeys(VIDEO, ("video",)),
    **dict.fromkeys(SERIES, ("series", "pose")),
    **dict.fromkeys(POSES, ("pose",)),
    "rate": ("series", "pose", "array"),
    "transposed": ("array", "features"),
    "frame_rate": ("video", "series", "pose", "features"),
}
SEVERAL: dict[str, Any] = {"columns": {"nargs": "+"}, "body_axis": {"nargs": 2}}


def add_feature_options(parser: Parser) -> None:
    """Add the options for videos, for series and for poses."""
    parser.add_argument(
        "--frame_rate",
        type=str,
        help="Frames, or rows of features, a second: a number or all. Unless given, 10 for videos "
        "and poses, 5 for sensor logs.",
    )
    parser.add_argument(
        "--kind",
        type=str,
        help="Only the recordings of a kind, where a folder holds several: video, series, pose or "
        "array. A table is told by its header, unless none is of the kind.",
    )
    groups = {"videos": VIDEO, "sensor logs, arrays and poses": SERIES, "poses": POSES}
    for title, options in groups.items():
        group = parser.add_argument_group(title)
        for name, (kind, meaning) in options.items():
            group.add_argument(f"--{name}", type=kind, help=meaning, **SEVERAL.get(name, {}))


def refuse_unconcerned(values: Namespace, recordings: Sequence[str]) -> None:
    """Refuse an option for other kinds of recordings than those that are named."""
    given = [name for name in CONCERNED if values[name] is not None]
    if not given:
        return
    from asot.data.folder import is_folder
    from asot.inputs.find import find_inputs
    from asot.runs.segment import data_folder

    data = data_folder(recordings)
    kinds = {"features"}
    if data is None:
        inputs = [one for one in find_inputs(recordings, values.kind) if not one.defect]
        kinds = {_kind_of(one, values) for one in inputs}
    elif values.frame_rate is not None and is_folder(data / "times"):
        rule = f"--frame_rate must be left out, as the features in {data} have times already."
        raise ConfigurationError(rule, setting="frame_rate")
    for name in given:
        if kinds and kinds.isdisjoint(CONCERNED[name]):
            wanted, found = (
                ", ".join(title for kind, title in TITLES.items() if kind in some)
                for some in (CONCERNED[name], kinds)
            )
            cure = "leave it out"
            if kinds == {"features"} and name == "rate":
                cure = "give the rows a second with --frame_rate"
            elif kinds == {"array"} and "series" in CONCERNED[name]:
                cure += ", or give the rows a second of signals in arrays with --rate"
            raise ConfigurationError(
                f"--{name} is for {wanted}, but the recordings are {found}: {cure}.", setting=name
            )


def _kind_of(one: Input, values: Namespace) -> str:
    """Tell the kind of a recording; arrays whose rate is given are read as sensor logs."""
    from asot.inputs.poses.read import kind_of

    if one.is_video:
        return "video"
    if one.path.suffix.lower() in ARRAYS and values.rate is None:
        return "array"
    try:
        asked = values.kind if values.kind in ("series", "pose") else None
        return kind_of(one.path, asked, values.skip_lines)
    except DataError:  # it is listed with the others that cannot be read
        return "series"


def feature_settings(
    values: Namespace, earlier: tuple[VideoSettings | None, SeriesSettings | None] | None = None
) -> tuple[VideoSettings, SeriesSettings]:
    """Make the settings of features from the options, which override ``earlier`` settings."""
    from asot.inputs.settings import SeriesSettings, VideoSettings

    old_video, old_series = earlier or (None, None)
    given = {name: values[name] for name in (*VIDEO, *SERIES, *POSES) if values[name] is not None}
    of_video = {name: value for name, value in given.items() if name in VIDEO}
    of_series = {name: value for name, value in given.items() if name not in VIDEO}
    if values.kind is not None and values.kind not in KINDS:
        rule = f"--kind must be {' or '.join(KINDS)}, not {values.kind!r}."
        raise ConfigurationError(rule, setting="kind")
    # With a model it only chooses the recordings: how they are read is the model's.
    if values.kind in ("series", "pose") and old_series is None:
        of_series["kind"] = values.kind
    if values.frame_rate is not None:
        every = values.frame_rate == EVERY
        try:
            rate = None if every else float(values.frame_rate)
        except ValueError:
            rule = f"--frame_rate must be a number or {EVERY}, not {values.frame_rate!r}."
            raise ConfigurationError(rule, setting="frame_rate") from None
        of_video["frame_rate"], of_series["frame_rate"] = rate, 0.0 if every else rate
    video = replace(old_video or VideoSettings(), **of_video)
    return video, replace(old_series or SeriesSettings(), **of_series)
