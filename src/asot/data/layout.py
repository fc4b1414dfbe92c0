"""What lies in a dataset folder: which files make which recording. No file is opened."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from asot.data.features import SUFFIXES
from asot.data.origin import origin_path, origin_problems, times_path
from asot.errors import ArgumentError, Defect, unreadable
from asot.text import listing, plural, printable, quote


@dataclass(frozen=True, slots=True)
class Entry:
    """The files of one recording.

    Parameters
    ----------
    name : str
        The features file's name without ``.npy`` or ``.txt``.
    activity : str or None
        From the pattern, or the sub-folder of ``features/``.
    features : Path
        The features file.
    ground_truth : Path or None
        The ground-truth file, where there is one.
    times : Path or None
        The file of the frames' times, where there is one.
    origin : Path or None
        The file that says where the features come from, where there is one.
    """

    name: str
    activity: str | None
    features: Path
    ground_truth: Path | None
    times: Path | None = None
    origin: Path | None = None


@dataclass(frozen=True)
class Layout:
    """All recordings of a dataset folder, and what is wrong with its files' places and names.

    Parameters
    ----------
    entries : tuple of Entry
        By activity folder and name.
    mapping : Path or None
        The mapping file to use.
    problems : tuple of Defect
        Errors and warnings.
    """

    entries: tuple[Entry, ...]
    mapping: Path | None
    problems: tuple[Defect, ...]


def scan(root: Path, mapping: str | Path | None, pattern: re.Pattern[str] | None) -> Layout:
    """List the recordings of a dataset folder.

    Parameters
    ----------
    root : Path
        The folder that holds ``features/``.
    mapping : path-like or None
        A file in ``mapping/``; ``mapping.txt`` if there is one by default.
    pattern : re.Pattern or None
        Finds the activity in a recording's name.

    Returns
    -------
    Layout
        Whatever could be listed, with the problems found on the way.
    """
    problems: list[Defect] = []
    features: dict[str, tuple[str | None, Path]] = {}
    for folder, path in _feature_files(root / "features", problems):
        name = path.name[: -len(path.suffix)]
        if name in features:
            previous = features[name][1]
            if previous.parent == path.parent:  # sorted: .npy came before .txt
                message = f"is not read, because {printable(previous.name)} is there too"
                problems.append(Defect(path, None, message, "warning"))
            else:
                other = printable(previous)
                message = f"recording {quote(name, 80)} is also in {other}: names must differ"
                problems.append(Defect(path, None, message))
            continue
        features[name] = (folder, path)
    if not features and not problems:
        problems.append(Defect(root / "features", None, "holds no .npy or .txt file"))
    if pattern is not None:
        for name, (_, path) in features.items():
            features[name] = (_activity(pattern, name, path, problems), path)
    labels = _ground_truth_files(root / "groundTruth", features, problems)
    problems += origin_problems(root, list(features))
    times = _present(root / "times")
    origins = _present(root / "origins")
    entries = tuple(
        Entry(
            name,
            activity,
            path,
            labels.get(name),
            times_path(root, name) if f"{name}.npy" in times else None,
            origin_path(root, name) if f"{name}.json" in origins else None,
        )
        for name, (activity, path) in features.items()
    )
    return Layout(entries, _mapping_file(root / "mapping", mapping, problems), tuple(problems))


def compile_pattern(pattern: str | None) -> re.Pattern[str] | None:
    """Compile an activity pattern.

    Raises
    ------
    ArgumentError
        If it is no regular expression, or does not have exactly one group.
    """
    if pattern is None:
        return None
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ArgumentError(
            f"activity_pattern must be a regular expression, got {pattern!r}: {error}."
        ) from None
    if compiled.groups != 1:
        raise ArgumentError(
            f"activity_pattern must have one group, which holds the activity, got {pattern!r} "
            f"with {compiled.groups}."
        )
    return compiled


def _activity(
    pattern: re.Pattern[str], name: str, path: Path, problems: list[Defect]
) -> str | None:
    found = pattern.search(name)
    if found is None or not found[1]:
        message = f"name {quote(name, 80)} does not match the activity pattern {pattern.pattern!r}"
        problems.append(Defect(path, None, message))
        return None
    return found[1]


def _feature_files(folder: Path, problems: list[Defect]) -> Iterator[tuple[str | None, Path]]:
    """Yield the feature files directly in ``folder``, then those in each activity's folder."""
    children = _children(folder, problems)
    yield from ((None, path) for path in _keep_features(folder, children, problems))
    for child in children:
        if not is_folder(child):
            continue
        inner = _children(child, problems)
        nested = [path.name for path in inner if is_folder(path)]
        if nested:
            message = f"holds folders that are not read, {listing(nested)}: activities do not nest"
            problems.append(Defect(child, None, message, "warning"))
        yield from ((child.name, path) for path in _keep_features(child, inner, problems))


