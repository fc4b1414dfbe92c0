"""What a video is, and its frames at the moments that are asked for."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError, DataError
from asot.inputs.video.decoding import Shown, Source, open_video
from asot.inputs.video.pictures import Pictures

# Containers round times, some to the millisecond: a moment this little before a frame is its own.
_ROUNDING_S = 1e-3
# What is read of a large file to know it again.
_BLOCK, _BLOCKS = 1 << 20, 8


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says of itself, and its first frame shows.

    Parameters
    ----------
    start_s : float
        When its first frame is shown, on the file's own clock.
    end_s : float or None
        Where it announces its end; None where it does not.
    frame_rate : float or None
        Frames a second, on average.
    width, height : int
        Pixels, as the picture is shown.
    codec : str
        As in "h264".
    rotation : int
        Degrees clockwise that the stored picture is turned by to be shown: 0, 90, 180 or 270.
    n_frames : int or None
        How many frames it announces.
    has_audio : bool
        Whether it has sound.
    """

    start_s: float
    end_s: float | None
    frame_rate: float | None
    width: int
    height: int
    codec: str
    rotation: int
    n_frames: int | None
    has_audio: bool


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """A sampled frame.

    Parameters
    ----------
    time_s : float
        When it is shown, on the file's own clock.
    end_s : float
        When the file shows another frame, or ends.
    image : (H, W, 3) uint8 array
        RGB, as people see it.
    """

    time_s: float
    end_s: float
    image: NDArray[np.uint8]


def probe(path: str | os.PathLike[str]) -> VideoInfo:
    """Look at a video file; no more than its first frame is decoded.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    DataError
        If it is missing, empty, no video, has no video stream, or shows no frame.
    MissingExtraError
        If PyAV is not installed.
    """
    with open_video(Path(path), threads=1) as source:
        return describe(source, first_frame(source))


def first_frame(source: Source) -> Shown:
    """The first frame of a video that was just opened.

    Raises
    ------
    DataError
        If none can be decoded.
    """
    first = next(source.frames(), None)
    if first is None:
        raise DataError(f"{source.path} holds no frame that can be decoded: it is damaged.")
    return first


def describe(source: Source, first: Shown) -> VideoInfo:
    """What an open video says of itself, given its first frame."""
    stream = source.stream
    pictures = Pictures()
    turns, _ = pictures.orientation(first.frame)
    height, width = pictures.shown_size(first.frame)
    rate = stream.average_rate or stream.guessed_rate
    end_s = source.announced_end_s
    return VideoInfo(
        start_s=first.time_s,
        end_s=end_s if end_s is not None and end_s > first.time_s else None,
        frame_rate=float(rate) if rate else None,
        width=width,
        height=height,
        codec=stream.codec_context.codec.canonical_name,
        rotation=-90 * turns % 360,
        n_frames=stream.frames or None,
        has_audio=bool(source.container.streams.audio),
    )


def fingerprint(path: str | os.PathLike[str]) -> str:
    """A short text by which the content of a file is known again, whatever its name and date.

    It is a SHA-256 of the size and of eight blocks of a megabyte, from the first to the last, at
    even distances; of all of it up to eight megabytes. So it takes milliseconds for any size, and
    misses a change that keeps the size and falls between the blocks, which no recoding, cutting or
    copying makes.

    Parameters
    ----------
    path : path-like
        The file.

    Raises
    ------
    DataError
        If it cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "a.mp4"
    >>> _ = path.write_bytes(b"moving pictures")
    >>> fingerprint(path)[:15]
    'sha256:25bd9141'
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            digest = hashlib.sha256(f"{size}:".encode())
            last = max(0, size - _BLOCK)
            whole = size <= _BLOCK * _BLOCKS
            for number in range(_BLOCKS):
                stream.seek(number * _BLOCK if whole else last * number // (_BLOCKS - 1))
                digest.update(stream.read(_BLOCK))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    return f"sha256:{digest.hexdigest()}"


def read_frames(
    path: str | os.PathLike[str],
    *,
    fps: float | None = None,
    size: tuple[int, int] | None = None,
    after: float | None = None,
    threads: int | None = None,
) -> Iterator[VideoFrame]:
    """Decode a video as a stream, at so many frames a second.

    At ``fps``, the moments are ``start + k / fps`` from the first frame on, and each gives the
    frame that is shown then. A frame comes once, with its own time, however many moments it is
    shown at: where the video has fewer frames a second, all of them come.

    Parameters
    ----------
    path : path-like
        The file.
    fps : float, optional
        Moments a second; every frame unless given.
    size : (int, int), optional
        H and W to bring the whole frame to, whatever its shape; its own size unless given.
    after : float, optional
        Seconds of the file's clock: leave out frames that are over by then.
    threads : int, optional
        Of the decoder; FFmpeg's choice unless given.

    Yields
    ------
    VideoFrame
        Each later than the one before. See :mod:`asot.inputs.video.decoding` for damaged files.

    Raises
    ------
    ArgumentError
        If ``fps`` is not positive.
    DataError
        If the file is missing, empty, no video, has no video stream, or shows no frame.
    MissingExtraError
        If PyAV is not installed.
    """
    path = Path(path)
    with open_video(path, threads=threads) as source:
        start_s = None if after is None else probe(path).start_s
        pictures, empty = Pictures(), True
        for shown, end_s in sample(source, fps, after_s=after, start_s=start_s):
            empty = False
            yield VideoFrame(shown.time_s, end_s, pictures.image(shown.frame, size))
        if empty and after is None:
            first_frame(source)


def sample(
    source: Source,
    fps: float | None,
    after_s: float | None = None,
    start_s: float | None = None,
) -> Iterator[tuple[Shown, float]]:
    """The frames of an open video at so many a second, as in :func:`read_frames`.

    Parameters
    ----------
    source : Source
        The video.
    fps : float or None
        Moments a second; None for every frame.
    after_s : float, optional
        Begin with the frame that is shown then.
    start_s : float, optional
        When the first frame of all is shown; needed with ``after_s`` alone.

    Yields
    ------
    (Shown, float)
        The frame, and when another follows or the video ends.
    """
    if fps is not None and not (fps > 0 and math.isfinite(fps)):
        raise ArgumentError(f"fps must be a positive number of frames a second, but is {fps}.")
    before: Shown | None = None
    for shown in source.frames(after_s):
        if before is not None and _wanted(before.time_s, shown.time_s, fps, start_s):
            yield before, shown.time_s
        if start_s is None:
            start_s = shown.time_s
        before = shown
    if before is not None and _wanted(before.time_s, before.usual_end_s, fps, start_s):
        yield before, before.usual_end_s


def _wanted(time_s: float, end_s: float, fps: float | None, start_s: float | None) -> bool:
    """Whether a moment ``start_s + k / fps`` falls to the frame from ``time_s`` to ``end_s``.

    It depends on nothing before, so that sampling can begin anywhere.
    """
    if fps is None or start_s is None:
        return True
    rounding = min(_ROUNDING_S, 0.1 / fps)
    moment = math.ceil((time_s - rounding - start_s) * fps) / fps
    return start_s + moment < end_s - rounding
