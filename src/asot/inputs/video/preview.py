"""Previews and stills that browsers show, of videos that they might not play."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain, pairwise, takewhile
from pathlib import Path
from typing import Any

from asot.errors import (
    DataError,
    FileError,
    MissingExtraError,
    require_integer,
    require_number,
)
from asot.files import atomic_path
from asot.inputs.video.decoding import Shown, open_video
from asot.inputs.video.reading import Pictures

# The clock of a preview, fine enough for the frame rates of all cameras.
_BASE = Fraction(1, 90_000)
# FFmpeg calls Matroska and WebM alike; only the latter is for browsers.
_SUFFIXES = {"mov,mp4,m4a,3gp,3g2,mj2": (".mp4", ".m4v", ".mov"), "matroska,webm": (".webm",)}
_CODECS = {"mov,mp4,m4a,3gp,3g2,mj2": ("h264", "av1"), "matroska,webm": ("vp8", "vp9", "av1")}
_SOUND = ("aac", "mp3", "opus", "vorbis", "flac")
# What a file says of itself that tells nothing of where it was made, and of whom.
_PLAIN = {
    *("major_brand", "minor_version", "compatible_brands", "encoder", "creation_time", "language"),
    *("handler_name", "vendor_id", "duration"),
}
# The encoders for browsers, best first: suffix, format, and options. Without B-frames, or frames
# that are never shown, the first frame is at 0 without an edit list; a keyframe a second keeps
# seeking quick.
_ENCODERS: dict[str, tuple[str, str, dict[str, str]]] = {
    # Without the last, one in fifty differs from the same one made again.
    "libx264": (
        *(".mp4", "mp4"),
        {"preset": "veryfast", "bf": "0", "g": "30", "x264-params": "cpu-independent=1"},
    ),
    "libvpx-vp9": (
        *(".webm", "webm"),
        {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "g": "30", "b": "0"},
    ),
}


def encoder() -> str:
    """Name the encoder for previews: H.264, or VP9 where FFmpeg was built without it."""
    from av import codecs_available

    found = [name for name in _ENCODERS if name in codecs_available]
    if not found:
        raise MissingExtraError("av", "video", "Videos for browsers (of libx264 or libvpx-vp9)")
    return found[0]


def suffix() -> str:
    """Return the suffix of the previews that can be made here."""
    return _ENCODERS[encoder()][0]


def may_go_as_it_is(path: Path, longest: int, bits_a_second: float | None = None) -> bool:
    """Tell whether a video that browsers play is small, and free of words on where it was made."""
    with open_video(path) as video:
        stream, lasts = video.stream, (video.container.duration or 0) / 1e6
        told = {
            *video.container.metadata,
            *(key for one in video.container.streams for key in one.metadata),
        }
        small = max(stream.width, stream.height) <= longest
        light = not bits_a_second or (lasts and 8 * path.stat().st_size <= bits_a_second * lasts)
        return bool(small and light and {key.lower() for key in told} <= _PLAIN)


def browser_plays(path: Path) -> bool:
    """Tell whether every current browser plays a file as it is, on the file's own clock.

    Browsers play H.264 or AV1 in MP4 and VP8, VP9 or AV1 in WebM, of 8 bits and 4:2:0, without
    sound or with sound in a codec that they know. Container and video must start at 0 to a
    millisecond: otherwise the player's clock differs from the file's. An unreadable file does not
    play.
    """
    try:
        with open_video(path) as video:
            container, stream = video.container, video.stream
            kind = container.format.name
            starts = ((container.start_time or 0) / 1e6, video.start_s)
            return (
                path.suffix.lower() in _SUFFIXES.get(kind, ())
                and _codec(stream) in _CODECS[kind]
                and stream.codec_context.pix_fmt in ("yuv420p", "yuvj420p")
                and all(abs(start) <= 1e-3 for start in starts)
                and all(_codec(one) in _SOUND for one in container.streams.audio)
            )
    except DataError:
        return False


def write_preview(
    path: Path,
    out: Path,
    *,
    longest: int = 480,
    start_s: float | None = None,
    end_s: float | None = None,
    max_frame_rate: float | None = 30.0,
    bits_a_second: float | None = None,
    fine: bool = False,
    tell: Callable[[float], None] = lambda seconds: None,
) -> float:
    """Write a video, or a stretch of one, as a small file without sound that browsers play.

    Frames keep their true spacing, which need not be even, and are turned as they are shown; all of
    them stay where ``max_frame_rate`` is None. The longer side has ``longest`` pixels at most, and
    a second at most ``bits_a_second``; ``fine`` loses less of the picture. The stretch is in
    seconds of the source's clock; the file appears complete or not at all. ``tell`` is called with
    the seconds that are written. Returned is the source's second at which the preview is at 0:
    ``start_s``, or the first frame's time if that is later.
    """
    require_integer("longest", longest, at_least=2)
    if max_frame_rate is not None:
        require_number("max_frame_rate", max_frame_rate, above=0)
    if start_s is not None and end_s is not None:
        require_number("end_s", end_s, above=start_s)
    with open_video(path) as video, atomic_path(out) as temporary:
        until = takewhile(lambda one: end_s is None or one.time_s < end_s, video.frames(start_s))
        shown = _thinned(until, max_frame_rate)
        first, second = next(shown, None), next(shown, None)
        past = second is None and first is not None and first.usual_end_s <= (start_s or 0.0)
        if first is None or (past and start_s is not None):
            stretch = "at all" if start_s is None else f"after {start_s:.3f} s"
            raise FileError.at(path, f"shows nothing {stretch} that can be decoded")
        zero = first.time_s if start_s is None else max(start_s, first.time_s)
        begun = [one for one in (first, second) if one is not None]
        pictures = Pictures()
        size = _fitting_size(pictures, first.frame, video.pixel_aspect, longest)
        name = encoder()
        options = {"crf": str((23 if fine else 28) + (10 if name == "libvpx-vp9" else 0))}
        if bits_a_second is not None:
            options |= {"maxrate": f"{bits_a_second:.0f}", "bufsize": f"{bits_a_second:.0f}"}
            if name == "libvpx-vp9":
                options["b"] = options["maxrate"]
        _encode(temporary, name, options, pictures, size, chain(begun, shown), zero, end_s, tell)
    return zero


def write_still(path: Path, time_s: float, out: Path, *, longest: int = 240) -> None:
    """Write the frame that is shown at a moment as a JPEG of at most ``longest`` pixels a side.

    ``time_s`` is in seconds of the file's clock; before its start the first frame is shown, after
    its end the last.
    """
    with open_video(path) as video:
        shown = next(video.frames(after_s=time_s), None)
        if shown is None:
            raise FileError.at(path, f"shows nothing at {time_s:.3f} s that can be decoded")
        pictures = Pictures()
        size = _fitting_size(pictures, shown.frame, video.pixel_aspect, longest)
        picture = pictures.fitted(shown.frame, size, "yuvj420p")
    from av import CodecContext

    encoder: Any = CodecContext.create("mjpeg", "w")
    encoder.width, encoder.height = picture.width, picture.height
    encoder.pix_fmt = "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    encoder.qmin = encoder.qmax = 4
    picture.pts, picture.time_base = 0, encoder.time_base
    packets = [*encoder.encode(picture), *encoder.encode(None)]
    with atomic_path(out) as temporary:
        temporary.write_bytes(b"".join(bytes(packet) for packet in packets))


def _encode(
    out: Path,
    name: str,
    options: dict[str, str],
    pictures: Pictures,
    size: tuple[int, int],
    shown: Iterator[Shown],
    zero: float,
    end_s: float | None,
    tell: Callable[[float], None],
) -> None:
    import av

    # The format is the encoder's, whatever the suffix of ``out``.
    _, kind, usual = _ENCODERS[name]
    flags = {"movflags": "+faststart"} if kind == "mp4" else {}
    with av.open(str(out), "w", format=kind, options=flags) as container:
        stream: Any = container.add_stream(name, rate=Fraction(30))
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = _BASE
        stream.options = {**usual, **options}
        lengths: dict[int, int] = {}

        def mux(packets: Any) -> None:
            for packet in packets:
                packet.duration = lengths.pop(packet.pts, 0)
                container.mux(packet)

        for one, following in pairwise(chain(shown, [None])):
            assert one is not None
            last = one.usual_end_s if end_s is None else min(end_s, one.usual_end_s)
            ends = last if following is None else following.time_s
            picture = pictures.fitted(one.frame, size, "yuv420p")
            # Otherwise the encoder would keep the source's keyframes.
            picture.pict_type = 0
            # A frame that began before the stretch begins with it.
            picture.pts = max(0, round((one.time_s - zero) / _BASE))
            picture.time_base = _BASE
            lengths[picture.pts] = max(1, round((ends - zero) / _BASE) - picture.pts)
            mux(stream.encode(picture))
            tell(ends - zero)
        mux(stream.encode(None))


def _codec(stream: Any) -> str:
    """Return the name of a stream's codec, whichever decoder FFmpeg uses."""
    context = stream.codec_context
    return str(context.codec.canonical_name) if context is not None else ""


def _fitting_size(
    pictures: Pictures, frame: Any, pixel_aspect: float, longest: int
) -> tuple[int, int]:
    """Return H and W, even, of the frame as it is shown: turned, and with square pixels."""
    height, width = float(frame.height), frame.width * pixel_aspect
    if pictures.orientation(frame)[0] % 2:
        height, width = width, height
    scale = min(1.0, longest / max(width, height))
    return max(2, 2 * round(height * scale / 2)), max(2, 2 * round(width * scale / 2))


def _thinned(shown: Iterator[Shown], max_frame_rate: float | None) -> Iterator[Shown]:
    """Leave out frames beyond a rate; rounded times of just that rate all stay."""
    least = 0.9 / max_frame_rate if max_frame_rate else -math.inf
    last: float | None = None
    for one in shown:
        if last is None or one.time_s - last >= least:
            last = one.time_s
            yield one
