"""Recipes: every setting of a training, as typed dataclasses and as the YAML of the same tree.

Nothing here imports torch, so that the command line can show its help at once.

Source of the paper's settings: Xu and Gould, CVPR 2024, and what the authors published with it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, is_dataclass
from importlib import resources
from operator import attrgetter
from pathlib import Path
from typing import Any, Final, Literal, NoReturn

from asot.errors import (
    ArgumentError,
    ConfigurationError,
    FileError,
    require_integer,
    require_number,
)
from asot.schema import read_yaml
from asot.text import meant

SUFFIXES = (".yaml", ".yml")
# Of features: as they are, standardised, or without spikes as well.
Preparation = bool | Literal["despiked"]
AUTO: Final = "auto"  # in place of a number, which is then found from the recordings


@dataclass
class TransportSettings:
    """Settings of the transport in one of its two uses; see ``asot.solve`` for their meaning.

    Parameters
    ----------
    epsilon
        Entropy weight, above 0.
    alpha
        Weight of the temporal term, in [0, 1).
    radius
        Half-width of the temporal band: a fraction of the recording (0.04), frames (10; for the
        pseudo-labels of a single network, of those drawn), or auto: found from the recordings.
    lambda_actions
        Penalty on the action marginal, above 0; without one (null) that side is hard.
    lambda_frames
        Penalty on the frame marginal, above 0; without one (null) that side is hard.
    max_iterations
        Mirror-descent steps.
    inner_iterations
        Sinkhorn steps in each, where both sides are hard.
    mode
        "default", or "parity" to repeat the authors' release number for number.
    """

    epsilon: float = 0.07
    alpha: float = 0.3
    radius: int | float | Literal["auto"] = AUTO
    lambda_actions: float | None = 0.1
    lambda_frames: float | None = None
    max_iterations: int = 25
    inner_iterations: int = 10
    mode: str = "default"


@dataclass
class DatasetSettings:
    """The place of the data set, and the preparation of its features.

    Parameters
    ----------
    folder
        Folder below the data folder; not needed where the data folder itself holds features/.
    mapping
        Mapping file in mapping/; mapping.txt unless given.
    activity_pattern
        Regular expression whose one group is the activity in a recording's name; the folders of
        features/ are the activities unless given.
    exclude
        Class ids whose ground-truth frames are left out of evaluation, such as a background.
    frame_rate
        Frames per second; seconds are left out of the tables unless given.
    standardise
        Standardise the features of each recording and divide them by the root of their number. For
        a team, single frames that leap from both their neighbours are taken out first.
    transposed
        Whether features are stored as (columns, frames).
    """

    folder: str | None = None
    mapping: str | None = None
    activity_pattern: str | None = None
    exclude: list[int] = field(default_factory=list)
    frame_rate: float | None = None
    standardise: bool = True
    transposed: bool = False


@dataclass
class EncoderSettings:
    """The frame encoder: linear layers with ReLU between them.

    Parameters
    ----------
    hidden
        Widths of the hidden layers.
    width
        Width of the embedding.
    """

    hidden: list[int] = field(default_factory=lambda: [128])
    width: int = 40


@dataclass
class TrainingSettings:
    """Training with pseudo-labels.

    Parameters
    ----------
    epochs
        Passes over the recordings; 0 leaves the k-means start. The networks of a team make fewer
        over more than 10 recordings, as many steps as for 10, at up to twice the learning rate.
    batch_size
        Recordings in a step.
    frames_per_recording
        Frames drawn from each recording, one in each of as many equal strata.
    learning_rate
        Learning rate of Adam.
    weight_decay
        Weight decay of Adam.
    temperature
        Temperature of the softmax over the cosine similarities.
    kmeans_restarts
        Starts of the k-means that places the action embeddings; the best is kept. 0 leaves the
        embeddings where they were drawn.
    validate_every
        Epochs between validations.
    """

    epochs: int = 15
    batch_size: int = 2
    frames_per_recording: int = 256
    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    temperature: float = 0.1
    kmeans_restarts: int = 10
    validate_every: int = 5


@dataclass
class Recipe:
    """Everything that decides a training but the data, the seed and the device.

    Parameters
    ----------
    name
        The recipe's name.
    title
        What it is for, in a line.
    n_actions
        Actions to look for: one number, one for each activity to be trained by itself, or auto:
        found from the recordings. Unless given, as many as the ground truth has classes, if any.
    order_prior
        Strength of the temporal order prior; auto: 0.15 where recordings share an order, else 0.
    team
        How often each of a team of learners is trained, each time at two time scales, which then
        vote; 0 trains one network, as the paper does.
    background
        Whether a team looks for frames that belong to no action, and labels them -1.
    sub_actions
        Steps to look for within each action, at most, which are labelled too; 0 for none.
    dataset
        The data set.
    encoder
        The frame encoder.
    training
        The training.
    transport_train
        The transport that makes the pseudo-labels.
    transport_eval
        The transport that decodes.

    Examples
    --------
    >>> Recipe() == load_recipe("default")
    True
    """

    name: str = "default"
    title: str = "Any other data set; nothing to tune"
    n_actions: int | dict[str, int] | Literal["auto"] | None = None
    order_prior: float | Literal["auto"] = AUTO
    team: int = 2
    background: bool = False
    sub_actions: int = 0
    dataset: DatasetSettings = field(default_factory=DatasetSettings)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    transport_train: TransportSettings = field(default_factory=TransportSettings)
    transport_eval: TransportSettings = field(
        default_factory=lambda: TransportSettings(epsilon=0.04, alpha=0.6, lambda_actions=0.01)
    )

    def check(self) -> None:
        """Refuse values of another type, or outside their ranges.

        The ConfigurationError names the setting, its rule and its value; its ``setting`` has the
        dotted name.
        """
        for name, (kind, rule) in _KINDS.items():
            if not isinstance(value := attrgetter(name)(self), kind):
                _refuse(name, rule, value)
        try:
            self._check_numbers()
        except ArgumentError as error:
            raise ConfigurationError(str(error), setting=error.setting) from None
        if self.background and not self.team:
            _refuse("background", "false for a single network (team 0)", self.background)

    def _check_numbers(self) -> None:
        if isinstance(self.n_actions, dict):
            if not self.n_actions:
                _refuse("n_actions", "a number, or one for each activity", self.n_actions)
            for activity, count in self.n_actions.items():
                require_integer(f"n_actions.{activity}", count, at_least=1, at_most=MOST_ACTIONS)
        elif self.n_actions is not None:
            require_or_auto(
                "n_actions", self.n_actions, require_integer, at_least=1, at_most=MOST_ACTIONS
            )
        require_or_auto("order_prior", self.order_prior, require_number, at_least=0)
        for name, (least, most) in _RANGES.items():
            require_integer(name, attrgetter(name)(self), at_least=least, at_most=most)
        for name, bounds in _BOUNDS.items():
            require_number(name, attrgetter(name)(self), **bounds)
        for index, width in enumerate(self.encoder.hidden):
            require_integer(f"encoder.hidden[{index}]", width, at_least=1, at_most=_MOST_WIDTH)
        for index, number in enumerate(self.dataset.exclude):
            require_integer(f"dataset.exclude[{index}]", number, at_least=-(2**63))
        if self.dataset.frame_rate is not None:
            require_number("dataset.frame_rate", self.dataset.frame_rate, above=0)
        for name in ("transport_train", "transport_eval"):
            settings = getattr(self, name)
            require_or_auto(f"{name}.radius", settings.radius, require_number, above=0)
            for side in ("lambda_actions", "lambda_frames"):
                if getattr(settings, side) is not None:
                    require_number(f"{name}.{side}", getattr(settings, side), above=0)
            if settings.mode not in ("default", "parity"):
                _refuse(f"{name}.mode", "default or parity", settings.mode)
            if settings.mode == "parity" and not isinstance(settings.radius, float):
                rule = "a fraction of the recording, such as 0.04, in parity mode"
                _refuse(f"{name}.radius", rule, settings.radius)

    @property
    def activities(self) -> dict[str, int]:
        """Return the number of actions of each activity; empty where one number serves all."""
        return self.n_actions if isinstance(self.n_actions, dict) else {}

    @property
    def preparation(self) -> Preparation:
        """Return how features are prepared: of a team, without spikes."""
        standardised = self.dataset.standardise
        return "despiked" if standardised and self.team else standardised

    def actions_of(self, activity: str | None) -> int:
        """Return the number of actions of an activity; None is for data without activities."""
        if isinstance(self.n_actions, int):
            return self.n_actions
        if activity is not None and activity in self.activities:
            return self.activities[activity]
        place = "n_actions" if activity is None else f"n_actions.{activity}"
        raise ConfigurationError(
            f"The recipe {self.name!r} does not say how many actions to look for"
            f"{'' if activity is None else f' in {activity!r}'}: set {place}, "
            "for example with --n_actions 8.",
            setting=place,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain dicts, lists and numbers, as in its YAML.

        Without ``sub_actions`` where it is 0, so that files of such runs stay what they were.
        """
        values = dataclasses.asdict(self)
        if not self.sub_actions:
            del values["sub_actions"]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """Make a recipe of plain values; missing settings have the values of the default recipe.

        Raises
        ------
        ConfigurationError
            If a setting is unknown, of another type or out of its range.

        Examples
        --------
        >>> Recipe.from_dict({"order_prior": 0.2, "encoder": {"width": 16}}).encoder.width
        16
        """
        recipe: Recipe = changed(cls(), values)
        recipe.check()
        return recipe


