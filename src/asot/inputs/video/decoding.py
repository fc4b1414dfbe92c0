"""Videos as streams of frames with their true times, also from damaged files.

Frames that are damaged are skipped and counted, never hidden: :attr:`OpenVideo.remarks` lists them
in sentences once the stream has ended. The rules:

- A frame that the decoder refuses, or calls corrupt, is skipped.
- Frames come in the decoder's order. Where their times do not, as in files that kept the order
  of decoding, the same times are put in order.
- A frame without a time follows the frame before at the usual spacing.
- A frame at the time of the frame before is skipped, and so is a frame further back than
  ``WINDOW`` frames. A clock that falls back by more than ``RESET_S`` was set anew: the times of
  the rest are moved to follow on.
- A file that ends early gives the frames before its end. The last frame of a whole file is shown
  until the end that the file announces.
- Cover art is not a video. Rotation and mirroring are the display matrix's.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from asot.errors import FileError, MissingExtraError
from asot.files import require_file
from asot.text import plural

# A clock that falls back by more was set anew; by less, frames are out of order.
RESET_S = 1.0
# Frames among which times are put in order; B-frames hardly ever reach further.
WINDOW = 6
# A frame that would be shown for longer stands before a jump of the clock.
LONGEST_S = 3600.0
# Frames a second where the file says nothing.
USUAL_RATE = 25.0
# Failed reads in a row after which the rest of a file is given up.
PATIENCE = 100
# A dozen frames are held at once; cameras that see all around have 12,000 x 6,000.
MOST_PIXELS = 80_000_000
# Formats where not every frame has a time of its own: the others' are counted from the start.
_COUNTED = ("mpeg",)
# Formats without times, of which FFmpeg supposes 25 frames a second, whatever the stream says.
_RAW = ("h264", "hevc", "vvc", "mjpeg")
# Frames a second beyond which a stream does not mean what it says.
_FASTEST = 1000.0
# Formats that FFmpeg would show as a video: pictures, and text as a terminal shows it.
_PICTURES = ("image2", "tty", "bin", "xbin", "adf", "idf")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """A decoded frame, as it is stored, and when it is shown, on the file's own clock."""

    time_s: float
    usual_end_s: float  # by the frame's own duration, or else by the usual spacing
    frame: Any
    held: bool = False  # a later moment of a frame that is shown for long


