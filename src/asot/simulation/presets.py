"""Numbers of the feature model fitted to real recordings, which come with the package."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from asot.errors import ArgumentError
from asot.simulation.feature_model import FeatureModel
from asot.text import listing


@dataclass(frozen=True)
class Preset:
    """A fitted feature model, and how the data set that it stands for is laid out.

    Parameters
    ----------
    model : FeatureModel
        The fitted numbers.
    source : str
        What they were fitted to.
    activity_pattern : str or None
        Where the data set's recordings have their activity in their name.
    recipe : str
        The recipe for such data; ``{granularity}`` in it stands for that of the labels.
    """

    model: FeatureModel
    source: str
    activity_pattern: str | None
    recipe: str


def preset_names() -> list[str]:
    """Name the presets, sorted.

    Examples
    --------
    >>> preset_names()
    ['breakfast', 'salads', 'salads_svm']
    """
    return sorted(_presets())


def load_preset(name: str) -> Preset:
    """Load a preset.

    Raises
    ------
    ArgumentError
        If there is none of this name; the message lists them.

    Examples
    --------
    >>> load_preset("breakfast").model.width
    64
    """
    if name not in _presets():
        raise ArgumentError(f"like must be one of {listing(preset_names(), 20)}, got {name!r}.")
    return _presets()[name]


@cache
def _presets() -> dict[str, Preset]:
    import yaml

    text = files("asot.simulation").joinpath("presets.yaml").read_text(encoding="utf-8")
    return {
        name: Preset(**{**values, "model": FeatureModel(**values["model"])})
        for name, values in yaml.safe_load(text).items()
    }
