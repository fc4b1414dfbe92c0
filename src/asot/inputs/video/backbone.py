"""The interface of backbones: networks that turn images into features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError, ConfigurationError
from asot.named import brief


class Backbone(ABC):
    """A network that turns images into features.

    Every backbone sees the whole frame, resized to its own height and width whatever the frame's
    shape: cropping would lose actions at the sides.
    """

    name: str
    size: tuple[int, int]  # H and W of its images
    # T, the frames that go into a feature: 1 for a model of images. For a model of videos these are
    # T sampled frames in a row, with the feature's own frame at T // 2.
    clip: int = 1
    batch_size: int = 8  # images, or clips, to give at once
    parallel: int = 1  # threads that may give images at once
    width: int = 0  # D, the length of a feature
    made_of: dict[str, Any]  # the model and its weights, which decide the features with the sizes

    opened: tuple[Any, ...] = ()  # a function that opens it again, and its arguments

    def __reduce__(self) -> tuple[Any, ...]:
        # Libraries keep what cannot be sent: another process opens its own, once.
        if not self.opened:
            raise TypeError(f"{self.name} was not opened by its name")
        return self.opened

    @property
    def identity(self) -> dict[str, Any]:
        """Return all that decides the features of an image, as plain JSON values."""
        sizes = {"size": list(self.size), "width": self.width, "clip": self.clip}
        return {**self.made_of, **sizes}

    @abstractmethod
    def features(self, images: NDArray[np.uint8]) -> Any:
        """Run the model: images to an array (B, D)."""

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Turn RGB images (B, H, W, 3), or clips (B, T, H, W, 3), into features (B, D).

        A model that fails, or makes something else of them, is a ConfigurationError.
        """
        wanted = (*((self.clip,) if self.clip > 1 else ()), *self.size, 3)
        if images.dtype != np.uint8 or images.shape[1:] != wanted:
            raise ArgumentError(
                f"{self.name} takes uint8 images of shape (B, {', '.join(map(str, wanted))}), "
                f"but got {images.dtype} of shape {images.shape}.",
                setting="images",
            )
        try:
            made = np.asarray(self.features(images))
        except (ConfigurationError, KeyboardInterrupt):
            raise
        except Exception as error:  # other people's networks raise anything
            raise ConfigurationError(
                f"The backbone {self.name} fails on images of shape {images.shape}: {brief(error)}."
            ) from error
        if made.ndim != 2 or made.shape[0] != len(images) or made.shape[1] == 0:
            raise ConfigurationError(
                f"The backbone {self.name} must make features of shape ({len(images)}, D), but "
                f"made {made.shape} of {len(images)} images."
            )
        if self.width and made.shape[1] != self.width:
            widths = f"{made.shape[1]} numbers after some of {self.width}"
            raise ConfigurationError(f"The backbone {self.name} made features of {widths}.")
        return np.ascontiguousarray(made, dtype=np.float32)

    def try_out(self) -> None:
        """Run the model on a grey image, to learn ``width`` and to fail early."""
        shape = (1, *((self.clip,) if self.clip > 1 else ()), *self.size, 3)
        made = self(np.full(shape, 127, dtype=np.uint8))
        if not np.isfinite(made).all():
            message = "makes features of a grey image that are not finite"
            raise ConfigurationError(f"The backbone {self.name} {message}.")
        self.width = made.shape[1]
