"""Previews: what is in them, and when."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.errors import ArgumentError, DataError
from asot.inputs.video import preview
from asot.inputs.video.decoding import open_video
from asot.inputs.video.preview import browser_plays, write_preview, write_still
from asot.inputs.video.reading import VideoFrame, probe, read_frames
from tests.inputs.video.clips import MakeClip, number_of

av = pytest.importorskip("av")

EVEN = [number / 25 for number in range(40)]
LATE = [0.54 + time for time in EVEN]


def frames_of(path: Path) -> list[VideoFrame]:
    return list(read_frames(path))


@pytest.mark.parametrize(
    ("plays", "options"),
    [
        (True, {"name": "a.mp4"}),
        (True, {"name": "a.MOV"}),
        (True, {"name": "sound.mp4", "sound": True}),
        (True, {"name": "b-frames.mp4", "options": {"bf": "3"}}),
        (True, {"name": "a.webm", "codec": "libvpx-vp9"}),
        (True, {"name": "av1.mp4", "codec": "libsvtav1", "options": {"preset": "12"}}),
        (False, {"name": "a.mkv"}),
        (False, {"name": "a.avi", "codec": "mpeg4"}),
        (False, {"name": "a.mpg", "codec": "mpeg2video"}),
        (False, {"name": "mpeg4.mp4", "codec": "mpeg4"}),
        (False, {"name": "ten-bits.mp4", "pixels": "yuv420p10le"}),
        (False, {"name": "colours.mp4", "pixels": "yuv444p"}),
        (False, {"name": "no-suffix"}),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
def test_what_browsers_play(
    make_clip: MakeClip, tmp_path: Path, plays: bool, options: dict[str, Any]
) -> None:
    if options["name"] == "no-suffix":
        path = make_clip(EVEN).rename(tmp_path / "no-suffix")
    else:
        path = make_clip(EVEN, **{"size": (64, 64), **options})
    assert browser_plays(path) is plays
    if hasattr(os, "sched_getscheduler"):  # whatever the encoder of the clip did
        assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_a_late_start_does_not_play_as_it_is(make_clip: MakeClip) -> None:
    assert not browser_plays(make_clip(LATE, name="late.mp4"))


def test_what_is_no_video_does_not_play(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no video")
    assert not browser_plays(tmp_path / "a.mp4")
    assert not browser_plays(tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"name": "late.mp4"},
        {"name": "late.mpg", "codec": "mpeg2video"},
        {"name": "ten-bits.mkv", "pixels": "yuv420p10le"},
        {"name": "odd.mkv", "codec": "ffv1", "pixels": "yuv444p", "size": (49, 65)},
        {"name": "large.mkv", "size": (480, 640)},
    ],
    ids=lambda options: options["name"],
)
def test_a_preview_shows_the_same_at_the_same_time(
    make_clip: MakeClip, tmp_path: Path, options: dict[str, Any]
) -> None:
    path = make_clip(LATE, **options)
    out = tmp_path / "previews" / "new.mp4"
    zero = write_preview(path, out, longest=64)
    assert browser_plays(out)
    original, shown = frames_of(path), frames_of(out)
    assert zero == original[0].time_s
    assert [number_of(one.image) for one in shown] == list(range(40))
    expected = [one.time_s - zero for one in original]
    np.testing.assert_allclose([one.time_s for one in shown], expected, atol=1e-4)
    assert shown[-1].end_s == pytest.approx(original[-1].end_s - zero, abs=1e-4)
    height, width = shown[0].image.shape[:2]
    assert height % 2 == width % 2 == 0
    assert max(height, width) == 64
    with av.open(str(out)) as container:
        assert not container.streams.audio
        assert container.format.name.startswith("mov")


@pytest.mark.parametrize("bits", [None, 60_000.0])
def test_without_h264_it_is_vp9(
    make_clip: MakeClip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bits: float | None
) -> None:
    others = {name: one for name, one in preview._ENCODERS.items() if name != "libx264"}
    monkeypatch.setattr(preview, "_ENCODERS", others)
    path, out = make_clip(LATE), tmp_path / f"new{preview.suffix()}"
    zero = write_preview(path, out, max_frame_rate=None, fine=True, bits_a_second=bits)
    assert out.suffix == ".webm"
    assert browser_plays(out)
    shown = frames_of(out)
    assert [number_of(one.image) for one in shown] == list(range(40))
    np.testing.assert_allclose([zero + one.time_s for one in shown], LATE, atol=1e-3)


def test_what_may_go_as_it_is(make_clip: MakeClip) -> None:
    plain = make_clip(EVEN, name="plain.mp4", size=(48, 64))
    assert preview.may_go_as_it_is(plain, 64)
    assert not preview.may_go_as_it_is(plain, 62)
    assert not preview.may_go_as_it_is(plain, 64, bits_a_second=100.0)
    told = make_clip(EVEN, name="told.mp4")
    said = told.with_name("said.mp4")
    with av.open(str(told)) as source, av.open(str(said), "w") as container:
        container.metadata["title"] = "/home/ada/mouse"
        stream = container.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                container.mux(packet)
    assert not preview.may_go_as_it_is(said, 64)


def test_uneven_spacing_is_kept(
    make_clip: MakeClip, tmp_path: Path, rng: np.random.Generator
) -> None:
    times = 3 + np.concatenate([[0.0], np.cumsum(rng.integers(40, 900, size=30) / 1000)])
    path = make_clip(times, options={"bf": "2"})
    zero = write_preview(path, tmp_path / "a.mp4")
    expected = [one.time_s - zero for one in frames_of(path)]
    shown = [one.time_s for one in frames_of(tmp_path / "a.mp4")]
    np.testing.assert_allclose(shown, expected, atol=1e-4)


def test_a_stretch_begins_where_it_was_asked_to(make_clip: MakeClip, tmp_path: Path) -> None:
    path = make_clip(LATE, name="late.mp4", options={"bf": "2", "g": "12"})
    out = tmp_path / "clip.mp4"
    # The frame shown at 1.31 s began at 1.30.
    assert write_preview(path, out, start_s=1.31, end_s=1.6) == 1.31
    frames = frames_of(out)
    assert [number_of(one.image) for one in frames] == list(range(19, 27))
    expected = [0.0, *(LATE[number] - 1.31 for number in range(20, 27))]
    np.testing.assert_allclose([one.time_s for one in frames], expected, atol=1e-4)
    assert frames[-1].end_s == pytest.approx(0.29, abs=1e-4)
    # Before the first frame there is nothing to show.
    assert write_preview(path, out, start_s=-1.0, end_s=0.6) == pytest.approx(0.54)
    assert [number_of(one.image) for one in frames_of(out)] == [0, 1]


def test_frames_beyond_the_greatest_rate_are_left_out(make_clip: MakeClip, tmp_path: Path) -> None:
    path = make_clip([number / 50 for number in range(100)])
    write_preview(path, tmp_path / "a.mp4", max_frame_rate=10)
    times = [one.time_s for one in frames_of(tmp_path / "a.mp4")]
    np.testing.assert_allclose(times, np.arange(20) / 10, atol=1e-3)


def test_previews_and_stills_are_turned(make_clip: MakeClip, tmp_path: Path) -> None:
    one = 1 << 16
    path = make_clip(
        EVEN[:5],
        name="a.mp4",
        size=(48, 96),
        matrix=[0, one, 0, -one, 0, 0, 0, 0, 1 << 30],
    )
    write_preview(path, tmp_path / "preview.mp4", longest=48)
    write_still(path, 0.17, tmp_path / "still.jpg", longest=48)
    info = probe(tmp_path / "preview.mp4")
    assert (info.height, info.width, info.rotation) == (48, 24, 0)
    images = [one.image for one in frames_of(tmp_path / "preview.mp4")]
    assert [number_of(np.rot90(image)) for image in images] == [0, 1, 2, 3, 4]
    assert number_of(np.rot90(read_still(tmp_path / "still.jpg"))) == 4


def test_pixels_that_are_not_square_are_shown_square(
    real_clip: Callable[[str], Path], tmp_path: Path
) -> None:
    clip = real_clip("carphone_pristine.mp4")
    write_preview(clip, tmp_path / "a.mp4", end_s=0.5)
    info = probe(tmp_path / "a.mp4")
    # 176 x 144 pixels of 128:117.
    assert (info.width, info.height) == (192, 144)


def read_still(path: Path) -> np.ndarray:
    assert path.read_bytes()[:2] == b"\xff\xd8"
    with av.open(str(path)) as container:
        [frame] = container.decode(video=0)
        return np.asarray(frame.to_ndarray(format="rgb24"))


def test_a_still_is_the_frame_that_is_shown(make_clip: MakeClip, tmp_path: Path) -> None:
    path = make_clip(LATE, name="late.mp4", options={"bf": "2", "g": "12"}, size=(96, 128))
    for time, number in ((-3.0, 0), (0.55, 0), (1.31, 19), (1.34, 20), (99.0, 39)):
        write_still(path, time, tmp_path / "still.jpg", longest=64)
        image = read_still(tmp_path / "still.jpg")
        assert image.shape == (48, 64, 3)
        assert number_of(image) == number


def test_a_preview_of_a_damaged_file_shows_what_can_be_decoded(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    path = make_clip(
        EVEN, name="a.mp4", options={"g": "5"}, container_options={"movflags": "+faststart"}
    )
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 3 // 4])
    write_preview(path, tmp_path / "preview.mp4")
    shown = [number_of(one.image) for one in frames_of(tmp_path / "preview.mp4")]
    assert 5 < len(shown) < 40
    assert shown == sorted(shown)


def test_refusals_leave_nothing_behind(make_clip: MakeClip, tmp_path: Path) -> None:
    path = make_clip(EVEN)
    out = tmp_path / "previews" / "a.mp4"
    with pytest.raises(ArgumentError) as caught:
        write_preview(path, out, start_s=1.0, end_s=1.0)
    assert caught.value.setting == "end_s"
    with pytest.raises(ArgumentError) as caught:
        write_preview(path, out, longest=1)
    assert caught.value.setting == "longest"
    with pytest.raises(DataError, match=r"shows nothing after 9\.000 s"):
        write_preview(path, out, start_s=9.0)
    with pytest.raises(DataError, match="does not exist"):
        write_preview(tmp_path / "missing.mp4", out)
    with pytest.raises(DataError, match="does not exist"):
        write_still(tmp_path / "missing.mp4", 0.0, out)
    assert not any(one.is_file() for one in out.parent.glob("*"))


def test_a_preview_is_smaller_than_most_videos(
    real_clip: Callable[[str], Path], tmp_path: Path
) -> None:
    clip = real_clip("bigbuckbunny.mp4")
    assert browser_plays(clip)
    write_preview(clip, tmp_path / "a.mp4")
    assert (tmp_path / "a.mp4").stat().st_size < clip.stat().st_size / 3
    with open_video(tmp_path / "a.mp4") as source:
        assert len(list(source.frames())) == 132
        assert source.remarks == []
