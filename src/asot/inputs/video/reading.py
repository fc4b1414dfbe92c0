"""The properties of a video, and its frames at given moments."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import FileError, require_number
from asot.inputs.video.decoding import OpenVideo, Shown, open_video
from asot.inputs.video.pace import hold

# Containers round times, some to a millisecond: a moment so little before a frame belongs to it.
_ROUNDING_S = 1e-3


@dataclass(frozen=True)
class VideoInfo:
    """A video's properties, by its file and its first frame; None stands for unknown."""

    start_s: float  # when the first frame is shown, on the file's own clock
    end_s: float | None  # as the file announces it
    frame_rate: float | None
    width: int  # of the picture as it is shown
    height: int
    codec: str
    rotation: int  # degrees clockwise by which the stored picture is turned when it is shown
    n_frames: int | None
    has_audio: bool


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """A sampled frame: an RGB image (H, W, 3), shown until the file shows another, or ends."""

    time_s: float
    end_s: float
    image: NDArray[np.uint8]


def probe(path: Path) -> VideoInfo:
    """Read a video's properties; no more than its first frame is decoded."""
    with open_video(path, threads=1) as video:
        first, stream, pictures = _first_frame(video), video.stream, Pictures()
        turns, _ = pictures.orientation(first.frame)
        height, width = pictures.shown_size(first.frame)
        rate = stream.average_rate or stream.guessed_rate
        end_s = video.announced_end_s
        return VideoInfo(
            start_s=first.time_s,
            end_s=end_s if end_s is not None and end_s > first.time_s else None,
            frame_rate=1 / video.spacing_s if video.raw else float(rate) if rate else None,
            width=width,
            height=height,
            codec=stream.codec_context.codec.canonical_name,
            rotation=-90 * turns % 360,
            n_frames=stream.frames or None,
            has_audio=bool(video.container.streams.audio),
        )


def _first_frame(video: OpenVideo) -> Shown:
    first = next(video.frames(), None)
    if first is None:
        raise FileError.at(video.path, "holds no frame that can be decoded: it is damaged")
    return first


def read_frames(
    path: Path,
    *,
    frame_rate: float | None = None,
    size: tuple[int, int] | None = None,
    after: float | None = None,
    threads: int | None = None,
) -> Iterator[VideoFrame]:
    """Decode a video as a stream, at ``frame_rate`` frames a second, or all frames for None.

    The moments are ``start + k / frame_rate`` from the first frame on, and each gives the frame
    that is shown then. A frame comes once, with its own time, even if it is shown at several
    moments: of a video with fewer frames a second, every frame comes. The whole frame is resized to
    ``size`` (H, W), if given, whatever its shape. Frames that end by ``after``, in seconds of the
    file's clock, are left out. ``threads`` are the decoder's. For damaged files see
    :mod:`asot.inputs.video.decoding`.
    """
    with open_video(path, threads=threads) as video:
        start_s = None if after is None else probe(path).start_s
        pictures, empty = Pictures(), True
        for shown, end_s in sample(video, frame_rate, after_s=after, start_s=start_s):
            empty = False
            yield VideoFrame(shown.time_s, end_s, pictures.image(shown.frame, size))
        if empty and after is None:
            _first_frame(video)


def sample(
    video: OpenVideo,
    frame_rate: float | None,
    after_s: float | None = None,
    start_s: float | None = None,
    step_s: float | None = None,
) -> Iterator[tuple[Shown, float]]:
    """Yield the frames of an open video as :func:`read_frames`, each with the moment it ends.

    They begin with the frame that is shown at ``after_s``. With it ``start_s``, the time of the
    video's first frame, must be given. With ``step_s``, a frame that is shown for longer comes
    again after each such time: see :mod:`asot.inputs.video.pace`.
    """
    if frame_rate is not None:
        require_number("frame_rate", frame_rate, above=0)
    for one, following in pairwise(chain(video.frames(after_s), [None])):
        assert one is not None
        start_s = one.time_s if start_s is None else start_s
        end_s = one.usual_end_s if following is None else following.time_s
        if _wanted(one.time_s, end_s, frame_rate, start_s):
            # The last frame's own duration is rough, unless it is long.
            rough = following is None and end_s - one.time_s <= 1.0
            for piece, ends in hold(one, end_s, None if rough else step_s):
                if after_s is None or ends > after_s or ends == end_s:
                    yield piece, ends


