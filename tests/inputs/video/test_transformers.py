"""Models of transformers: tiny ones with random weights, against the library itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.errors import ConfigurationError, DataError
from asot.inputs.video.backbones import open_backbone

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TINY: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
}
MEAN, STD = [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]


def save(folder: Path, model: Any, **prepared: Any) -> str:
    torch.manual_seed(0)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    model.eval().save_pretrained(folder)
    if prepared:
        values = {"image_mean": MEAN, "image_std": STD, "rescale_factor": 1 / 255, **prepared}
        (folder / "preprocessor_config.json").write_text(json.dumps(values))
    return f"hf:{folder}"


def given(images: np.ndarray) -> Any:
    values = (torch.from_numpy(images).double() / 255 - torch.tensor(MEAN)) / torch.tensor(STD)
    return values.movedim(-1, -3).float()


def check(name: str, images: np.ndarray, expected: Any, clip: int = 1) -> None:
    backbone = open_backbone(name, device="cpu")
    assert backbone.size == images.shape[-3:-1]
    assert backbone.clip == clip
    np.testing.assert_allclose(backbone(images), expected.numpy(), atol=1e-5, rtol=1e-4)
    again = open_backbone(name, device="cpu")
    assert again.identity == backbone.identity == json.loads(json.dumps(backbone.identity))


@torch.inference_mode()
def test_dino_gives_its_class_token(rng: np.random.Generator, tmp_path: Path) -> None:
    config = transformers.Dinov2Config(**TINY, image_size=28, patch_size=14, mlp_ratio=2)
    model = transformers.Dinov2Model(config)
    name = save(
        tmp_path / "dino",
        model,
        size={"shortest_edge": 64},
        crop_size={"height": 56, "width": 56},
        do_center_crop=True,
    )
    images = rng.integers(0, 256, size=(3, 56, 56, 3), dtype=np.uint8)
    check(name, images, model(given(images)).last_hidden_state[:, 0])


@torch.inference_mode()
def test_clip_and_siglip_give_their_image_embedding(
    rng: np.random.Generator, tmp_path: Path
) -> None:
    vision = {**TINY, "image_size": 32, "patch_size": 16}
    text = {**TINY, "vocab_size": 50, "max_position_embeddings": 8}
    images = rng.integers(0, 256, size=(2, 32, 32, 3), dtype=np.uint8)
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)
    model = transformers.CLIPModel(config)
    name = save(tmp_path / "clip", model, size=32)
    pooled = model.vision_model(given(images)).pooler_output
    check(name, images, model.visual_projection(pooled))
    config = transformers.SiglipConfig(text_config=text, vision_config=vision)
    model = transformers.SiglipModel(config)
    name = save(tmp_path / "siglip", model, size={"height": 32, "width": 32})
    check(name, images, model.vision_model(given(images)).pooler_output)


@torch.inference_mode()
def test_siglip_2_gets_patches(rng: np.random.Generator, tmp_path: Path) -> None:
    vision = {**TINY, "num_patches": 9, "patch_size": 8}
    text = {**TINY, "vocab_size": 50, "max_position_embeddings": 8}
    model = transformers.Siglip2Model(
        transformers.Siglip2Config(text_config=text, vision_config=vision)
    )
    name = save(tmp_path / "siglip2", model, do_normalize=True)
    images = rng.integers(0, 256, size=(2, 24, 24, 3), dtype=np.uint8)
    # Patches in order of reading, each in order of reading.
    values = given(images).movedim(1, -1)
    patches = torch.stack(
        [
            values[:, row : row + 8, column : column + 8].reshape(2, -1)
            for row in (0, 8, 16)
            for column in (0, 8, 16)
        ],
        dim=1,
    )
    expected = model.vision_model(
        patches, torch.ones((2, 9), dtype=torch.int64), torch.tensor([[3, 3]] * 2)
    )
    check(name, images, expected.pooler_output)


@torch.inference_mode()
def test_videomae_gives_the_mean_of_its_tokens(rng: np.random.Generator, tmp_path: Path) -> None:
    config = transformers.VideoMAEConfig(
        **TINY, image_size=32, patch_size=16, num_frames=4, tubelet_size=2
    )
    model = transformers.VideoMAEModel(config)
    name = save(
        tmp_path / "mae",
        model,
        size={"shortest_edge": 32},
        crop_size={"height": 32, "width": 32},
    )
    clips = rng.integers(0, 256, size=(2, 4, 32, 32, 3), dtype=np.uint8)
    check(name, clips, model(given(clips)).last_hidden_state.mean(1), clip=4)


@torch.inference_mode()
def test_v_jepa_2_gives_the_mean_of_its_tokens(rng: np.random.Generator, tmp_path: Path) -> None:
    config = transformers.VJEPA2Config(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        crop_size=32,
        patch_size=16,
        frames_per_clip=4,
        pred_hidden_size=12,
        pred_num_hidden_layers=1,
        pred_num_attention_heads=2,
    )
    model = transformers.VJEPA2Model(config)
    name = save(tmp_path / "jepa", model)
    values = {"image_mean": MEAN, "image_std": STD, "crop_size": 32, "size": 40}
    (tmp_path / "jepa" / "video_preprocessor_config.json").write_text(json.dumps(values))
    clips = rng.integers(0, 256, size=(2, 4, 32, 32, 3), dtype=np.uint8)
    tokens = model(given(clips), skip_predictor=True).last_hidden_state
    check(name, clips, tokens.mean(1), clip=4)


@torch.inference_mode()
def test_a_pooler_without_weights_is_not_used(rng: np.random.Generator, tmp_path: Path) -> None:
    config = transformers.ViTConfig(**TINY, image_size=32, patch_size=16, num_labels=3)
    model = transformers.ViTForImageClassification(config)
    name = save(tmp_path / "vit", model, size=32)
    images = rng.integers(0, 256, size=(2, 32, 32, 3), dtype=np.uint8)
    check(name, images, model.vit(given(images)).last_hidden_state.mean(1))


def test_weights_and_preparation_are_part_of_the_identity(tmp_path: Path) -> None:
    config = transformers.Dinov2Config(**TINY, image_size=28, patch_size=14)
    model = transformers.Dinov2Model(config)
    name = save(tmp_path / "dino", model, size=28)
    before = open_backbone(name).identity
    save(tmp_path / "dino", model, size=28, image_mean=[0, 0, 0])
    prepared = open_backbone(name).identity
    with torch.no_grad():
        model.layernorm.bias += 1
    model.save_pretrained(tmp_path / "dino")
    assert len({json.dumps(one) for one in (before, prepared, open_backbone(name).identity)}) == 3


def test_what_cannot_be_loaded_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="does not exist"):
        open_backbone(f"hf:{tmp_path / 'missing'}")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="cannot be loaded") as caught:
        open_backbone(f"hf:{tmp_path / 'empty'}")
    assert "\n" not in str(caught.value)
    config = transformers.BertConfig(**TINY, vocab_size=30)
    name = save(tmp_path / "text", transformers.BertModel(config))
    with pytest.raises(ConfigurationError, match="does not say the size of its images"):
        open_backbone(name)
