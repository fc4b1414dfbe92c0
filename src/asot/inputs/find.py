"""The recordings that people name: videos, sensor logs, poses and arrays, or their folders."""

from __future__ import annotations

import logging
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from asot.errors import AsotError, DataError, FileError, unreadable
from asot.files import require_file
from asot.inputs.kinds import (
    ARRAYS,
    ASIDE,
    HDF5,
    KINDS,
    NEVER,
    PARQUET,
    PLAIN,
    SERIES,
    TABLES,
    VIDEOS,
    Kind,
    content,
    ending,
    holds_numbers,
    is_annotation,
    no_video,
    video_endings,
)
from asot.remote import file_size
from asot.shards import Shard
from asot.text import listing, plural, printable, quote, safe_name

logger = logging.getLogger(__name__)

BARE = "without an ending"
# The file in which asot segment keeps its settings.
DESCRIPTION = "segment.json"
# Files that mark the folders asot filled, whose tables and clips are not recordings.
OURS = (DESCRIPTION, "page.json", "predictions.json", "run.json")


@dataclass(frozen=True, slots=True)
class Input:
    """A file, by its absolute path, that becomes a recording of this name."""

    name: str
    path: Path
    remarks: tuple[str, ...] = ()  # sentences for people
    video: bool | None = None  # None to go by the ending
    defect: str = ""  # why it cannot be used

    @property
    def is_video(self) -> bool:
        """Tell whether the file is a video, by its content if that was looked at."""
        return self.path.suffix.lower() in VIDEOS if self.video is None else self.video


def find_inputs(named: Sequence[str | Path], kind: Kind | None = None) -> list[Input]:
    """List the recordings among files and folders, of one ``kind`` if it is given.

    A recording has the name of its file without the ending. Folders are searched to their depths,
    also where links lead, and the folders on the way come first in the name: ``cam1/monday.mp4`` is
    ``cam1-monday``. Names that are long, or hold what nobody can see, are changed, with a remark:
    see :func:`asot.text.safe_name`. Hidden files are left out, folders that asot filled, and tables
    of annotations; texts such as ``.txt`` are recordings if they are tables and the folder holds no
    others. The endings of other files that are left out are said in a warning. A file that is named
    itself is looked at, whatever its ending. Of the files that a tracker leaves of one
    recording, or that differ in their endings alone, one is taken, with a remark; see
    :func:`_one_of_twins`. The recordings are sorted by name.

    It is a DataError if a file or folder does not exist, a folder holds no recording, or videos are
    mixed with others. A file that cannot be read at all has its ``defect``.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "cam1").mkdir()
    >>> (folder / "cam1" / "monday.mp4").touch()
    >>> [one.name for one in find_inputs([folder])]
    ['cam1-monday']
    """
    found: list[tuple[str, Input]] = []  # with the name of the folder that it was found in
    for word in named:
        place = Path(word)
        if place.is_dir():
            found += [(place.resolve().name, one) for one in _in_folder(place, kind)]
        elif place.is_file():
            found.append((place.resolve().parent.name, _named(place)))
        else:
            if place.exists():
                require_file(place)
            hint = ", without quotes around the pattern" if "*" in str(place) else ""
            message = f"does not exist: name videos, tables or arrays, or folders{hint}"
            raise FileError.at(place, message)
    if kind is not None:
        kept = [pair for pair in found if _is_of(pair[1], kind)]
        if not kept and kind != "video":
            # The headers of tables do not say so, but whoever asks for it does.
            kept = [pair for pair in found if not pair[1].is_video and kind in ("series", "pose")]
        if not any(not one.defect for _, one in kept):
            raise DataError(f"There are no {KINDS[kind]} for --kind {kind}.", setting="kind")
        found = kept
    sound = [one for _, one in found if not one.defect]
    videos = [one.path.name for one in sound if one.is_video]
    others = [one.path.name for one in sound if not one.is_video]
    if videos and others:
        raise DataError(
            f"Videos ({listing(videos)}) and tables ({listing(others)}) cannot be segmented "
            f"together: choose one kind with --kind, of {', '.join(KINDS)}."
        )
    roots = {one.path: root for root, one in found}
    taken = _one_of_twins(_each_once([one for _, one in found]))
    return sorted(_with_names([(roots[one.path], one) for one in taken]), key=lambda one: one.name)


def _named(path: Path) -> Input:
    """Look at a file that was named, whatever its ending."""
    suffix, inside = ending(path), content(path)
    video, defect = suffix in VIDEOS | ASIDE, ""
    if inside in ("text", "table"):
        video = False
    elif inside in ("other", "container") and suffix not in (*VIDEOS, *HDF5, *PARQUET, *ARRAYS):
        why = no_video(path)
        video = why is None
        if why is not None and suffix not in TABLES:
            defect = why
    return _input(path, path.name, video, defect)


