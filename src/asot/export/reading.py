"""Reading what people corrected, whichever tool they corrected it in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from numpy.typing import ArrayLike

from asot.errors import ArgumentError, DataError
from asot.export.formats import FORMATS, format_named
from asot.timeline.timelines import Interval

_SUFFIXES = {".csv": "csv", ".tsv": "csv", ".eaf": "elan", ".json": "labelstudio"}


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
    format : {"csv", "elan", "labelstudio"}, optional
        By default, what the file's name ends in says it.
    tier : str, optional
        The tier of ELAN files; see :func:`asot.export.elan.read`.
    times : mapping of str to (N + 1,) array-like, optional
        Seconds of the recordings' frames, as in :class:`asot.timeline.timelines.Timeline`, for
        tables that count frames only.

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
    [Interval(recording='tea', start_s=0.5, end_s=2.0, action='boil')]
    """
    path = Path(path)
    if format is not None and format not in _SUFFIXES.values():
        hint = ": read it with read_frames" if format == "txt" else ""
        readable = ", ".join(dict.fromkeys(_SUFFIXES.values()))
        raise ArgumentError(
            f"only {readable} can be read as intervals, not {format_named(format).name}{hint}."
        )
    if not path.is_dir():
        return _read_file(path, format or _format_of(path), tier, times)
    known = {
        file: _SUFFIXES[file.suffix.lower()]
        for file in sorted(path.iterdir())
        if file.suffix.lower() in _SUFFIXES and not file.name.startswith(".")
    }
    found = {file: kind for file, kind in known.items() if format in (None, kind)}
    if not found:
        endings = [ending for ending, kind in _SUFFIXES.items() if format in (None, kind)]
        raise DataError(f"'{path}' holds no file that ends in {', '.join(endings)}.")
    if len(set(found.values())) > 1:
        kinds = ", ".join(sorted(set(found.values())))
        raise DataError(f"'{path}' holds files of several formats ({kinds}): say which to read.")
    return [
        interval for file, kind in found.items() for interval in _read_file(file, kind, tier, times)
    ]


def read_frames(path: str | Path) -> dict[str, list[str]]:
    """Read per-frame text: a line a frame, the name of its action.

    Parameters
    ----------
    path : path-like
        A file, a folder of them, or a folder whose ``groundTruth`` is one.

    Returns
    -------
    dict of str to list of str
        Recording to the names of its frames' actions. ``background`` is a name like others.

    Raises
    ------
    DataError
        If there is no such file, or one cannot be read, is empty or has an empty line.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "tea.txt"
    >>> _ = path.write_text("boil\\nboil\\npour\\n")
    >>> read_frames(path)
    {'tea': ['boil', 'boil', 'pour']}
    """
    from asot.export.frames import read as read_text

    return read_text(Path(path))


def _read_file(
    path: Path, format: str, tier: str | None, times: Mapping[str, ArrayLike] | None
) -> list[Interval]:
    if format == "elan":
        from asot.export import elan

        return elan.read(path, tier)
    if format == "labelstudio":
        from asot.export import labelstudio

        return labelstudio.read(path)
    from asot.export import spreadsheets

    return spreadsheets.read(path, times)


def _format_of(path: Path) -> str:
    if path.suffix.lower() not in _SUFFIXES:
        readable = ", ".join(name for name, one in FORMATS.items() if one.reads)
        raise DataError(
            f"'{path}' ends in none of {', '.join(_SUFFIXES)}: say which format it is ({readable})."
        )
    return _SUFFIXES[path.suffix.lower()]
