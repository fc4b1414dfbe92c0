"""The recordings that people name: videos, sensor logs, poses and arrays, or their folders."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from asot.errors import ConfigurationError, DataError, FileError
from asot.text import listing

VIDEOS = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv"),
        *(".ts", ".mts", ".m2ts", ".3gp", ".ogv", ".mxf", ".vob"),
    }
)
SERIES = frozenset({".csv", ".tsv", ".parquet", ".h5", ".hdf5", ".nwb", ".npy"})
HDF5 = frozenset({".h5", ".hdf5", ".nwb"})
ARRAYS = frozenset({".npy"})
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

    @property
    def is_video(self) -> bool:
        """Tell by the suffix whether the file is a video."""
        return self.path.suffix.lower() in VIDEOS


def find_inputs(named: Sequence[str | Path]) -> list[Input]:
    """List the recordings among files and folders.

    A recording has the name of its file without the suffix. Folders are searched to their depths,
    and the folders on the way come first in the name: ``cam1/monday.mp4`` is ``cam1-monday``.
    Hidden files are left out, and folders that asot filled. Of the files that a tracker leaves of
    one recording, one is taken, with a remark; see :func:`_one_of_twins`. The recordings are sorted
    by name.

    It is a DataError if a file or folder does not exist, a folder holds no recording, two
    recordings have the same name, or videos are mixed with others.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> (folder / "cam1").mkdir()
    >>> (folder / "cam1" / "monday.mp4").touch()
    >>> [one.name for one in find_inputs([folder])]
    ['cam1-monday']
    """
    found: dict[str, Input] = {}
    named_or_found: list[Input] = []
    for word in named:
        place = Path(word)
        if place.is_dir():
            candidates = _in_folder(place)
        elif place.is_file():
            candidates = [Input(place.stem, place.resolve())]
        else:
            hint = ", without quotes around the pattern" if "*" in str(place) else ""
            message = f"does not exist: name videos, tables or arrays, or folders{hint}"
            raise FileError.at(place, message)
        named_or_found += candidates
    for one in _one_of_twins(named_or_found):
        other = found.setdefault(one.name, one)
        if other.path != one.path:
            twins = f"{other.path} and {one.path} would both be called {one.name!r}"
            raise DataError(f"{twins}: rename one of them.", file=one.path)
    inputs = sorted(found.values(), key=lambda one: one.name)
    videos = [one.path.name for one in inputs if one.is_video]
    others = [one.path.name for one in inputs if not one.is_video]
    if videos and others:
        raise DataError(
            f"Videos ({listing(videos)}) and tables ({listing(others)}) cannot be segmented "
            "together: name one kind."
        )
    for one in inputs:
        # Names on old disks may be bytes of another encoding.
        is_text = str(one.path).encode("utf-8", "ignore").decode() == str(one.path)
        if not one.name.isprintable() or one.name.startswith(".") or not is_text:
            message = f"{str(one.path)!r} has a name that no recording can have: rename it."
            raise DataError(message, file=one.path)
    return inputs


def _in_folder(folder: Path) -> list[Input]:
    """List the recordings in a folder, searched to its depths."""
    files = []
    for place, below, names in os.walk(folder):
        seen = [name for name in below if not name.startswith(".")]
        below[:] = [name for name in seen if not is_ours(Path(place) / name)]
        paths = [Path(place) / name for name in names if not name.startswith(".")]
        files += [one for one in paths if one.suffix.lower() in VIDEOS | SERIES and one.is_file()]
    if not files:
        kinds = ", ".join(sorted(VIDEOS | SERIES))
        raise FileError.at(folder, f"holds no recordings: no file in it ends in one of {kinds}")
    named = ["-".join(path.relative_to(folder).with_suffix("").parts) for path in files]
    return [Input(name, path.resolve()) for name, path in zip(named, files, strict=True)]


def _one_of_twins(found: list[Input]) -> list[Input]:
    """Take one of the files that a tracker leaves of one recording, with a remark on the others.

    DeepLabCut writes its poses both as HDF5 and as a table, once more ``_filtered``, and lengths
    between points as ``_skeleton``: what is filtered is taken before what is not, and HDF5 before a
    table.
    """
    groups: dict[Path, dict[Path, Input]] = {}
    for one in found:
        stem = re.sub(r"(_filtered)?(_skeleton)?$", "", one.path.stem)
        whole = one.path.suffix.lower() in HDF5 | {".csv"}
        key = one.path.with_name(stem) if whole else one.path
        groups.setdefault(key, {}).setdefault(one.path, one)
    chosen = []
    for twins in groups.values():
        best, *others = sorted(twins.values(), key=_twin_rank)
        if others:
            left = listing([one.path.name for one in others])
            remark = f"{best.path.name} was read, and not {left} of the same recording beside it."
            best = replace(best, remarks=(*best.remarks, remark))
        chosen.append(best)
    return chosen


def _twin_rank(one: Input) -> tuple[bool, bool, bool]:
    stem = one.path.stem
    lengths, filtered = stem.endswith("_skeleton"), "_filtered" in stem
    return lengths, not filtered, one.path.suffix.lower() == ".csv"


def is_ours(folder: Path) -> bool:
    """Tell whether asot filled a folder, with features, a training, predictions or a page."""
    data = all((folder / part).is_dir() for part in ("features", "origins"))
    return data or any((folder / mark).is_file() for mark in OURS)


def take_shard(inputs: list[Input], shard: str | None) -> list[Input]:
    """Take every n-th recording from the i-th on, for a shard "i/n"; all of them for None.

    Examples
    --------
    >>> [one.name for one in take_shard([Input(c, Path(c)) for c in "abcde"], "2/2")]
    ['b', 'd']
    """
    if shard is None:
        return inputs
    first, slash, count = shard.partition("/")
    if not (slash and first.isdecimal() and count.isdecimal() and 1 <= int(first) <= int(count)):
        message = f"--shard must be i/n with i from 1 to n, not {shard}."
        raise ConfigurationError(message, setting="shard")
    return inputs[int(first) - 1 :: int(count)]