def _input(path: Path, name: str, video: bool, defect: str = "") -> Input:
    suffix = ending(path)
    bare = name[: -len(suffix)] if suffix else name
    # The file keeps its own name, as what a link leads to may have no ending.
    absolute = path.parent.resolve() / path.name
    try:
        str(absolute).encode()
    except UnicodeEncodeError:
        # Names on old disks may be bytes of another encoding.
        bare = os.fsencode(bare).decode("utf-8", "backslashreplace")
        shown = os.fsencode(absolute).decode("utf-8", "backslashreplace")
        defect = f"{shown} has a name that is no text: rename it."
    return Input(bare, absolute, (), video, defect)


def _in_folder(folder: Path, kind: Kind | None) -> list[Input]:
    """List the recordings in a folder, searched to its depths, if there are any of the kind."""
    found, aside, left = list[Input](), list[Input](), Counter[str]()
    labels: list[str] = []
    for path in _files_below(folder):
        name, suffix = "-".join(path.relative_to(folder).parts), ending(path)
        try:
            require_file(path, away=True)
        except FileError as error:
            if suffix in VIDEOS or suffix in SERIES:
                found.append(_input(path, name, suffix in VIDEOS, str(error)))
            continue
        inside = content(path)
        if suffix in VIDEOS:
            text = inside in ("text", "table")
            wrong = FileError.at(path, "is a table or another text, not a video: rename it")
            found.append(_input(path, name, True, str(wrong) if text else ""))
        elif suffix in ASIDE:
            aside.append(_input(path, name, True))
        elif suffix in TABLES and inside in ("other", "container") and no_video(path) is None:
            wrong = FileError.at(path, "is a video: rename it, or name it itself")
            found.append(_input(path, name, True, str(wrong)))
        elif suffix in TABLES and inside == "text" and is_annotation(path):
            labels.append(path.name)
        elif suffix in SERIES:
            found.append(_input(path, name, False))
        elif suffix in PLAIN and inside == "text" and holds_numbers(path):
            aside.append(_input(path, name, False))
        elif _may_be_video(suffix, inside) and no_video(path) is None:
            found.append(_input(path, name, True))
        else:
            left[suffix or BARE] += 1
    if any(kind is None or _is_of(one, kind) for one in found):
        left.update(ending(one.path) or BARE for one in aside)
    else:
        found += aside
    holds = ", ".join(f"{number:,} {suffix}" for suffix, number in sorted(left.items()))
    if not found:
        told = f"annotations in {listing(labels)}" if labels else ""
        holds = ", ".join(filter(None, [holds, told]))
        kinds = ", ".join(sorted(SERIES))
        message = f"holds no recordings{f', but {holds}' if holds else ''}: they are videos that "
        raise FileError.at(folder, f"{message}FFmpeg reads, and tables and arrays in {kinds}")
    if left:
        several = plural(left.total(), "file")
        logger.warning("%s: %s left out, by ending: %s.", printable(folder), several, holds)
    if labels:
        what = "which hold annotations, no recordings: asot evaluate --truth takes them"
        logger.warning("%s: left out %s, %s.", printable(folder), listing(labels), what)
    return found


