"""Frames and their true times, of files as people have them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.errors import ArgumentError, DataError
from asot.files import fingerprint
from asot.inputs.video.decoding import Shown, open_video
from asot.inputs.video.reading import probe, read_frames, sample
from tests.inputs.video.clips import MakeClip, number_of

av = pytest.importorskip("av")

EVEN = [number / 25 for number in range(40)]


def times_of(path: Path, **options: Any) -> list[float]:
    return [frame.time_s for frame in read_frames(path, **options)]


@pytest.mark.parametrize(
    "options",
    [
        {"name": "a.mp4"},
        {"name": "b-frames.mp4", "options": {"bf": "3", "g": "12"}},
        {"name": "a.avi", "codec": "mpeg4"},
        {"name": "a.webm", "codec": "libvpx-vp9"},
        {"name": "a.ts"},
        {"name": "a.mpg", "codec": "mpeg2video"},
        {"name": "ten-bits.mkv", "pixels": "yuv420p10le"},
        {"name": "grey.mkv", "pixels": "gray"},
        {"name": "alpha.mkv", "codec": "ffv1", "pixels": "yuva420p"},
        {"name": "odd.mkv", "codec": "ffv1", "pixels": "yuv444p", "size": (49, 65)},
        {"name": "sound.mp4", "sound": True},
    ],
    ids=lambda options: options["name"],
)
def test_every_frame_comes_once_and_in_order(make_clip: MakeClip, options: dict[str, Any]) -> None:
    path = make_clip(EVEN, **options)
    frames = list(read_frames(path))
    assert [number_of(frame.image) for frame in frames] == list(range(40))
    start = frames[0].time_s
    np.testing.assert_allclose([frame.time_s - start for frame in frames], EVEN, atol=1e-3)
    assert [frame.end_s for frame in frames[:-1]] == [frame.time_s for frame in frames[1:]]
    assert frames[-1].end_s - start == pytest.approx(1.6, abs=2e-3)
    height, width = options.get("size", (48, 64))
    assert frames[0].image.shape == (height, width, 3)


def test_info(make_clip: MakeClip) -> None:
    info = probe(make_clip([0.54 + time for time in EVEN], sound=True, name="a.mp4"))
    assert (info.width, info.height, info.codec, info.rotation) == (64, 48, "h264", 0)
    assert info.start_s == pytest.approx(0.54)
    assert info.end_s == pytest.approx(2.14)
    assert info.n_frames == 40
    assert info.has_audio
    silent = probe(make_clip(EVEN, name="silent.mkv"))
    assert not silent.has_audio
    assert silent.frame_rate == pytest.approx(25)
    assert silent.n_frames is None


def test_the_times_of_a_matroska_file_that_starts_late(make_clip: MakeClip) -> None:
    info = probe(make_clip([20 + time for time in EVEN]))
    assert (info.start_s, info.end_s) == pytest.approx((20.0, 21.6))


def test_uneven_spacing_and_a_late_start_stay_as_they_are(
    make_clip: MakeClip, rng: np.random.Generator
) -> None:
    steps = rng.integers(10, 400, size=50) / 1000
    times = 0.54 + np.concatenate([[0.0], np.cumsum(steps)])
    path = make_clip(times, options={"bf": "2"})
    np.testing.assert_allclose(times_of(path), times, atol=6e-4)
    assert [number_of(one.image) for one in read_frames(path)] == list(range(51))


@pytest.mark.parametrize(
    "linear",
    [
        (1, 0, 0, 1), (0, 1, -1, 0), (-1, 0, 0, -1), (0, -1, 1, 0),
        (-1, 0, 0, 1), (1, 0, 0, -1), (0, 1, 1, 0), (0, -1, -1, 0),
    ],
)  # fmt: skip
def test_the_picture_is_turned_as_its_matrix_says(
    make_clip: MakeClip, linear: tuple[int, int, int, int]
) -> None:
    a, b, c, d = linear
    one = 1 << 16
    path = make_clip(
        EVEN[:1] * 1 + EVEN[27:29],
        name="a.mp4",
        matrix=[a * one, b * one, 0, c * one, d * one, 0, 0, 0, 1 << 30],
    )
    with open_video(path) as source:
        frames = [shown.frame.to_ndarray(format="rgb24") for shown in source.frames()]
    for stored, shown in zip(frames, read_frames(path), strict=True):
        # A picture is where the matrix puts its pixels, moved to begin at 0.
        y, x = np.mgrid[: stored.shape[0], : stored.shape[1]]
        to_x, to_y = a * x + c * y, b * x + d * y
        to_x, to_y = to_x - to_x.min(), to_y - to_y.min()
        wanted = np.zeros((to_y.max() + 1, to_x.max() + 1, 3), dtype=np.uint8)
        wanted[to_y, to_x] = stored
        assert shown.image.shape == wanted.shape
        # Scaling by FFmpeg with or without a size may differ by rounding.
        np.testing.assert_array_equal(shown.image, wanted)
    info = probe(path)
    assert (info.height, info.width) == shown.image.shape[:2]


def test_the_whole_picture_is_resized_in_its_turned_shape(make_clip: MakeClip) -> None:
    one = 1 << 16
    path = make_clip(EVEN[:3], name="a.mp4", matrix=[0, one, 0, -one, 0, 0, 0, 0, 1 << 30])
    [*_, last] = read_frames(path, size=(20, 10))
    assert last.image.shape == (20, 10, 3)
    # Number 2 is bright at the bottom right, which clockwise comes to the bottom left.
    assert number_of(np.rot90(last.image)) == 2


class Clock:
    """A source that shows given frames."""

    def __init__(self, times: list[float], end_s: float) -> None:
        self.shown = [
            Shown(time, after, number)
            for number, (time, after) in enumerate(zip(times, [*times[1:], end_s], strict=True))
        ]

    def frames(self, after_s: float | None = None) -> Iterator[Shown]:
        first = [one for one in self.shown if after_s is None or one.usual_end_s > after_s]
        yield from first or self.shown[-1:]


milliseconds = st.lists(st.integers(4, 700), min_size=1, max_size=60)


@given(
    steps=milliseconds,
    start=st.integers(-2000, 2000),
    frame_rate=st.sampled_from([1, 2, 7.3, 10, 25]),
)
def test_sampling_gives_what_is_shown_at_each_moment(
    steps: list[int], start: int, frame_rate: float
) -> None:
    edges = (start + np.concatenate([[0], np.cumsum(steps)])) / 1000
    clock: Any = Clock(edges[:-1].tolist(), float(edges[-1]))
    got = [shown.frame for shown, _ in sample(clock, frame_rate)]
    moments = edges[0] + np.arange(int((edges[-1] - edges[0]) * frame_rate) + 2) / frame_rate
    # The last frame that began by a moment; by a rounding error more is the next one's.
    sure = {
        int(np.searchsorted(edges, moment, side="right")) - 1
        for moment in moments
        if np.abs(edges - moment).min() > 2e-3 and moment < edges[-1]
    }
    close = {
        number
        for moment in moments
        for number in range(len(steps))
        if edges[number] - 2e-3 <= moment < edges[number + 1] + 2e-3
    }
    assert got == sorted(set(got))
    assert sure <= set(got) <= close | {0}


@given(steps=milliseconds, frame_rate=st.sampled_from([3.0, 10, 40]), data=st.data())
def test_sampling_from_the_middle_gives_the_rest(
    steps: list[int], frame_rate: float, data: st.DataObject
) -> None:
    edges = np.concatenate([[0], np.cumsum(steps)]) / 1000
    clock: Any = Clock(edges[:-1].tolist(), float(edges[-1]))
    whole = list(sample(clock, frame_rate))
    first = data.draw(st.integers(0, len(whole) - 1)) if whole else 0
    if whole:
        after = whole[first][0].time_s
        assert list(sample(clock, frame_rate, after, 0.0)) == whole[first:]


@pytest.mark.parametrize("frame_rate", [24.0, 25.0, 30000 / 1001, 30.0, 50.0])
@pytest.mark.parametrize("digits", [3, 9])
def test_the_own_rate_of_a_video_gives_all_its_frames(frame_rate: float, digits: int) -> None:
    times = [round(number / frame_rate, digits) for number in range(500)]
    clock: Any = Clock(times, 500 / frame_rate)
    assert len(list(sample(clock, frame_rate))) == 500
    assert len(list(sample(clock, None))) == 500


@pytest.mark.parametrize("frame_rate", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_rates_are_refused(make_clip: MakeClip, frame_rate: float) -> None:
    with pytest.raises(ArgumentError, match="frame_rate must be a finite number"):
        next(read_frames(make_clip(EVEN), frame_rate=frame_rate))


@pytest.mark.parametrize(
    "options",
    [
        {"name": "a.mp4", "options": {"bf": "3", "g": "10"}},
        {"name": "open.mp4", "options": {"bf": "3", "g": "10", "x264-params": "open-gop=1"}},
        {"name": "a.mkv", "options": {"g": "7"}},
        {"name": "a.ts", "options": {"bf": "2", "g": "9"}},
        {"name": "a.mpg", "codec": "mpeg2video", "options": {"bf": "2", "g": "9"}},
        {"name": "one-keyframe.mp4", "options": {"g": "1000"}},
    ],
    ids=lambda options: options["name"],
)
def test_reading_from_the_middle_gives_the_rest(
    make_clip: MakeClip, options: dict[str, Any]
) -> None:
    path = make_clip([0.54 + time for time in EVEN], **options)
    whole = list(read_frames(path))
    assert len(whole) == 40
    for first in (0, 1, 8, 9, 10, 11, 25, 39):
        middle = (whole[first].time_s + whole[first].end_s) / 2
        for after in (whole[first].time_s, middle):
            rest = list(read_frames(path, after=after))
            assert [one.time_s for one in rest] == [one.time_s for one in whole[first:]]
            for one, other in zip(rest, whole[first:], strict=True):
                np.testing.assert_array_equal(one.image, other.image)
    assert len(list(read_frames(path, after=whole[0].time_s - 5))) == 40
    assert times_of(path, after=whole[-1].time_s + 5) == [whole[-1].time_s]


def test_threads_change_nothing(make_clip: MakeClip) -> None:
    path = make_clip(EVEN, name="a.mp4", options={"bf": "2"})
    for one, other in zip(read_frames(path, threads=1), read_frames(path, threads=4), strict=True):
        assert (one.time_s, one.end_s) == (other.time_s, other.end_s)
        np.testing.assert_array_equal(one.image, other.image)


def test_frames_that_kept_the_order_of_decoding_are_put_in_order(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    path = make_clip(EVEN, name="right.mp4", options={"bf": "3", "b-adapt": "0"})
    wrong = tmp_path / "wrong.mp4"
    with av.open(str(path)) as source, av.open(str(wrong), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        packets = [one for one in source.demux(video=0) if one.size]
        for number, packet in enumerate(packets):
            packet.stream = stream
            packet.pts = packet.dts = number * packets[0].duration
            container.mux(packet)
    frames = list(read_frames(wrong))
    assert [number_of(one.image) for one in frames] == list(range(40))
    np.testing.assert_allclose([one.time_s for one in frames], EVEN, atol=1e-6)
    with open_video(wrong) as video:
        assert len(list(video.frames())) == 40
        assert video.remarks == [
            f"{video.reordered} frames stood out of order and were put in order; none is missing."
        ]


def test_a_clock_that_is_set_back_goes_on(make_clip: MakeClip, tmp_path: Path) -> None:
    # Two recordings in one transport stream, each with its own clock.
    parts = [make_clip([start + time for time in EVEN], name=f"{start}.ts") for start in (50, 7)]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    times = np.array(times_of(joined))
    assert len(times) == 80
    np.testing.assert_allclose(np.diff(times), 0.04, atol=1e-3)


def test_repeated_times_are_left_out(make_clip: MakeClip, tmp_path: Path) -> None:
    path = make_clip(EVEN, name="a.mkv", codec="ffv1", pixels="yuv420p")
    doubled = tmp_path / "doubled.mkv"
    with av.open(str(path)) as source, av.open(str(doubled), "w") as container:
        stream = container.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(one for one in source.demux(video=0) if one.size):
            packet.stream = stream
            if number == 20:
                packet.pts = packet.dts = packet.pts - 40
            container.mux(packet)
    with open_video(doubled) as video:
        times = [shown.time_s for shown in video.frames()]
        assert len(times) == 39
        assert video.remarks == ["1 frame had the time of another and was skipped."]
    assert times == sorted(set(times))


def test_raw_streams_get_the_usual_times(make_clip: MakeClip) -> None:
    path = make_clip(EVEN, name="a.h264", container_options={})
    frames = list(read_frames(path))
    assert [number_of(one.image) for one in frames] == list(range(40))
    np.testing.assert_allclose(np.diff([one.time_s for one in frames]), 0.04, atol=1e-6)


def test_a_truncated_file_gives_what_it_has(make_clip: MakeClip) -> None:
    long = [number / 25 for number in range(200)]
    path = make_clip(
        long, name="a.mp4", options={"g": "10"}, container_options={"movflags": "+faststart"}
    )
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with open_video(path) as source:
        shown = list(source.frames())
        [remark] = [one for one in source.remarks if "announces" in one]
    assert 50 < len(shown) < 190
    assert [number_of(one.image) for one in read_frames(path)][:50] == list(range(50))
    assert "The file announces 8.00 s, but its last frame that can be decoded ends at" in remark


def test_damage_is_passed_over_and_told(
    real_clip: Callable[[str], Path], tmp_path: Path, seed: int
) -> None:
    clip = real_clip("bikes.mp4")
    whole = {round(time, 3) for time in times_of(clip)}
    content = bytearray(clip.read_bytes())
    chance = random.Random(seed)
    start, length = len(content) // 3, len(content) // 3
    for place in range(start, start + length, 50):
        content[place] = chance.randrange(256)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    with open_video(damaged) as source:
        times = [shown.time_s for shown in source.frames()]
        assert source.damaged > 0
        assert not source.undisturbed
        assert any("could not be decoded and" in one for one in source.remarks)
    assert {round(time, 3) for time in times} <= whole
    assert 100 < len(times) < 250
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.mp4", b"", "is empty"),
        ("noise.mp4", bytes(range(256)) * 40, "is not a video that FFmpeg can read"),
        ("text.txt", b"frame by frame\n" * 200, "is not a video"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:2,\n/etc/passwd\n#EXT-X-ENDLIST\n", "not a video"),
        ("cut.mp4", b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41", "is not a video"),
    ],
)
def test_what_is_no_video_is_refused(
    tmp_path: Path, name: str, content: bytes, sentence: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=sentence) as caught:
        probe(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        probe(tmp_path / "missing.mp4")
    with pytest.raises(DataError, match="is a folder where a file is expected"):
        probe(tmp_path)


def write_sound(path: Path, codec: str, cover: bool = False) -> Path:
    with av.open(str(path), "w") as container:
        audio: Any = container.add_stream(codec, rate=8000)
        if cover:
            picture: Any = container.add_stream("mjpeg", rate=1)
            picture.width, picture.height, picture.pix_fmt = 32, 32, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic.value
            frame = av.VideoFrame(32, 32, "yuvj420p")
            frame.pts = 0
            container.mux([*picture.encode(frame), *picture.encode(None)])
        for start in range(0, 8000, 1024):
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            tone.sample_rate, tone.pts = 8000, start
            container.mux(audio.encode(tone))
        container.mux(audio.encode(None))
    return path


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds only sound: a video stream is needed"):
        probe(write_sound(tmp_path / "sound.m4a", "aac"))


def test_cover_art_is_no_video(tmp_path: Path) -> None:
    song = write_sound(tmp_path / "song.mp3", "libmp3lame", cover=True)
    with av.open(str(song)) as container:
        assert container.streams.video
    with pytest.raises(DataError, match="holds only sound"):
        probe(song)


def test_pictures_are_no_videos(tmp_path: Path, make_clip: MakeClip) -> None:
    picture = make_clip(
        [0.0], name="a.png", codec="png", pixels="rgb24", container_options={"update": "1"}
    )
    with pytest.raises(DataError, match="is not a video"):
        probe(picture)


def test_a_video_whose_frames_are_all_damaged_is_refused(make_clip: MakeClip, seed: int) -> None:
    path = make_clip(EVEN, name="a.mp4", container_options={"movflags": "+faststart"})
    content = path.read_bytes()
    start = content.index(b"mdat") + 4
    noise = random.Random(seed).randbytes(len(content) - start)
    path.write_bytes(content[:start] + noise)
    with pytest.raises(DataError, match="no frame that can be decoded"):
        probe(path)
    with pytest.raises(DataError, match="no frame that can be decoded"):
        list(read_frames(path))


def test_names_that_look_like_protocols_are_files(make_clip: MakeClip, tmp_path: Path) -> None:
    path = make_clip(EVEN[:3]).rename(tmp_path / "concat:a|b %03d #1?.mkv")
    assert len(times_of(path)) == 3


def test_a_single_frame(make_clip: MakeClip) -> None:
    [frame] = read_frames(make_clip([0.0]), frame_rate=10)
    assert frame.end_s > frame.time_s


def test_fingerprints_tell_contents_apart(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    content = bytearray(20 << 20)
    for size in (1, 5 << 20, 20 << 20):
        path.write_bytes(content[:size])
        other.write_bytes(content[:size])
        assert fingerprint(path) == fingerprint(other)
        for place in {0, size // 2 if size < 8 << 20 else 0, size - 1}:
            content[place] ^= 1
            other.write_bytes(content[:size])
            content[place] ^= 1
            assert fingerprint(path) != fingerprint(other)
        other.write_bytes(content[:size] + b"\0")
        assert fingerprint(path) != fingerprint(other)
    with pytest.raises(DataError, match="cannot be read"):
        fingerprint(tmp_path / "missing")
