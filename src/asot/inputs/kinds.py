"""The kinds of recordings, by the endings of files and, where these say too little, by content."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Literal

from asot.errors import FileError
from asot.files import wide_encoding
from asot.inputs.series.numbers import is_value
from asot.remote import is_away, read_parts

OfTable = Literal["series", "pose"]
Kind = Literal["video", "array", OfTable]
KINDS: dict[Kind, str] = {
    "video": "videos",
    "series": "sensor logs",
    "pose": "poses",
    "array": "arrays",
}

# Endings that need no second look; others that FFmpeg knows are videos if it reads one in them.
VIDEOS = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv"),
        *(".ts", ".mts", ".m2ts", ".3gp", ".ogv", ".mxf", ".vob", ".asf", ".divx", ".insv"),
        *(".h264", ".264", ".h265", ".265", ".hevc", ".mjpeg", ".mjpg", ".f4v", ".dv"),
        *(".qt", ".mod", ".tod", ".xvid", ".rmvb", ".m2p", ".m2v", ".mpv", ".mp4v", ".trp", ".360"),
    }
)
# Small copies that cameras write beside a video, and pictures more often than videos: they are
# recordings of a folder only where it holds nothing else.
ASIDE = frozenset({".lrv", ".lrf", ".gif"})
HDF5, PARQUET, ARRAYS = (".h5", ".hdf5", ".nwb"), (".parquet", ".pq"), (".npy",)
# Endings of all kinds of text, in which a table is told by its rows of numbers: a recording only of
# a folder that holds nothing else.
PLAIN = (".txt", ".dat", ".log", ".asc", ".data", "")
TABLES = (".csv", ".tsv", ".tab")
TEXTS = (*TABLES, *PLAIN)
# Far more than anybody measures, and few enough to look at each of them.
MOST_COLUMNS = 10_000
# Of two files of one name in a folder, the first of these is read.
SERIES = (*HDF5, *PARQUET, *TABLES, *ARRAYS)
# FFmpeg knows some of these as well, which are pictures, sound, subtitles or lists of files.
NEVER = frozenset(
    {
        *(".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".svg", ".heic", ".avif"),
        *(".wav", ".mp3", ".m4a", ".aac", ".flac", ".ogg", ".wma", ".opus", ".thm", ".psd"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".exr", ".tga", ".jp2", ".dpx", ".ico", ".yuv", ".rgb"),
        *(".xml", ".json", ".js", ".srt", ".vtt", ".ass", ".sub", ".idx", ".m3u8", ".mpd", ".v"),
    }
)
# What the content of a table, or of an array, begins with.
_BINARY = (b"\x89HDF\r\n\x1a\n", b"PAR1", b"\x93NUMPY", b"PK\x03\x04", b"\x1f\x8b")
_CONTAINERS = (b"\x1aE\xdf\xa3", b"FLV\x01", b"0&\xb2u", b"\0\0\x01\xba", b"OggS", b".RMF")
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_LOOK = 1 << 14


def ending(path: Path) -> str:
    """Return what a name ends in, in small letters; nothing where that is no ending.

    Examples
    --------
    >>> ending(Path("A.MP4")), ending(Path("9.45.12 PM")), ending(Path("v1.2")), ending(Path("a"))
    ('.mp4', '', '', '')
    """
    suffix = path.suffix.lower()
    known = suffix in VIDEOS | ASIDE | NEVER or suffix in (*SERIES, *PLAIN)
    return suffix if known or re.fullmatch(r"\.[^\W\d_]\w{0,9}", suffix) else ""


def content(path: Path) -> Literal["text", "table", "container", "other", "unknown"]:
    """Tell text, tables and containers of videos from other content by the first bytes.

    What an ending says is a video, and lies in a store, is taken for one.
    """
    if ending(path) in VIDEOS and is_away(path):
        return "container"
    try:
        head = read_parts(path, [(0, _LOOK)])[0]
    except OSError:
        return "unknown"
    if head.startswith(_BINARY):
        return "table"
    if head.startswith(_CONTAINERS) or head[4:8] in (b"ftyp", b"moov") or head[8:12] == b"AVI ":
        return "container"
    if not head:
        return "unknown"
    text = wide_encoding(head) or not _CONTROLS.search(head)
    return "text" if text and not head.startswith(b"YUV4MPEG2") else "other"


def require_width(path: Path, width: int) -> None:
    """Refuse a table or poses of more columns than anybody measures."""
    if width > MOST_COLUMNS:
        most = f"has {width:,} columns, of {MOST_COLUMNS:,} at most"
        raise FileError.at(path, f"{most}: write those that matter to a file of their own")


def holds_numbers(path: Path) -> bool:
    """Tell whether most lines of a text are rows of two numbers and more: it is a table."""
    lines = [line for line in _first_lines(path) if line.strip()][:-1]
    rows = [line for line in lines if sum(map(is_value, re.split(r"[,;|\s]+", line))) >= 2]
    return len(rows) >= 4 and 2 * len(rows) > len(lines)


def _first_lines(path: Path) -> list[str]:
    head = read_parts(path, [(0, _LOOK)])[0]
    return head.decode(wide_encoding(head) or "utf-8-sig", "replace").splitlines()


def no_video(path: Path) -> str | None:
    """Return why FFmpeg reads no moving picture in a file; None where it does."""
    from asot.errors import DataError
    from asot.inputs.video.decoding import open_video

    try:
        with open_video(path, threads=1):
            return None
    except DataError as error:
        return str(error)


def is_annotation(path: Path) -> bool:
    """Tell a table of segments by its header: a start, an end or a length, and a label."""
    top = next(iter(_first_lines(path)), "")
    cells = [cell.strip(" \"'").lower() for cell in re.split(r"[,;\t]", top)]
    parts = (
        r"(start|begin|onset|tmin)",
        r"(end|stop|offset|tmax|duration)",
        r"(label|action|activity|behaviou?r|annotation|class|event|tier|state)",
    )
    # A wide table with such columns is one of features, a row for each window.
    return len(cells) < 20 and all(
        any(re.match(rf"{part}s?([ _(\[]|$)", cell) for cell in cells) for part in parts
    )


@cache
def video_endings() -> frozenset[str]:
    """Return the endings that FFmpeg knows, and does not only write; none without PyAV."""
    try:
        import av
    except ModuleNotFoundError:
        return frozenset()
    known: set[str] = set()
    # Many readers name no ending of their own, but the writer of the same format does.
    for name in av.formats_available:
        for mode in ("r", "w"):
            try:
                known |= av.ContainerFormat(name, mode).extensions
            except ValueError:
                continue
    return frozenset(f".{one.lower()}" for one in known) - NEVER - {*PLAIN}
