"""The opening of backbones by their names, also of any function as ``module:function``."""

from __future__ import annotations

import inspect
import json
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError, ConfigurationError, require_integer
from asot.files import file_hash
from asot.inputs.settings import DEVICES
from asot.inputs.video.backbone import Backbone
from asot.named import PATTERN, import_named

# The pattern of a name, and the function (name, device, threads) that opens it. Its module is
# imported only then, because each kind needs libraries of its own.
_KINDS = (
    (r"efficientnet-lite0", "asot.inputs.video.efficientnet:open_efficientnet"),
    (r"hf:.*", "asot.inputs.video.backbone_hf:TransformersBackbone"),
    (r".*\.onnx", "asot.inputs.video.backbone_onnx:open_onnx"),
    (PATTERN, "asot.inputs.video.backbones:CallableBackbone"),
)


def open_backbone(
    name: str, *, device: str = "auto", threads: int | None = None, batch_size: int | None = None
) -> Backbone:
    """Open a backbone by its name, and try it out on one image.

    The name is ``efficientnet-lite0``, which comes with the extra ``video`` and needs no network
    connection; ``path/to/model.onnx``, any image model in that format; ``hf:NAME``, a vision or
    video model of transformers, or a folder of one; or ``module:function``, any callable. The
    device is "auto" (a GPU if the library has one), "cpu" or "cuda"; a callable chooses its own.
    Unless given, ``threads`` are all that this process may use, and ``batch_size``, images or clips
    at once, suits the model.
    """
    if device not in DEVICES:
        message = f"device must be one of {', '.join(DEVICES)}, but is {device!r}."
        raise ArgumentError(message, setting="device")
    for setting, value in (("threads", threads), ("batch_size", batch_size)):
        if value is not None:
            require_integer(setting, value, at_least=1)
    for pattern, opener in _KINDS:
        if re.fullmatch(pattern, name, re.DOTALL):
            module, _, function = opener.partition(":")
            backbone: Backbone = getattr(import_module(module), function)(name, device, threads)
            break
    else:
        raise ArgumentError(
            f"There is no backbone {name!r}: use efficientnet-lite0, a path to a model that ends "
            "with .onnx, hf:NAME for a model of transformers, or module:function.",
            setting="backbone",
        )
    if batch_size is not None:
        backbone.batch_size = batch_size
    backbone.opened = open_again, (name, device, batch_size)
    backbone.try_out()
    return backbone


@cache
def open_again(name: str, device: str, batch_size: int | None) -> Backbone:
    """Open a backbone in another process, which has one core beside the decoder's."""
    return open_backbone(name, device=device, threads=1, batch_size=batch_size)


class CallableBackbone(Backbone):
    """A callable: uint8 images (B, H, W, 3), or clips (B, T, H, W, 3), to features (B, D).

    It may have attributes ``size`` (H, W; 224 x 224 unless there), ``clip`` (T; 1), ``batch_size``
    (8) and ``identity``, a value that JSON can hold and that changes with the features. Without an
    identity, its module's source stands for it. ``name`` is ``module:function``; the module is
    imported from Python's path or the current folder.
    """

    def __init__(self, name: str, device: str = "auto", threads: int | None = None) -> None:
        self.name = name
        module, function = import_named(name, "backbone", "backbone")
        if not callable(function):
            message = f"The backbone {name} must be callable, but is {function!r}."
            raise ConfigurationError(message, setting="backbone")
        self._function = function
        try:
            height, width = (int(one) for one in getattr(function, "size", (224, 224)))
            self.size = (height, width)
            self.clip = int(getattr(function, "clip", 1))
            self.batch_size = int(getattr(function, "batch_size", 8))
            if min(height, width, self.clip, self.batch_size) < 1:
                raise ValueError("they must be at least 1")
            own = getattr(function, "identity", None)
            weights = json.loads(json.dumps(own)) if own is not None else _source_hash(module)
            self.made_of = {"kind": "callable", "name": name, "weights": weights}
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                f"The backbone {name} has attributes size, clip, batch_size or identity that "
                f"cannot be used: {error}.",
                setting="backbone",
            ) from error

    def features(self, images: NDArray[np.uint8]) -> Any:
        """Call the function, which may return a torch tensor or an array."""
        made = self._function(images)
        return made.detach().cpu().numpy() if hasattr(made, "detach") else made


def mean_colour(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the mean red, green and blue of images (B, H, W, 3): the least a backbone can be."""
    return np.asarray(images.mean(axis=(1, 2), dtype=np.float32))


def _source_hash(module: Any) -> str:
    source = inspect.getsourcefile(module)
    if source is None:
        raise ValueError("its module has no source, so that it needs an identity")
    return file_hash(Path(source))
