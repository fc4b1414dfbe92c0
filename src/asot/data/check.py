"""Reading a whole data folder to find everything that is wrong in it before a long job."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from asot.data.features import FeatureFile, blocks
from asot.data.folder import Entry, compile_pattern, scan
from asot.data.origin import read_times
from asot.data.recordings import Features, length_defect
from asot.data.textfiles import label_problems, read_lines, read_mapping
from asot.errors import DataError, Defect, FileError, require_integer, require_number
from asot.progress import Progress, silent
from asot.text import plural
from asot.workers import Died, run_jobs

# Bytes from which on several processes parse sooner than they start.
MUCH_TEXT = 2**26


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """What there is of one activity; ``activity`` is None for recordings that have none.

    ``frames`` counts those that can be read, ``width`` is that of most recordings, ``labelled``
    counts recordings with ground truth, and ``classes`` the different actions in it. ``hours`` is
    None without a frame rate, ``width`` where no features can be read.
    """

    activity: str | None
    recordings: int
    frames: int
    hours: float | None
    width: int | None
    labelled: int
    classes: int


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What is in a data folder, and what is wrong.

    Parameters
    ----------
    root : Path
        The folder.
    rows : tuple of ActivityRow
        One an activity.
    problems : tuple of Defect
        Errors first, each group by file and line.
    """

    root: Path
    rows: tuple[ActivityRow, ...]
    problems: tuple[Defect, ...]

    @property
    def errors(self) -> tuple[Defect, ...]:
        """The problems that keep the data from being used."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Defect, ...]:
        """The problems that do not."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")

    @property
    def ok(self) -> bool:
        """True where there is no error; warnings are allowed."""
        return not self.errors

    def require_valid(self) -> None:
        """Raise DataError where there are errors: the first, and the command that lists them all.

        Examples
        --------
        >>> problem = Defect(Path("toys/features"), None, "does not exist")
        >>> DatasetReport(Path("toys"), (), (problem,)).require_valid()
        Traceback (most recent call last):
        asot.errors.DataError: toys/features: does not exist.
        """
        if self.ok:
            return
        more = len(self.errors) - 1
        command = f"asot data check {shlex.quote(str(self.root))}"
        suffix = f"; and {plural(more, 'more problem')}: run {command}" if more else ""
        raise DataError(f"{self.errors[0]}{suffix}.", file=self.errors[0].path)


@dataclass(slots=True)
class _Checked:
    """What was found in one recording's files."""

    entry: Entry
    problems: list[Defect]
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
        Told of the recordings done; see :mod:`asot.progress`.
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
    if width is not None:
        require_integer("width", width, at_least=1)
    if frame_rate is not None:
        require_number("frame_rate", frame_rate, above=0)
    files = scan(Path(root), mapping, compile_pattern(activity_pattern))
    problems = list(files.problems)
    ids: dict[str, int] | None = None
    if files.mapping is not None:
        try:
            ids = read_mapping(files.mapping)
        except FileError as error:
            problems += error.problems
    check = partial(_check_recording, ids=ids, mapping=files.mapping)
    jobs = list(enumerate(files.entries))
    results: Iterable[tuple[tuple[int, Entry], _Checked | Died]]
    if processes > 1 and sum(map(_text_bytes, files.entries)) >= MUCH_TEXT:
        results = run_jobs(check, jobs, processes)
    else:
        results = ((job, check(job)) for job in jobs)
    by_number: dict[int, _Checked] = {}
    for job, result in results:
        # Where a process died, perhaps for lack of memory, this one tries by itself.
        by_number[job[0]] = check(job) if isinstance(result, Died) else result
        progress("Checking the data", len(by_number), len(jobs))
    checked = [by_number[number] for number in range(len(jobs))]
    problems += [problem for one in checked for problem in one.problems]
    problems += _width_problems(checked, width) + _dull_features(checked) + _wide_features(checked)
    problems.sort(key=lambda found: (found.severity, str(found.path), found.line or 0))
    return DatasetReport(Path(root), _rows(checked, frame_rate), tuple(problems))


def _text_bytes(entry: Entry) -> int:
    try:
        return entry.features.stat().st_size if entry.features.suffix == ".txt" else 0
    except OSError:
        return 0


