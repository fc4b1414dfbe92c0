"""The interactive report: a folder, or one file, that a browser opens without a network.

::

    OUT/index.html      the page, with all that the index, the actions and the overview show
    OUT/assets/         its script and its style
    OUT/data/<n>.js     one recording each, read when it is opened
    OUT/media/          previews and clips; kept for the next report of the same videos
"""

from __future__ import annotations

from asot.page.model import ActionView, Example, RecordingView, Report, Track
from asot.page.render import write_report

__all__ = ["ActionView", "Example", "RecordingView", "Report", "Track", "write_report"]
