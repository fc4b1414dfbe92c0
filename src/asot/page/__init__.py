"""The interactive page: a folder, or one file, that a browser opens without a network.

::

    OUT/index.html      the page, with the content of the index, the actions and the overview
    OUT/assets/         its script and its style
    OUT/data/<n>.js     one recording each, read when it is opened
    OUT/media/          previews and clips; kept for the next page of the same videos
"""

from __future__ import annotations

from asot.page.alike import Alike, Pair, Spot
from asot.page.content import ActionView, Example, Page, Portrait, RecordingView, Track
from asot.page.render import render_page
from asot.page.sharing import Sharing

__all__ = [
    "ActionView",
    "Alike",
    "Example",
    "Page",
    "Pair",
    "Portrait",
    "RecordingView",
    "Sharing",
    "Spot",
    "Track",
    "render_page",
]
