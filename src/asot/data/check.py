"""Reading a whole data folder to find everything that is wrong in it before a long job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asot.data.dataset_report import ActivityRow, DatasetReport, require_valid
from asot.data.features import FeatureFile
from asot.data.labels import label_problems, read_mapping
from asot.data.layout import Entry, compile_pattern, scan
from asot.data.npyfiles import blocks
from asot.data.origin import read_times
from asot.data.recording import Features, length_defect
from asot.data.textfiles import read_lines
from asot.errors import ArgumentError, DataError, Defect, FileError
from asot.progress import Progress, silent
from asot.text import plural
from asot.workers import Died, run_jobs

__all__ = ["ActivityRow", "DatasetReport", "check_dataset", "require_valid"]

# Bytes from which on several processes parse sooner than they start.
MUCH_TEXT = 2**26


@dataclass(slots=True)
class _Seen:
    """What was found in one recording's files."""

    entry: Entry
    shape: tuple[int, int] | None = None
    classes: frozenset[str | int] = frozenset()
    zero_frames: int = 0
    constant_columns: int = 0


def check_dataset(
    root: str | Path,
    mapping: str | Path | None = None,
    activity_pattern: str | None = None,
    width: int | None = None,
    frame_rate: float | None = None,
    progress: Progress = silent,
    processes: int = 1,
) -> DatasetReport:
    """Read everything in a data folder and report what is there and all that is wrong.

    Text features are parsed into the feature store on the way, so nothing is read twice.

    Parameters
    ----------
    root : path-like
        The folder that holds ``features/``.
    mapping, activity_pattern, frame_rate
        As for :class:`~asot.data.DatasetFolder`.
    width : int, optional
        The number of columns that features must have; by default that of most recordings.
    progress : callable, optional
        Called with the recordings done and their number, after each.
    processes : int
        How many parse text at once, where there is much of it. More than one needs, in a script,
        the usual ``if __name__ == "__main__":`` around the call.

    Returns
    -------
    DatasetReport
        Whatever the folder holds: defects are reported, not raised.

    Raises
    ------
    ArgumentError
        If the pattern, the width or the frame rate cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> root = Path(tempfile.mkdtemp())
    >>> (root / "features").mkdir()
    >>> _ = (root / "features" / "a.txt").write_text("1 2\\n3 nan\\n")
    >>> report = check_dataset(root)
    >>> report.problems[0].line, report.problems[0].message
    (2, "'nan' in column 2 is not finite")
    """
    if width is not None and width < 1:
        raise ArgumentError(f"width must be at least 1, got {width}.")
    if frame_rate is not None and not (np.isfinite(frame_rate) and frame_rate > 0):
        raise ArgumentError(f"frame_rate must be positive, got {frame_rate}.")
    layout = scan(Path(root), mapping, compile_pattern(activity_pattern))
    problems = list(layout.problems)
    ids: dict[str, int] | None = None
    if layout.mapping is not None:
        try:
            ids = read_mapping(layout.mapping)
        except FileError as error:
            problems += error.problems
    jobs = [_Job(i, entry, ids, layout.mapping) for i, entry in enumerate(layout.entries)]
    much_text = sum(_text_bytes(entry) for entry in layout.entries) >= MUCH_TEXT
    results: Iterable[tuple[_Job, tuple[_Seen, list[Defect]] | Died]]
    if processes > 1 and much_text:
        results = run_jobs(_check_recording, jobs, processes)
    else:
        results = ((job, _check_recording(job)) for job in jobs)
    checked: dict[int, tuple[_Seen, list[Defect]]] = {}
    for job, result in results:
        # Where a process died, perhaps for lack of memory, this one tries by itself.
        checked[job.number] = _check_recording(job) if isinstance(result, Died) else result
        progress("Checking the data", len(checked), len(jobs))
    seen = [checked[job.number][0] for job in jobs]
    problems += [problem for job in jobs for problem in checked[job.number][1]]
    problems += _width_problems(seen, width)
    problems += _dull_features(seen)
    problems += _wide_features(seen)
    problems.sort(key=lambda found: (found.severity, str(found.path), found.line or 0))
    return DatasetReport(Path(root), _rows(seen, frame_rate), tuple(problems))


@dataclass(frozen=True)
class _Job:
    """A recording to check, its number, and the mapping."""

    number: int
    entry: Entry
    ids: dict[str, int] | None
    mapping: Path | None


def _text_bytes(entry: Entry) -> int:
    try:
        return entry.features.stat().st_size if entry.features.suffix == ".txt" else 0
    except OSError:
        return 0


