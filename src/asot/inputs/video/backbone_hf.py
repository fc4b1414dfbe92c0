"""Vision and video models of transformers, prepared without torchvision.

Images are brought to the size that the model's own preparation ends with, and normalised as it
says. A feature is the model's pooled output if the file holds its weights (the class token of DINO,
the image embedding of CLIP and SigLIP), else the mean of its tokens (VideoMAE, V-JEPA 2).
"""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from asot.errors import ConfigurationError, DataError, FileError, MissingExtraError
from asot.inputs.video.backbone import Backbone
from asot.inputs.video.backbone_onnx import MEAN, STD
from asot.named import brief
from asot.schema import convert, read_json

_PREPARATIONS = ("preprocessor_config.json", "video_preprocessor_config.json")
_COMBINED = "processor_config.json"
_Size = int | dict[str, int | None] | list[int] | None


class _ImagePreparation(msgspec.Struct):
    """The steps of a model's own preparation of images that asot follows."""

    do_rescale: bool | None = True
    rescale_factor: float = 1 / 255
    do_normalize: bool | None = True
    image_mean: list[float] | None = msgspec.field(default_factory=lambda: list(MEAN))
    image_std: list[float] | None = msgspec.field(default_factory=lambda: list(STD))
    do_center_crop: bool | None = True
    crop_size: _Size = None
    size: _Size = None


