"""Backbones: networks that turn images into features, behind one small interface.

A name decides which: ``efficientnet-lite0`` comes with the extra ``video`` and needs no network
connection; ``model.onnx`` is any image model in that format (``backbone_onnx``);
``hf:facebook/dinov2-small``, or a folder in place of the name, is a vision or video model of
transformers (:mod:`asot.inputs.video.backbone_hf`); ``module:function`` is any callable
(:mod:`asot.inputs.video.backbone_callable`).

Every backbone sees the whole frame, resized to its own height and width whatever the frame's
shape: cropping would lose what happens at the sides.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError, ConfigurationError

EFFICIENTNET = "efficientnet-lite0"
DEVICES = ("auto", "cpu", "cuda")


class Backbone(ABC):
    """Images in, features out.

    Attributes
    ----------
    name : str
        What people call it.
    size : (int, int)
        H and W of its images.
    clip : int
        T, the frames that go into one feature: 1 for a model of images. For a model of videos,
        T sampled frames in a row, the one the feature is of in the middle (at ``T // 2``).
    batch_size : int
        Images, or clips, to give at once.
    parallel : int
        From how many threads it is best called at once.
    width : int
        D, the length of a feature.
    """

    name: str
    size: tuple[int, int]
    clip: int = 1
    batch_size: int = 8
    parallel: int = 1
    width: int = 0

    @property
    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """All that decides the features of an image, as plain JSON values."""

    @abstractmethod
    def features(self, images: NDArray[np.uint8]) -> Any:
        """What the model makes of images: an array (B, D)."""

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Features of images.

        Parameters
        ----------
        images : (B, H, W, 3) uint8 array, or (B, T, H, W, 3) where ``clip`` is T > 1
            RGB.

        Returns
        -------
        (B, D) float32 array

        Raises
        ------
        ArgumentError
            If the images are of another shape or type.
        ConfigurationError
            If the model fails, or makes something else of them.
        """
        wanted = (*((self.clip,) if self.clip > 1 else ()), *self.size, 3)
        if images.dtype != np.uint8 or images.shape[1:] != wanted:
            raise ArgumentError(
                f"{self.name} takes uint8 images of shape (B, {', '.join(map(str, wanted))}), "
                f"but got {images.dtype} of shape {images.shape}."
            )
        try:
            made = np.asarray(self.features(images))
        except (ConfigurationError, KeyboardInterrupt):
            raise
        except Exception as error:  # Whatever somebody's network raises.
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise ConfigurationError(
                f"The backbone {self.name} fails on images of shape {images.shape}: {reason}."
            ) from error
        if made.ndim != 2 or made.shape[0] != len(images) or made.shape[1] == 0:
            raise ConfigurationError(
                f"The backbone {self.name} must make features of shape ({len(images)}, D), but "
                f"made {made.shape} of {len(images)} images."
            )
        if self.width and made.shape[1] != self.width:
            raise ConfigurationError(
                f"The backbone {self.name} made features of {made.shape[1]} numbers after some "
                f"of {self.width}."
            )
        return np.ascontiguousarray(made, dtype=np.float32)

    def try_out(self) -> None:
        """Find ``width``, and what is wrong, on a grey image.

        Raises
        ------
        ConfigurationError
            If the model fails, or its features are no finite numbers.
        """
        shape = (1, *((self.clip,) if self.clip > 1 else ()), *self.size, 3)
        made = self(np.full(shape, 127, dtype=np.uint8))
        if not np.isfinite(made).all():
            raise ConfigurationError(
                f"The backbone {self.name} makes features of a grey image that are not finite."
            )
        self.width = made.shape[1]


def open_backbone(
    name: str,
    *,
    device: str = "auto",
    threads: int | None = None,
    batch_size: int | None = None,
) -> Backbone:
    """Open a backbone by its name.

    Parameters
    ----------
    name : str
        ``efficientnet-lite0``, ``path/to/model.onnx``, ``hf:NAME`` or ``module:function``.
    device : str
        "auto" (a GPU where the library has one), "cpu" or "cuda". A callable sees to its own.
    threads : int, optional
        Of the processor; all that this process may use unless given.
    batch_size : int, optional
        Images, or clips, at once; what suits the model unless given.

    Returns
    -------
    Backbone
        Tried out on one image.

    Raises
    ------
    ArgumentError
        If the name, or another argument, means nothing.
    ConfigurationError
        If the model does not work, or not on the device.
    DataError
        If its file is missing or damaged.
    MissingExtraError
        If it needs a library that is not installed.
    """
    if device not in DEVICES:
        raise ArgumentError(f"device must be one of {', '.join(DEVICES)}, but is {device!r}.")
    for what, value in (("threads", threads), ("batch_size", batch_size)):
        if value is not None and value < 1:
            raise ArgumentError(f"{what} must be at least 1, but is {value}.")
    backbone = _open(name, device, threads)
    if batch_size is not None:
        backbone.batch_size = batch_size
    backbone.try_out()
    return backbone


def _open(name: str, device: str, threads: int | None) -> Backbone:
    if name == EFFICIENTNET:
        from asot.inputs.video.efficientnet import open_efficientnet

        return open_efficientnet(device, threads)
    if name.startswith("hf:"):
        from asot.inputs.video.backbone_hf import TransformersBackbone

        return TransformersBackbone(name.removeprefix("hf:"), device)
    if name.endswith(".onnx"):
        from asot.inputs.video.backbone_onnx import open_onnx

        return open_onnx(Path(name), device, threads)
    if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", name):
        from asot.inputs.video.backbone_callable import CallableBackbone

        return CallableBackbone(name)
    raise ArgumentError(
        f"There is no backbone {name!r}: use {EFFICIENTNET}, a path to a model that ends with "
        ".onnx, hf:NAME for a model of transformers, or module:function."
    )