def _check_recording(job: _Job) -> tuple[_Seen, list[Defect]]:
    entry, ids = job.entry, job.ids
    seen, problems = _Seen(entry), list[Defect]()
    try:
        features = FeatureFile(entry.features).open()
        seen.shape = (features.shape[0], features.shape[1])
        seen.zero_frames, seen.constant_columns = _count_dull(features)
        if entry.times is not None:
            read_times(entry.times, features.shape[0])
    except FileError as error:
        problems += error.problems
    except DataError as error:
        problems.append(Defect(entry.features, None, str(error).rstrip(".")))
    if entry.ground_truth is None:
        return seen, problems
    try:
        names = read_lines(entry.ground_truth)
    except FileError as error:
        problems += error.problems
        return seen, problems
    # Without a usable mapping every name is known: ids come from the names themselves.
    known = ids if ids is not None else dict.fromkeys(filter(None, names), 0)
    problems += label_problems(entry.ground_truth, names, known, job.mapping)
    seen.classes = frozenset(names if ids is None else (ids.get(name, "") for name in names)) - {""}
    if seen.shape is not None:
        message = length_defect(seen.shape, len(names), entry.features.name)
        if message is not None:
            problems.append(Defect(entry.ground_truth, None, message))
    return seen, problems


def _count_dull(features: Features) -> tuple[int, int]:
    """Count the frames that are all zero and the columns that never change."""
    zero = 0
    constant = np.ones(features.shape[1], dtype=bool)
    first = np.asarray(features[0])
    for _, block in blocks(features):
        zero += int((~block.any(axis=1)).sum())
        constant &= (block == first).all(axis=0)
    return zero, int(constant.sum()) if len(features) > 1 else 0


def _width_problems(seen: list[_Seen], width: int | None) -> list[Defect]:
    counts = Counter(found.shape[1] for found in seen if found.shape is not None)
    if not counts:
        return []
    usual, others = counts.most_common(1)[0]
    wanted = f"{others} of {sum(counts.values())} recordings have {usual}"
    if width is not None:
        usual, wanted = width, f"{width} are expected"
    return [
        Defect(found.entry.features, None, f"has {plural(found.shape[1], 'column')} where {wanted}")
        for found in seen
        if found.shape is not None and found.shape[1] != usual
    ]


def _wide_features(seen: list[_Seen]) -> list[Defect]:
    """Warn where every recording has more columns than frames: it may be stored the other way."""
    shapes = [found.shape for found in seen if found.shape is not None]
    if not shapes or any(frames >= columns for frames, columns in shapes):
        return []
    if all(found.entry.times is not None for found in seen):
        return []  # as many times as frames: nothing is stored the other way
    frames, columns = shapes[0]
    message = (
        f"{frames:,} frames of {columns:,} columns, and more columns than frames everywhere: if "
        "these are (columns, frames), save their transpose"
    )
    return [Defect(seen[0].entry.features, None, message, "warning")]


def _dull_features(seen: list[_Seen]) -> list[Defect]:
    """Warn, once for the whole folder, of frames and columns that say nothing."""
    problems = []
    for what, count, total in [
        ("frames are all zero", lambda found: found.zero_frames, 0),
        ("columns never change", lambda found: found.constant_columns, 1),
    ]:
        dull = [found for found in seen if found.shape is not None and count(found)]
        if not dull:
            continue
        worst = max(dull, key=count)
        assert worst.shape is not None
        message = f"{count(worst):,} of {worst.shape[total]:,} {what}"
        if len(dull) > 1:
            rest = sum(map(count, dull)) - count(worst)
            message += f", and {rest:,} in {plural(len(dull) - 1, 'other recording')}"
        problems.append(Defect(worst.entry.features, None, message, "warning"))
    return problems


def _rows(seen: list[_Seen], frame_rate: float | None) -> tuple[ActivityRow, ...]:
    groups: dict[str | None, list[_Seen]] = {}
    for found in seen:
        groups.setdefault(found.entry.activity, []).append(found)
    rows = []
    for activity, group in sorted(groups.items(), key=lambda item: item[0] or ""):
        shapes = [found.shape for found in group if found.shape is not None]
        frames = sum(shape[0] for shape in shapes)
        rows.append(
            ActivityRow(
                activity=activity,
                recordings=len(group),
                frames=frames,
                hours=None if frame_rate is None else frames / frame_rate / 3600,
                width=Counter(shape[1] for shape in shapes).most_common(1)[0][0]
                if shapes
                else None,
                labelled=sum(found.entry.ground_truth is not None for found in group),
                classes=len(frozenset().union(*(found.classes for found in group))),
            )
        )
    return tuple(rows)
