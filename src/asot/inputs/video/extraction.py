"""Features of a video: decoding and the backbone at the same time, in bounded memory, resumable."""

from __future__ import annotations

import time
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from itertools import islice, repeat
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from asot.data.origin import Origin
from asot.errors import FileError
from asot.files import fingerprint
from asot.inputs.video.backbone import Backbone
from asot.inputs.video.decoding import OpenVideo, open_video
from asot.inputs.video.pace import pace, pace_remarks
from asot.inputs.video.partial import DAMAGED, HELD, MOMENT, REPAIRED, SOUND, Partial
from asot.inputs.video.reading import Pictures, VideoInfo, probe, sample
from asot.text import plural
from asot.timeline.segments import require_times
from asot.workers import usable_threads

Item = TypeVar("Item")
Result = TypeVar("Result")

_TELL_EVERY_S = 0.1
# Frames of more pixels take longer to decode than the backbone takes for them.
_LARGE = 1280 * 720
_END = object()

_Moment = tuple[float, int, int]  # the values of a MOMENT
_Image = NDArray[np.uint8]


@dataclass(frozen=True)
class VideoExtractor:
    """The :class:`asot.inputs.extractors.Extractor` of videos.

    A killed extraction resumes after the last batch that it finished, with the very same result:
    the frame before is decoded again and compared with its earlier checksum. If the file or the
    settings changed, it begins anew. The batch size is the backbone's unless given; the decoder's
    ``threads`` are unless given 1, or all cores for pictures larger than 1280 x 720.
    """

    backbone: Backbone
    frame_rate: float | None = None
    batch_size: int | None = None
    threads: int | None = None

    stage = "Extracting features, seconds of video"
    folders = ("features", "times")

    @property
    def cores(self) -> int | None:
        """Return 2, one of them for the decoder; None where the backbone sees to its own."""
        return 2 if self.backbone.parallel > 1 else None

    @property
    def identity(self) -> dict[str, Any]:
        """Return the backbone's identity and how frames are sampled."""
        return {**self.backbone.identity, "frame_rate": self.frame_rate or "all"}

    def fingerprint(self, path: Path) -> str:
        """Return a hash of the file's size and of parts of it."""
        return fingerprint(path)

    def length(self, path: Path) -> float:
        """Return the seconds that a video announces, or 0."""
        info = probe(path)
        return 0.0 if info.end_s is None else max(info.end_s - info.start_s, 0.0)

    @contextmanager
    def features(
        self, path: Path, target: Path, tell: Callable[[float], None]
    ) -> Iterator[tuple[dict[str, NDArray[Any]], Origin]]:
        """Make features (N, D) and times (N + 1,), resuming an earlier call that was cut off."""
        mark, info = fingerprint(path), probe(path)
        step_s = None if self.frame_rate is None else pace(path, self.frame_rate)
        state = {"fingerprint": mark, "extractor": self.identity, "step_s": step_s}
        batch_size = self.batch_size or self.backbone.batch_size
        with Partial(target, state, self.backbone.width, batch_size) as partial:
            # For small frames a single thread keeps up with the backbone, and spares its caches.
            large = info.width * info.height > _LARGE
            threads = self.threads or (usable_threads() if large else 1)
            video = _VideoRun(self, path, info, step_s, batch_size, threads, partial, tell).finish()
            moments = partial.moments
            if len(moments) < 2:
                at = f" at {self.frame_rate:g} frames a second" if self.frame_rate else ""
                partial.remove()
                frames = plural(len(moments), "frame")
                raise FileError.at(path, f"gives {frames}{at}: at least 2 are needed")
            if fingerprint(path) != mark:
                partial.remove()
                raise FileError.at(path, "was changed while it was read: wait until it is complete")
            assert video.end_s is not None
            times = require_times(np.append(moments["time_s"], video.end_s), len(moments))
            media, file = asdict(info), str(path.absolute())
            remarks = video.remarks + pace_remarks(times, (moments["state"] & HELD) > 0)
            origin = Origin("video", file, mark, self.identity, media, remarks)
            arrays: dict[str, NDArray[Any]] = {"features": partial.features, "times": times}
            yield arrays, origin
            arrays.clear()  # Windows removes no file that is mapped into memory.
        partial.remove()


class _OtherFrames(Exception):  # noqa: N818 - not a failure: the extraction goes on
    """The frames that were decoded again differ from the earlier ones."""


class _Damaged(Exception):  # noqa: N818 - as above
    """The video is damaged: only a single thread of FFmpeg conceals damage repeatably."""


