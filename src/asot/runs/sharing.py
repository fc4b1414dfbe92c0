"""A page for a colleague: one file, a folder or a zip archive that plays wherever it is opened."""

from __future__ import annotations

import logging
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import parseaddr
from pathlib import Path

from asot.data.origin import Origin
from asot.errors import ConfigurationError, require_extra, require_integer, require_number
from asot.files import atomic_path, fingerprint, put, remove
from asot.folders import put_folder, scratch_beside, sole_use
from asot.page import Sharing, render_page
from asot.page.sharing import Copies
from asot.progress import Progress, silent
from asot.runs.page import Content
from asot.text import listing

logger = logging.getLogger(__name__)

COPIES = "shared_videos"  # in a folder of results
LONGEST = 960
MEGABYTE = 1e6
_OF_VIDEOS = 0.85  # of the budget; the rest is for clips and numbers
_IN_TEXT = 0.75  # bytes of a video in a byte of a page in one file
_LEAST_BITS = 0.04  # a pixel and frame, below which fewer pixels look better
_FEWEST_PIXELS = 160
_PARTS = {"index.html", "data", "assets", "media"}  # of a page


@dataclass(frozen=True)
class Video:
    """A video of a recording, its seconds, and whether it may go as it is."""

    path: Path
    seconds: float
    direct: bool


@dataclass(frozen=True)
class Share:
    """What is passed on, and how large it is, in bytes."""

    path: Path
    before: int = 0  # of the original videos
    after: int = 0  # of all that is passed on
    videos: dict[str, Video] = field(default_factory=dict)


def plan_share(
    content: Content,
    target: Path,
    *,
    copies: Path,
    longest: int = LONGEST,
    max_mb: float | None = None,
    reply_to: str = "",
) -> tuple[Sharing, Share]:
    """Decide how large the copies of videos may be, before any is made.

    ``target`` ends in ``.html`` or ``.zip``, or is a folder, which must be new or an earlier share.
    ``copies`` is the folder in which copies are kept, and a budget of ``max_mb`` megabytes is
    shared out by the seconds of the videos.
    """
    require_integer("--longest", longest, at_least=16)
    if max_mb is not None:
        require_number("--max_mb", max_mb, above=0)
    name, address = _whom(reply_to)
    models = set(content.folder.models().values())
    if target.suffix == ".html" and len(models) > 1:
        cure = "name a folder or a .zip file"
        message = (
            f"{target} is one file, but there is a page for each of {len(models)} models: {cure}."
        )
        raise ConfigurationError(message, setting="share")
    _refuse_strangers(target, {*_PARTS, *models})
    videos, private = _look(content)
    bits = None
    if max_mb is not None and videos:
        room = max_mb * MEGABYTE * _OF_VIDEOS * (_IN_TEXT if target.suffix == ".html" else 1)
        bits = 8 * room / sum(one.seconds for one in videos.values())
        longest = min(longest, max(_FEWEST_PIXELS, int((bits / 25 / _LEAST_BITS * 16 / 9) ** 0.5)))
    places = {str(path) for one in private for path in (one, one.resolve())}
    kept = tuple(one for one in places if len(one) > len(Path(one).anchor))
    sharing = Sharing(copies, longest, bits, name, address, kept)
    before = sum({one.path: one.path.stat().st_size for one in videos.values()}.values())
    return sharing, Share(target, before, 0, videos)


def write_share(
    content: Content, sharing: Sharing, share: Share, progress: Progress = silent
) -> Share:
    """Make the copies of videos, or find them, then the page; return its size.

    Copies that were finished before are used again. The page appears whole or not at all.
    """
    target = share.path
    with sole_use(sharing.folder):
        for path in sharing.folder.iterdir():
            os.utime(path, (0, 0))  # in use is what is newer
        _copy(share.videos, sharing, progress)
        with scratch_beside(target) as scratch:
            made = scratch / "page"
            embed = target.suffix == ".html"
            for model, page in content.pages():
                render_page(page, made / model, embed=embed, sharing=sharing, progress=progress)
            after = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
            if embed:
                put(made / "index.html", target)
            elif target.suffix == ".zip":
                put(_pack(made, target.stem), target)
            else:
                put_folder(made, target)
        for path in sharing.folder.iterdir():
            if not path.stat().st_mtime:
                remove(path)
    return replace(share, after=after)


