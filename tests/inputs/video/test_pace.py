"""Videos whose frames come unevenly: a still picture counts by how long it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.data.origin import Origin
from asot.errors import ConfigurationError
from asot.inputs.video.decoding import open_video
from asot.inputs.video.pace import pace_remarks
from asot.inputs.video.preview import write_preview, write_still
from asot.inputs.video.reading import sample
from tests.inputs.video.clips import MakeClip, number_of
from tests.inputs.video.test_extraction import Folder, Means, extract_video

av = pytest.importorskip("av")

# A scene of 30 s in which nothing moves, between two of 4 s at 25 frames a second.
EVEN = [number / 25 for number in range(950)]
STILL = [time for time in EVEN if not 4 < time < 34]
VARIES = "Its frame rate varies"
CONTAINERS = [
    {"name": "a.mp4", "options": {"bf": "2", "g": "20"}},
    {"name": "a.mkv", "options": {"g": "20"}},
    {"name": "a.webm", "codec": "libvpx", "options": {"deadline": "realtime", "cpu-used": "8"}},
    {"name": "a.ts", "options": {"bf": "2", "g": "20"}},
    {"name": "a.mov", "options": {"g": "1000"}},
]


def rows(path: Path, root: Path, rate: float | None = 10.0) -> tuple[np.ndarray, Origin]:
    """The edges of the rows of features, and their origin."""
    origin = extract_video(path, root, "one", Means(), frame_rate=rate)
    return Folder(root).times, origin


@pytest.mark.parametrize("options", CONTAINERS, ids=lambda options: options["name"])
def test_a_still_scene_gives_the_rows_of_its_length(
    make_clip: MakeClip, tmp_path: Path, options: dict[str, Any]
) -> None:
    path = make_clip(STILL, **options)
    times, origin = rows(path, tmp_path / "data")
    assert len(times) - 1 == pytest.approx(380, abs=3)
    assert np.diff(times).max() < 0.2
    start = times[0]
    share = ((times[:-1] >= start + 4) & (times[:-1] < start + 34)).mean()
    assert share == pytest.approx(30 / 38, abs=0.01)
    [remark] = [one for one in origin.remarks if one.startswith(VARIES)]
    assert "the longest for 30.0 s from" in remark
    features = Folder(tmp_path / "data").features
    still = (times[:-1] > start + 4.1) & (times[:-1] < start + 33.9)
    assert (features[still] == features[still][0]).all()


@pytest.mark.parametrize("rate", [10.0, 2.0, 0.5])
def test_the_timeline_is_that_of_the_even_file(
    make_clip: MakeClip, tmp_path: Path, rate: float
) -> None:
    even, _ = rows(make_clip(EVEN, name="even.mp4"), tmp_path / "even", rate)
    uneven, _ = rows(make_clip(STILL, name="uneven.mp4"), tmp_path / "uneven", rate)
    assert abs(len(even) - len(uneven)) <= 2
    assert np.abs(even[: len(uneven)][:-1] - uneven[: len(even)][:-1]).max() <= 1.5 / rate


def jittered(rate: float, share: float, seed: int, seconds: float = 20.0) -> list[float]:
    chance = np.random.default_rng(seed)
    n_frames = int(seconds * rate)
    moved = np.arange(n_frames) + np.concatenate([[0], chance.uniform(-share, share, n_frames - 1)])
    return list(np.round(moved / rate, 4))


@pytest.mark.parametrize(
    ("rate", "share"),
    [(30.0, 0.1), (29.97, 0.0), (25.0, 0.4), (15.0, 0.2), (10.0, 0.2), (9.97, 0.0), (12.5, 0.1)],
)
def test_jitter_gains_no_row_and_loses_none(
    make_clip: MakeClip, tmp_path: Path, rate: float, share: float, seed: int
) -> None:
    path = make_clip(jittered(rate, share, seed), name="a.mkv")
    with open_video(path) as video:
        before = [(one.time_s, end) for one, end in sample(video, 10.0)]
    times, origin = rows(path, tmp_path / "data")
    assert times[:-1].tolist() == [time for time, _ in before]
    assert not origin.remarks


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts"])
@pytest.mark.parametrize(("rate", "share"), [(5.0, 0.0), (5.0, 0.2), (1.0, 0.0), (0.2, 0.0)])
def test_a_slow_even_video_gives_its_frames(
    make_clip: MakeClip, tmp_path: Path, rate: float, share: float, seed: int, name: str
) -> None:
    moments = jittered(rate, share, seed, seconds=max(20.0, 12 / rate))
    times, origin = rows(make_clip(moments, name=name), tmp_path / "data")
    # The last is left out where it is shown for too short to be looked at.
    assert len(moments) - len(times) in (0, -1)
    steps = np.diff(times)[:-1]
    np.testing.assert_allclose(steps, np.diff(moments)[: len(steps)], atol=2e-3)
    assert not origin.remarks


def test_a_still_scene_in_a_slow_video_gives_rows_at_its_own_pace(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    even = [number / 4 for number in range(200)]
    path = make_clip([time for time in even if not 20 < time < 30], name="a.mp4")
    times, _ = rows(path, tmp_path / "data")
    np.testing.assert_allclose(times, even, atol=0.05)


def test_a_sparse_screen_recording(make_clip: MakeClip, tmp_path: Path, seed: int) -> None:
    chance = np.random.default_rng(seed)
    gaps = chance.choice([0.03, 0.5, 7.0], size=60, p=[0.6, 0.3, 0.1])
    path = make_clip(list(np.concatenate([[0], np.cumsum(gaps)])), name="a.mkv")
    times, _ = rows(path, tmp_path / "data")
    assert np.diff(times).max() < 0.2
    assert len(times) == pytest.approx(10 * gaps.sum(), rel=0.15)


def test_hardly_any_frame(make_clip: MakeClip, tmp_path: Path) -> None:
    times, _ = rows(make_clip([0.0, 20.0, 21.0], name="a.mp4"), tmp_path / "data")
    assert len(times) - 1 == pytest.approx(210, abs=3)


def test_frames_that_are_missing_in_the_middle_are_held(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    path = make_clip([time for time in EVEN[:300] if not 5 < time < 7], name="a.webm", codec="vp8")
    times, _ = rows(path, tmp_path / "data")
    assert len(times) - 1 == pytest.approx(120, abs=2)


def lengthened(path: Path, target: Path, length_s: float) -> Path:
    """The same packets, the last of which is shown for so many seconds."""
    with av.open(str(path)) as source, av.open(str(target), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        packets = [one for one in source.demux(video=0) if one.size]
        for packet in packets:
            if packet is packets[-1]:
                packet.duration = round(length_s / packet.time_base)
            packet.stream = stream
            container.mux(packet)
    return target


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_the_last_frame_is_held_until_the_end_that_is_announced(
    make_clip: MakeClip, tmp_path: Path, suffix: str
) -> None:
    codec = "libvpx" if suffix == ".webm" else "libx264"
    path = make_clip(EVEN[:100], name=f"a{suffix}", codec=codec)
    path = lengthened(path, tmp_path / f"long{suffix}", 10.0)
    times, origin = rows(path, tmp_path / "data")
    assert times[-1] == pytest.approx(EVEN[99] + 10, abs=0.05)
    assert len(times) - 1 == pytest.approx(140, abs=2)
    assert [one.startswith(VARIES) for one in origin.remarks] == [True]
    zero = write_preview(path, tmp_path / "preview.mp4", start_s=8.0, end_s=10.0)
    assert zero == pytest.approx(8.0)
    write_still(path, 12.0, tmp_path / "still.jpg")
    assert (tmp_path / "still.jpg").stat().st_size > 0


def test_what_is_cut_off_is_not_held(make_clip: MakeClip, tmp_path: Path) -> None:
    path = make_clip(EVEN[:200], name="a.mkv", options={"g": "10"})
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    times, origin = rows(path, tmp_path / "data")
    assert times[-1] < 7
    assert any("announces" in one for one in origin.remarks)


@pytest.mark.parametrize("fail_at", [3, 12, 40, 60])
def test_a_stopped_extraction_goes_on_within_a_still_scene(
    make_clip: MakeClip, tmp_path: Path, fail_at: int
) -> None:
    path = make_clip(STILL[:110], name="a.mp4", options={"g": "20"})
    path = lengthened(path, tmp_path / "long.mp4", 10.0)
    extract_video(path, tmp_path / "whole", "one", Means(clip=3), frame_rate=10.0)
    with pytest.raises(ConfigurationError, match="enough"):
        extract_video(path, tmp_path / "b", "one", Means(clip=3, fail_at=fail_at), frame_rate=10.0)
    assert len(np.fromfile(tmp_path / "b" / "features" / ".one.when", dtype="V16")) > 0
    second = Means(clip=3)
    extract_video(path, tmp_path / "b", "one", second, frame_rate=10.0)
    assert Folder(tmp_path / "b").contents() == Folder(tmp_path / "whole").contents()


def test_every_frame_once_is_said_to_be_uneven(make_clip: MakeClip, tmp_path: Path) -> None:
    times, origin = rows(make_clip(STILL, name="a.mp4"), tmp_path / "data", None)
    assert len(times) - 1 == len(STILL)
    [remark] = origin.remarks
    assert remark.startswith(VARIES)
    assert "each is one row, however long" in remark
    _, origin = rows(make_clip(EVEN[:50], name="b.mp4"), tmp_path / "even", None)
    assert not origin.remarks


def test_a_jump_of_the_clock_is_not_filled(make_clip: MakeClip, tmp_path: Path) -> None:
    moments = [*EVEN[:100], *(9000 + time for time in EVEN[:100])]
    times, origin = rows(make_clip(moments, name="a.mkv"), tmp_path / "data")
    assert len(times) - 1 == pytest.approx(80, abs=2)
    assert any("that is one row, as the clock may have jumped" in one for one in origin.remarks)


def test_a_piece_shows_the_frame_that_is_held(make_clip: MakeClip) -> None:
    path = make_clip([0.0, 1.0, 1.04, 1.08], name="a.mp4")
    with open_video(path) as video:
        found = [
            (round(one.time_s, 3), number_of(one.frame.to_ndarray(format="rgb24")), one.held)
            for one, _ in sample(video, 4.0, step_s=0.25)
        ]
    assert found == [
        *((0.0, 0, False), (0.25, 0, True), (0.5, 0, True), (0.75, 0, True)),
        (1.0, 1, False),
    ]


def test_no_remark_on_a_single_frame() -> None:
    assert pace_remarks(np.array([0.0, 0.1]), np.array([False])) == []
