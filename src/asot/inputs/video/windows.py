"""Frames with their neighbours, for backbones that look at several."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def windows(
    frames: Iterable[tuple[Any, NDArray[np.uint8]]], length: int, first: int, done: int
) -> Iterator[tuple[Any, NDArray[np.uint8]]]:
    """Each frame with its neighbours, itself at ``length // 2``; the ends are repeated.

    Parameters
    ----------
    frames : iterable of (moment, (H, W, 3) uint8 array)
        From number ``first`` on.
    length : int
        T; 1 gives the frames themselves, without an axis of T.
    first : int
        The number of the first frame: 0, or at most ``done - length // 2``.
    done : int
        The number of the first frame that is asked for.

    Yields
    ------
    (moment, (T, H, W, 3) uint8 array)

    Examples
    --------
    >>> frames = [(number, np.full((1, 1, 3), number, dtype=np.uint8)) for number in range(3)]
    >>> [clip[:, 0, 0, 0].tolist() for _, clip in windows(frames, length=4, first=0, done=0)]
    [[0, 0, 0, 1], [0, 0, 1, 2], [0, 1, 2, 2]]
    """
    before, after = length // 2, length - 1 - length // 2
    images: deque[NDArray[np.uint8]] = deque(maxlen=length)
    moments: deque[Any] = deque(maxlen=after + 1)
    number = first - 1

    def ready() -> bool:
        return len(images) == length and len(moments) == after + 1 and number - after >= done

    def clip() -> NDArray[np.uint8]:
        return np.stack(images) if length > 1 else images[0]

    for moment, image in frames:
        if number < 0:
            images.extend([image] * before)
        number += 1
        images.append(image)
        moments.append(moment)
        if ready():
            yield moments[0], clip()
    for _ in range(after if moments else 0):
        number += 1
        images.append(images[-1])
        moments.append(None)
        if ready() and moments[0] is not None:
            yield moments[0], clip()
