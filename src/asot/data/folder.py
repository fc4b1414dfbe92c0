"""Dataset folders in the layout of the action-segmentation benchmarks."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import regex

from asot.data.features import SUFFIXES, FeatureFile
from asot.data.origin import origin_problems
from asot.data.recordings import Recording, Recordings
from asot.data.textfiles import ClassTable, GroundTruthFile
from asot.errors import ArgumentError, Defect, FileError, require_number, unreadable
from asot.text import listing, plural, printable, quote

logger = logging.getLogger(__name__)

PATTERN_SECONDS = 2  # to find the activity in a name
_LONGEST_PATTERN = 100_000
_UNREAD = "holds what belongs to no recording and is not read: "


class DatasetFolder:
    """A data set on disk: features, and ground truth and a mapping if there are any.

    ::

        root/features/[<activity>/]<recording>.npy|.txt   (N, D), one row a frame
        root/groundTruth/<recording>[.txt]                one action name a line, N lines
        root/mapping/mapping.txt                          "<id> <action name>" a line
        root/times/<recording>.npy, root/origins/<recording>.json       see ``asot.data.origin``

    The features make the recordings; where both exist, ``.npy`` is read and not ``.txt``. Hidden
    files are ignored. Without a mapping, ids 0, 1, ... go to the sorted names of all ground truth.
    Names of files and the mapping are looked at when the folder is opened; contents when they are
    first used. :func:`asot.data.check_dataset` reads everything and lists all problems.

    Parameters
    ----------
    root : path-like
        The folder that holds ``features/``.
    mapping : path-like, optional
        A file in ``mapping/`` to use in place of ``mapping.txt``.
    activity_pattern : str, optional
        A regular expression with one group, searched in a recording's name: the activity, such as
        ``_([^_]+)$`` for Breakfast and ``^(.+)_[^_]+$`` for YouTube Instructions. By default, the
        sub-folder of ``features/``.
    frame_rate : float, optional
        Frames per second.
    transposed : bool
        Whether features are stored as (D, N), but for those that asot extracted.

    Raises
    ------
    ArgumentError, DataError
        If the pattern or the frame rate breaks its rule; if there is no features file, a name comes
        twice or does not match the pattern, or the mapping is malformed.

    Examples
    --------
    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "features").mkdir()
    >>> _ = (root / "features" / "P03_coffee.txt").write_text("1 2\\n3 4\\n")
    >>> data = DatasetFolder(root, activity_pattern="_([^_]+)$")
    >>> data.activities, data.recordings("coffee")[0].n_frames
    (('coffee',), 2)
    """

    def __init__(
        self,
        root: str | Path,
        mapping: str | Path | None = None,
        activity_pattern: str | None = None,
        frame_rate: float | None = None,
        transposed: bool = False,
    ) -> None:
        if frame_rate is not None:
            require_number("frame_rate", frame_rate, above=0)
        self.root = Path(root)
        entries, mapping_file, problems = scan(self.root, mapping, activity_pattern)
        errors = [problem for problem in problems if problem.severity == "error"]
        if errors:
            raise FileError.of(errors)
        truths = [entry.ground_truth for entry in entries if entry.ground_truth is not None]
        for problem in problems:
            if problem.message.startswith(_UNREAD):  # a name that was typed wrong, perhaps
                logger.warning("%s.", problem)
        self._classes = ClassTable(mapping_file, truths)
        if mapping_file is not None:
            _ = self._classes.ids  # read now, because a malformed mapping is refused at once
        recordings = []
        for entry in entries:
            path = entry.ground_truth
            truth = None if path is None else GroundTruthFile(path, self._classes)
            others = entry.activity, frame_rate, entry.times, entry.origin
            recordings.append(Recording(entry.name, entry.open(transposed), truth, *others))
        self._recordings = Recordings(recordings)

    @property
    def class_names(self) -> dict[int, str] | None:
        """Return the action name of each class id; None without mapping and ground truth."""
        return self._classes.names

    @property
    def activities(self) -> tuple[str, ...]:
        """Return the activities, sorted; an empty tuple if recordings have none."""
        return tuple(sorted({name for name in self._recordings.activities if name is not None}))

    def recordings(self, activity: str | None = None) -> Recordings:
        """Return the recordings, or those of an activity, sorted by activity folder and name."""
        if activity is None:
            return self._recordings
        if activity not in self.activities:
            known = listing(self.activities, 20)
            rule = f"among {known}" if known else "None, as the recordings have no activities"
            message = f"activity must be {rule}, but is {activity!r}."
            raise ArgumentError(message, setting="activity")
        return self._recordings[[name == activity for name in self._recordings.activities]]

    def __repr__(self) -> str:
        return f"<DatasetFolder {str(self.root)!r}: {len(self._recordings)} recordings>"


def find_dataset(data_dir: str | Path, dataset: str | None = None) -> Path:
    """Find the folder that holds ``features/``.

    It is ``data_dir`` itself, or else ``data_dir/dataset``, or else the only sub-folder that holds
    ``features/``.

    Parameters
    ----------
    data_dir : path-like
        The data-set folder itself, or a folder of data-set folders.
    dataset : str, optional
        The name of the sub-folder to take.

    Raises
    ------
    DataError
        If ``data_dir`` cannot be read, or none of them holds ``features/``, or several sub-folders
        do; the sentence lists what is there.

    Examples
    --------
    >>> import tempfile
    >>> data = Path(tempfile.mkdtemp())
    >>> (data / "Breakfast" / "features").mkdir(parents=True)
    >>> find_dataset(data).name
    'Breakfast'
    """
    data_dir = Path(data_dir)
    if is_folder(data_dir / "features"):
        return data_dir
    if dataset is not None and is_folder(data_dir / dataset / "features"):
        return data_dir / dataset
    try:
        names = sorted(path.name for path in data_dir.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise FileError.at(data_dir, unreadable(error)) from error
    found = [name for name in names if is_folder(data_dir / name / "features")]
    if len(found) == 1:
        if dataset is not None:
            logger.warning("%s holds no %s: using %s", data_dir, dataset, found[0])
        return data_dir / found[0]
    if found:
        what = f"several data sets, {listing(found, 20)}: name one of them"
        what += f" (there is no {dataset!r})" if dataset is not None else ""
    else:
        here = listing(names, 10) or "nothing"
        what = f"no data set: no folder 'features' in it or below has any; it holds {here}"
    raise FileError.at(data_dir, f"holds {what}")


@dataclass(frozen=True, slots=True)
class Entry:
    """The files of one recording, whose name is that of the features file without its suffix."""

    name: str
    activity: str | None
    features: Path
    ground_truth: Path | None
    times: Path | None
    origin: Path | None

    def open(self, transposed: bool = False) -> FeatureFile:
        """Open the features; ``transposed`` is for those that asot did not extract."""
        return FeatureFile(self.features, transposed and self.origin is None)


def scan(
    root: Path, mapping: str | Path | None, activity_pattern: str | None
) -> tuple[list[Entry], Path | None, list[Defect]]:
    """Return a dataset folder's recordings, its mapping file, and problems of places and names.

    Of the files only origins are opened. ``mapping`` is a file in ``mapping/``, by default
    ``mapping.txt`` if it exists. Recordings are sorted by activity folder and name.
    """
    pattern = compile_pattern(activity_pattern)
    problems: list[Defect] = []
    features: dict[str, tuple[str | None, Path]] = {}
    for folder, path in _feature_files(root / "features", problems):
        name = path.name[: -len(path.suffix)]
        if name not in features:
            features[name] = (folder, path)
            continue
        previous = features[name][1]
        if previous.parent == path.parent:  # sorted: .npy came before .txt
            message = f"is not read, because {printable(previous.name)} is there too"
            problems.append(Defect(path, None, message, "warning"))
        else:
            other = printable(previous)
            message = f"recording {quote(name, 80)} is also in {other}: names must differ"
            problems.append(Defect(path, None, message))
    if not features and not problems:
        problems.append(Defect(root / "features", None, "holds no .npy or .txt file"))
    if pattern is not None:
        for name, (_, path) in features.items():
            match = _search(pattern, name)
            if match is None or not match[1]:
                message = f"does not match the activity pattern {pattern.pattern!r}"
                problems.append(Defect(path, None, f"name {quote(name, 80)} {message}"))
            features[name] = (match[1] if match else None, path)
    labels = _ground_truth_files(root / "groundTruth", features, problems)
    present: dict[str, Path] = {}
    for place in filter(is_folder, (root / "times", root / "origins")):
        present |= {f"{place.name}/{path.name}": path for path in place.iterdir()}
    if is_folder(root / "origins"):
        problems += origin_problems(root, list(features))
    entries = []
    for name, (activity, path) in features.items():
        times, origin = present.get(f"times/{name}.npy"), present.get(f"origins/{name}.json")
        entries.append(Entry(name, activity, path, labels.get(name), times, origin))
    return entries, _mapping_file(root / "mapping", mapping, problems), problems


def compile_pattern(pattern: str | None) -> regex.Pattern[str] | None:
    """Compile an activity pattern, which must have exactly one group."""
    if pattern is None:
        return None
    try:
        # Names are short, and what is to be repeated is unrolled.
        counts = (int(one[-9:]) or 1 for one in regex.findall(r"\d+(?=\})", pattern))
        if len(pattern) * math.prod(counts) > _LONGEST_PATTERN:
            raise regex.error("it is longer than any name, with all its repetitions")
        compiled = regex.compile(pattern)
        why = f"it has {plural(compiled.groups, 'group')}"
    except regex.error as error:
        compiled, why = None, str(error)
    if compiled is not None and compiled.groups == 1:
        return compiled
    rule = "a regular expression with one group, which is the activity"
    message = f"activity_pattern must be {rule}, but is {quote(pattern, 80)}: {why}."
    raise ArgumentError(message, setting="activity_pattern")


def _search(pattern: regex.Pattern[str], name: str) -> regex.Match[str] | None:
    """Find a pattern in a name: recipes come from others, and some patterns never end."""
    try:
        return pattern.search(name, timeout=PATTERN_SECONDS)
    except TimeoutError:
        raise ArgumentError(
            f"activity_pattern {quote(pattern.pattern)} takes more than {PATTERN_SECONDS} s for "
            f"the name {quote(name)}: write it without repetitions inside repetitions.",
            setting="activity_pattern",
        ) from None


def is_folder(path: Path) -> bool:
    """Tell whether ``path`` is a folder that the system lets this process see."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _feature_files(folder: Path, problems: list[Defect]) -> Iterator[tuple[str | None, Path]]:
    """Yield the feature files directly in ``folder``, then those in each activity's folder."""
    above = _children(folder, problems)
    for place in (folder, *filter(is_folder, above)):
        children = above if place == folder else _children(place, problems)
        nested = [path.name for path in children if is_folder(path)] if place != folder else []
        if nested:
            message = f"holds folders that are not read, {listing(nested)}: activities do not nest"
            problems.append(Defect(place, None, message, "warning"))
        files = [path for path in children if not is_folder(path)]
        others = [path.name for path in files if path.suffix not in SUFFIXES]
        if others:
            message = f"holds {plural(len(others), 'file')} not ending in .npy or .txt, not read: "
            problems.append(Defect(place, None, message + listing(others), "warning"))
        activity = None if place == folder else place.name
        yield from ((activity, path) for path in files if path.suffix in SUFFIXES)


