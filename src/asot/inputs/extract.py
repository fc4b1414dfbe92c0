"""Features of many recordings: what is finished is kept, what is broken is listed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from asot.data import FeatureFile
from asot.data.origin import Origin, origin_path, read_origin, times_path, write_features
from asot.errors import ConfigurationError, DataError
from asot.inputs.find import ARRAYS, Input
from asot.progress import Progress
from asot.schema import first_difference

if TYPE_CHECKING:
    from asot.inputs.series import SeriesSettings

# Called with what is being done, the steps done, all steps, and a note.
DEFAULT_BACKBONE = "efficientnet-lite0"
DEFAULT_FPS = 10.0
# The extractor of arrays that are taken as they are.
FEATURES: dict[str, Any] = {"kind": "features"}


@dataclass(frozen=True)
class VideoSettings:
    """How features are made of videos.

    Parameters
    ----------
    backbone : str
        As for :func:`asot.inputs.video.backbones.open_backbone`.
    fps : float or None
        Frames a second to take; None for every frame.
    device : str
        "auto", "cpu" or "cuda".
    batch_size : int or None
        Frames for the network at once; None for what suits it.
    """

    backbone: str = DEFAULT_BACKBONE
    fps: float | None = DEFAULT_FPS
    device: str = "auto"
    batch_size: int | None = None

    def check(self) -> None:
        """Refuse what cannot be.

        Raises
        ------
        ConfigurationError
            With the setting, its rule and its value.
        """
        if self.fps is not None and not (np.isfinite(self.fps) and self.fps > 0):
            raise ConfigurationError(f"--fps must be above 0, or all, not {self.fps}.")
        if self.batch_size is not None and self.batch_size < 1:
            raise ConfigurationError(f"--batch_size must be at least 1, not {self.batch_size}.")


@dataclass
class Outcome:
    """What became of an extraction.

    Attributes
    ----------
    made, kept : list of str
        Recordings whose features were made now, and were there before.
    failed : dict of str to str
        Why the others have none.
    remarks : dict of str to list of str
        What people should know of a recording.
    """

    made: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)

    @property
    def usable(self) -> int:
        """Recordings that have features."""
        return len(self.made) + len(self.kept)

    def add(self, name: str, origin: Origin, made: bool) -> None:
        """Count a recording in."""
        (self.made if made else self.kept).append(name)
        if origin.remarks:
            self.remarks[name] = origin.remarks


def extract(
    inputs: Sequence[Input],
    root: Path,
    video: VideoSettings,
    series: SeriesSettings,
    progress: Progress,
    expected: dict[str, Any] | None = None,
) -> Outcome:
    """Make the features of recordings, in the layout of a data set.

    Parameters
    ----------
    inputs : sequence of Input
        From :func:`asot.inputs.find.find_inputs`.
    root : Path
        The data folder.
    video, series : VideoSettings, SeriesSettings
        How; one of the two is used.
    progress : Progress
        Hears of the progress.
    expected : dict, optional
        What made the features that a model was trained on; others are refused.

    Raises
    ------
    ConfigurationError, MissingExtraError
        Before anything is made.
    DataError
        If no recording at all can be used; the sentence says why the first cannot.
    """
    if inputs[0].is_video:
        outcome = _extract_videos(inputs, root, video, progress, expected)
    else:
        outcome = _extract_series(inputs, root, series, progress, expected)
    for one in inputs:
        if one.name in outcome.failed:
            _settle_failure(one, root, outcome)
    if not outcome.usable:
        name, reason = next(iter(outcome.failed.items()))
        raise DataError(f"None of the {len(inputs)} recordings can be used; {name}: {reason}")
    return outcome


def _settle_failure(one: Input, root: Path, outcome: Outcome) -> None:
    """Remove the features of an earlier version of a file; keep those of a file that is the same.

    A disk that is away for a moment costs nothing that was finished.
    """
    kept = read_origin(origin_path(root, one.name))
    if kept is not None and not _changed(one, kept):
        reason = outcome.failed.pop(one.name)
        outcome.kept.append(one.name)
        outcome.remarks[one.name] = [f"Its earlier features are used, for now: {reason}"]
        return
    for path in (
        origin_path(root, one.name),
        times_path(root, one.name),
        *(root / folder / f"{one.name}.npy" for folder in ("features", "signals")),
    ):
        path.unlink(missing_ok=True)


def _changed(one: Input, kept: Origin) -> bool:
    """Whether a file is known to hold something else than it did."""
    from asot.inputs.series.extraction import fingerprint as of_table
    from asot.inputs.video.reading import fingerprint as of_video

    try:
        return (of_video if kept.kind == "video" else of_table)(one.path) != kept.fingerprint
    except DataError:
        return False


def _begin(root: Path, extractor: dict[str, Any], expected: dict[str, Any] | None) -> None:
    """Refuse features that a model cannot use, as far as they are known by now; make the folders.

    The folders mark it as one of features before there are any: it may lie among the recordings.
    """
    if expected is not None:
        kinds = [one.get("name") == "series" for one in (expected, extractor)]
        if kinds[0] != kinds[1]:
            what = ("videos or features", "sensor logs or poses")
            raise ConfigurationError(
                f"The model was trained on {what[kinds[0]]}, and cannot be used for "
                f"{what[kinds[1]]}."
            )
        old = {key: expected.get(key) for key in extractor}
        difference = first_difference(old, json.loads(json.dumps(extractor)))
        if difference is not None:
            raise ConfigurationError(
                f"The model was trained on features that were made in another way ({difference}): "
                "give the options that they were made with."
            )
    for kind in ("features", "origins"):
        (root / kind).mkdir(parents=True, exist_ok=True)


def _extract_videos(
    inputs: Sequence[Input],
    root: Path,
    settings: VideoSettings,
    progress: Progress,
    expected: dict[str, Any] | None,
) -> Outcome:
    settings.check()
    from asot.inputs.video.backbones import open_backbone
    from asot.inputs.video.extraction import extract_video, extractor_of, is_extracted
    from asot.inputs.video.reading import probe

    backbone = open_backbone(
        settings.backbone, device=settings.device, batch_size=settings.batch_size
    )
    extractor = extractor_of(backbone, settings.fps)
    _begin(root, extractor, expected)
    outcome, lengths = Outcome(), dict[str, float]()
    for done, one in enumerate(inputs, start=1):
        try:
            if is_extracted(one.path, root, one.name, extractor):
                origin = read_origin(origin_path(root, one.name))
                assert origin is not None
                outcome.add(one.name, origin, made=False)
            else:
                info = probe(one.path)
                end = info.end_s if info.end_s is not None else info.start_s
                lengths[one.name] = max(end - info.start_s, 0.0)
        except DataError as error:
            outcome.failed[one.name] = str(error)
        progress("Looking at the videos", done, len(inputs), "")
    total, before = sum(lengths.values()), 0.0
    for one in inputs:
        if one.name not in lengths:
            continue
        told = partial(_tell_seconds, progress, one.name, before, lengths[one.name], total)
        try:
            origin = extract_video(
                one.path, root, one.name, backbone, fps=settings.fps, report=told
            )
            outcome.add(one.name, origin, made=True)
        except DataError as error:
            outcome.failed[one.name] = str(error)
        before += lengths[one.name]
    if total:
        progress("Extracting features, seconds of video", round(total), round(total), "")
    return outcome


def _tell_seconds(
    progress: Progress,
    name: str,
    before: float,
    length: float,
    total: float,
    done: float,
    announced: float | None,
) -> None:
    """Tell of the seconds of one video as of a part of all."""
    at = before + min(done, length)
    progress("Extracting features, seconds of video", round(at), round(total), name)


def _extract_series(
    inputs: Sequence[Input],
    root: Path,
    settings: SeriesSettings,
    progress: Progress,
    expected: dict[str, Any] | None,
) -> Outcome:
    settings.check()
    from asot.inputs.series import extract_series, is_extracted
    from asot.inputs.series.extraction import series_extractor

    ready = any(is_ready(one, settings) for one in inputs)
    _begin(root, FEATURES if ready else series_extractor(settings), expected)
    outcome = Outcome()
    for done, one in enumerate(inputs, start=1):
        try:
            if is_ready(one, settings):
                made, origin = _take_features(one, root)
                outcome.add(one.name, origin, made)
            elif is_extracted(one.path, root, one.name, settings):
                kept = read_origin(origin_path(root, one.name))
                assert kept is not None
                outcome.add(one.name, kept, made=False)
            else:
                outcome.add(one.name, extract_series(one.path, root, one.name, settings), made=True)
        except DataError as error:
            outcome.failed[one.name] = str(error)
        progress("Reading the recordings", done, len(inputs), "")
    return outcome


def is_ready(one: Input, settings: SeriesSettings) -> bool:
    """Whether a file holds features already: an array whose rows have no rate."""
    return one.path.suffix.lower() in ARRAYS and settings.rate is None


def _take_features(one: Input, root: Path) -> tuple[bool, Origin]:
    """Take an array of features as it is: (frames, columns), without times."""
    found = one.path.stat()
    origin = Origin("features", str(one.path), f"{found.st_size}-{found.st_mtime_ns}", FEATURES)
    kept = read_origin(origin_path(root, one.name))
    there = (root / "features" / f"{one.name}.npy").is_file()
    if there and kept is not None and kept.fingerprint == origin.fingerprint:
        return False, kept
    write_features(root, one.name, FeatureFile(one.path).open(), None, origin)
    return True, origin
