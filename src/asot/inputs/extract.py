"""The loop that makes, keeps and lists the features of recordings of every kind.

::

    DATA/features/<recording>.npy   (N, D) float32
    DATA/times/<recording>.npy      (N + 1,) float64, seconds of the file's own clock
    DATA/signals/<recording>.npy    (N, C) float32, the measured signals of sensor logs and poses
    DATA/points/<recording>.npy     (M, C) float32, poses at the rate at which they are shown
    DATA/origins/<recording>.json   written last, so that it marks what is finished
    DATA/recordings.csv             what every file was taken for
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from asot.data.origin import Origin, origin_path, write_features
from asot.errors import DataError, UnfinishedError
from asot.files import remove, write_array
from asot.folders import remove_empty
from asot.inputs.extractors import (
    Extractor,
    finished,
    is_of,
    of_tables,
    require_expected,
    require_same_settings,
    table_seconds,
)
from asot.inputs.faults import PassingError, blame
from asot.inputs.find import Input
from asot.inputs.settings import SeriesSettings, VideoSettings
from asot.inputs.taken import Taken, take_down, take_stock, unused, write_taken
from asot.inputs.video.partial import remove_stores
from asot.processes import Died
from asot.progress import Progress
from asot.remote import (
    ROOM,
    fetched,
    file_size,
    is_away,
    release,
    version,
)
from asot.telling import tell
from asot.text import plural
from asot.workers import AGAIN, Workers

VIDEO_BYTES = 250_000  # of a second, where nothing else is known
VIDEO_S = 0.3  # on one core, for a second of video


@dataclass
class Extraction:
    """The outcome for each recording, by its name."""

    made: list[str] = field(default_factory=list)  # in this call
    kept: list[str] = field(default_factory=list)  # from an earlier extraction
    failed: dict[str, str] = field(default_factory=dict)  # with the reason
    missing: list[str] = field(default_factory=list)  # failed by a fault of the machine
    remarks: dict[str, list[str]] = field(default_factory=dict)  # sentences for people
    taken: list[Taken] = field(default_factory=list)  # what every file was taken for

    @property
    def usable(self) -> int:
        """Count the recordings that have features."""
        return len(self.made) + len(self.kept)


def extract(
    inputs: Sequence[Input],
    root: Path,
    video: VideoSettings,
    series: SeriesSettings,
    progress: Progress,
    expected: dict[str, Any] | None = None,
    shared_with: Sequence[Input] = (),
    keep: bool = False,
) -> Extraction:
    """Make the features of recordings, in the layout of a data set.

    The inputs are all videos, or none is. ``expected`` is the extractor whose features a model was
    trained on: another is refused before it makes any. Logs and poses are reduced to the columns
    that the inputs share with each other and with ``shared_with``, of which features are made in
    other calls; see :func:`asot.inputs.shared.agree`. Features of the same files that took other
    settings are made anew or, with ``keep``, refused. If no recording can be used, and there are no
    others, a DataError gives the reason of the first. Where a fault of the machine left some out,
    an UnfinishedError ends the work, after all others.
    """
    sound = [one for one in inputs if not one.defect]
    extractors, unfit, remarks = list[Extractor](), dict[str, str](), dict[str, list[str]]()
    if sound and sound[0].is_video:
        from asot.inputs.video.backbones import open_backbone
        from asot.inputs.video.extraction import VideoExtractor

        backbone = open_backbone(video.backbone, device=video.device, batch_size=video.batch_size)
        extractors = [VideoExtractor(backbone, video.frame_rate)] * len(sound)
        if expected is not None:
            require_expected(extractors[0].identity, expected)
    elif sound:
        others = [one for one in shared_with if not one.defect]
        extractors, unfit, remarks = of_tables(sound, root, series, progress, expected, others)
    if keep:
        require_same_settings(sound, extractors, root)
    result = extract_with(extractors, inputs, root, progress, unfit)
    remove_stores(root / "features", {*result.made, *result.kept})
    for one in inputs:
        said = [*one.remarks, *remarks.get(one.name, ())]
        if said and one.name not in result.failed:
            result.remarks[one.name] = [*said, *result.remarks.get(one.name, ())]
    result.taken = take_stock(inputs, root, result.failed, result.remarks)
    if result.missing:
        write_taken(root, result.taken, [one.name for one in shared_with])
        first = result.failed[result.missing[0]].rstrip(".")
        count = f"{len(result.missing)} of {plural(len(inputs), 'recording')}"
        leave = "or leave out what fails each time"
        raise UnfinishedError(f"{count} could not be extracted ({first}): {AGAIN}, {leave}.")
    if not result.usable and len(shared_with) <= len(inputs):
        name, reason = next(iter(result.failed.items()))
        remove_empty(root / "features", root / "origins")
        raise DataError(f"None of the {len(inputs)} recordings can be used; {name}: {reason}")
    write_taken(root, result.taken, [one.name for one in shared_with])
    return result


def survey(inputs: Sequence[Input], series: SeriesSettings, progress: Progress) -> Extraction:
    """Tell what files would be taken for, without features: of videos only headers are read."""
    result = Extraction()
    result.failed = {one.name: one.defect for one in inputs if one.defect}
    sound = [one for one in inputs if not one.defect]
    extractors, remarks = list[Extractor](), dict[str, list[str]]()
    if sound and not sound[0].is_video:
        extractors, unfit, remarks = of_tables(sound, None, series, progress, None, ())
        result.failed |= unfit
    for number, one in enumerate(sound):
        progress("Looking at the recordings", number + 1, len(sound))
        try:
            if one.name in result.failed:
                continue
            if one.is_video:
                from asot.inputs.video.reading import probe

                info = probe(one.path)
                origin = Origin("video", str(one.path), "", {}, asdict(info))
                length = None if info.end_s is None else info.end_s - info.start_s
                result.taken.append(take_down(one, origin, None, length, one.remarks))
                continue
            make = extractors[number].features(one.path, one.path, lambda done: None)
            with blame(one.path), make as made:
                arrays, origin = made
                times = arrays.get("times")
                length = None if times is None else float(times[-1] - times[0])
                said = [*one.remarks, *remarks.get(one.name, ()), *origin.remarks]
                rows, width = arrays["features"].shape
                result.taken.append(take_down(one, origin, (rows, width), length, said))
        except (DataError, PassingError) as error:
            result.failed[one.name] = str(error)
            if isinstance(error, PassingError):
                result.missing.append(one.name)
    result.remarks = {one.recording: list(one.remarks) for one in result.taken if one.remarks}
    result.taken += [
        unused(one, result.failed[one.name]) for one in inputs if one.name in result.failed
    ]
    return result


def extract_with(
    extractors: Sequence[Extractor],
    inputs: Sequence[Input],
    root: Path,
    progress: Progress,
    unfit: Mapping[str, str] | None = None,
) -> Extraction:
    """Make the features of recordings, each with its extractor; see :func:`extract`.

    ``extractors`` are those of the inputs without a defect. ``unfit`` says of recordings why no
    features are to be made of them.
    """
    # They mark the folder as asot's from the start, because it may lie among recordings.
    for kind in ("features", "origins"):
        (root / kind).mkdir(parents=True, exist_ok=True)
    result, work = Extraction(), list[tuple[Input, Extractor, float]]()
    result.failed = {one.name: one.defect for one in inputs if one.defect}
    sound = [one for one in inputs if not one.defect]
    for done, (one, extractor) in enumerate(zip(sound, extractors, strict=True), start=1):
        try:
            if unfit and one.name in unfit:
                raise DataError(unfit[one.name])
            origin = finished(one, extractor, root)
            if origin is None or not is_of(origin, one.path, extractor):
                # Of what lies in a store only the size is known yet.
                away = is_away(one.path)
                length = file_size(one.path) / VIDEO_BYTES if away else extractor.length(one.path)
                work.append((one, extractor, length))
            else:
                result.kept.append(one.name)
                result.remarks[one.name] = origin.remarks
        except DataError as error:
            _fail(result, one, extractor, root, str(error))
        release(one.path, ROOM)
        progress("Looking at the recordings", done, len(sound))
    at, total = [0.0] * len(work), sum(length for _, _, length in work)

    def told(index: int, done: float) -> None:
        one, extractor, length = work[index]
        at[index] = min(done, length)
        progress(extractor.stage, round(sum(at)), round(total), one.name)

    made = partial(_made, [(one, extractor) for one, extractor, _ in work], root)
    workers = Workers().sharing(work[0][1].cores if work else 1)
    on_gpu = bool(work) and work[0][1].cores is None
    outcomes = workers.run(made, range(len(work)), told, gpu=on_gpu, seconds=_seconds(work))
    for index, outcome in outcomes:
        one, extractor, length = work[index]
        if isinstance(outcome, list):
            result.remarks[one.name] = outcome
        else:
            reason = f"{one.path}: {outcome}." if isinstance(outcome, Died) else str(outcome)
            _fail(result, one, extractor, root, reason)
            if not isinstance(outcome, str) and one.name in result.failed:
                result.missing.append(one.name)
        release(one.path)
        at[index] = length
        progress(extractor.stage, round(sum(at)), round(total))
    # Which ended first does not matter.
    known = {*result.kept, *result.failed}
    result.made = [one.name for one, _, _ in work if one.name not in known]
    result.remarks = {name: remarks for name, remarks in result.remarks.items() if remarks}
    return result


def _made(
    work: Sequence[tuple[Input, Extractor]], root: Path, index: int
) -> list[str] | str | PassingError:
    """Make the features of a recording; return its remarks, or why there are none."""
    one, extractor = work[index]
    try:
        with blame(one.path):
            return _make(one, extractor, root, tell).remarks
    except PassingError as error:
        return error
    except DataError as error:
        return str(error)


def _seconds(work: Sequence[tuple[Input, Extractor, float]]) -> float:
    """Return about how long the work takes on one core, or 0 where other processes cannot do it."""
    seconds = table_seconds([one.path for one, _, _ in work])
    if seconds and work[0][0].is_video:
        return VIDEO_S * sum(length for _, _, length in work)
    return seconds


def _make(one: Input, extractor: Extractor, root: Path, tell: Callable[[float], None]) -> Origin:
    target = root / "features" / f"{one.name}.npy"
    with fetched(one.path), extractor.features(one.path, target, tell) as (arrays, origin):
        if (known := version(one.path)) is not None:
            origin = replace(origin, media={**origin.media, "version": known})
        # Without its origin a recording is unfinished, even if old and new arrays lie side by side.
        remove(origin_path(root, one.name))
        for part in ("signals", "points"):
            path = root / part / f"{one.name}.npy"
            if part in arrays:
                write_array(path, arrays[part])
            else:
                remove(path)
        write_features(root, one.name, arrays["features"], arrays.get("times"), origin)
    return origin


def _fail(result: Extraction, one: Input, extractor: Extractor, root: Path, reason: str) -> None:
    """List a failure; remove features of another version of the file or of other settings.

    Features of the same file stay, and those of a file on a disk that is away for a moment.
    """
    origin = finished(one, extractor, root)
    try:
        mark = extractor.fingerprint(one.path)
    except DataError:
        mark = None
    if origin is not None and mark in (None, origin.fingerprint):
        result.kept.append(one.name)
        result.remarks[one.name] = [f"Its earlier features are used, for now: {reason}"]
        return
    result.failed[one.name] = reason
    if mark is not None:
        for folder in ("features", "times", "signals", "points"):
            remove(root / folder / f"{one.name}.npy")
        remove(origin_path(root, one.name))
