"""Notes on the shipped recipes: their data, its sources, and the published figures.

Nothing here imports torch, so that the command line can show the notes at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources
from typing import Literal

import yaml

from asot.model.recipe import changed


@dataclass(frozen=True)
class Published:
    """Figures that others report for the setting of a recipe.

    ``scores`` are fractions: those of ``mof``, ``legacy_f1`` and ``miou`` that are reported, of
    which ``legacy_f1`` can exceed 1. ``source`` is the publication or the way of measuring.
    """

    method: str = ""
    source: str = ""
    matching: Literal["activity", "video", "corpus"] = "activity"
    scores: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Notes:
    """Facts about a recipe besides its settings.

    ``what`` names the data in a few words, for a table; ``disk`` draws the files that must lie in
    ``DIR``, which ``--data`` names; ``stand_in`` are commands that make data of the same shape;
    ``classes`` is the number of ground-truth classes, over all activities.
    """

    what: str = ""
    citation: str | None = None
    disk: str = ""
    sources: list[str] = field(default_factory=list)
    licence: str | None = None
    recordings: int | None = None
    classes: int | None = None
    published: list[Published] = field(default_factory=list)
    stand_in: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


def read_notes(name: str) -> Notes | None:
    """Read the notes on a shipped recipe; return None for any other.

    Examples
    --------
    >>> notes = read_notes("breakfast")
    >>> notes.recordings, notes.published[0].scores["mof"]
    (1712, 0.561)
    >>> read_notes("my_own") is None
    True
    """
    # Listing the folder keeps a name from being a path out of it.
    for file in (resources.files("asot") / "recipes" / "notes").iterdir():
        if file.name == f"{name}.yaml":
            values = yaml.safe_load(file.read_text(encoding="utf-8"))
            values["published"] = [changed(Published(), one) for one in values["published"]]
            notes: Notes = changed(Notes(), values)
            return notes
    return None