@dataclass
class OpenVideo:
    """An open video, and the counts of frames or packets that the rules of this module changed."""

    path: Path
    container: Any
    stream: Any
    damaged: int = 0
    reordered: int = 0
    repeated: int = 0
    resets: int = 0
    untimed: int = 0
    end_s: float | None = field(default=None, init=False)  # of the last frame that was read
    spacing_s: float = field(init=False)  # between frames, by the file
    start_s: float = field(init=False)  # of the stream, by the file
    announced_end_s: float | None = field(init=False)
    raw: bool = field(init=False)  # a stream without a container, which has no times
    tells_rate: bool = field(init=False)  # whether a raw stream says how fast it is
    pixel_aspect: float = field(init=False)  # the width of a pixel as it is shown, by its height

    def __post_init__(self) -> None:
        # Read now, because remarks are asked for when the file is closed.
        stream = self.stream
        rate = float(stream.average_rate or stream.guessed_rate or USUAL_RATE)
        self.raw = self.container.format.name in _RAW
        told = float(stream.codec_context.framerate or 0) if self.raw else 0.0
        self.tells_rate = 0 < told <= _FASTEST
        self.spacing_s = 1.0 / (told if self.tells_rate else rate)
        self.start_s = float((stream.start_time or 0) * stream.time_base)
        self.announced_end_s = _announced_end(self.container, stream)
        self.pixel_aspect = float(stream.sample_aspect_ratio or 1) or 1.0

    @property
    def undisturbed(self) -> bool:
        """Tell whether no rule of this module was needed so far."""
        return not (self.damaged or self.reordered or self.repeated or self.resets or self.untimed)

    @property
    def remarks(self) -> list[str]:
        """Return sentences for people on the damage of the file."""
        sentences = (
            (self.damaged, "frame", "could not be decoded and {} skipped."),
            (self.repeated, "frame", "had the time of another and {} skipped."),
            (self.reordered, "frame", "stood out of order and {} put in order; none is missing."),
            (0 if self.raw else self.untimed, "frame", "had no time and {} given the usual one."),
            (self.resets, "jump", "of its clock {} evened out."),
        )
        found = [
            f"{plural(count, noun)} {sentence.format('was' if count == 1 else 'were')}"
            for count, noun, sentence in sentences
            if count
        ]
        if self.raw:
            rate = f"{1 / self.spacing_s:.6g} frames a second"
            cure = f"set it with ffmpeg -r RATE -i {self.path.name} -c copy NAME.mp4"
            how = "by its own word" if self.tells_rate else f"a guess: if it is wrong, {cure}"
            found.append(f"It holds no times, so they follow from {rate}, {how}.")
        if self._missing_s:
            found.append(
                f"The file announces {self.announced_end_s:.2f} s, but its last frame that can be "
                f"decoded ends at {self.end_s:.2f} s."
            )
        return found

    @property
    def _missing_s(self) -> float:
        """Return the seconds from the last frame to the announced end; 0 if they are few."""
        if self.announced_end_s is None or self.end_s is None:
            return 0.0
        missing = self.announced_end_s - self.end_s
        return missing if missing > max(1.0, 2 * self.spacing_s) else 0.0

    def moments(self) -> Iterator[tuple[float, float]]:
        """Read on, and yield when each packet with a time is shown, and for how long, or 0."""
        base = self.stream.time_base
        for packet in self._packets():
            if packet is not None and packet.pts is not None:
                yield float(packet.pts * base), float((packet.duration or 0) * base)

    def frames(self, after_s: float | None = None) -> Iterator[Shown]:
        """Decode the frames in order, each later than the frame before.

        They begin with the frame that is shown at ``after_s``, or with the first if that is later.
        The way there is the keyframe before, where the file's times can be trusted.
        """
        if after_s is None:
            yield from self._timed(self._decoded())
            return
        # A keyframe's time is not always where the file's index has it: try further back, too.
        for back in () if self.container.format.name in _COUNTED else (0.0, 10.0):
            found = self._from_keyframe(after_s, back)
            if found is not None:
                yield from found
                return
        # The first read of a file and those after a seek to its start may differ: open it anew.
        with open_video(self.path, threads=self.stream.codec_context.thread_count) as again:
            yield from _from(after_s, again.frames())
            for name in ("damaged", "reordered", "repeated", "resets", "untimed", "end_s"):
                setattr(self, name, getattr(again, name))

    def _from_keyframe(self, after_s: float, back_s: float) -> Iterator[Shown] | None:
        """Return the frames from ``after_s`` on, or None if seeking does not lead there."""
        import av

        base = self.stream.time_base
        try:
            self.container.seek(int((after_s - back_s) / base), stream=self.stream)
        except (av.error.FFmpegError, OverflowError):
            return None
        # Frames before the keyframe may refer to frames that were not read.
        decoded = self._decoded()
        for frame in decoded:
            if not frame.key_frame:
                continue
            if frame.pts is None or float(frame.pts * base) > after_s:
                return None
            return _from(after_s, self._timed(chain([frame], decoded)))
        return None

    def _timed(self, decoded: Iterator[Any]) -> Iterator[Shown]:
        """Give frames their times by the rules of this module."""
        base = self.stream.time_base
        last: float | None = None
        shown: Shown | None = None
        moved = 0.0
        for frame, pts in self._ordered(decoded):
            spacing = float((frame.duration or 0) * base)
            if not 0 < spacing < 3600 or (self.raw and pts is None):
                spacing = self.spacing_s
            if pts is None:
                self.untimed += 1
                time_s = 0.0 if last is None else last + spacing
            else:
                time_s = float(pts * base) + moved
            if last is not None and time_s <= last:
                if last - time_s <= RESET_S:
                    self.repeated += 1
                    continue
                self.resets += 1
                moved += last + spacing - time_s
                time_s = last + spacing
            if shown is not None:
                yield shown
            last = time_s
            self.end_s = time_s + spacing
            shown = Shown(time_s, self.end_s, frame)
        if shown is None:
            return
        # Of frames that are stored in another order, the duration may be that of another.
        ends, announced = shown.usual_end_s, self.announced_end_s or shown.usual_end_s
        wrong = self.spacing_s / 2 < ends - announced < ends - shown.time_s
        still = 0 < self._missing_s <= LONGEST_S and not self.damaged
        if (still or wrong) and _is_whole(self.path, self.container, self.stream):
            self.end_s = ends = announced
        yield replace(shown, usual_end_s=ends)

    def _ordered(self, decoded: Iterator[Any]) -> Iterator[tuple[Any, int | None]]:
        """Yield the frames with their times, put in order among ``WINDOW`` frames."""
        frames: deque[Any] = deque()
        times: list[int] = []

        def first() -> tuple[Any, int | None]:
            frame = frames.popleft()
            if frame.pts is None:
                return frame, None
            pts = heappop(times)
            self.reordered += pts != frame.pts
            return frame, pts

        latest = 0
        for frame in decoded:
            if frame.pts is not None:
                if times and float((latest - frame.pts) * self.stream.time_base) > RESET_S:
                    while frames:
                        yield first()
                latest = max(latest, frame.pts) if times else frame.pts
                heappush(times, frame.pts)
            frames.append(frame)
            if len(frames) > WINDOW:
                yield first()
        while frames:
            yield first()

    def _decoded(self) -> Iterator[Any]:
        import av

        context = self.stream.codec_context
        for packet in self._packets():
            try:
                frames = context.decode(packet)
            except EOFError:
                return
            except av.error.FFmpegError as error:
                self.damaged += 1
                logger.debug("%s: a packet cannot be decoded: %s", self.path, error)
                continue
            for frame in frames:
                if frame.is_corrupt:
                    self.damaged += 1
                else:
                    yield frame

    def _packets(self) -> Iterator[Any]:
        """Read packets, past damage; a last None makes the decoder hand out its last frames."""
        import av

        failures = 0
        while failures < PATIENCE:
            try:
                for packet in self.container.demux(self.stream):
                    if packet.size:
                        failures = 0
                        yield packet
                break
            except EOFError:
                break
            except av.error.FFmpegError as error:
                failures += 1
                logger.debug("%s cannot be read here: %s", self.path, error)
        self.damaged += failures
        yield None


