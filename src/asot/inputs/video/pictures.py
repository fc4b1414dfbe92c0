"""Decoded frames as people see them: turned, in the size and pixels that are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# FFmpeg's kernels grow as they shrink a picture: what is left out is averaged, not skipped.
_INTERPOLATION = "BILINEAR"


class Pictures:
    """Makes pictures of the frames of one video, one after the other.

    FFmpeg's preparation for a size and format is kept from frame to frame. The display matrix is
    taken from the first frame: it is the stream's.
    """

    def __init__(self) -> None:
        from av import VideoFrame
        from av.video.reformatter import VideoReformatter

        self._reformatter: Any = VideoReformatter()
        self._orientation: tuple[int, bool] | None = None
        # Newer versions of PyAV start threads for each frame unless told not to.
        self._options: dict[str, Any] = {"threads": 1}
        try:
            self._reformatter.reformat(VideoFrame(2, 2, "rgb24"), 2, 2, "bgr24", threads=1)
        except TypeError:
            self._options = {}

    def orientation(self, frame: Any) -> tuple[int, bool]:
        """How frames are turned: quarter turns against the clock, after mirroring left-right."""
        if self._orientation is None:
            self._orientation = _orientation(frame)
        return self._orientation

    def shown_size(self, frame: Any) -> tuple[int, int]:
        """H and W of a frame as it is shown."""
        turns, _ = self.orientation(frame)
        height, width = frame.height, frame.width
        return (width, height) if turns % 2 else (height, width)

    def image(self, frame: Any, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        """A frame as an image (H, W, 3) uint8, RGB; alpha is dropped.

        Parameters
        ----------
        frame : av.VideoFrame
            Of any pixel format.
        size : (int, int), optional
            H and W of the result; the frame's own, as it is shown, unless given.
        """
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
        """A frame of the given H and W and pixel format, turned; itself where it is so already."""
        import av

        if self.orientation(frame) != (0, False):
            frame = av.VideoFrame.from_ndarray(self.image(frame, size), format="rgb24")
        return self._converted(frame, *size, pixels)

    def _converted(self, frame: Any, height: int, width: int, pixels: str) -> Any:
        return self._reformatter.reformat(
            frame, width, height, pixels, interpolation=_INTERPOLATION, **self._options
        )


def _orientation(frame: Any) -> tuple[int, bool]:
    from av.sidedata.sidedata import Type

    matrices = [one for one in frame.side_data if one.type is Type.DISPLAYMATRIX]
    if not matrices:
        return 0, False
    matrix = np.frombuffer(bytes(matrices[0]), dtype=np.int32)
    # x' = a x + c y, y' = b x + d y with y downwards (libavutil/display.h).
    a, b, _, c, d = (float(value) for value in matrix[:5])
    mirrored = a * d - b * c < 0
    if mirrored:
        a, b = -a, -b
    if a == b == 0:
        return 0, mirrored
    return round(np.degrees(np.arctan2(-b, a)) / 90) % 4, mirrored
