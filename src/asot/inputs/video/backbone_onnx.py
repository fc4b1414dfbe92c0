"""Image models in ONNX files, run by onnxruntime."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from asot.errors import ConfigurationError, FileError, MissingExtraError
from asot.files import file_hash
from asot.inputs.video.backbone import Backbone
from asot.named import brief
from asot.schema import Positive, read_json
from asot.workers import usable_threads

# Mean and deviation of ImageNet, on which most image models were trained.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
_FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"
_Above0 = Annotated[float, msgspec.Meta(gt=0)]


class OnnxOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a model: how images become its input, and its output features.

    The file ``model.json`` beside ``model.onnx`` may give each of them. ``size`` (H, W) is needed
    only if the model takes any. ``mean`` and ``std`` of red, green and blue are fractions of 255:
    inputs are ``(image / 255 - mean) / std``, unless the model takes uint8. ``output`` names the
    output, the first by default; of tokens (B, tokens, D) the first or the mean is taken, and a map
    (B, D, H, W) is averaged.
    """

    size: tuple[Positive, Positive] | None = None
    mean: tuple[float, float, float] = MEAN
    std: tuple[_Above0, _Above0, _Above0] = STD
    output: str | None = None
    tokens: Literal["first", "mean"] = "first"


class OnnxBackbone(Backbone):
    """An ONNX model, in bytes or a file, with one input of images.

    ``identity`` names the model's weights, which decide the features with ``options``. On the
    processor each call uses one thread, and calls come from several at once: several threads of one
    call would spend much of their time waiting for each other in networks of this size, and all of
    it when a decoder wants a core as well.
    """

    def __init__(
        self,
        name: str,
        model: bytes | Path,
        identity: Mapping[str, Any],
        options: OnnxOptions,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.name = name
        self._options = options
        self._session, on_gpu = _session(name, model, device)
        self.parallel = 1 if on_gpu else threads or usable_threads()
        # Small batches stay in the caches of a core.
        self.batch_size = 32 if on_gpu else 2
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4:
            shapes = ", ".join(f"{one.name} {one.shape}" for one in inputs)
            rule = "must have one input of images (B, 3, H, W) or (B, H, W, 3)"
            raise ConfigurationError(f"{name} {rule}, but has {shapes}.")
        self._input = inputs[0].name
        if inputs[0].type != "tensor(uint8)" and inputs[0].type not in _FLOATS:
            message = f"{name} must take float, float16 or uint8, but takes {inputs[0].type}."
            raise ConfigurationError(message)
        self._float = _FLOATS.get(inputs[0].type)
        fixed = [one if isinstance(one, int) and one > 0 else None for one in inputs[0].shape]
        self._batch = fixed[0]
        self._channels_last = fixed[3] == 3 and fixed[1] != 3
        if not self._channels_last and fixed[1] not in (3, None):
            raise ConfigurationError(f"{name} must take 3 channels, but takes {fixed}.")
        height, width = fixed[1:3] if self._channels_last else fixed[2:4]
        chosen = options.size or (224, 224)
        self.size = (height or chosen[0], width or chosen[1])
        outputs = [one.name for one in self._session.get_outputs()]
        self._output = options.output or outputs[0]
        if self._output not in outputs:
            message = f"{name} has no output {self._output!r}: it has {', '.join(outputs)}."
            raise ConfigurationError(message)
        scale = np.asarray(options.std, dtype=np.float32) * np.float32(255)
        self._scale = np.float32(1) / scale
        self._shift = -np.asarray(options.mean, dtype=np.float32) * np.float32(255) * self._scale
        prepared: dict[str, Any] = {"input": "uint8"}
        if self._float is not None:
            prepared = {"mean": list(options.mean), "std": list(options.std)}
        chosen_output = {"output": self._output, "tokens": options.tokens}
        self.made_of = {**identity, **prepared, **chosen_output}

    def features(self, images: NDArray[np.uint8]) -> NDArray[Any]:
        """Run the model."""
        given: NDArray[Any] = images
        if self._float is not None:
            given = (images * self._scale + self._shift).astype(self._float, copy=False)
        if not self._channels_last:
            given = np.ascontiguousarray(given.transpose(0, 3, 1, 2))
        if self._batch is None or self._batch == len(given):
            return self._reduced(self._run(given))
        # The model takes just so many images: the last is repeated, and its features are left out.
        parts = []
        for start in range(0, len(given), self._batch):
            part = given[start : start + self._batch]
            missing = self._batch - len(part)
            filled = np.concatenate([part, np.repeat(part[-1:], missing, axis=0)])
            parts.append(self._reduced(self._run(filled))[: len(part)])
        return np.concatenate(parts)

    def _run(self, given: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(self._session.run([self._output], {self._input: given})[0])

    def _reduced(self, made: NDArray[Any]) -> NDArray[Any]:
        if made.ndim == 4:
            return np.asarray(made.mean(axis=(2, 3), dtype=np.float32))
        if made.ndim == 3 and self._options.tokens == "mean":
            return np.asarray(made.mean(axis=1, dtype=np.float32))
        return made[:, 0] if made.ndim == 3 else made


def open_onnx(name: str, device: str, threads: int | None) -> OnnxBackbone:
    """Open a model file, with the options in ``model.json`` beside it."""
    path = Path(name)
    if not path.is_file():
        raise FileError.at(path, "does not exist: a backbone is needed there")
    identity = {"kind": "onnx", "name": path.name, "weights": _weights_hash(path)}
    beside = path.with_suffix(".json")
    options = read_json(beside, OnnxOptions) if beside.is_file() else OnnxOptions()
    # By its path, because the weights of large models lie in files beside it.
    return OnnxBackbone(str(path), path, identity, options, device, threads)


def _weights_hash(path: Path) -> str:
    """Hash a model file and the files beside it that hold its weights."""
    from onnx import TensorProto, load

    try:
        graph = load(path, load_external_data=False).graph
    except Exception:  # protobuf's own; onnxruntime will name the fault
        return file_hash(path)
    beside = {
        entry.value
        for tensor in graph.initializer
        if tensor.data_location == TensorProto.EXTERNAL
        for entry in tensor.external_data
        if entry.key == "location"
    }
    files = [one for one in (path.parent / name for name in sorted(beside)) if one.is_file()]
    digests = [file_hash(one) for one in (path, *files)]
    return hashlib.sha256("".join(digests).encode()).hexdigest() if files else digests[0]


def _session(name: str, model: bytes | Path, device: str) -> tuple[Any, bool]:
    # It would leave files in the user's home and look up a server's name.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingExtraError("onnxruntime", "video", f"The backbone {name}") from error
    available = onnxruntime.get_available_providers()
    on_gpu = device != "cpu" and _CUDA in available
    if device == "cuda" and not on_gpu:
        raise ConfigurationError(
            f"{name} cannot run on a GPU: this onnxruntime is made for {', '.join(available)}; "
            "install onnxruntime-gpu, or use the device cpu."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    providers = [_CUDA, _CPU] if on_gpu else [_CPU]
    given = str(model) if isinstance(model, Path) else model
    try:
        session = onnxruntime.InferenceSession(given, options, providers=providers)
    except Exception as error:  # the types that onnxruntime raises change with its version
        message = f"{name} is not a model that onnxruntime runs: {brief(error)}."
        raise ConfigurationError(message) from error
    # onnxruntime leaves out a provider that it cannot use, and does not say so.
    on_gpu = _CUDA in session.get_providers()
    if device == "cuda" and not on_gpu:
        message = f"{name} cannot run on a GPU: onnxruntime does not find one that it can use."
        raise ConfigurationError(message)
    return session, on_gpu