def _children(folder: Path, problems: list[Defect]) -> list[Path]:
    """List a folder without hidden files, sorted; names that are not text are problems."""
    try:
        names = sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        problems.append(Defect(folder, None, "does not exist"))
        return []
    except (OSError, ValueError) as error:
        problems.append(Defect(folder, None, unreadable(error)))
        return []
    children = []
    for name in names:
        if name.startswith("."):
            continue
        try:
            name.encode("utf-8")
        except UnicodeEncodeError:
            shown = quote(os.fsencode(name).decode("utf-8", "backslashreplace"), 80)
            problems.append(Defect(folder, None, f"holds a name that is not UTF-8, {shown}"))
            continue
        children.append(folder / name)
    return children


def _ground_truth_files(
    folder: Path, features: dict[str, tuple[str | None, Path]], problems: list[Defect]
) -> dict[str, Path]:
    """Find each recording's ground truth; warn of files and recordings that lack the other."""
    if not os.path.lexists(folder):
        return {}
    children = _children(folder, problems)
    files = {path.name: path for path in children if not is_folder(path)}
    # The exact name comes first, because a recording's own name may end in .txt.
    found = {name: files.get(name) or files.get(f"{name}.txt") for name in features}
    labels = {name: file for name, file in found.items() if file is not None}
    used = {path.name for path in labels.values()}
    folders = {path.name.removesuffix(".txt"): path for path in children if is_folder(path)}
    for name in features:
        if name in folders and name not in labels:
            what = "is a folder where a file is expected: it has a line a frame"
            problems.append(Defect(folders[name], None, what))
    # <recording>_idt lies beside the ground truth in YouTube Instructions.
    used |= {f"{name}_idt{suffix}" for name in features for suffix in ("", ".txt")}
    unread = [name for name in files if name not in used]
    unread += [f"{path.name}/" for path in children if path.name not in files]
    if unread:
        problems.append(Defect(folder, None, _UNREAD + listing(unread), "warning"))
    bare = [name for name in features if name not in labels]
    if bare:
        message = f"has nothing for {plural(len(bare), 'recording')}: {listing(bare)}"
        problems.append(Defect(folder, None, message, "warning"))
    return labels


def _mapping_file(folder: Path, mapping: str | Path | None, problems: list[Defect]) -> Path | None:
    if os.path.lexists(folder) and not is_folder(folder):
        problems.append(Defect(folder, None, "is not a folder"))
        return None
    path = folder / (mapping or "mapping.txt")
    if Path(mapping or "").is_absolute() or ".." in path.parts[len(folder.parts) :]:
        problems.append(Defect(path, None, f"is no file in {folder.name}/: copy it there"))
        return None
    if os.path.lexists(path):
        return path
    if mapping is not None:
        problems.append(Defect(path, None, "does not exist"))
    elif is_folder(folder):
        others = [child.name for child in _children(folder, problems)]
        if others:
            message = "holds no mapping.txt; to use another file, name it with --mapping: "
            message += listing(others)
            problems.append(Defect(folder, None, message, "warning"))
    return None