def _wanted(time_s: float, end_s: float, frame_rate: float | None, start_s: float) -> bool:
    """Tell whether a moment ``start_s + k / frame_rate`` falls to the frame of these times.

    The answer does not depend on earlier frames, so that sampling can begin anywhere.
    """
    if frame_rate is None:
        return True
    rounding = min(_ROUNDING_S, 0.1 / frame_rate)
    moment = math.ceil((time_s - rounding - start_s) * frame_rate) / frame_rate
    return start_s + moment < end_s - rounding


class Pictures:
    """The maker of pictures of one video's frames, as people see them: turned, resized, converted.

    FFmpeg's preparation for a size and format is kept from frame to frame. The display matrix of
    the first frame stands for the whole stream.
    """

    def __init__(self) -> None:
        from av import VideoFrame
        from av.video.reformatter import VideoReformatter

        self._reformatter: Any = VideoReformatter()
        self._orientation: tuple[int, bool] | None = None
        # FFmpeg's kernels grow as they shrink a picture: pixels are averaged, not skipped.
        # Newer versions of PyAV start threads for each frame unless told not to.
        self._options: dict[str, Any] = {"interpolation": "BILINEAR", "threads": 1}
        try:
            self._reformatter.reformat(VideoFrame(2, 2, "rgb24"), 2, 2, "bgr24", threads=1)
        except TypeError:
            del self._options["threads"]

    def orientation(self, frame: Any) -> tuple[int, bool]:
        """Return the quarter turns against the clock, and whether to mirror left-right before."""
        if self._orientation is None:
            self._orientation = _orientation(frame)
        return self._orientation

    def shown_size(self, frame: Any) -> tuple[int, int]:
        """Return H and W of a frame as it is shown."""
        turns, _ = self.orientation(frame)
        height, width = frame.height, frame.width
        return (width, height) if turns % 2 else (height, width)

    def image(self, frame: Any, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        """Make an RGB image (H, W, 3) of a frame, in its own size unless another is given."""
        turns, mirrored = self.orientation(frame)
        height, width = size or self.shown_size(frame)
        if turns % 2:
            height, width = width, height
        image: NDArray[np.uint8] = self._converted(frame, height, width, "rgb24").to_ndarray()
        if mirrored:
            image = image[:, ::-1]
        if turns:
            image = np.rot90(image, turns)
        return np.ascontiguousarray(image)

    def fitted(self, frame: Any, size: tuple[int, int], pixels: str) -> Any:
        """Turn a frame and bring it to H, W and a pixel format, unless it has them already."""
        import av

        if self.orientation(frame) != (0, False):
            frame = av.VideoFrame.from_ndarray(self.image(frame, size), format="rgb24")
        return self._converted(frame, *size, pixels)

    def _converted(self, frame: Any, height: int, width: int, pixels: str) -> Any:
        return self._reformatter.reformat(frame, width, height, pixels, **self._options)


def _orientation(frame: Any) -> tuple[int, bool]:
    from av.sidedata.sidedata import Type

    stored = frame.side_data.get(Type.DISPLAYMATRIX)
    if stored is None:
        return 0, False
    matrix = np.frombuffer(bytes(stored), dtype=np.int32)
    # x' = a x + c y, y' = b x + d y with y downwards (libavutil/display.h).
    a, b, _, c, d = (float(value) for value in matrix[:5])
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    if a == b == 0:
        return 0, mirrored
    return round(np.degrees(np.arctan2(-b, a)) / 90) % 4, mirrored