@dataclass
class _VideoRun:
    """One extraction: its inputs and its progress."""

    extractor: VideoExtractor
    path: Path
    info: VideoInfo
    step_s: float | None
    batch_size: int
    threads: int
    partial: Partial
    tell: Callable[[float], None]
    video: OpenVideo | None = None

    def finish(self) -> OpenVideo:
        """Make the missing features, and return the video, read to its end."""
        known = self.partial.moments
        state = int(known["state"][-1]) & ~HELD if len(known) else SOUND
        if state == DAMAGED:
            self.threads = 1
        # Only a sound video is resumed at a keyframe; in others frames are counted from the start.
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

    def _make(self, known: NDArray[Any], seek: bool) -> OpenVideo:
        done = len(known)
        # The frames of the next feature, and at least one known frame to compare.
        first = max(0, min(done - 1, done - self.extractor.backbone.clip // 2))
        frames = self._frames(known, first, seek)
        clips = centred_clips(frames, self.extractor.backbone.clip, first, done)
        depth = 2 * self.extractor.backbone.parallel + 1
        told = time.monotonic()
        with (
            closing(run_ahead(self._batches(clips), depth)) as batches,
            closing(map_ordered(self._infer, batches, self.extractor.backbone.parallel)) as made,
        ):
            for features, moments in made:
                self.partial.append(features, moments)
                if time.monotonic() - told > _TELL_EVERY_S:
                    told = time.monotonic()
                    self.tell(float(moments["time_s"][-1]) - self.info.start_s)
        assert self.video is not None
        return self.video

    def _frames(
        self, known: NDArray[Any], first: int, seek: bool
    ) -> Iterator[tuple[_Moment, _Image]]:
        """Yield the sampled frames from number ``first`` on, and compare the known frames."""
        with open_video(self.path, threads=self.threads) as video:
            pictures = Pictures()
            after = float(known["time_s"][first]) if seek else None
            rate, start_s = self.extractor.frame_rate, self.info.start_s
            shown = sample(video, rate, after, start_s, self.step_s)
            for number, (one, _) in enumerate(shown, start=first if seek else 0):
                if number < first:
                    continue
                if video.damaged and self.threads != 1:
                    raise _Damaged
                image = pictures.image(one.frame, self.extractor.backbone.size)
                checksum = zlib.crc32(image[::8].tobytes())
                if number < len(known):
                    was = known[number]
                    if was["time_s"] != one.time_s or was["checksum"] != checksum:
                        raise _OtherFrames
                state = DAMAGED if video.damaged else SOUND if video.undisturbed else REPAIRED
                yield (one.time_s, checksum, state + HELD * one.held), image
            if video.damaged and self.threads != 1:
                raise _Damaged
            self.video = video

    def _batches(
        self, clips: Iterator[tuple[_Moment, _Image]]
    ) -> Iterator[tuple[_Image, NDArray[Any]]]:
        while batch := list(islice(clips, self.batch_size)):
            moments, images = zip(*batch, strict=True)
            yield np.stack(images), np.array(list(moments), dtype=MOMENT)

    def _infer(
        self, batch: tuple[_Image, NDArray[Any]]
    ) -> tuple[NDArray[np.float32], NDArray[Any]]:
        images, moments = batch
        features = self.extractor.backbone(images)
        if not np.isfinite(features).all():
            at = f"{moments['time_s'][0]:.3f} s, with {self.extractor.backbone.name}"
            raise FileError.at(self.path, f"gives features that are not finite at {at}")
        return features, moments


def centred_clips(
    frames: Iterable[tuple[Any, _Image]], length: int, first: int, done: int
) -> Iterator[tuple[Any, _Image]]:
    """Yield each frame, from number ``done`` on, with its neighbours, the ends repeated.

    The result is a moment and a clip (T, H, W, 3) of T = ``length`` frames, with the frame itself
    at ``length // 2``; a length of 1 gives the frames themselves. The first of ``frames`` has the
    number ``first``, which is 0 or at most ``done - length // 2``.

    Examples
    --------
    >>> frames = [(number, np.full((1, 1, 3), number, dtype=np.uint8)) for number in range(3)]
    >>> [clip[:, 0, 0, 0].tolist() for _, clip in centred_clips(frames, 4, first=0, done=0)]
    [[0, 0, 0, 1], [0, 0, 1, 2], [0, 1, 2, 2]]
    """
    before, after = length // 2, length - 1 - length // 2
    images: deque[_Image] = deque(maxlen=length)
    moments: deque[Any] = deque(maxlen=after + 1)

    def padded() -> Iterator[tuple[Any, _Image]]:
        yield from frames
        if images:
            yield from repeat((None, images[-1]), after)

    for number, (moment, image) in enumerate(padded(), start=first):
        if number == 0:
            images.extend([image] * before)
        images.append(image)
        moments.append(moment)
        if len(images) == length and len(moments) > after and number - after >= done:
            yield moments[0], np.stack(images) if length > 1 else images[0]


def run_ahead(items: Iterable[Item], depth: int) -> Generator[Item, None, None]:
    """Yield items that another thread produces, at most ``depth`` of them ahead.

    An error of the iteration is raised here. Closing this generator ends the thread and closes the
    iterator before the call returns.
    """
    iterator = iter(items)
    with ThreadPoolExecutor(1) as pool:
        ahead: deque[Future[Any]] = deque(pool.submit(next, iterator, _END) for _ in range(depth))
        try:
            while (item := ahead.popleft().result()) is not _END:
                ahead.append(pool.submit(next, iterator, _END))
                yield item
        finally:
            for future in ahead:
                future.cancel()
            # The thread that opened the iterator's files closes them.
            pool.submit(getattr(iterator, "close", lambda: None)).result()


def map_ordered(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[Result, None, None]:
    """Yield ``function(item)`` for each item, in order, from ``workers`` threads at once."""
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                # One more than the workers, so that no worker waits for the taker.
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
