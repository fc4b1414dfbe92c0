"""The check of a whole data folder for everything that is wrong in it, before a long job."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from asot.data.features import blocks
from asot.data.folder import Entry, scan
from asot.data.origin import read_times
from asot.data.recordings import Features, length_defect, transposed_hint
from asot.data.textfiles import label_problems, read_mapping
from asot.errors import DataError, Defect, FileError, require_integer, require_number
from asot.processes import Died, run_jobs
from asot.progress import Progress, silent
from asot.text import plural
from asot.timeline.labels import read_labels

# Bytes from which on several processes parse sooner than they start.
MUCH_TEXT = 2**26
TURNED = "--dataset.transposed true (asot train) or --transposed true (asot segment)"


@dataclass(frozen=True, slots=True)
class ActivityRow:
    """The recordings of one activity, or those without an activity."""

    activity: str | None
    recordings: int
    frames: int  # that can be read
    hours: float | None  # None without a frame rate
    width: int | None  # of most recordings; None where no features can be read
    labelled: int  # recordings with ground truth
    classes: int  # different actions in it


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """The contents of a data folder, and its problems: errors first, each kind by file and line."""

    root: Path
    rows: tuple[ActivityRow, ...]
    problems: tuple[Defect, ...]

    @property
    def errors(self) -> tuple[Defect, ...]:
        """Return the problems that keep the data from being used."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Defect, ...]:
        """Return the problems that leave the data usable."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")

    @property
    def ok(self) -> bool:
        """Tell whether the data can be used; warnings are allowed."""
        return not self.errors

    def require_valid(self) -> None:
        """Raise the first error as a DataError, with the command that lists them all."""
        if self.ok:
            return
        more = len(self.errors) - 1
        command = f"asot data check {shlex.quote(str(self.root))}"
        suffix = f"; and {plural(more, 'more problem')}: run {command}" if more else ""
        raise DataError(f"{self.errors[0]}{suffix}.", file=self.errors[0].path)


@dataclass(slots=True)
class _Checked:
    """The findings in a recording's files; ``dull`` counts zero frames and constant columns."""

    entry: Entry
    problems: list[Defect]
    shape: tuple[int, int] | None = None
    classes: frozenset[str | int] = frozenset()
    dull: tuple[int, int] = (0, 0)