_TEXT = str, "text"
_TEXT_OR_NULL = (str, type(None)), "text or null"
_BOOL = bool, "true or false"
_KINDS: dict[str, tuple[Any, str]] = {
    **{name: (kind, "a group of settings") for name, kind in (
        ("dataset", DatasetSettings), ("encoder", EncoderSettings), ("training", TrainingSettings),
        ("transport_train", TransportSettings), ("transport_eval", TransportSettings),
    )},
    **{"name": _TEXT, "title": _TEXT, "background": _BOOL, "dataset.standardise": _BOOL},
    **{f"dataset.{name}": _TEXT_OR_NULL for name in ("folder", "mapping", "activity_pattern")},
    "dataset.exclude": (list, "a list of class ids, such as [-1]"),
    "encoder.hidden": (list, "a list of widths, such as [128]"),
}  # fmt: skip
# The most are far above any use, and below what would fill a memory or never end.
MOST_ACTIONS, MOST_SUB_ACTIONS, _MOST_WIDTH = 10_000, 100, 100_000
_RANGES = {
    "team": (0, 10_000),
    "sub_actions": (0, MOST_SUB_ACTIONS),
    "encoder.width": (1, _MOST_WIDTH),
    "training.epochs": (0, 1_000_000),
    "training.kmeans_restarts": (0, 10_000),
    **{f"training.{name}": (1, 10_000_000) for name in ("batch_size", "frames_per_recording")},
    "training.validate_every": (1, 1_000_000_000),
    **{f"transport_{use}.max_iterations": (0, 10_000_000) for use in ("train", "eval")},
    **{f"transport_{use}.inner_iterations": (1, 10_000_000) for use in ("train", "eval")},
}
_BOUNDS: dict[str, dict[str, float]] = {
    "training.learning_rate": {"above": 0},
    "training.temperature": {"at_least": 1e-6},
    "training.weight_decay": {"at_least": 0},
    **{f"transport_{use}.epsilon": {"at_least": 1e-6} for use in ("train", "eval")},
    **{f"transport_{use}.alpha": {"at_least": 0, "below": 1} for use in ("train", "eval")},
}


