"""Videos for the page: the original where a browser can play it, else previews, and clips.

Previews and clips are named after a hash of the source and of their settings, so that a second page
of the same videos finds them.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path, PurePath
from string import hexdigits
from typing import Annotated, Any
from urllib.parse import quote

import msgspec

from asot.errors import AsotError, FileError
from asot.files import fingerprint, remove, write_json
from asot.page.content import RecordingView
from asot.remote import url_of
from asot.schema import read_json

log = logging.getLogger(__name__)

PREVIEW_SIZE = 480  # pixels of the longer side
CLIP_SIZE = 320
CLIP_SECONDS = 6.0
LOST = "The video is missing"
_KEY_LENGTH = 24  # of the names of previews and clips
# Containers that a browser may play, where PyAV is missing to look inside.
_BROWSER_SUFFIXES = {".mp4", ".m4v", ".webm", ".mov", ".ogv"}


@dataclass(frozen=True, slots=True)
class PlayerMedia:
    """The video that a recording's player opens, and a note for people on what is missing."""

    src: str | None  # a link from the page; None where nothing plays
    offset: float = 0.0  # time of the player's 0 in the recording's file, seconds
    note: str = ""
    own: float = 0.0  # the same, where people choose the original file by hand
    mute: bool = False
    lost: bool = False  # whether the file was not there


class _Preview(msgspec.Struct):
    """The file beside a preview: the time of the preview's 0 in its source, in seconds."""

    start_s: Annotated[float, msgspec.Meta(ge=-1e9, le=1e9)]


