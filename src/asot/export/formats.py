"""Formats that timelines are written in, and read from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike

from asot.errors import ArgumentError, DataError, FileError
from asot.export.common import require_names
from asot.schema import read_json
from asot.timeline.segments import STEP_TABLE, Interval, Timeline


@dataclass(frozen=True, slots=True)
class Format:
    """A file format.

    Parameters
    ----------
    name : str
        Its name in ``to`` and ``--to``.
    summary : str
        For people: which files, and who opens them.
    writer : str
        The function that writes it, as ``module:function`` of this folder.
    extra : str, optional
        The extra that it needs, as in ``pip install "asot[extra]"``.
    reads : bool
        Whether files of it can be read back.
    """

    name: str
    summary: str
    writer: str
    extra: str | None = None
    reads: bool = False


_ALL = (
    Format("csv", "segments.csv, a table for any spreadsheet", "tables:write_table", reads=True),
    Format(
        "json",
        "segments.json, as ActivityNet lays it out",
        "detections:write_activitynet",
        reads=True,
    ),
    Format(
        "parquet",
        "segments.parquet, the table for pandas",
        "tables:write_parquet",
        "parquet",
        reads=True,
    ),
    Format("txt", "groundTruth/ and mapping/, a name a frame", "texts:write_frames", reads=True),
    Format("elan", "an .eaf file a recording, for ELAN", "elan:write_elan", "elan", reads=True),
    Format("boris", "project.boris, for BORIS", "boris:write_boris", reads=True),
    Format(
        "labelstudio",
        "labelstudio.json and .xml, predictions to correct in Label Studio",
        "labelstudio:write_tasks",
        reads=True,
    ),
    Format("praat", "a .TextGrid file a recording, for Praat", "praat:write_textgrids", reads=True),
    Format("vidat", "a .json file a recording, for Vidat", "vidat:write_vidat", reads=True),
    Format(
        "nwb", "an .nwb file a recording, with bouts of ndx-ethogram", "nwb:write_nwb", "nwb", True
    ),
    Format(
        "movement",
        "an .nc file a recording, a label a frame, for movement and xarray",
        "movement:write_netcdf",
        reads=True,
    ),
    Format(
        "lerobot",
        "lerobot.parquet, subtasks for LeRobot's data sets",
        "lerobot:write_subtasks",
        "parquet",
        reads=True,
    ),
    Format("fiftyone", "fiftyone/, a data set for FiftyOne", "detections:write_fiftyone"),
    Format("vtt", "a .vtt file a recording, subtitles for a player", "texts:write_vtt", reads=True),
    Format(
        "chapters", "a .chapters.txt file a recording, chapters for ffmpeg", "texts:write_chapters"
    ),
)
FORMATS: Mapping[str, Format] = MappingProxyType({one.name: one for one in _ALL})
# By the endings of files, the formats of labels in time.
SUFFIXES = {
    **{".csv": ("csv",), ".tsv": ("csv",), ".parquet": ("parquet", "lerobot"), ".eaf": ("elan",)},
    **{".json": ("labelstudio", "json", "vidat"), ".boris": ("boris",), ".opf": ("datavyu",)},
    **{
        ".textgrid": ("praat",),
        ".nwb": ("nwb",),
        ".nc": ("movement",),
        ".vtt": ("vtt",),
        ".srt": ("vtt",),
    },
    **{".xlsx": ("excel",), ".xlsm": ("excel",)},
}
_READERS = {
    "csv": "spreadsheets:read_table",
    "elan": "elan:read_elan",
    "labelstudio": "labelstudio:read_tasks",
    "boris": "boris:read_project",
    "datavyu": "datavyu:read_opf",
    "excel": "tables:read_excel",
    "json": "detections:read_activitynet",
    "movement": "movement:read_netcdf",
    "nwb": "nwb:read_nwb",
    **dict.fromkeys(("lerobot", "parquet"), "tables:read_parquet"),
    "praat": "praat:read_textgrid",
    "vidat": "vidat:read_vidat",
    "vtt": "texts:read_cues",
}


# What is read back, for people.
READ = tuple(dict.fromkeys([one.name for one in _ALL if one.reads] + [*_READERS]))


def export(
    timelines: Iterable[Timeline], to: str, out: str | Path, from_zero: bool = False
) -> list[Path]:
    """Write timelines in a format of another tool.

    Parameters
    ----------
    timelines : iterable of Timeline
        One for each recording.
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
    >>> from asot.timeline.segments import even_times, segment_table
    >>> rows = segment_table("tea", [0, 0, 1], frame_rate=25.0, action_names=["boil", "pour"])
    >>> timeline = Timeline("tea", tuple(rows), 3, even_times(3, 25.0))
    >>> [path.name for path in export([timeline], "vtt", tempfile.mkdtemp())]
    ['tea.vtt']
    """
    writer = _format(to).writer
    timelines = list(timelines)
    require_names(timelines)
    if from_zero:
        # A difference of seconds has digits in its far end that nobody measured.
        timelines = [one.timed(np.round(one.seconds - one.seconds[0], 9)) for one in timelines]
    try:
        written: list[Path] = _function(writer)(timelines, Path(out))
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"'{out}' cannot be written: {reason}.", file=out) from error
    return written


def read(
    path: str | Path,
    format: str | None = None,
    *,
    tier: str | None = None,
    times: Mapping[str, ArrayLike] | None = None,
) -> list[Interval]:
    """Read intervals from a file of another tool, or from all such files of a folder.

    Parameters
    ----------
    path : path-like
        A file, or a folder with files of one format.
    format : str, optional
        A name in :data:`FORMATS` of what is read back in seconds, "datavyu" or "excel". By default,
        the ending of the file's name decides, and of JSON its layout. Tables of other tools are
        "csv".
    tier : str, optional
        The tier of ELAN or Praat, subject or observation of BORIS, column of Datavyu or of a table,
        table of NWB, or annotator of Label Studio whose labels to read, where there are several.
    times : mapping of str to (N + 1,) array-like, optional
        Seconds of the recordings' frames, as in :class:`asot.timeline.segments.Timeline`, for
        tables that count frames only; names of files are told from these recordings'.

    Returns
    -------
    list of Interval
        In the order of the files' names, and in each of the file.

    Raises
    ------
    ArgumentError
        If the format cannot be read as intervals.
    DataError
        If the file cannot be read, or the folder holds no such file, or several formats.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "corrected.csv"
    >>> _ = path.write_text("recording;action;start_s;end_s\\ntea;boil;0,5;2\\n")
    >>> read(path)
    [Interval(recording='tea', start_s=0.5, end_s=2.0, action='boil', note='')]
    """
    path = Path(path)
    if format is not None and format not in _READERS:
        hint = ": read it with read_frames" if format == "txt" else ""
        readable = ", ".join(_READERS)
        raise ArgumentError(
            f"only {readable} can be read as intervals, not {_format(format).name}{hint}.",
            setting="format",
        )
    endings = [ending for ending, kinds in SUFFIXES.items() if format in (None, *kinds)]
    files = [path]
    if path.is_dir():
        files = [
            file
            for file in sorted(path.iterdir())
            if file.suffix.lower() in endings and file.name[0] != "." and file.name != STEP_TABLE
        ]
        if not files:
            raise FileError.at(path, f"holds no file that ends in {', '.join(endings)}")
        kinds = [format] if format else sorted({_kind(file) for file in files})
        if len(kinds) > 1:
            several = ", ".join(kinds)
            raise FileError.at(path, f"holds files of several formats ({several}): name the files")
    elif format is None and path.suffix.lower() not in endings:
        message = f"ends in none of {', '.join(endings)}: give it the ending of its format"
        raise FileError.at(path, message)
    found: list[Interval] = []
    for file in files:
        reader = _function(_READERS[format or _kind(file)])
        found += reader(file, times or {}, tier)
    return found


def _kind(file: Path) -> str:
    """Return the format of a file by its ending, and of JSON by its layout."""
    ending = file.suffix.lower()
    kind = SUFFIXES[ending][0]
    if ending != ".json":
        return kind
    content = read_json(file, Any, "save it again")
    keys = content.keys() if isinstance(content, dict) else ()
    return "json" if "database" in keys else "vidat" if "annotation" in keys else kind


def _format(name: str) -> Format:
    if name not in FORMATS:
        known = ", ".join(FORMATS)
        raise ArgumentError(f"the format must be one of {known}, got {name!r}.", setting="to")
    return FORMATS[name]


def _function(name: str) -> Callable[..., Any]:
    """Import a writer or reader when it is needed: some need heavy libraries."""
    module, _, function = name.partition(":")
    return cast(Callable[..., Any], getattr(import_module(f"asot.export.{module}"), function))
