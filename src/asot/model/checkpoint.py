"""Checkpoints: networks, in training or trained, learners of a team, and teams, in one format.

A file holds numbers, texts and tensors alone, which torch reads with weights only. The values are
then checked, so that an altered file is refused in one sentence.
"""

from __future__ import annotations

import dataclasses
import io
import sys
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import msgspec
import numpy as np
import torch
from torch import Tensor

from asot.discover.background import Background
from asot.discover.prototypes import Prototypes
from asot.discover.steps import StepPrototypes, Steps
from asot.discover.verdict import Choice, Trust
from asot.discover.views import View
from asot.errors import LARGEST, ConfigurationError, FileError
from asot.files import atomic_path, require_file
from asot.model.lessons import Lessons
from asot.model.network import ActionModel, own_draws
from asot.model.parts import Parts
from asot.model.recipe import Recipe
from asot.model.team import LastDecoding, Learner, TeamModel, Vote
from asot.schema import Count, Positive, convert

DTYPES = (torch.float32, torch.float64, torch.int64)
LARGEST_RADIUS = 1_000_000
CURE = "remove it and train again"


@dataclass
class TrainingState:
    """The state of a training besides the weights: the epochs done, and Adam's memory.

    ``source`` tells the recordings and settings that it learns from, where they are known.
    """

    epoch: Count
    seed: int
    steps: Tensor
    means: list[Tensor]
    squares: list[Tensor]
    source: str = ""


class _Network(msgspec.Struct, forbid_unknown_fields=True):
    recipe: dict[str, Any]
    n_features: Positive
    n_actions: Positive
    weights: dict[str, Tensor]
    own: list[str] = []  # names of parts that are not asot's