def _keep_features(folder: Path, children: list[Path], problems: list[Defect]) -> list[Path]:
    files = [path for path in children if not is_folder(path)]
    others = [path.name for path in files if path.suffix not in SUFFIXES]
    if others:
        message = f"holds {plural(len(others), 'file')} not ending in .npy or .txt, not read: "
        problems.append(Defect(folder, None, message + listing(others), "warning"))
    return [path for path in files if path.suffix in SUFFIXES]


def is_folder(path: Path) -> bool:
    """Tell whether there is a folder at ``path``; what cannot be looked at is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _children(folder: Path, problems: list[Defect]) -> list[Path]:
    """List what a folder holds but hidden files, sorted; names that are not text are problems."""
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


def _present(folder: Path) -> set[str]:
    """Names of the files in a folder that need not be there."""
    return {path.name for path in folder.iterdir()} if is_folder(folder) else set()


def _ground_truth_files(
    folder: Path, features: dict[str, tuple[str | None, Path]], problems: list[Defect]
) -> dict[str, Path]:
    """Find each recording's ground truth; warn of what has only one of the two."""
    if not os.path.lexists(folder):
        return {}
    children = _children(folder, problems)
    files = {path.name: path for path in children if not is_folder(path)}
    labels = {}
    for name in features:
        # A recording whose own name ends in .txt is why the exact name comes first.
        for candidate in (name, f"{name}.txt"):
            if candidate in files:
                labels[name] = files[candidate]
                break
    used = {path.name for path in labels.values()}
    unread = [name for name in files if name not in used and not _harmless(name, features)]
    unread += [f"{path.name}/" for path in children if path.name not in files]
    if unread:
        message = "holds what belongs to no recording and is not read: "
        problems.append(Defect(folder, None, message + listing(unread), "warning"))
    bare = [name for name in features if name not in labels]
    if bare:
        message = f"has nothing for {plural(len(bare), 'recording')}: {listing(bare)}"
        problems.append(Defect(folder, None, message, "warning"))
    return labels


def _harmless(name: str, features: dict[str, tuple[str | None, Path]]) -> bool:
    """Know the ``<recording>_idt`` of YouTube Instructions, which lie beside the ground truth."""
    stem = name.removesuffix(".txt")
    return stem.endswith("_idt") and stem.removesuffix("_idt") in features


def _mapping_file(folder: Path, mapping: str | Path | None, problems: list[Defect]) -> Path | None:
    if os.path.lexists(folder) and not is_folder(folder):
        problems.append(Defect(folder, None, "is not a folder"))
        return None
    if mapping is not None:
        path = folder / mapping
        if not os.path.lexists(path):
            problems.append(Defect(path, None, "does not exist"))
            return None
        return path
    default = folder / "mapping.txt"
    if os.path.lexists(default):
        return default
    if is_folder(folder):
        others = [path.name for path in _children(folder, problems)]
        if others:
            message = f"holds no mapping.txt; to use another file, name it: {listing(others)}"
            problems.append(Defect(folder, None, message, "warning"))
    return None