@contextmanager
def open_video(path: Path, threads: int | None = None) -> Iterator[OpenVideo]:
    """Open a video file with PyAV, which reads no other file even if this one refers to it.

    ``threads`` are the decoder's; FFmpeg chooses unless given. It is a DataError if the file is
    missing, empty, not a video, or without a video stream that can be decoded.
    """
    try:
        import av
    except ModuleNotFoundError as error:
        raise MissingExtraError("av", "video", "reading a video") from error
    if require_file(path).st_size == 0:
        raise FileError.at(path, "is empty")
    try:
        # Absolute, so that no part of a name is taken for a protocol.
        name, options = str(path.absolute()), {"protocol_whitelist": "file"}
        # Else PyAV before 19 refuses a video whose title is not in UTF-8.
        wrong = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}
        container = av.open(name, container_options=options, **wrong)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        message = f"is not a video that FFmpeg can read: {_reason(error)}"
        raise FileError.at(path, message) from error
    with container:
        stream = _video_stream(path, container)
        stream.codec_context.thread_type = "AUTO"
        stream.codec_context.thread_count = threads or 0
        stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
        try:
            yield OpenVideo(path, container, stream)
        except av.error.FFmpegError as error:
            raise FileError.at(path, f"cannot be read: {_reason(error)}") from error


def _video_stream(path: Path, container: Any) -> Any:
    """Return the stream of moving pictures in an open file."""
    from av.stream import Disposition

    name = container.format.name
    if name in _PICTURES or name.endswith("_pipe"):
        raise FileError.at(path, f"is not a video (FFmpeg takes it for {name!r})")
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)
    ]
    if not streams:
        held = "only sound" if container.streams.audio else "no moving picture"
        raise FileError.at(path, f"holds {held}: a video stream is needed")
    playable = [stream for stream in streams if stream.codec_context is not None]
    if not playable:
        raise FileError.at(path, "has a codec that FFmpeg cannot decode here: convert it first")
    width, height = playable[0].codec_context.width or 0, playable[0].codec_context.height or 0
    if width * height > MOST_PIXELS:
        most = f"has pictures of {width:,} x {height:,} points, of {MOST_PIXELS:,} at most"
        raise FileError.at(path, f"{most}: shrink it with ffmpeg -vf scale=1280:-2")
    return playable[0]


def _reason(error: Exception) -> str:
    """Return the reason that FFmpeg or the system gives."""
    return (getattr(error, "strerror", None) or str(error)).rstrip(".")


def _announced_end(container: Any, stream: Any) -> float | None:
    if stream.duration:
        return float(((stream.start_time or 0) + stream.duration) * stream.time_base)
    if not container.duration or container.streams.audio:
        return None
    # Matroska's duration counts from 0, whenever the first frame is shown.
    start = 0 if "matroska" in container.format.name else container.start_time or 0
    return (start + container.duration) / 1e6


def _is_whole(path: Path, container: Any, stream: Any) -> bool:
    """Tell whether nothing of a file is cut off, as far as its format says how long it is."""
    size = path.stat().st_size
    if "matroska" not in container.format.name:
        ends = [entry.pos + entry.size for entry in stream.index_entries]
        return "mov" in container.format.name and 0 < max(ends, default=0) <= size
    with path.open("rb") as file:
        head = file.read(4096)
    # The segment's identifier, then its length, whose first byte says how many bytes it has.
    place = head.find(b"\x18\x53\x80\x67") + 4
    if place < 4 or place >= len(head) or not head[place]:
        return False
    width = 9 - head[place].bit_length()
    length = int.from_bytes(head[place : place + width], "big") & ((1 << 7 * width) - 1)
    # All ones stand for an unknown length.
    return length + 1 < 1 << 7 * width and place + width + length <= size


def _from(after_s: float, shown: Iterator[Shown]) -> Iterator[Shown]:
    """Leave out frames that end by ``after_s``: the last that began by then is the first."""
    for one, following in pairwise(chain(shown, [None])):
        if one is not None and (following is None or following.time_s > after_s):
            yield one