class TransformersBackbone(Backbone):
    """A model of transformers, by its name on the hub or the folder it was saved to.

    ``name`` begins with ``hf:``. A model on this machine is used without asking the hub; others are
    downloaded.
    """

    def __init__(self, name: str, device: str = "auto", threads: int | None = None) -> None:
        import torch

        self.name, name = name, name.removeprefix("hf:")
        if device == "cuda" and not torch.cuda.is_available():
            raise ConfigurationError(f"{self.name} cannot run on a GPU: torch finds none.")
        self._device = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
        with _quiet(self.name):
            model, missing = _load(name)
            prepared = _preparation(name)
        lost = [one for one in missing if "pooler" not in one and "head" not in one.split(".")]
        if lost:
            message = f"{self.name} lacks weights that its features need, such as {lost[0]}."
            raise ConfigurationError(message)
        self._pooled = not missing
        weights = _hash(model, missing)
        self._model: Any = model.to(self._device).float().eval()
        self._config = getattr(model.config, "vision_config", None) or model.config
        signature = inspect.signature(model.forward).parameters
        self._skips_predictor = "skip_predictor" in signature
        self._patches = "spatial_shapes" in inspect.signature(self._images_in()).parameters
        frames = [getattr(self._config, key, None) for key in ("frames_per_clip", "num_frames")]
        self.clip = next((int(one) for one in frames if one), 1)
        self.size = self._size(prepared)
        self._scale, self._shift = _normalisation(self.name, prepared)
        self.made_of = {
            **{"kind": "transformers", "name": self.name, "weights": weights},
            **{"scale": self._scale.tolist(), "shift": self._shift.tolist()},
            "pooled": self._pooled,
        }
        self.batch_size = max(1, (64 if self._device == "cuda" else 8) // self.clip)

    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run the model."""
        import torch

        given = torch.from_numpy(images).to(self._device).float()
        given = given * torch.from_numpy(self._scale).to(self._device)
        given = given + torch.from_numpy(self._shift).to(self._device)
        in_patches = self._in_patches(given) if self._patches else None
        given, arguments = in_patches or (given.movedim(-1, -3), {})
        if self._skips_predictor:
            arguments["skip_predictor"] = True
        with torch.inference_mode():
            made = self._images_in()(given, **arguments)
            return np.asarray(self._reduced(made).float().cpu().numpy())

    def _images_in(self) -> Any:
        """Return the function that takes images: a part of models that take texts, too."""
        return getattr(self._model, "get_image_features", None) or self._model

    def _reduced(self, made: Any) -> Any:
        if not hasattr(made, "last_hidden_state"):
            return made
        pooled = getattr(made, "pooler_output", None)
        if self._pooled and pooled is not None:
            return pooled.flatten(1)
        tokens = made.last_hidden_state
        # Convolutional models have a map in place of tokens.
        return tokens.mean((2, 3)) if tokens.ndim == 4 else tokens.mean(1)

    def _size(self, prepared: _ImagePreparation) -> tuple[int, int]:
        if self._patches:
            # A square of as many patches as the model is made for.
            side = math.isqrt(int(self._config.num_patches)) * int(self._config.patch_size)
            return side, side
        for size in (
            prepared.crop_size if prepared.do_center_crop else None,
            prepared.size,
            getattr(self._config, "image_size", None),
            getattr(self._config, "crop_size", None),
        ):
            if isinstance(size, dict):
                pair = size.get("height"), size.get("width")
                size = pair if None not in pair else size.get("shortest_edge")
            if isinstance(size, list | tuple) and len(size) == 2:
                return int(size[0]), int(size[1])
            if isinstance(size, int):
                return size, size
        message = "does not say the size of its images: it is a model of something else"
        raise ConfigurationError(f"{self.name} {message}.")

    def _in_patches(self, images: Any) -> tuple[Any, dict[str, Any]]:
        """Cut images (B, H, W, 3) into rows of patches, for models that take any shape."""
        import torch

        side = int(self._config.patch_size)
        n_images, height, width, _ = images.shape
        rows, columns = height // side, width // side
        cut = images.reshape(n_images, rows, side, columns, side, 3).transpose(2, 3)
        shapes = torch.tensor([[rows, columns]] * n_images, device=images.device)
        mask = torch.ones((n_images, rows * columns), dtype=torch.int64, device=images.device)
        patches = cut.reshape(n_images, rows * columns, -1)
        return patches, {"spatial_shapes": shapes, "pixel_attention_mask": mask}


def _load(name: str) -> tuple[Any, list[str]]:
    """Load the model; return it and the names of weights that its file lacks."""
    from transformers import AutoModel

    here = Path(name).is_dir()
    if not here and name.startswith((".", "/", "~")):
        raise FileError.at(Path(name), f"does not exist, but is the folder of hf:{name}")
    for local in (True,) if here else (True, False):
        try:
            model, told = AutoModel.from_pretrained(
                name, output_loading_info=True, local_files_only=local, trust_remote_code=False
            )
            return model, sorted(str(one) for one in told["missing_keys"])
        except Exception as error:  # the hub, the file and the model's code raise anything
            if here or not local:
                message = f"The backbone hf:{name} cannot be loaded: {brief(error)}."
                raise DataError(message) from error
    raise AssertionError


def _preparation(name: str) -> _ImagePreparation:
    """Read the model's own preparation of images, or return the usual one."""
    from transformers.utils import cached_file

    for file in (*_PREPARATIONS, _COMBINED):
        try:
            path = cached_file(name, file, local_files_only=Path(name).is_dir())
        except OSError:
            continue
        if path is None:
            continue
        values: Any = read_json(Path(path), dict[str, Any])
        if file == _COMBINED:
            values = values.get("image_processor") or values.get("video_processor")
        if values:
            return convert(Path(path), values, _ImagePreparation)
    return _ImagePreparation()


def _normalisation(name: str, prepared: _ImagePreparation) -> tuple[Any, Any]:
    """Return scale and shift, so that inputs are ``image * scale + shift``."""
    factor = prepared.rescale_factor if prepared.do_rescale else 1.0
    mean, std = np.zeros(3), np.ones(3)
    if prepared.do_normalize:
        mean = np.asarray(prepared.image_mean, dtype=np.float64)
        std = np.asarray(prepared.image_std, dtype=np.float64)
    if mean.shape != (3,) or std.shape != (3,):
        raise ConfigurationError(f"{name} does not take images in red, green and blue.")
    return (factor / std).astype(np.float32), (-mean / std).astype(np.float32)


def _hash(model: Any, missing: list[str]) -> str:
    """Hash the weights by their names, wherever they were read from."""
    digest = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        if key not in missing:
            digest.update(key.encode())
            digest.update(value.detach().float().contiguous().numpy().tobytes())
    return digest.hexdigest()


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Silence the library's progress bars and warnings."""
    try:
        from transformers.utils import logging
    except ModuleNotFoundError as error:
        raise MissingExtraError("transformers", "hf", f"The backbone {name}") from error
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
