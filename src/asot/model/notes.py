"""Notes on the shipped recipes: their data, where it is to be had, and the published figures.

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
    """Figures that somebody else reports for a recipe's setting.

    ``scores`` are ``mof``, ``legacy_f1`` and ``miou`` as fractions, those that are reported;
    ``legacy_f1`` can exceed 1. ``source`` is where they stand, or how they were measured.
    """

    method: str = ""
    source: str = ""
    matching: Literal["activity", "video", "corpus"] = "activity"
    scores: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Notes:
    """What there is to know about a recipe besides its settings.

    ``what`` is the data in a few words, to stand in a table; ``disk`` draws the files that must
    lie in ``DIR``, which ``--data`` names; ``stand_in`` are commands that make data of the same
    shape; ``classes`` counts those of the ground truth, over all activities.
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
    """Read the notes on a recipe; None for a recipe that does not come with the package.

    Examples
    --------
    >>> notes = read_notes("breakfast")
    >>> notes.recordings, notes.published[0].scores["mof"]
    (1712, 0.561)
    >>> read_notes("my_own") is None
    True
    """
    # By listing the folder, so that a name can be no path out of it.
    for file in (resources.files("asot") / "recipes" / "notes").iterdir():
        if file.name == f"{name}.yaml":
            values = yaml.safe_load(file.read_text(encoding="utf-8"))
            values["published"] = [changed(Published(), one) for one in values["published"]]
            notes: Notes = changed(Notes(), values)
            return notes
    return None
