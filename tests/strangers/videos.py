"""Videos as strangers may leave them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tests.strangers.room import Room, each
from tests.strangers.tables import bomb


def clip(
    path: Path,
    codec: str = "ffv1",
    rate: int = 10,
    size: tuple[int, int] = (64, 48),
    times: Any = range(20),
    **more: Any,
) -> Path:
    """Write a video, of frames at the times (in units of a frame)."""
    import av

    with av.open(str(path), "w", **more) as container:
        stream: Any = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p" if codec in ("mpeg4", "mjpeg") else "gray"
        if codec == "mjpeg":
            stream.pix_fmt = "yuvj420p"
        for time in times:
            picture = np.full((size[1], size[0]), int(time) * 10 % 255, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="gray").reformat(
                format=stream.pix_fmt
            )
            frame.pts = int(time)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def sound(path: Path) -> Path:
    import av

    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(
            np.zeros((1, 1024), np.float32), format="fltp", layout="mono"
        )
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def patched(
    room: Room, find: bytes, replace: bytes, name: str = "x.mp4", codec: str = "mpeg4"
) -> Path:
    """Alter the bytes of a sound video's header."""
    path = clip(room.data / name, codec)
    content = path.read_bytes()
    assert find in content, find
    path.write_bytes(content.replace(find, replace))
    return path


def mp4_box(room: Room, box: bytes, at: int, value: bytes) -> Path:
    """Put bytes at a place behind the name of a box."""
    path = clip(room.data / "x.mp4", "mpeg4")
    content = bytearray(path.read_bytes())
    place = content.index(box) + 4 + at
    content[place : place + len(value)] = value
    path.write_bytes(bytes(content))
    return path


def write(room: Room, name: str, content: bytes | str) -> Path:
    return room.write(name, content)


VIDEOS = {
    "empty": lambda r: write(r, "x.mp4", b""),
    "noise": lambda r: write(r, "x.mp4", bytes(range(256)) * 400),
    "head": lambda r: write(r, "x.mp4", b"\0\0\0\x18ftypmp42" + bytes(5000)),
    "text": lambda r: write(r, "x.mp4", "time,a\n1,2\n" * 90),
    "sound": lambda r: sound(r.data / "x.mp4"),
    "half": lambda r: write(r, "y.mp4", clip(r.root / "y.mp4", "mpeg4").read_bytes()[:900]),
    "half_mkv": lambda r: write(r, "y.mkv", clip(r.root / "y.mkv").read_bytes()[:900]),
    "zip": lambda r: write(r, "x.mkv", bomb("x", b"", 10)),
    "large": lambda r: clip(r.data / "x.mov", "png", size=(16_000, 16_000), times=range(2)),
    "long_side": lambda r: clip(r.data / "x.mov", "png", size=(60_000, 2), times=range(3)),
    "dot": lambda r: clip(r.data / "x.mkv", size=(1, 1)),
    "fast": lambda r: clip(r.data / "x.mkv", rate=1_000_000),
    "one_frame": lambda r: clip(r.data / "x.mkv", times=[0]),
    "jump": lambda r: clip(r.data / "x.mkv", times=[*range(10), *range(10**9, 10**9 + 5)]),
    "jumps": lambda r: clip(r.data / "x.mkv", times=[i * 36_000_000 for i in range(8)]),
    "gap": lambda r: clip(r.data / "x.mkv", times=[*range(10), *range(20 * 86_400 * 10, 20 * 86_400 * 10 + 10)]),
    "late": lambda r: clip(r.data / "x.mkv", times=range(10**9, 10**9 + 9)),
    "size_mp4": lambda r: mp4_box(r, b"mp4v", 24, b"\x3e\x80\x3e\x80"),
    "duration_mp4": lambda r: mp4_box(r, b"mdhd", 16, b"\x7f\xff\xff\xff"),
    "scale_mp4": lambda r: mp4_box(r, b"mdhd", 12, b"\x00\x00\x00\x01"),
    "scale_0_mp4": lambda r: mp4_box(r, b"mdhd", 12, b"\x00\x00\x00\x00"),
    "counts_mp4": lambda r: mp4_box(r, b"stts", 8, b"\x7f\xff\xff\xff"),
    "steps_mp4": lambda r: mp4_box(r, b"stts", 12, b"\x7f\xff\xff\xff"),
    "samples_mp4": lambda r: mp4_box(r, b"stsz", 8, b"\x7f\xff\xff\xff"),
    "matrix_mp4": lambda r: mp4_box(r, b"tkhd", 40, b"\x7f\xff\xff\xff" * 9),
    "list": lambda r: write(r, "x.mp4", f"ffconcat version 1.0\nfile '{r.outside}/secret.txt'\n"),
    "list_clip": lambda r: (clip(r.outside / "s.mkv"), write(r, "x.mkv", f"ffconcat version 1.0\nfile '{r.outside}/s.mkv'\n")),
    "playlist": lambda r: (clip(r.outside / "s.ts", "mpeg4"), write(r, "x.ts", f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{r.outside}/s.ts\n#EXT-X-ENDLIST\n")),
    "manifest": lambda r: write(r, "x.mpg", '<?xml version="1.0"?><MPD><BaseURL>file:///etc/passwd</BaseURL></MPD>'),
    "session": lambda r: write(r, "x.mov", "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"),
    "y4m": lambda r: write(r, "x.y4m", b"YUV4MPEG2 W30000 H30000 F25:1\nFRAME\n" + bytes(10**6)),
    "raw": lambda r: write(r, "x.h264", b"\0\0\0\x01\x67" + bytes(range(256)) * 90),
    "mjpeg": lambda r: write(r, "x.mjpeg", b"\xff\xd8\xff\xc0\x00\x0b\x08\xff\xff\xff\xff\x01\x01\x11\x00" + bytes(5000)),
    "gif": lambda r: write(r, "x.gif", b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\xff\xff\xff\xff\0\x02\x02D\x01\0;"),
    "avi": lambda r: patched(r, b"avih8\0\0\0", b"avih8\0\0\xff", "x.avi"),
    "names": lambda r: clip(r.data / "x.mkv", container_options={"metadata": "x"}),
}  # fmt: skip
SOUND = ("dot", "fast", "one_frame", "jump", "jumps", "gap", "late", "names", "long_side")
ANY = {name: make for name, make in VIDEOS.items() if name not in SOUND}


@each("video", ANY, 0, 2)
def video(room: Room, make: Any) -> list[object]:
    """A video alone: of some the frames that are there are used."""
    make(room)
    return room.extract()


@each("video_odd", {name: VIDEOS[name] for name in SOUND}, 0, 2)
def video_odd(room: Room, make: Any) -> list[object]:
    """Videos that can be read, of odd sizes and times, up to the page."""
    make(room)
    clip(room.data / "z.mkv", times=range(30))
    return room.segment()
