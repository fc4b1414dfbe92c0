"""Opening a file as a video, and a sentence for each that is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asot.errors import DataError

# What FFmpeg would show as a video, but nobody means: pictures, and text as a terminal shows it.
_PICTURES = ("image2", "tty", "bin", "xbin", "adf", "idf")


def open_container(path: Path) -> Any:
    """Open a file with PyAV; nothing but it is read, whatever it refers to.

    Raises
    ------
    DataError
        If it is missing, empty, or nothing that FFmpeg reads.
    """
    import av

    _require_content(path)
    try:
        return av.open(
            # Absolute, so that no part of a name is taken for a protocol.
            str(path.absolute()),
            metadata_errors="replace",
            container_options={"protocol_whitelist": "file"},
        )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise DataError(f"{path} is no video that FFmpeg can read: {reason(error)}.") from error


def _require_content(path: Path) -> None:
    try:
        if not path.exists():
            raise DataError(f"{path} does not exist.")
        if not path.is_file():
            raise DataError(f"{path} is not a file.")
        if path.stat().st_size == 0:
            raise DataError(f"{path} is empty.")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error


def video_stream(path: Path, container: Any) -> Any:
    """The stream of moving pictures in an open file.

    Raises
    ------
    DataError
        If there is none that can be decoded.
    """
    from av.stream import Disposition

    name = container.format.name
    if name in _PICTURES or name.endswith("_pipe"):
        raise DataError(f"{path} is no video (FFmpeg takes it for {name!r}).")
    streams = [
        stream
        for stream in container.streams.video
        if not stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)
    ]
    if not streams:
        held = "only sound" if container.streams.audio else "no moving picture"
        raise DataError(f"{path} holds {held}: a video stream is needed.")
    playable = [stream for stream in streams if stream.codec_context is not None]
    if not playable:
        raise DataError(f"{path} has a codec that FFmpeg cannot decode here: convert it first.")
    return playable[0]


def reason(error: Exception) -> str:
    """What FFmpeg, or the system, says."""
    return (getattr(error, "strerror", None) or str(error)).rstrip(".")
