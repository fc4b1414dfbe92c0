"""What goes with recordings of poses and signals: their videos, and the skeleton to draw.

Both are noted in the ``media`` of the recordings' origins, and change nothing of the features:
``skeleton``, ``video`` with its ``video_fingerprint``, ``video_shift_s``, ``video_start_s`` and
``video_rate``, and a ``video_remark`` where it does not fit.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from asot.data.features import FeatureFile
from asot.data.origin import Origin, origin_path, read_origin, read_times, times_path
from asot.errors import ConfigurationError, DataError, FileError
from asot.files import fingerprint, write_json
from asot.inputs.find import Input, find_inputs
from asot.inputs.kinds import ending
from asot.inputs.poses.skeleton import Edges, read_skeleton, require_points
from asot.inputs.settings import SeriesSettings
from asot.text import as_label, listing, printable

if TYPE_CHECKING:
    from asot.inputs.video.reading import VideoInfo

logger = logging.getLogger(__name__)

# What trackers and loggers append to the name of a video, and SLEAP writes before it.
_AFTER = re.compile(
    r"(_?DLC[_-].*|_?superanimal_.*|[._-](analysis|predictions?|filtered|tracked|tracks|skeleton|"
    r"keypoints?|landmarks?|pose|poses|points|2d|3d|sleap|dlc|mediapipe|openpose|imu|acc|gyro?|"
    r"sensors?|signals?|log|data|proofread|cleaned?|corrected|full|el|bx|sk))$",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"^labels(\.v\d+)?(\.\w+)*?\.?\d*_", re.IGNORECASE)
_TIMED = ("pose", "series")
# Shares by which the rates and the frames of a video and of its rows may differ, and frames.
_RATE, _FRAMES, _FEW = 0.01, 0.01, 2
_SECONDS, _SHARE = 1.0, 0.02  # likewise, of signals and their video


@dataclass(frozen=True)
class Companions:
    """The videos of recordings, by their names, and the edges to draw; found, not yet noted."""

    videos: dict[str, Path] = field(default_factory=dict)
    skeleton: Edges = ()


def find_companions(
    videos: Path | None,
    skeleton: Path | None,
    inputs: Sequence[Input],
    settings: SeriesSettings,
    data: Path | None = None,
) -> Companions:
    """Match videos in a folder with recordings, and read a skeleton, before anything is made.

    ``inputs`` are files yet to be read with the ``settings``, or else ``data`` holds the features.
    What does not go with the recordings is refused, and videos without a recording's name, or of
    several folders, are said in a warning.
    """
    if videos is None and skeleton is None:
        return Companions()
    option = "--videos" if videos is not None else "--skeleton"
    origins = {} if data is None else _origins(data)
    paths = {one.name: one.path for one in inputs if not one.defect}
    paths |= {name: Path(one.path) for name, one in origins.items() if one.kind in _TIMED}
    if not paths or any(one.is_video for one in inputs):
        message = f"{option} goes with poses and sensor logs, and the recordings are none."
        raise ConfigurationError(message, setting=option[2:])
    edges: Edges = ()
    if skeleton is not None:
        edges = read_skeleton(skeleton)
        columns = _columns(paths, settings, origins)
        if columns is None:
            message = "--skeleton is for poses, but the recordings hold other signals."
            raise ConfigurationError(message, setting="skeleton")
        require_points(skeleton, edges, columns)
    return Companions({} if videos is None else match_videos(paths, videos), edges)


def match_videos(paths: Mapping[str, Path], folder: Path) -> dict[str, Path]:
    """Match recordings with the videos in a folder, by the name without what a tracker appends.

    ``paths`` are the files of the recordings by their names. Where folders hold videos of one name,
    the recording's own folder decides. What has no video, or several, is said in a warning.
    """
    if not folder.is_dir():
        raise FileError.at(folder, "is not a folder: --videos takes the one with the videos")
    known = find_inputs([folder], "video")
    called = [(bare_name(one.name), bare_name(one.path.name), one) for one in known]
    found, lost, several = dict[str, Path](), list[str](), list[str]()
    for name, path in paths.items():
        own, of_file = bare_name(name), bare_name(path.name)
        matched = [one for whole, _, one in called if whole == own]
        matched = matched or [one for _, alone, one in called if alone == of_file]
        exact = [one for one in matched if one.path.stem == path.stem]
        matched = exact if len(exact) == 1 else matched
        if len(matched) == 1:
            found[name] = matched[0].path
        elif matched:
            places = [printable(one.path) for one in matched]
            several.append(f"{printable(name)} ({listing(places, 3)})")
        else:
            lost.append(name)
    where = printable(folder)
    if not found and not several:
        there = listing([one.path.name for one in known], 6)
        message = f"holds no video with the name of a recording: it has {there}, and the recordings"
        raise FileError.at(folder, f"{message} are {listing(list(paths), 6)}")
    if lost:
        logger.warning("%s holds no video with the name of %s.", where, listing(lost, 6))
    if several:
        cure = "none is taken; name the folder of the right ones"
        logger.warning("%s holds several videos of %s: %s.", where, "; ".join(several), cure)
    return found


def bare_name(name: str) -> str:
    """Return the name of a recording without its ending and what trackers write around it.

    Examples
    --------
    >>> bare_name("m1DLC_resnet50_mouseMay1shuffle1_100000_filtered.csv")
    'm1'
    >>> bare_name("labels.v001.000_Mouse-2.mp4.predictions.analysis.h5"), bare_name("run_3_imu.csv")
    ('mouse-2', 'run_3')
    """
    bare, before = as_label(name), ""  # macOS writes accents apart
    while bare != before:
        before = bare
        suffix = ending(Path(bare))
        bare = bare[: -len(suffix)] if suffix and len(suffix) < len(bare) else bare
        bare = _AFTER.sub("", bare) or bare
    return (_BEFORE.sub("", bare) or bare).lower()


def note_companions(
    companions: Companions, root: Path, names: Collection[str] | None = None
) -> dict[str, str]:
    """Note videos and skeleton in the origins of the recordings in a data folder, or of some.

    Return a sentence for each video that does not fit its recording; those far from it are left
    out.
    """
    changed, said = with_companions(companions, root, names)
    for name, origin in changed.items():
        write_json(origin_path(root, name), msgspec.to_builtins(origin))
    return said


def with_companions(
    companions: Companions, root: Path, names: Collection[str] | None = None
) -> tuple[dict[str, Origin], dict[str, str]]:
    """Return the origins that companions change, by the recordings, and sentences on misfits."""
    found, said = dict[str, Origin](), dict[str, str]()
    for name, origin in _origins(root).items() if companions != Companions() else ():
        if names is not None and name not in names:
            continue
        media = dict(origin.media)
        if companions.skeleton and origin.kind == "pose":
            media["skeleton"] = [list(pair) for pair in companions.skeleton]
        video = companions.videos.get(name)
        if video is not None and origin.kind in _TIMED:
            try:
                noted = _note(video, origin, root, name)
            except DataError as error:
                noted = {"video_remark": str(error)}
            media = {key: value for key, value in media.items() if not key.startswith("video")}
            media |= noted
            if "video_remark" in noted:
                said[name] = str(noted["video_remark"])
        if media != origin.media:
            found[name] = msgspec.structs.replace(origin, media=media)
    return found, said


def _note(video: Path, origin: Origin, root: Path, name: str) -> dict[str, str | float | None]:
    """Return what an origin notes of its video; where that does not fit, only why."""
    from asot.inputs.video.reading import probe

    info = probe(video)
    n_rows = FeatureFile(root / "features" / f"{name}.npy").shape[0]
    times = read_times(times_path(root, name), n_rows)
    # Without a clock of its own, a pose has the times of the frames that it numbers from 0 on.
    given = origin.extractor.get("settings", {}).get("rate")
    counted = origin.kind == "pose" and given is not None
    first_s = 0.0 if counted else float(times[0])
    if origin.kind == "pose":
        rows, rate = origin.media.get("rows", 0), origin.media.get("rate") or 0.0
        first = round(float(times[0]) * rate) if counted else 0
        sentence, fits = compare_frames(info, first + rows, rate)
        if not fits and counted and "frames a second" in sentence:
            sentence += f"; give --rate {info.frame_rate:.6g}"
    else:
        sentence, fits = compare_seconds(info, float(times[-1] - times[0]))
    noted: dict[str, str | float | None] = {}
    if sentence:
        noted["video_remark"] = f"Its video {printable(video.name)} {sentence}."
    if fits:
        noted |= {"video": str(video), "video_fingerprint": fingerprint(video)}
        noted |= {"video_shift_s": info.start_s - first_s}
        noted |= {"video_start_s": info.start_s, "video_rate": info.frame_rate}
    return noted


def compare_frames(info: VideoInfo, rows: int, rate: float) -> tuple[str, bool]:
    """Say how a video differs from the rows of its poses, empty where not; and whether it fits."""
    pace = info.frame_rate
    if pace and abs(pace - rate) > _RATE * rate:
        return f"has {pace:.6g} frames a second, and its poses {rate:.6g}: it is left out", False
    seconds = None if info.end_s is None else info.end_s - info.start_s
    frames = info.n_frames or (round(seconds * pace) if seconds and pace else rows)
    fits = abs(rows - frames) <= max(_FEW, _FRAMES * frames)
    what = "both are shown from their first frame on" if fits else "it is left out"
    differ = f"has {frames:,} frames, and its poses {rows:,}: {what}"
    return differ if frames != rows else "", fits


def compare_seconds(info: VideoInfo, lasts: float) -> tuple[str, bool]:
    """Say how a video differs from the seconds of its signals, and tell whether it fits."""
    seconds = lasts if info.end_s is None else info.end_s - info.start_s
    fits = abs(lasts - seconds) <= max(_SECONDS, _SHARE * seconds)
    differ = f"lasts {seconds:.1f} s, and its signals {lasts:.1f} s: it is left out"
    return "" if fits else differ, fits


def _origins(data: Path) -> dict[str, Origin]:
    found = {path.stem: read_origin(path) for path in sorted((data / "origins").glob("*.json"))}
    return {name: origin for name, origin in found.items() if origin is not None}


def _columns(
    paths: Mapping[str, Path], settings: SeriesSettings, origins: Mapping[str, Origin]
) -> Sequence[str] | None:
    """Return the columns of the first poses that can be read; None without any."""
    from asot.inputs.series.extraction import SeriesExtractor

    poses = [one for one in origins.values() if one.kind == "pose"]
    if poses:
        columns: list[str] = poses[0].media.get("columns", [])
        return columns
    for path in paths.values():
        try:
            kind, series = SeriesExtractor(settings).read(path)
        except DataError:
            continue  # listed with the other failures
        return series.columns if kind == "pose" else None
    return None