class Studio:
    """A maker of previews and clips in ``folder``, for the page in ``root``."""

    def __init__(self, root: Path, folder: Path, *, embed: bool) -> None:
        self.root = root
        self.folder = folder
        self.embed = embed
        self.made: set[str] = set()
        self.hosts: set[str] = set()  # of videos that the page may play from elsewhere
        # PyAV, of the extra "video", is not needed to see a page.
        self._tools: Any = import_module("asot.inputs.video.preview") if find_spec("av") else None

    def fault(self, recording: RecordingView) -> str:
        """Say why the video of a recording, if it has one, is not to be shown; empty if it is.

        Results may be a stranger's, and name any file of this machine, which a page in one file
        would carry away: only who had that file knows its fingerprint. What lies in a store is
        linked, if a browser can open it and this user named it before, as the cache then knows.
        """
        source, known = recording.media, recording.media_fingerprint
        if source is None:
            return ""
        if recording.times is None:
            return "The times of the frames are not known, so no video."
        url = url_of(source)
        if not source.is_file() or (url is not None and not self._is_linked(url)):
            return f"{LOST}: {url or source}"
        if url is not None:
            return ""
        try:
            same = known is None or fingerprint(source) == known
        except FileError as error:
            return str(error)
        return "" if same else f"The video is not the file that it was: {source}"

    def player(self, recording: RecordingView, fault: str = "") -> PlayerMedia | None:
        """Choose or make the video for the player of a recording; None without a video."""
        source, shift = recording.media, recording.media_shift_s
        if source is None:
            return None
        own = recording.media_start_s - shift
        if fault:
            return PlayerMedia(None, note=fault, own=own, lost=fault.startswith(LOST))
        url = url_of(source)
        if url is not None:
            return PlayerMedia(self._link(source), own=own)
        if self._tools is None:
            if self.embed or source.suffix.lower() not in _BROWSER_SUFFIXES:
                return PlayerMedia(None, note="A preview of the video needs the extra 'video'.")
            return PlayerMedia(self._link(source), own, own=own)
        try:
            sound = abs(recording.media_start_s) < 1e-3 and recording.media_sound
            direct = sound and self._tools.browser_plays(source)
            src, start_s, mute = self._playable(recording.name, source, direct)
        except (AsotError, OSError) as error:
            log.warning("no preview of %s: %s", source, error)
            return PlayerMedia(None, note=f"No preview could be made: {error}", own=own)
        return PlayerMedia(src, start_s - shift, own=own, mute=mute)

    def clip(self, source: Path, start_s: float, end_s: float) -> tuple[str, str | None] | None:
        """Make a clip of the middle of a segment, of at most six seconds, and its still.

        Return the links to both, or None where the clip fails.
        """
        if self._tools is None or url_of(source) is not None:
            return None
        surplus = max(0.0, end_s - start_s - CLIP_SECONDS) / 2
        start_s, end_s = start_s + surplus, end_s - surplus
        made = []
        try:
            key = _key(source, "clip", CLIP_SIZE, start_s, end_s)
            for suffix in (self._tools.suffix(), ".jpg"):
                out = self.folder / (key + suffix)
                if not out.is_file() and suffix != ".jpg":
                    self._tools.write_preview(
                        source, out, longest=CLIP_SIZE, start_s=start_s, end_s=end_s
                    )
                elif not out.is_file():
                    self._tools.write_still(source, (start_s + end_s) / 2, out, longest=CLIP_SIZE)
                self.made.add(out.name)
                made.append(f"media/{out.name}")
        except (AsotError, OSError) as error:
            log.warning("no clip of %s from %.3f s to %.3f s: %s", source, start_s, end_s, error)
        return (made[0], made[1] if made[1:] else None) if made else None

    def sweep(self) -> None:
        """Remove files of earlier pages, half-written too, that this page does not use."""
        used = {PurePath(name).stem for name in self.made}
        for path in self.folder.glob("*"):
            key, _, rest = path.name.removeprefix(".").partition("-")
            key = key if rest else path.stem
            ours = len(key) == _KEY_LENGTH and set(key) <= set(hexdigits)
            if ours and (rest or key not in used):
                remove(path)

    def path(self, name: str) -> Path:
        """Return the file of what was made, by its name in the page."""
        return self.folder / name

    def deliver(self) -> None:
        """Bring what was made to the page in a folder; here it is made there."""
        self.sweep()

    def _playable(self, recording: str, source: Path, direct: bool) -> tuple[str, float, bool]:
        """Choose or make what plays: its link, its time 0 in its source, and whether it is mute."""
        if direct and not self.embed:
            return self._link(source), 0.0, False
        name, start_s = self._preview(source, longest=PREVIEW_SIZE)
        self.made.add(name)
        return f"media/{name}", start_s, True

    def _preview(
        self, source: Path, tell: Callable[[float], None] = lambda seconds: None, **options: Any
    ) -> tuple[str, float]:
        """Make a preview unless it is there; return its file's name and its time 0."""
        key = _key(source, "preview", *options.values())
        name, beside = f"{key}{self._tools.suffix()}", self.folder / f"{key}.json"
        if (self.folder / name).is_file() and beside.is_file():
            with suppress(FileError):  # the preview of a damaged file is made again
                return name, read_json(beside, _Preview).start_s
        out = self.folder / name
        start_s = float(self._tools.write_preview(source, out, tell=tell, **options))
        write_json(beside, {"source": os.fspath(source), "start_s": start_s})
        return name, start_s

    def _is_linked(self, url: str) -> bool:
        """Tell whether the page can open a video that lies in a store."""
        home = url_of(self.root)
        beside = home is not None and _host(home) == _host(url)
        return not self.embed and (beside or url.startswith(("https://", "http://")))

    def _link(self, source: Path) -> str:
        absolute = Path(os.path.abspath(source))  # noqa: PTH100 - links stay as they are
        url, home = url_of(source), url_of(self.root)
        if url is not None and (home is None or _host(home) != _host(url)):
            self.hosts.add(_host(url))
            return quote(url, safe=":/")
        if url is None and home is not None:
            return absolute.as_uri()
        try:
            relative = os.path.relpath(absolute, os.path.abspath(self.root))  # noqa: PTH100
        except ValueError:  # another drive
            return absolute.as_uri()
        return quote(PurePath(relative).as_posix())


def _host(url: str) -> str:
    """Return the store and the host, or bucket, of a URL."""
    return "/".join(url.split("/")[:3])


def _key(source: Path, *wanted: object) -> str:
    state = source.stat()
    text = repr((os.path.abspath(source), state.st_size, state.st_mtime_ns, *wanted))  # noqa: PTH100
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:_KEY_LENGTH]
