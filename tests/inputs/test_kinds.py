"""Which files are videos, by ending and by content."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asot.inputs.find import find_inputs
from asot.inputs.video.decoding import open_video
from tests.inputs.video.clips import write_clip

av = pytest.importorskip("av")

EVEN = [number / 25 for number in range(12)]
NUMBERS = "time,ax\n" + "".join(f"{i / 50},{i % 7}\n" for i in range(40))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A clip of each container."""
    folder = tmp_path_factory.mktemp("clips")
    codecs = {"mp4": "libx264", "h264": "libx264", "avi": "mpeg4", "mpg": "mpeg2video"}
    codecs |= {"mkv": "libx264", "asf": "mpeg4", "m2v": "mpeg2video", "ts": "mpeg2video"}
    return {one: write_clip(folder / f"x.{one}", EVEN, codec) for one, codec in codecs.items()}


@pytest.mark.parametrize(
    ("name", "container"),
    [
        *((f"a.{one}", "mp4") for one in ("MP4", "M4V", "Mov", "f4v", "qt", "insv", "ismv", "360")),
        *((f"a.{one}", "mp4") for one in ("video", "bin", "DAV", "lrv", "lrf", "gif")),
        *((f"a.{one}", "h264") for one in ("h264", "H264", "264", "h26l", "avc")),
        *(("a.divx", "avi"), ("a.asf", "asf"), ("a.m2v", "m2v"), ("a.MTS", "ts"), ("a.m2t", "ts")),
        *(("a.mod", "mpg"), ("a.mk3d", "mkv"), ("a", "mp4"), ("a", "h264"), ("a", "avi")),
    ],
)
def test_what_ffmpeg_reads_is_a_video(
    tmp_path: Path, clips: dict[str, Path], name: str, container: str
) -> None:
    (tmp_path / name).write_bytes(clips[container].read_bytes())
    for named in (tmp_path, tmp_path / name):
        [one] = find_inputs([named])
        assert (one.name, one.is_video, one.defect) == ("a", True, "")
        assert one.path == tmp_path / name


def test_a_moment_of_the_day_is_no_ending(tmp_path: Path, clips: dict[str, Path]) -> None:
    (tmp_path / "Video 9.45.12 PM").write_bytes(clips["mp4"].read_bytes())
    [one] = find_inputs([tmp_path])
    assert (one.name, one.is_video) == ("Video 9.45.12 PM", True)


@pytest.mark.parametrize("ending", ["lrv", "LRF", "gif"])
def test_copies_beside_a_video_are_left_out(
    tmp_path: Path, clips: dict[str, Path], caplog: pytest.LogCaptureFixture, ending: str
) -> None:
    for name in ("GX01.MP4", f"GL01.{ending}"):
        (tmp_path / name).write_bytes(clips["mp4"].read_bytes())
    assert [one.path.name for one in find_inputs([tmp_path])] == ["GX01.MP4"]
    assert f"1 file left out, by ending: 1 .{ending.lower()}." in caplog.text


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(100)),
        ("a", b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(100)),
        ("a", b"\x7fELF" + bytes(5000)),
        ("a.pickle", b"\x80\x04" + bytes(5000)),
        ("a.mat", bytes(range(256)) * 40),
        ("a.wav", b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0" + bytes(200)),
        ("a.m4a", b"\0\0\0\x20ftypM4A " + bytes(200)),
        ("LICENSE", b"You may.\n" * 100),
        ("a.json", b"[1, 2]\n" * 100),
        ("a.m3u8", b"#EXTM3U\n#EXTINF:2,\nb.ts\n"),
    ],
)
def test_other_files_are_none(
    tmp_path: Path, clips: dict[str, Path], name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "b.mp4").write_bytes(clips["mp4"].read_bytes())
    assert [one.name for one in find_inputs([tmp_path])] == ["b"]


def test_wrong_endings_are_said_in_a_folder_and_seen_through_by_name(
    tmp_path: Path, clips: dict[str, Path]
) -> None:
    (tmp_path / "b.mp4").write_bytes(clips["mp4"].read_bytes())
    (tmp_path / "text.mp4").write_text(NUMBERS)
    (tmp_path / "video.csv").write_bytes(clips["mp4"].read_bytes())
    found = {one.name: one for one in find_inputs([tmp_path])}
    assert not found["b"].defect
    assert "is a table or another text, not a video: rename it" in found["text"].defect
    assert "is a video: rename it, or name it itself" in found["video"].defect
    [one] = find_inputs([tmp_path / "video.csv"])
    assert (one.is_video, one.defect) == (True, "")
    [one] = find_inputs([tmp_path / "text.mp4"])
    assert (one.is_video, one.defect) == (False, "")


def test_tables_are_found_without_pyav(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(NUMBERS)
    (tmp_path / "notes.md").write_text("words\n")
    script = (
        "import sys; from asot.inputs.find import find_inputs; "
        f"find_inputs([{str(tmp_path)!r}]); assert 'av' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(("codec", "name"), [("libx264", "a.h264"), ("libx265", "a.hevc")])
@pytest.mark.parametrize("rate", [12, 30, 50])
def test_a_raw_stream_says_how_fast_it_is(tmp_path: Path, codec: str, name: str, rate: int) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"no {codec}")
    with av.open(str(tmp_path / name), "w") as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(20):
            picture = np.full((64, 64, 3), 10 * number, dtype=np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with open_video(tmp_path / name) as video:
        times = [one.time_s for one in video.frames()]
        assert video.remarks == [
            f"It holds no times, so they follow from {rate} frames a second, by its own word."
        ]
    np.testing.assert_allclose(np.diff(times), 1 / rate, atol=1e-6)


def test_a_raw_stream_of_pictures_does_not(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mjpeg", EVEN, "mjpeg", "yuvj420p")
    with open_video(path) as video:
        assert len(list(video.frames())) == len(EVEN)
        [remark] = video.remarks
    assert "25 frames a second, a guess: if it is wrong, set it with ffmpeg -r RATE" in remark


def test_two_videos_of_one_name_are_one_if_they_are_as_long(tmp_path: Path) -> None:
    for name, length in (("a.mp4", 30), ("a.mkv", 30), ("b.mov", 30), ("b.mp4", 90)):
        write_clip(tmp_path / name, [number / 25 for number in range(length)])
    found = find_inputs([tmp_path])
    assert [one.name.partition("~")[0] for one in found] == ["a", "b", "b"]
    assert ["of the same recording" in " ".join(one.remarks) for one in found] == [
        True,
        False,
        False,
    ]


def test_a_copy_with_points_drawn_in_it_is_left_out(tmp_path: Path, clips: dict[str, Path]) -> None:
    for name in ("m.mp4", "mDLC_resnet50_s1_filtered_labeled.mp4", "n_labeled.mp4"):
        (tmp_path / name).write_bytes(clips["mp4"].read_bytes() + bytes(len(name)))
    assert [one.name for one in find_inputs([tmp_path])] == ["m", "n_labeled"]
