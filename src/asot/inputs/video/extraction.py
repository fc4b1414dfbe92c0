"""Features of a video: decoding and the backbone at the same time, in bounded memory, resumable."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.data.origin import Origin, finished_origin, origin_path, times_path, write_origin
from asot.errors import DataError
from asot.files import write_array
from asot.inputs.video.ahead import map_ordered, run_ahead
from asot.inputs.video.backbones import Backbone
from asot.inputs.video.decoding import Source, open_video
from asot.inputs.video.partial import DAMAGED, MOMENT, REPAIRED, SOUND, Partial
from asot.inputs.video.pictures import Pictures
from asot.inputs.video.reading import VideoInfo, fingerprint, probe, sample
from asot.inputs.video.windows import windows
from asot.timeline.timelines import require_times
from asot.workers import available_cores

# Hears of the seconds of video that are done, and of all of them, where that is known.
Report = Callable[[float, float | None], None]
_REPORT_EVERY_S = 0.1
# Pixels of a frame that take longer to decode than a backbone of this kind takes for them.
_LARGE = 1280 * 720

_Moment = tuple[float, int, int]


def extractor_of(backbone: Backbone, fps: float | None) -> dict[str, Any]:
    """All that decides the features of a video: the backbone, and how its frames are sampled."""
    return {**backbone.identity, "fps": "all" if fps is None else fps}


def is_extracted(
    path: str | os.PathLike[str], root: Path, name: str, extractor: dict[str, Any]
) -> bool:
    """Tell whether a recording's features are there, made of this very file in this very way.

    Parameters
    ----------
    path : path-like
        The video.
    root : Path
        The data folder.
    name : str
        The recording.
    extractor : dict
        From :func:`extractor_of`.

    Raises
    ------
    DataError
        If the video cannot be read.
    """
    origin = finished_origin(root, name)
    return (
        origin is not None
        and origin.extractor == extractor
        and origin.fingerprint == fingerprint(path)
    )


def extract_video(
    path: str | os.PathLike[str],
    root: Path,
    name: str,
    backbone: Backbone,
    *,
    fps: float | None = None,
    batch_size: int | None = None,
    threads: int | None = None,
    report: Report | None = None,
) -> Origin:
    """Write the features, times and origin of a video, as :mod:`asot.data.origin` lays them out.

    A killed extraction goes on after the last batch that it finished, with the very same result:
    the frame before is found again and compared with the one of the time. If the file or the
    extractor changed it begins anew.

    Parameters
    ----------
    path : path-like
        The video.
    root : Path
        The data folder.
    name : str
        The recording, by which its files are called.
    backbone : Backbone
        From :func:`asot.inputs.video.backbones.open_backbone`.
    fps : float, optional
        Frames a second, as in ``reading.read_frames``; all of them unless given.
    batch_size : int, optional
        Images, or clips, at once; the backbone's unless given.
    threads : int, optional
        Of the decoder; unless given one, or all cores for pictures larger than 1280 x 720.
    report : callable, optional
        Called with the seconds of video that are done and the seconds in all (None where the file
        does not say), a few times a second and at the end.

    Returns
    -------
    Origin
        As written.

    Raises
    ------
    ArgumentError
        If ``fps`` is not positive.
    DataError
        If the file is no video, gives fewer than two frames, or features that are not finite.
    ConfigurationError
        If the backbone fails.
    """
    path = Path(path)
    mark, extractor, info = fingerprint(path), extractor_of(backbone, fps), probe(path)
    features = _features_path(root, name)
    size = batch_size or backbone.batch_size
    state = {"fingerprint": mark, "extractor": extractor}
    with Partial(features, state, backbone.width, size) as partial:
        origin_path(root, name).unlink(missing_ok=True)
        threads = threads or _decoder_threads(info)
        run = _Run(path, info, backbone, fps, size, threads, partial, report)
        source = run.finish()
        moments = partial.moments
        if len(moments) < 2:
            rate = "" if fps is None else f" at {fps:g} frames a second"
            partial.remove()
            raise DataError(
                f"{path} gives {len(moments)} frame{'' if len(moments) == 1 else 's'}{rate}: "
                "at least 2 are needed."
            )
        if fingerprint(path) != mark:
            partial.remove()
            raise DataError(f"{path} was changed while it was read: wait until it is complete.")
        assert source.end_s is not None
        times = require_times(np.append(moments["time_s"], source.end_s), len(moments))
        partial.write_features()
        write_array(times_path(root, name), times)
        origin = Origin(
            "video", str(path.absolute()), mark, extractor, asdict(info), source.remarks
        )
        write_origin(root, name, origin)
    partial.remove()
    if report is not None:
        length = source.end_s - info.start_s
        report(length, length)
    return origin


class _OtherFrames(Exception):  # noqa: N818 - no failure: there is another way to go on
    """The frames that were found again are not those of the time."""


class _Damaged(Exception):  # noqa: N818 - as above
    """FFmpeg conceals damage as its threads happen to be scheduled: one must go on alone."""


class _Run:
    """One extraction: what it works on, and how far it is."""

    def __init__(
        self,
        path: Path,
        info: VideoInfo,
        backbone: Backbone,
        fps: float | None,
        batch_size: int,
        threads: int,
        partial: Partial,
        report: Report | None,
    ) -> None:
        self.path, self.info, self.backbone, self.fps = path, info, backbone, fps
        self.batch_size, self.threads = batch_size, threads
        self.partial, self.report = partial, report
        self.before = backbone.clip // 2
        self.source: Source | None = None

    def finish(self) -> Source:
        """Make what is missing; the source has been read to its end then."""
        known = self.partial.moments
        state = int(known["state"][-1]) if len(known) else SOUND
        if state == DAMAGED:
            self.threads = 1
        # By way of a keyframe; where frames were repaired, counting from the start alone.
        seek = len(known) > 0 and state == SOUND
        while True:
            try:
                return self._make(known, seek)
            except _Damaged:
                self.threads, seek = 1, False
                known = self.partial.moments
            except _OtherFrames:
                if not seek:
                    self.partial.clear()
                    known = known[:0]
                seek = False

    def _make(self, known: NDArray[Any], seek: bool) -> Source:
        done = len(known)
        # The frames that the next feature is of, and at least one that was seen before.
        first = max(0, min(done - 1, done - self.before))
        frames = self._frames(known, first, seek)
        clips = windows(frames, self.backbone.clip, first, done)
        depth = 2 * self.backbone.parallel + 1
        told = time.monotonic()
        with (
            closing(run_ahead(self._batches(clips), depth)) as batches,
            closing(map_ordered(self._infer, batches, self.backbone.parallel)) as made,
        ):
            for features, moments in made:
                self.partial.append(features, moments)
                if self.report is not None and time.monotonic() - told > _REPORT_EVERY_S:
                    told = time.monotonic()
                    self._tell(float(moments["time_s"][-1]))
        assert self.source is not None
        return self.source

    def _frames(
        self, known: NDArray[Any], first: int, seek: bool
    ) -> Iterator[tuple[_Moment, NDArray[np.uint8]]]:
        """The sampled frames from number ``first`` on; those known are compared."""
        with open_video(self.path, threads=self.threads) as source:
            pictures = Pictures()
            after = float(known["time_s"][first]) if seek else None
            shown = sample(source, self.fps, after, self.info.start_s)
            for number, (one, _) in enumerate(shown, start=first if seek else 0):
                if number < first:
                    continue
                if source.damaged and self.threads != 1:
                    raise _Damaged
                image = pictures.image(one.frame, self.backbone.size)
                checksum = zlib.crc32(image[::8].tobytes())
                if number < len(known):
                    was = known[number]
                    if was["time_s"] != one.time_s or was["checksum"] != checksum:
                        raise _OtherFrames
                state = DAMAGED if source.damaged else SOUND if source.undisturbed else REPAIRED
                yield (one.time_s, checksum, state), image
            if source.damaged and self.threads != 1:
                raise _Damaged
            self.source = source

    def _batches(
        self, clips: Iterable[tuple[_Moment, NDArray[np.uint8]]]
    ) -> Iterator[tuple[NDArray[np.uint8], NDArray[Any]]]:
        images: list[NDArray[np.uint8]] = []
        moments: list[_Moment] = []
        for moment, image in clips:
            images.append(image)
            moments.append(moment)
            if len(images) == self.batch_size:
                yield np.stack(images), np.array(moments, dtype=MOMENT)
                images, moments = [], []
        if images:
            yield np.stack(images), np.array(moments, dtype=MOMENT)

    def _infer(
        self, batch: tuple[NDArray[np.uint8], NDArray[Any]]
    ) -> tuple[NDArray[np.float32], NDArray[Any]]:
        images, moments = batch
        features = self.backbone(images)
        if not np.isfinite(features).all():
            raise DataError(
                f"{self.path} gives features that are not finite at "
                f"{moments['time_s'][0]:.3f} s, with {self.backbone.name}."
            )
        return features, moments

    def _tell(self, time_s: float) -> None:
        assert self.report is not None
        start, end = self.info.start_s, self.info.end_s
        self.report(time_s - start, None if end is None else end - start)


def _decoder_threads(info: VideoInfo) -> int:
    """One thread keeps up with the backbone up to a size, and leaves it its caches."""
    return available_cores() if info.width * info.height > _LARGE else 1


def _features_path(root: Path, name: str) -> Path:
    return root / "features" / f"{name}.npy"