def _look(content: Content) -> tuple[dict[str, Video], set[Path]]:
    """Find the videos of recordings, and the folders of this machine that texts may name."""
    videos, lost = dict[str, Video](), list[str]()
    private = {Path.home(), Path.cwd(), content.folder.root.parent}
    for one in content.recordings:
        private |= {path.parent for path in one.files}
        origin = one.origin
        if origin is None:
            continue
        private.add(Path(origin.path).parent)
        video, times, known = origin.video, one.times, origin.video_fingerprint
        if video is None or times is None:
            continue
        private.add(video.parent)
        if video.is_file() and (not known or fingerprint(video) == known):
            videos[one.name] = Video(video, float(times[-1] - times[0]), _starts_at_0(origin))
        else:
            lost.append(one.name)
    if lost:
        why = "they are missing, or not the files that they were"
        logger.warning("The videos of %s are left out: %s.", listing(lost, 6), why)
    if videos:
        require_extra("video", "A copy of a video", "av")
    return videos, private


def _copy(videos: Mapping[str, Video], sharing: Sharing, progress: Progress) -> None:
    total = round(sum(one.seconds for one in videos.values()))
    before = 0.0
    studio = Copies(sharing.folder, sharing, embed=False)
    for name, one in videos.items():

        def tell(done: float, before: float = before, name: str = name) -> None:
            progress("Page: videos", min(round(before + done), total), total, name)

        tell(0.0)
        studio.prepare(one.path, one.direct, tell)
        before += one.seconds
    if videos:
        progress("Page: videos", total, total)


def _starts_at_0(origin: Origin) -> bool:
    start_s = origin.media.get("start_s" if origin.kind == "video" else "video_start_s", 0.0)
    return abs(start_s) < 1e-3 and not (origin.kind == "video" and origin.remarks)


def _whom(reply_to: str) -> tuple[str, str]:
    """Return the name, or the address where there is none, and the address."""
    name, address = parseaddr(reply_to)
    user, at, host = address.rpartition("@")
    if reply_to and not (user and at and host and address.isprintable() and " " not in address):
        rule = "--reply_to must be an e-mail address, such as 'Ada <ada@lab.org>'"
        raise ConfigurationError(f"{rule}, but is {reply_to!r}.", setting="reply_to")
    return name or address, address


def _refuse_strangers(target: Path, parts: set[str]) -> None:
    """Refuse to write over what is no earlier share."""
    if target.is_dir() and target.suffix not in (".html", ".zip"):
        ours = {one.name for one in target.iterdir()} <= parts
    elif target.suffix == ".zip" and target.is_file():
        ours = zipfile.is_zipfile(target)
    else:
        ours = not target.exists() or (target.suffix == ".html" and _is_page(target))
    if not ours:
        message = f"{target} holds something else: choose another name for what you share."
        raise ConfigurationError(message, setting="share")


def _is_page(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return b"default-src 'none'; script-src 'nonce-" in stream.read(2000)


def _pack(made: Path, name: str) -> Path:
    """Pack a folder, with everything below a folder of that name, beside it."""
    with (
        atomic_path(made.parent / "page.zip") as temporary,
        zipfile.ZipFile(temporary, "w") as archive,
    ):
        for path in sorted(made.rglob("*")):
            if path.is_file():
                kind = zipfile.ZIP_STORED if path.parent.name == "media" else zipfile.ZIP_DEFLATED
                place = Path(name) / path.relative_to(made)
                archive.write(path, place.as_posix(), compress_type=kind)
    return made.parent / "page.zip"
