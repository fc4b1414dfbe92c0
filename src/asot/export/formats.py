"""The formats that timelines can be written in."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from asot.errors import ArgumentError, DataError
from asot.export.names import require_names
from asot.export.seconds import from_first_frame
from asot.timeline.timelines import Timeline


@dataclass(frozen=True, slots=True)
class Format:
    """A file format.

    Parameters
    ----------
    name : str
        What it is called in ``to`` and ``--to``.
    summary : str
        For people: which files, and who opens them.
    extra : str, optional
        The extra that it needs, as in ``pip install "asot[extra]"``.
    reads : bool
        Whether files of it can be read back.
    module : str
        The module of this folder that knows it.
    """

    name: str
    summary: str
    extra: str | None
    reads: bool
    module: str


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        one.name: one
        for one in [
            Format("csv", "segments.csv, a table for any spreadsheet", None, True, "spreadsheets"),
            Format("json", "segments.json, as ActivityNet lays it out", None, False, "activitynet"),
            Format(
                "parquet", "segments.parquet, the table for pandas", "parquet", False, "parquet"
            ),
            Format("txt", "groundTruth/ and mapping/, a name a frame", None, True, "frames"),
            Format("elan", "an .eaf file a recording, for ELAN", "elan", True, "elan"),
            Format("boris", "project.boris, for BORIS", None, False, "boris"),
            Format(
                "labelstudio",
                "labelstudio.json and .xml, predictions to correct in Label Studio",
                None,
                True,
                "labelstudio",
            ),
            Format("fiftyone", "fiftyone/, a data set for FiftyOne", None, False, "fiftyone"),
            Format("vtt", "a .vtt file a recording, subtitles for a player", None, False, "vtt"),
            Format(
                "chapters",
                "a .chapters.txt file a recording, chapters for ffmpeg",
                None,
                False,
                "chapters",
            ),
        ]
    }
)


def format_named(name: str) -> Format:
    """Find a format by its name.

    Raises
    ------
    ArgumentError
        If there is none of that name.
    """
    if name not in FORMATS:
        raise ArgumentError(f"the format must be one of {', '.join(FORMATS)}, got {name!r}.")
    return FORMATS[name]


def export(
    timelines: Iterable[Timeline], to: str, out: str | Path, from_zero: bool = False
) -> list[Path]:
    """Write timelines in a format of another tool.

    Parameters
    ----------
    timelines : iterable of Timeline
        One a recording.
    to : str
        A name in :data:`FORMATS`.
    out : path-like
        The folder to write into, made if it is missing. Files of the same name are replaced, each
        as a whole.
    from_zero : bool
        Count seconds from the first frame, for players that do, in place of those of the
        recording's own file.

    Returns
    -------
    list of Path
        The files, in the order in which they were written.

    Raises
    ------
    ArgumentError
        If the format is not known, cannot hold a name, or needs seconds or a video that a
        recording does not have.
    DataError
        If a file cannot be written.
    MissingExtraError
        If the format needs a library that is not installed.

    Examples
    --------
    >>> import tempfile
    >>> from asot.timeline.segments import segment_table
    >>> from asot.timeline.timelines import even_times
    >>> rows = segment_table("tea", [0, 0, 1], frame_rate=25.0, action_names=["boil", "pour"])
    >>> timeline = Timeline("tea", tuple(rows), 3, even_times(3, 25.0))
    >>> [path.name for path in export([timeline], "vtt", tempfile.mkdtemp())]
    ['tea.vtt']
    """
    chosen = format_named(to)
    timelines = list(timelines)
    require_names(timelines)
    if from_zero:
        timelines = [from_first_frame(timeline) for timeline in timelines]
    module = importlib.import_module(f"asot.export.{chosen.module}")
    try:
        written: list[Path] = module.write(timelines, Path(out))
    except OSError as error:
        raise DataError(f"'{out}' cannot be written: {error.strerror or error}.") from error
    return written