def check_dataset(
    root: str | Path,
    mapping: str | Path | None = None,
    activity_pattern: str | None = None,
    width: int | None = None,
    frame_rate: float | None = None,
    progress: Progress = silent,
    processes: int = 1,
    transposed: bool = False,
) -> DatasetReport:
    """Read a whole data folder, and report its contents and all its problems.

    Text features are parsed into the feature store on the way, so that no text is parsed twice.

    Parameters
    ----------
    root, mapping, activity_pattern, frame_rate, transposed
        As for :class:`~asot.data.DatasetFolder`.
    width : int, optional
        The number of columns that features must have; by default that of most recordings.
    progress : Progress, optional
        Called with the number of recordings done.
    processes : int
        Processes that parse large texts at once; a script that asks for more than 1 must make the
        call under ``if __name__ == "__main__":``.

    Returns
    -------
    DatasetReport
        The contents and the problems: defects are reported, not raised.

    Raises
    ------
    ArgumentError
        If the pattern, the width or the frame rate breaks its rule.

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
    entries, mapping_file, problems = scan(Path(root), mapping, activity_pattern)
    ids: dict[str, int] | None = None
    if mapping_file is not None:
        try:
            ids = read_mapping(mapping_file)
        except FileError as error:
            problems += error.problems
    check = partial(_check_recording, ids=ids, mapping=mapping_file, transposed=transposed)
    jobs = list(enumerate(entries))
    results: Iterable[tuple[tuple[int, Entry], _Checked | Died]]
    if processes > 1 and sum(map(_text_bytes, entries)) >= MUCH_TEXT:
        results = run_jobs(check, jobs, processes)
    else:
        results = ((job, check(job)) for job in jobs)
    by_number: dict[int, _Checked] = {}
    for job, result in results:
        # If a process died, perhaps for lack of memory, the recording is checked here.
        by_number[job[0]] = check(job) if isinstance(result, Died) else result
        progress("Checking the data", len(by_number), len(jobs))
    checked = [by_number[number] for number in range(len(jobs))]
    problems += [problem for one in checked for problem in one.problems]
    problems += _features_problems(checked, width)
    problems.sort(key=lambda found: (found.severity, str(found.path), found.line or 0))
    return DatasetReport(Path(root), _rows(checked, frame_rate), tuple(problems))


def _text_bytes(entry: Entry) -> int:
    try:
        return entry.features.stat().st_size if entry.features.suffix == ".txt" else 0
    except OSError:
        return 0


def _check_recording(
    job: tuple[int, Entry], ids: dict[str, int] | None, mapping: Path | None, transposed: bool
) -> _Checked:
    entry, problems = job[1], list[Defect]()
    found = _Checked(entry, problems)
    try:
        features = entry.open(transposed).open()
        found.shape = (features.shape[0], features.shape[1])
        found.dull = _count_dull(features)
        if entry.times is not None:
            read_times(entry.times, features.shape[0])
    except FileError as error:
        problems += error.problems
    if entry.ground_truth is None:
        return found
    try:
        names = read_labels(entry.ground_truth)
    except FileError as error:
        problems += error.problems
        return found
    # Without a usable mapping every name is known: ids come from the names themselves.
    known = ids if ids is not None else dict.fromkeys(filter(None, names), 0)
    problems += label_problems(entry.ground_truth, names, known, mapping)
    classes = names if ids is None else (ids.get(name, "") for name in names)
    found.classes = frozenset(classes) - {""}
    shape, file = found.shape, entry.features.name
    if shape is not None and (message := length_defect(shape, len(names), file)):
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


def _features_problems(checked: list[_Checked], width: int | None) -> list[Defect]:
    """List widths that differ, zero frames, constant columns, and features that look transposed."""
    sound = [(one, *one.shape) for one in checked if one.shape is not None]
    if not sound:
        return []
    usual, others = Counter(columns for _, _, columns in sound).most_common(1)[0]
    wanted = f"{others} of {len(sound)} recordings have {usual}"
    if width is not None:
        usual, wanted = width, f"{width} are expected"
    problems = [
        Defect(one.entry.features, None, f"has {plural(columns, 'column')} where {wanted}")
        for one, _, columns in sound
        if columns != usual
    ]
    for i, what in enumerate(("frames are all zero", "columns never change")):
        counts = [one.dull[i] for one, *_ in sound]
        worst, *shape = sound[int(np.argmax(counts))]
        if worst.dull[i]:
            message = f"{worst.dull[i]:,} of {shape[i]:,} {what}"
            rest = sum(map(bool, counts)) - 1
            if rest:
                more = sum(counts) - worst.dull[i]
                message += f", and {more:,} in {plural(rest, 'other recording')}"
            problems.append(Defect(worst.entry.features, None, message, "warning"))
    # Times that fit the frames show that nothing is transposed.
    timed = all(one.entry.times is not None for one in checked)
    extracted = any(one.entry.origin is not None for one in checked)
    cure = "asot extract --transposed true" if extracted else TURNED
    hint = transposed_hint([(frames, columns) for _, frames, columns in sound], cure)
    if hint is not None and not timed:
        problems.append(Defect(checked[0].entry.features, None, hint, "warning"))
    return problems


def _rows(checked: list[_Checked], frame_rate: float | None) -> tuple[ActivityRow, ...]:
    groups: dict[str | None, list[_Checked]] = {}
    for one in checked:
        groups.setdefault(one.entry.activity, []).append(one)
    rows = []
    for activity, group in sorted(groups.items(), key=lambda item: item[0] or ""):
        frames = sum(one.shape[0] for one in group if one.shape is not None)
        widths = Counter(one.shape[1] for one in group if one.shape is not None).most_common(1)
        hours = None if frame_rate is None else frames / frame_rate / 3600
        width = widths[0][0] if widths else None
        labelled = sum(one.entry.ground_truth is not None for one in group)
        classes = len(frozenset().union(*(one.classes for one in group)))
        rows.append(ActivityRow(activity, len(group), frames, hours, width, labelled, classes))
    return tuple(rows)