def _check_recording(
    job: tuple[int, Entry], ids: dict[str, int] | None, mapping: Path | None
) -> _Checked:
    entry, problems = job[1], list[Defect]()
    found = _Checked(entry, problems)
    try:
        features = FeatureFile(entry.features).open()
        found.shape = (features.shape[0], features.shape[1])
        found.zero_frames, found.constant_columns = _count_dull(features)
        if entry.times is not None:
            read_times(entry.times, features.shape[0])
    except FileError as error:
        problems += error.problems
    if entry.ground_truth is None:
        return found
    try:
        names = read_lines(entry.ground_truth)
    except FileError as error:
        problems += error.problems
        return found
    # Without a usable mapping every name is known: ids come from the names themselves.
    known = ids if ids is not None else dict.fromkeys(filter(None, names), 0)
    problems += label_problems(entry.ground_truth, names, known, mapping)
    classes = names if ids is None else (ids.get(name, "") for name in names)
    found.classes = frozenset(classes) - {""}
    if found.shape is not None:
        message = length_defect(found.shape, len(names), entry.features.name)
        if message is not None:
            problems.append(Defect(entry.ground_truth, None, message))
    return found


def _count_dull(features: Features) -> tuple[int, int]:
    """Count the frames that are all zero and the columns that never change."""
    zero = 0
    constant = np.ones(features.shape[1], dtype=bool)
    first = np.asarray(features[0])
    for _, block in blocks(features):
        zero += int((~block.any(axis=1)).sum())
        constant &= (block == first).all(axis=0)
    return zero, int(constant.sum()) if len(features) > 1 else 0


def _width_problems(checked: list[_Checked], width: int | None) -> list[Defect]:
    counts = Counter(found.shape[1] for found in checked if found.shape is not None)
    if not counts:
        return []
    usual, others = counts.most_common(1)[0]
    wanted = f"{others} of {sum(counts.values())} recordings have {usual}"
    if width is not None:
        usual, wanted = width, f"{width} are expected"
    return [
        Defect(found.entry.features, None, f"has {plural(found.shape[1], 'column')} where {wanted}")
        for found in checked
        if found.shape is not None and found.shape[1] != usual
    ]


def _wide_features(checked: list[_Checked]) -> list[Defect]:
    """Warn where every recording has more columns than frames: it may be stored the other way."""
    shapes = [found.shape for found in checked if found.shape is not None]
    if not shapes or any(frames >= columns for frames, columns in shapes):
        return []
    if all(found.entry.times is not None for found in checked):
        return []  # as many times as frames: nothing is stored the other way
    frames, columns = shapes[0]
    message = (
        f"{frames:,} frames of {columns:,} columns, and more columns than frames everywhere: if "
        "these are (columns, frames), save their transpose"
    )
    return [Defect(checked[0].entry.features, None, message, "warning")]


def _dull_features(checked: list[_Checked]) -> list[Defect]:
    """Warn, once for the whole folder, of frames and columns that say nothing."""
    problems = []
    for what, count, total in [
        ("frames are all zero", lambda found: found.zero_frames, 0),
        ("columns never change", lambda found: found.constant_columns, 1),
    ]:
        dull = [found for found in checked if found.shape is not None and count(found)]
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


def _rows(checked: list[_Checked], frame_rate: float | None) -> tuple[ActivityRow, ...]:
    groups: dict[str | None, list[_Checked]] = {}
    for found in checked:
        groups.setdefault(found.entry.activity, []).append(found)
    rows = []
    for activity, group in sorted(groups.items(), key=lambda item: item[0] or ""):
        shapes = [found.shape for found in group if found.shape is not None]
        frames = sum(shape[0] for shape in shapes)
        widths = Counter(shape[1] for shape in shapes).most_common(1)
        rows.append(
            ActivityRow(
                activity=activity,
                recordings=len(group),
                frames=frames,
                hours=None if frame_rate is None else frames / frame_rate / 3600,
                width=widths[0][0] if widths else None,
                labelled=sum(found.entry.ground_truth is not None for found in group),
                classes=len(frozenset().union(*(found.classes for found in group))),
            )
        )
    return tuple(rows)
