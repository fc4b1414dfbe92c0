"""Recipes: every setting of a training, as typed dataclasses and as the YAML of the same tree.

Nothing here imports torch, so that the command line can show its help at once.

Source of the defaults: Xu and Gould, CVPR 2024, and the settings the authors published with it.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml

from asot.errors import ConfigurationError
from asot.model.settings import build, check_types, require

SUFFIXES = (".yaml", ".yml")
# In place of a number that is to be found from the recordings.
AUTO = "auto"


@dataclass
class TransportSettings:
    """One use of the transport; see ``asot.solve`` for the meaning.

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
        Penalty on the action marginal, above 0; null makes that side hard.
    lambda_frames
        Penalty on the frame marginal, above 0; null makes that side hard.
    max_iterations
        Mirror-descent steps.
    inner_iterations
        Sinkhorn steps in each, where both sides are hard.
    mode
        "default", or "parity" to repeat the authors' release number for number.
    """

    epsilon: float = 0.07
    alpha: float = 0.3
    radius: int | float | Literal["auto"] = 0.04
    lambda_actions: float | None = 0.1
    lambda_frames: float | None = None
    max_iterations: int = 25
    inner_iterations: int = 10
    mode: str = "default"

    def check(self, name: str) -> None:
        """Refuse settings that ``asot.solve`` would refuse, naming this part of the recipe."""
        require(self.epsilon > 0, f"{name}.epsilon", "above 0", self.epsilon)
        require(0 <= self.alpha < 1, f"{name}.alpha", "in [0, 1)", self.alpha)
        found = self.radius == AUTO
        require(found or float(self.radius) > 0, f"{name}.radius", "above 0 or auto", self.radius)
        for side in ("lambda_actions", "lambda_frames"):
            value = getattr(self, side)
            require(value is None or value > 0, f"{name}.{side}", "above 0 or null", value)
        require(
            self.max_iterations >= 0, f"{name}.max_iterations", "at least 0", self.max_iterations
        )
        require(
            self.inner_iterations >= 1,
            f"{name}.inner_iterations",
            "at least 1",
            self.inner_iterations,
        )
        require(self.mode in ("default", "parity"), f"{name}.mode", "default or parity", self.mode)
        if self.mode == "parity":
            rule = "a fraction of the recording, such as 0.04, in parity mode"
            require(isinstance(self.radius, float), f"{name}.radius", rule, self.radius)


@dataclass
class DatasetSettings:
    """Where the data set is and how its features are prepared.

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
        Frames per second; seconds are left out of the tables where it is null.
    standardise
        Standardise the features of each recording and divide them by the root of their number.
    """

    folder: str | None = None
    mapping: str | None = None
    activity_pattern: str | None = None
    exclude: list[int] = field(default_factory=list)
    frame_rate: float | None = None
    standardise: bool = True


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
        Passes over the recordings; 0 leaves the k-means start.
    batch_size
        Recordings in a step.
    frames_per_recording
        Frames drawn from each recording, one in each of as many equal strata.
    learning_rate
        Of Adam.
    weight_decay
        Of Adam.
    temperature
        Of the softmax over the cosine similarities.
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
        found from the recordings.
    order_prior
        Strength of the temporal order prior; auto: by how far the recordings share an order.
    team
        How often each of a team of learners is trained, which then vote; 0 trains one network,
        as the paper does.
    background
        Whether a team looks for frames that belong to no action, and labels them -1.
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
    """

    name: str = "default"
    title: str = ""
    n_actions: int | dict[str, int] | Literal["auto"] | None = None
    order_prior: float | Literal["auto"] = 0.15
    team: int = 0
    background: bool = False
    dataset: DatasetSettings = field(default_factory=DatasetSettings)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    training: TrainingSettings = field(default_factory=TrainingSettings)
    transport_train: TransportSettings = field(default_factory=TransportSettings)
    transport_eval: TransportSettings = field(
        default_factory=lambda: TransportSettings(epsilon=0.04, alpha=0.6, lambda_actions=0.01)
    )

    def check(self) -> None:
        """Refuse values of another type, or outside their ranges.

        Raises
        ------
        ConfigurationError
            With a sentence that names the setting, its rule and its value.
        """
        check_types(self)
        positive = {
            **{f"n_actions.{name}": count for name, count in self.activities.items()},
            "n_actions": self.n_actions if isinstance(self.n_actions, int) else 1,
            "encoder.width": self.encoder.width,
            "training.batch_size": self.training.batch_size,
            "training.frames_per_recording": self.training.frames_per_recording,
            "training.validate_every": self.training.validate_every,
            **{f"encoder.hidden[{i}]": width for i, width in enumerate(self.encoder.hidden)},
        }
        for name, value in positive.items():
            require(value >= 1, name, "at least 1", value)
        for name in ("epochs", "kmeans_restarts"):
            value = getattr(self.training, name)
            require(value >= 0, f"training.{name}", "at least 0", value)
        for name in ("learning_rate", "temperature"):
            value = getattr(self.training, name)
            require(value > 0, f"training.{name}", "above 0", value)
        decay = self.training.weight_decay
        require(decay >= 0, "training.weight_decay", "at least 0", decay)
        require(self.n_actions != {}, "n_actions", "a number, or one for each activity", {})
        require(
            self.order_prior == AUTO or float(self.order_prior) >= 0,
            "order_prior",
            "at least 0 or auto",
            self.order_prior,
        )
        require(self.team >= 0, "team", "at least 0", self.team)
        rule = "false for a single network (team 0)"
        require(not self.background or self.team > 0, "background", rule, self.background)
        rate = self.dataset.frame_rate
        require(rate is None or rate > 0, "dataset.frame_rate", "above 0 or null", rate)
        self.transport_train.check("transport_train")
        self.transport_eval.check("transport_eval")

    @property
    def activities(self) -> dict[str, int]:
        """Actions to look for in each activity; empty where one number serves all."""
        return self.n_actions if isinstance(self.n_actions, dict) else {}

    def actions_of(self, activity: str | None) -> int:
        """How many actions to look for in an activity (None: in a data set without activities).

        Raises
        ------
        ConfigurationError
            If the recipe does not say.
        """
        if isinstance(self.n_actions, int):
            return self.n_actions
        if activity is not None and activity in self.activities:
            return self.activities[activity]
        place = "n_actions" if activity is None else f"n_actions.{activity}"
        raise ConfigurationError(
            f"The recipe {self.name!r} does not say how many actions to look for"
            f"{'' if activity is None else f' in {activity!r}'}: set {place}, "
            "for example with --n_actions 8."
        )

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain dicts, lists and numbers, as in its YAML."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """The inverse of ``to_dict``; settings that are missing keep their defaults.

        Raises
        ------
        ConfigurationError
            If a setting is unknown, of another type or out of its range.

        Examples
        --------
        >>> Recipe.from_dict({"order_prior": 0.2, "encoder": {"width": 16}}).encoder.width
        16
        """
        recipe: Recipe = build(cls(), values)
        recipe.check()
        return recipe


def shipped_recipes() -> tuple[str, ...]:
    """Names of the recipes that come with the package."""
    folder = resources.files("asot") / "recipes"
    return tuple(sorted(Path(item.name).stem for item in folder.iterdir() if _is_yaml(item.name)))


def _is_yaml(name: str) -> bool:
    return name.endswith(SUFFIXES)


def find_recipe(recipe: str) -> Path:
    """The YAML file of a shipped recipe's name or of a path.

    Raises
    ------
    ConfigurationError
        If there is neither such a recipe nor such a file.
    """
    if recipe in shipped_recipes():
        return Path(str(resources.files("asot") / "recipes" / f"{recipe}.yaml"))
    path = Path(recipe)
    if path.is_file():
        return path
    raise ConfigurationError(
        f"There is no recipe {recipe!r}: name one of {', '.join(shipped_recipes())}, "
        "or a YAML file that exists."
    )


class _Loader(yaml.SafeLoader):
    """Takes ``1e-3`` for a number, as people do; PyYAML takes it for text."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
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
        values = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # a SafeLoader
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigurationError(f"{path} is no YAML that can be read: {reason}.") from error
    try:
        return Recipe.from_dict({} if values is None else values)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from None