def _refuse(name: str, rule: str, value: Any) -> NoReturn:
    raise ConfigurationError(f"{name} must be {rule}, but is {value!r}.", setting=name)


def require_or_auto(name: str, value: Any, require: Callable[..., None], **bounds: float) -> None:
    """Refuse ``value`` unless it is "auto" or fits ``require``, a check of numbers."""
    if isinstance(value, str) and value == AUTO:
        return
    try:
        require(name, value, **bounds)
    except ArgumentError as error:
        sentence = str(error).replace(", but is", ', or "auto", but is', 1)
        raise ArgumentError(sentence, setting=name) from None


def changed(settings: Any, values: Any, place: str = "") -> Any:
    """Return a group of settings with ``values`` in place of its own."""
    if not isinstance(values, dict):
        _refuse(place or "a recipe", "a group of settings", values)
    known = {item.name: getattr(settings, item.name) for item in dataclasses.fields(settings)}
    changes = {}
    for name, value in values.items():
        where = f"{place}.{name}" if place else str(name)
        if name not in known:
            raise ConfigurationError(
                f"{where} is not a setting of a recipe; known there: {', '.join(known)}"
                f"{meant(str(name), known)}",
                setting=where,
            )
        old = known[name]
        changes[name] = changed(old, value, where) if is_dataclass(old) else value
    return dataclasses.replace(settings, **changes)


def flat_settings(
    values: Mapping[str, Any], place: str = "", whole: Collection[str] = ("n_actions",)
) -> Iterator[tuple[str, Any]]:
    """Yield the settings of a recipe's dictionary, each by its dotted name.

    Those that are ``whole`` are one setting, also where they are dictionaries.
    """
    for name, value in values.items():
        if isinstance(value, dict) and name not in whole:
            yield from flat_settings(value, f"{place}{name}.", whole)
        else:
            yield place + name, value


def shipped_recipes() -> tuple[str, ...]:
    """Return the names of the recipes that come with the package."""
    files = (resources.files("asot") / "recipes").iterdir()
    return tuple(sorted(Path(one.name).stem for one in files if one.name.endswith(SUFFIXES)))


def find_recipe(recipe: str) -> Path:
    """Find the YAML file of a recipe, given its shipped name or the path of an existing file."""
    if recipe in shipped_recipes():
        return Path(str(resources.files("asot") / "recipes" / f"{recipe}.yaml"))
    path = Path(recipe)
    if path.is_file():
        return path
    raise ConfigurationError(
        f"There is no recipe {recipe!r}: name one of {', '.join(shipped_recipes())}, "
        "or a YAML file that exists."
    )


def load_recipe(recipe: str) -> Recipe:
    """Load a recipe by its shipped name or from a YAML file.

    Examples
    --------
    >>> load_recipe("breakfast").actions_of("coffee")
    7
    """
    path = find_recipe(recipe)
    try:
        values = read_yaml(path)
    except FileError as error:
        raise ConfigurationError(str(error), file=path) from error
    try:
        return Recipe.from_dict({} if values is None else values)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}", setting=error.setting, file=path) from None