def _may_be_video(suffix: str, inside: str) -> bool:
    """Tell whether it is worth asking FFmpeg about a file in a folder."""
    if inside not in ("other", "container") or suffix in NEVER:
        return False
    return len(video_endings()) > 0 and (inside == "container" or suffix in {"", *video_endings()})


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, searched to its depths, and once where links lead."""

    def tell(error: OSError) -> None:
        logger.warning("%s %s: left out.", printable(str(error.filename)), unreadable(error))

    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    # What links lead to comes last, so that a folder keeps its own name.
    for start in waiting:
        for place, below, names in os.walk(start, onerror=tell):
            status = Path(place).stat()
            if (status.st_dev, status.st_ino) in seen:
                logger.warning("%s leads to a folder that was searched.", printable(place))
                below.clear()
                continue
            seen.add((status.st_dev, status.st_ino))
            inner = [Path(place, name) for name in below if not name.startswith(".")]
            inner = [one for one in inner if not is_ours(one) and not _leads_up(one, folder)]
            waiting += sorted(one for one in inner if one.is_symlink())
            below[:] = sorted(one.name for one in inner if not one.is_symlink())
            yield from (Path(place, name) for name in sorted(names) if not name.startswith("."))


def _leads_up(path: Path, folder: Path) -> bool:
    """Tell a link to a folder above the one that is searched: half the disk might be in it."""
    if not path.is_symlink() or _real(path) not in _real(folder).parents:
        return False
    logger.warning("%s leads to a folder above: left out.", printable(path))
    return True


def _is_of(one: Input, kind: Kind) -> bool:
    """Tell whether a file is of a kind; a table that cannot be told is a sensor log."""
    if one.is_video or kind == "video" or one.defect:
        return one.is_video == (kind == "video")
    if kind == "array" or ending(one.path) in ARRAYS:
        return kind == "array" and ending(one.path) in ARRAYS
    from asot.inputs.poses.read import kind_of

    try:
        return kind_of(one.path) == kind
    except AsotError:
        return kind == "series"


def _real(path: Path) -> Path:
    """Follow links as far as they lead; ``Path.resolve`` fails where they lead round."""
    return Path(os.path.realpath(path))


def _each_once(found: list[Input]) -> list[Input]:
    """Leave out files that another name leads to as well."""
    first: dict[Path, Input] = {}
    # A file comes before the links to it.
    for one in sorted(found, key=lambda one: one.path.is_symlink()):
        first.setdefault(_real(one.path), one)
    again = [one for one in found if first[_real(one.path)].path != one.path]
    if again:
        names = listing([one.path.name for one in again])
        logger.warning("Left out %s: links to files that are recordings already.", names)
    return list(first.values())


def _with_names(found: list[tuple[str, Input]]) -> list[Input]:
    """Give each recording a name of its own that every system takes, with a remark if it is new."""
    roots: dict[str, set[str]] = {}
    for root, one in found:
        roots.setdefault(one.name, set()).add(root)
    inputs, taken = list[Input](), set[str]()
    for root, one in sorted(found, key=lambda pair: (pair[1].name, pair[1].path)):
        wanted = one.name if len(roots[one.name]) == 1 else f"{root}-{one.name}"
        # Two spellings of an accent look alike, and are one name on some systems.
        names = (safe_name(wanted, twin) for twin in count())
        name = next(one for one in names if unicodedata.normalize("NFC", one) not in taken)
        taken.add(unicodedata.normalize("NFC", name))
        remarks = one.remarks
        if name != one.name:
            made = f"Its name was made of {quote(one.path.name, 300)}"
            remarks = (*remarks, f"{made}, which is long, taken or not all visible.")
        inputs.append(replace(one, name=name, remarks=remarks))
    return inputs


def _one_of_twins(found: list[Input]) -> list[Input]:
    """Take one of the files of one recording, with a remark on the others.

    Files of one name in one folder, which differ in their endings, hold the same in two formats: of
    tables the first of ``SERIES`` is taken, of videos of one length the largest. DeepLabCut's copy
    of a video with points drawn in it is left out as well.

    DeepLabCut writes its poses both as HDF5 and as a table, once more ``_filtered``, and lengths
    between points as ``_skeleton``: what is filtered is taken before what is not, and HDF5 before a
    table.
    """
    groups: dict[tuple[Path, str], list[Input]] = {}
    for one in found:
        suffix = ending(one.path)
        stem = one.path.name[: -len(suffix)] if suffix else one.path.name
        if one.is_video:
            stem = re.sub(r"DLC_\w*labeled$", "", stem)
        elif suffix in (*HDF5, ".csv"):
            stem = re.sub(r"(_filtered)?(_skeleton)?$", "", stem)
        groups.setdefault((one.path.parent, stem), []).append(one)
    chosen = []
    for twins in groups.values():
        best, *others = sorted(twins, key=_twin_rank)
        apart = [one for one in others if one.is_video and not _as_long(one, best)]
        same = [one.path.name for one in others if one not in apart]
        if same:
            left = f"{best.path.name} was read, and not {listing(same)}"
            remark = f"{left} of the same recording beside it."
            best = replace(best, remarks=(*best.remarks, remark))
        chosen += [best, *apart]
    return chosen


def _as_long(one: Input, other: Input) -> bool:
    """Tell whether two videos are of one length, as far as it is known."""
    from asot.inputs.video.reading import probe

    lengths = []
    for each in (one, other):
        try:
            found = probe(each.path)
        except AsotError:
            return True
        if found.end_s is None:
            return True
        lengths.append(found.end_s - found.start_s)
    return abs(lengths[0] - lengths[1]) <= 1.0


def _twin_rank(one: Input) -> tuple[bool, bool, int, int]:
    stem, suffix = one.path.stem, ending(one.path)
    lengths, filtered = stem.endswith(("_skeleton", "labeled")), "_filtered" in stem
    kind = SERIES.index(suffix) if suffix in SERIES else len(SERIES)
    # Of two videos the smaller may be a preview.
    size = file_size(one.path) if one.is_video and not one.defect else 0
    return bool(one.defect) or lengths, not filtered, kind, -size


def is_ours(folder: Path) -> bool:
    """Tell whether asot filled a folder, with features, a training, predictions or a page."""
    data = all((folder / part).is_dir() for part in ("features", "origins"))
    return data or any((folder / mark).is_file() for mark in OURS)


def take_shard(inputs: list[Input], shard: Shard | None) -> list[Input]:
    """Take the share of a shard, by the sizes of the files; all recordings for None."""
    if shard is None:
        return inputs
    sizes = {one.name: 0 if one.defect else file_size(one.path) for one in inputs}
    own = shard.take(sizes)
    return [one for one in inputs if one.name in own]