class _Learner(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    view: View | None
    network: _Network | None
    prototypes: Prototypes | None


class _Team(msgspec.Struct, forbid_unknown_fields=True):
    recipe: dict[str, Any]
    n_features: Positive
    n_actions: Positive
    learners: list[_Learner]
    vote: Vote
    background: Background | None
    decoding: LastDecoding = LastDecoding()
    choice: Choice | None = None
    trust: Trust | None = None
    lessons: Lessons | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    format: Literal["asot checkpoint 1"]
    network: _Network | None = None
    training: TrainingState | None = None
    learner: _Learner | None = None
    team: _Team | None = None
    columns: list[str] | None = None
    steps: list[StepPrototypes | None] | None = None


def save(
    path: Path,
    *,
    network: ActionModel | None = None,
    training: TrainingState | None = None,
    learner: Learner | None = None,
    team: TeamModel | None = None,
    columns: list[str] | None = None,
) -> None:
    """Write a network, with the state of its training if it is to go on, a learner or a team.

    ``columns`` are the names of its features, where they have some.
    """
    models = {"network": network, "training": training, "learner": learner, "team": team}
    parts: dict[str, Any] = {**models, "columns": columns}
    parts["steps"] = [*getattr(network or team, "steps", ())] or None
    values = {name: _plain(one) for name, one in parts.items() if one is not None}
    # In memory first: of a full disk torch says no more than "unexpected pos".
    stream = io.BytesIO()
    torch.save({"format": "asot checkpoint 1", **values}, stream)
    with atomic_path(path) as part:
        part.write_bytes(stream.getbuffer())


def _plain(value: Any) -> Any:
    """Turn models, settings and arrays into dicts, numbers, texts and tensors.

    Nothing is shared, as pickle would write it once: a model has the same bytes when it was read.
    """
    if isinstance(value, ActionModel):
        kept = {name: getattr(value, name) for name in ("recipe", "n_features", "n_actions")}
        names = value.parts.for_decoding().given
        own = {"own": names} if names else {}
        return _plain({**kept, "weights": dict(value.state_dict()), **own})
    if isinstance(value, Learner):
        is_network = isinstance(value.model, ActionModel)
        parts = {"title": value.title, "view": value.view, "network": None, "prototypes": None}
        return _plain({**parts, "network" if is_network else "prototypes": value.model})
    if isinstance(value, Recipe):
        return _plain(value.to_dict())
    if dataclasses.is_dataclass(value):
        names = [one.name for one in dataclasses.fields(value)]
        if isinstance(value, TeamModel):
            names.remove("steps")  # beside the model, as those of a network
        return {_plain(name): _plain(getattr(value, name)) for name in names}
    if isinstance(value, dict):
        return {_plain(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, str):
        return sys.intern(str(value))
    if isinstance(value, np.ndarray):
        return torch.tensor(np.ascontiguousarray(value))
    return value.detach().cpu().clone() if isinstance(value, Tensor) else value


def load_model(path: Path, parts: Parts | None = None) -> ActionModel | TeamModel:
    """Load the network or the team of a checkpoint, on the CPU, in evaluation mode.

    A network with ``parts`` of one's own needs them again: a file holds their weights alone. Raise
    FileError for a file that is not a checkpoint, or whose parts do not fit together.
    """
    with _reading(path) as stored:
        return _model_of(stored, parts)


def load_named(
    path: Path, parts: Parts | None = None
) -> tuple[ActionModel | TeamModel, list[str] | None]:
    """Load a model as :func:`load_model` does, and the names of its features, if it has them."""
    with _reading(path) as stored:
        model, columns = _model_of(stored, parts), stored.columns
        fits = columns is None or len(columns) == model.n_features
        _require(fits, "columns must name each of the features")
        return model, columns


def load_learner(path: Path, n_features: int, n_actions: int) -> Learner:
    """Load a learner, with the errors of :func:`load_model`."""
    with _reading(path) as stored:
        return _learner_of(stored.learner, n_features, n_actions, "learner")


def load_training(
    path: Path,
    recipe: Recipe,
    n_features: int,
    n_actions: int,
    seed: int,
    source: str = "",
    parts: Parts | None = None,
) -> tuple[ActionModel, TrainingState]:
    """Load a network and the state of its training; refuse a training with other settings.

    One that is not finished is refused as well where it began from another ``source``.
    """
    with _reading(path) as stored:
        model, state = _network_of(stored.network, parts=parts), stored.training
        model.steps = _steps_of(stored, model)
        if state is None:
            raise _UnfitError("holds no training to go on with")
        shapes = [one.shape for one in model.parameters() if one.requires_grad]
        for tensors in (state.means, state.squares):
            _require([one.shape for one in tensors] == shapes, "training does not fit the network")
        _require(state.steps.shape == (), "training.steps must be one number")
    asked = {"n_features": n_features, "n_actions": n_actions, "seed": seed}
    found = {"n_features": model.n_features, "n_actions": model.n_actions, "seed": state.seed}
    others = {name: f"{name} {found[name]}, not {one}" for name, one in asked.items()}
    others = {name: text for name, text in others.items() if found[name] != asked[name]}
    if model.recipe != recipe:
        others = {"recipe": "another recipe"}
    elif source != state.source and state.epoch < recipe.training.epochs:
        others = {"data": "other recordings, or by another version of asot", **others}
    for name, what in others.items():
        text = f"{path} was trained with {what}: choose another file, or remove it."
        raise ConfigurationError(text, setting=name, file=path)
    return model, state


@contextmanager
def _reading(path: Path) -> Iterator[_File]:
    """Yield the values of a file; raise FileError where they do not fit together."""
    require_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            # Torch never compresses; a small compressed file could fill the memory.
            _require(not any(one.compress_type for one in archive.infolist()), "is compressed")
        with warnings.catch_warnings():  # of tensors of kinds that are then refused
            warnings.simplefilter("ignore")
            values = _opaque(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:  # a damaged file can lead the reader anywhere
        raise FileError.at(path, f"cannot be read as a checkpoint: {CURE}") from error
    try:
        yield convert(path, values, _File, CURE, _tensor)
    except (_UnfitError, ConfigurationError) as error:
        cure = getattr(error, "cure", CURE)
        raise FileError.at(path, f"{str(error).rstrip('.')}: {cure}") from None


class _UnfitError(Exception):
    """Parts of a checkpoint do not fit together."""

    def __init__(self, text: str, cure: str = CURE) -> None:
        super().__init__(text)
        self.cure = cure


def _require(fits: bool, sentence: str) -> None:
    if not fits:
        raise _UnfitError(sentence)


class _Array:
    """A wrapper that keeps msgspec from taking a tensor for a mapping or a sequence."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def _opaque(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _opaque(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_opaque(one) for one in value]
    return _Array(value) if isinstance(value, Tensor) else value


def _tensor(kind: Any, value: Any) -> Any:
    """Convert a wrapped tensor to the type asked for: a tensor, or an array of one dtype."""
    value = value.tensor if isinstance(value, _Array) else None
    dense = isinstance(value, Tensor) and value.device.type == "cpu" and value.dtype in DTYPES
    if not dense or value.layout is not torch.strided or not value.is_contiguous():
        raise ValueError("must be an array of numbers")
    if not bool(torch.isfinite(value).all()):
        raise ValueError("must be finite")
    if kind is Tensor:
        return value
    array = value.numpy()
    wanted = np.dtype(get_args(get_args(kind)[1])[0])
    if array.dtype != wanted:
        raise ValueError(f"must be an array of {wanted}")
    return array


def _recipe_of(values: dict[str, Any]) -> Recipe:
    recipe = Recipe.from_dict(values)
    radii = recipe.transport_train.radius, recipe.transport_eval.radius
    is_open = any(isinstance(one, str) for one in (*radii, recipe.order_prior))
    _require(not is_open, "recipe leaves settings open")
    return recipe


def _model_of(stored: _File, parts: Parts | None) -> ActionModel | TeamModel:
    model: ActionModel | TeamModel
    if stored.team is None:
        model = _network_of(stored.network, parts=parts)
    else:
        model = _team_of(stored.team)
    model.steps = _steps_of(stored, model)
    return model


def _steps_of(stored: _File, model: ActionModel | TeamModel) -> Steps:
    steps = tuple(stored.steps or ())
    _require(len(steps) <= model.n_actions, "steps are of more actions than there are")
    for place, one in enumerate(steps):
        if one is not None:
            _require_prototypes(one, len(one.centres), model.n_features, f"steps[{place}]")
            _require(0 <= one.margin <= LARGEST_RADIUS, f"steps[{place}].margin is out of range")
    return steps


def _network_of(
    stored: _Network | None, place: str = "network", parts: Parts | None = None
) -> ActionModel:
    if stored is None:
        raise _UnfitError(f"is a checkpoint without {place}")
    recipe = _recipe_of(stored.recipe)
    parts = None if parts is None else parts.for_decoding()
    given = [] if parts is None else parts.given
    if set(stored.own) - {"actions"} != set(given) - {"actions"}:
        had, has = (" and ".join(one) or "none" for one in (stored.own, given))
        cure = "give ActionSegmenter.load the same parts (encoder=..., cost=...)"
        text = f"was trained with {had} of one's own, but is read with {has}"
        raise _UnfitError(text, cure)
    # The model takes no memory until the tensors of the file are known to fit its shapes.
    with own_draws(0), torch.device("cpu" if given else "meta"):
        model = ActionModel(recipe, stored.n_features, stored.n_actions, parts)
    model.actions.requires_grad_("actions" not in stored.own)
    wanted = {name: (one.shape, one.dtype) for name, one in model.state_dict().items()}
    found = {name: (one.shape, one.dtype) for name, one in stored.weights.items()}
    if found != wanted and given:
        text = f"{place}.weights do not have the shapes of {' and '.join(given)} as given"
        raise _UnfitError(text, "give those that it was trained with")
    _require(found == wanted, f"{place}.weights do not have the shapes of its recipe")
    model.load_state_dict(stored.weights, assign=True)
    return model.eval()


def _learner_of(stored: _Learner | None, n_features: int, n_actions: int, place: str) -> Learner:
    if stored is None:
        raise _UnfitError(f"is a checkpoint without {place}")
    view, prototypes = stored.view, stored.prototypes
    if prototypes is not None:
        _require_prototypes(prototypes, n_actions, n_features, f"{place}.prototypes")
        return Learner(stored.title, view, prototypes)
    network = _network_of(stored.network, place)
    seen, fits = network.n_features, network.n_actions == n_actions
    if view is None or not fits or seen != view.width(n_features):
        raise _UnfitError(f"{place} does not fit the team")
    fits = view.centre.shape == view.spread.shape == (seen,) and bool((view.spread > 0).all())
    _require(fits, f"{place}.view does not fit its network")
    return Learner(stored.title, view, network)


def _require_prototypes(prototypes: Prototypes, most: int, n_features: int, place: str) -> None:
    found, order = len(prototypes.centres), prototypes.order
    fits = 1 <= found <= most and prototypes.centres.shape == (found, n_features)
    fits = fits and 0 <= prototypes.radius <= LARGEST_RADIUS
    fits = fits and (prototypes.scale is None or 0 < prototypes.scale <= LARGEST)
    fits = fits and 0 <= prototypes.order_weight <= LARGEST
    fits = fits and (order is None or (order.ndim == 2 and order.shape[1] == found))
    _require(fits, f"{place} do not fit the team")


def _team_of(stored: _Team) -> TeamModel:
    n_features, n_actions, vote = stored.n_features, stored.n_actions, stored.vote
    lessons = stored.lessons
    # Actions that people added have only lessons.
    learnt = n_actions if lessons is None else vote.columns.shape[-1]
    learners = [
        _learner_of(one, n_features, learnt, f"team.learners[{index}]")
        for index, one in enumerate(stored.learners)
    ]
    # Each learner's actions are those of the vote in another order.
    fits = vote.columns.shape == (len(learners), learnt) and len(learners) > 0
    fits = fits and 0 < learnt <= n_actions
    fits = fits and bool((np.sort(vote.columns, axis=1) == np.arange(learnt)).all())
    fits = fits and vote.weights.shape == vote.agreement.shape == (len(learners),)
    fits = fits and bool((vote.weights >= 0).all()) and abs(vote.weights.sum() - 1) < 1e-6
    _require(fits, "team.vote does not fit the learners")
    if stored.background is not None:
        references, radius = stored.background.references, stored.background.radius
        fits = all(one.ndim == 2 and one.shape[1] == n_features for one in references)
        fits = fits and 1 <= radius <= LARGEST_RADIUS
        evidence = stored.background.evidence
        is_told = evidence.near < evidence.far < LARGEST and len(references) > 1
        fits = fits and (evidence.cost is None or is_told)
        _require(fits, "team.background does not fit the features")
    if lessons is not None:
        width = sum(one.centres.shape[1] for one in learners)
        fits = lessons.rows.ndim == lessons.moves.ndim == 2 and lessons.rows.shape[1] == width
        fits = fits and len(lessons.rows) == len(lessons.moves) > 0
        fits = fits and lessons.moves.shape[1] - n_actions in (0, 1)
        _require(fits, "team.lessons do not fit the learners")
    recipe = _recipe_of(stored.recipe)
    decoding = stored.decoding
    fits = 0 < decoding.band <= LARGEST and 0 < decoding.penalty <= LARGEST
    _require(fits, "team.decoding is out of its range")
    parts = stored.background, decoding, stored.choice, stored.trust, lessons
    return TeamModel(recipe, n_features, n_actions, learners, vote, *parts)
