"""Notes on the shipped recipes: their data, where it is to be had, and the published figures.

Nothing here imports torch, so that the command line can show the notes at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import resources

import yaml

from asot.model.settings import build


@dataclass(frozen=True)
class Published:
    """Figures that somebody else reports for a recipe's setting.

    Parameters
    ----------
    method
        Whose figures they are.
    source
        Where they stand, or how they were measured.
    matching
        "activity", "video" or "corpus", as in ``asot.evaluate``.
    scores
        ``mof``, ``legacy_f1`` and ``miou``, as fractions; those that are not reported are left
        out. ``legacy_f1`` can exceed 1.
    """

    method: str = ""
    source: str = ""
    matching: str = "activity"
    scores: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Notes:
    """What there is to know about a recipe besides its settings.

    Parameters
    ----------
    what
        The data in a few words, to stand in a table.
    citation
        The publication of the data.
    disk
        The files that must lie on disk, as a drawing of several lines; ``DIR`` is what ``--data``
        names.
    sources
        Where the data is to be had.
    licence
        Its licence, or what access to it needs; None where we do not know.
    recordings
        How many there are.
    classes
        Classes of the ground truth, over all activities.
    published
        Figures to compare with.
    stand_in
        Commands that make data of the same shape where the real data is not at hand.
    remarks
        What else a reader of the figures should know.
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
    """Read the notes on a recipe.

    Parameters
    ----------
    name : str
        The recipe's name.

    Returns
    -------
    Notes or None
        None for a recipe that does not come with the package.

    Examples
    --------
    >>> notes = read_notes("breakfast")
    >>> notes.recordings, notes.published[0].scores["mof"]
    (1712, 0.561)
    >>> read_notes("my_own") is None
    True
    """
    folder = resources.files("asot") / "recipes" / "notes"
    # By listing the folder, so that a name can be no path out of it.
    for file in folder.iterdir():
        if file.name == f"{name}.yaml":
            values = yaml.safe_load(file.read_text(encoding="utf-8"))
            values["published"] = [build(Published(), one) for one in values["published"]]
            notes: Notes = build(Notes(), values)
            return notes
    return None
