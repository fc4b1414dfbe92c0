"""Anybody's function from images to features, by ``module:function``."""

from __future__ import annotations

import inspect
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asot.errors import ConfigurationError
from asot.files import file_hash
from asot.inputs.video.backbones import Backbone


class CallableBackbone(Backbone):
    """A callable: uint8 images (B, H, W, 3), or clips (B, T, H, W, 3), to features (B, D).

    It may have attributes ``size`` (H, W; 224 x 224 unless there), ``clip`` (T; 1), ``batch_size``
    (8) and ``identity``, a value that JSON can hold and that changes with the features. Without
    the last, its module's source stands for it.

    Parameters
    ----------
    name : str
        ``module:function``; the module is found as Python does, or in the current folder.

    Raises
    ------
    ConfigurationError
        If it cannot be imported or called, or its attributes are impossible.

    Examples
    --------
    >>> backbone = CallableBackbone("asot.inputs.video.backbone_callable:mean_colour")
    >>> backbone(np.full((2, 224, 224, 3), 51, dtype=np.uint8)).tolist()
    [[51.0, 51.0, 51.0], [51.0, 51.0, 51.0]]
    """

    def __init__(self, name: str) -> None:
        self.name = name
        module_name, _, path = name.partition(":")
        # As `python -m` has it; a console script does not.
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.insert(0, str(Path.cwd()))
        try:
            module = import_module(module_name)
            function: Any = module
            for part in path.split("."):
                function = getattr(function, part)
        except Exception as error:  # a module runs whatever it likes
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise ConfigurationError(
                f"The backbone {name} cannot be imported: {reason}."
            ) from error
        if not callable(function):
            raise ConfigurationError(f"The backbone {name} must be callable, but is {function!r}.")
        self._function = function
        try:
            height, width = (int(one) for one in getattr(function, "size", (224, 224)))
            self.size = (height, width)
            self.clip = int(getattr(function, "clip", 1))
            self.batch_size = int(getattr(function, "batch_size", 8))
            if min(height, width, self.clip, self.batch_size) < 1:
                raise ValueError("they must be at least 1")
            own = getattr(function, "identity", None)
            self._own = json.loads(json.dumps(own)) if own is not None else _source_hash(module)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(
                f"The backbone {name} has attributes size, clip, batch_size or identity that "
                f"cannot be used: {error}."
            ) from error

    @property
    def identity(self) -> dict[str, Any]:
        """All that decides the features of an image, as far as can be known."""
        return {
            "kind": "callable",
            "name": self.name,
            "weights": self._own,
            "size": list(self.size),
            "width": self.width,
            "clip": self.clip,
        }

    def features(self, images: NDArray[np.uint8]) -> Any:
        """Call it; a torch tensor is taken as well as an array."""
        made = self._function(images)
        if hasattr(made, "detach"):
            made = made.detach().cpu().numpy()
        return made


def mean_colour(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The mean red, green and blue of images (B, H, W, 3): the least that a backbone can be."""
    return np.asarray(images.mean(axis=(1, 2), dtype=np.float32))


def _source_hash(module: Any) -> str:
    source = inspect.getsourcefile(module)
    if source is None:
        raise ValueError("its module has no source, so that it needs an identity")
    return file_hash(Path(source))
