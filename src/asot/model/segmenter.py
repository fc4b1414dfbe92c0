"""Segmenters: the interface of every method, and the segmenter that trains a recipe."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from asot.data.recordings import transposed_hint
from asot.errors import (
    ArgumentError,
    AsotError,
    MissingExtraError,
    UnfinishedError,
    require_integer,
)
from asot.metrics import evaluate
from asot.model.features import PreparedFeatures, content_order, prepare
from asot.model.recipe import AUTO, Recipe, require_or_auto
from asot.processes import Died
from asot.workers import DEFAULT_WORKERS

try:
    from sklearn.base import BaseEstimator, ClusterMixin
    from sklearn.exceptions import NotFittedError as SklearnNotFittedError
except ImportError as error:
    raise MissingExtraError("scikit-learn", "learn", "A segmenter") from error

if TYPE_CHECKING:
    from torch import Tensor

    from asot.model.network import ActionModel
    from asot.model.parts import Epoch, Parts
    from asot.model.team import TeamModel

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")
LARGEST = float(np.finfo(np.float32).max)


class NotFittedError(AsotError, SklearnNotFittedError):
    """A model was asked for a prediction before it was fitted."""


class Segmenter(ClusterMixin, BaseEstimator):
    """The base of segmenters: ``fit_predict`` and ``score``, over their ``fit`` and ``predict``."""

    shared: ClassVar[bool] = True  # a label means the same action in every recording
    labels_: list[NDArray[np.int64]]

    def fit_predict(self, X: Any, y: Any = None) -> Any:
        """Fit, and return the labels of the same recordings; see ``predict``."""
        self.fit(X, y)
        return as_came(X, self.labels_)

    def score(self, X: Any, y: Any) -> float:
        """Return the share of frames labelled right (MoF) after one matching for all recordings.

        Parameters
        ----------
        X : as for ``fit``
            Recordings.
        y : list of (N_i,) label sequences, or one for one array
            Ground truth.

        Raises
        ------
        ArgumentError
            If there is no ground truth, or not one label for each frame.
        """
        if y is None:
            raise ArgumentError(
                "score compares with ground truth, but y is None: give it y, or search with a "
                "scorer of your own.",
                setting="y",
            )
        predicted = self.predict(X)
        if is_one(X):
            predicted, y = [predicted], [y]
        return float(evaluate(predicted, list(y))["mof"])


class FeatureArrays(Sequence[NDArray[Any]]):
    """The recordings of ``X`` as arrays, each opened when it is indexed."""

    def __init__(self, X: Any) -> None:
        self._given = [X] if is_one(X) else X

    def __len__(self) -> int:
        return len(self._given)

    def __getitem__(self, index: Any) -> Any:
        return np.asarray(self._given[index])


def is_one(X: Any) -> bool:
    """Tell whether ``X`` is one recording, (N, D), rather than several."""
    return getattr(X, "ndim", None) == 2


def as_came(X: Any, answers: Iterable[Answer]) -> list[Answer] | Answer:
    """Return the recordings' answers in the form of ``X``: a list, or a single answer."""
    found = list(answers)
    return found[0] if is_one(X) else found


def read_recordings(X: Any, width: int | None = None) -> FeatureArrays:
    """Check every recording of ``X``, in turn, and return them; lazily where ``X`` is lazy.

    ``width`` is the number of columns that all must have, that of the first unless given.
    """
    is_sequence = hasattr(X, "__getitem__") and hasattr(X, "__len__")
    if not is_sequence or isinstance(X, (str, bytes, dict)):
        raise ArgumentError(
            "X must be a list of (frames, columns) arrays, one such array, or a sequence of them, "
            f"but is a {type(X).__name__}.",
            setting="X",
        )
    recordings, fits = FeatureArrays(X), width is None
    shapes = []
    if len(recordings) == 0:
        raise ArgumentError("X must hold at least one recording, but is empty.", setting="X")
    for index in range(len(recordings)):
        name = "X" if is_one(X) else f"X[{index}]"
        array = _checked(name, recordings, index)
        if width is not None and array.shape[1] != width:
            raise ArgumentError(
                f"All recordings must have the same columns, but {name} has {array.shape[1]}, "
                f"not {width}.",
                setting=name,
            )
        width = array.shape[1]
        shapes.append((array.shape[0], array.shape[1]))
    hint = transposed_hint(shapes, "[one.T for one in X]")
    if fits and len(shapes) > 1 and hint is not None:
        logger.warning("X: %s.", hint)
    return recordings


def _checked(name: str, recordings: FeatureArrays, index: int) -> NDArray[Any]:
    rule = f"{name} must be a (frames, columns) array of numbers"
    try:
        array: NDArray[Any] = recordings[index]
    except ValueError as error:
        text = f"{rule}, but cannot be made one: {error}"
        raise ArgumentError(text, setting=name) from error
    if array.ndim != 2 or array.dtype.kind not in "fiub" or 0 in array.shape:
        text = f"{rule}, but has the shape {array.shape} and the type {array.dtype}."
        raise ArgumentError(text, setting=name)
    if array.dtype.kind == "f" and not float(np.abs(array).max()) <= LARGEST:
        sizes = np.abs(array).astype(np.float64)
        frame, column = np.argwhere(~(sizes <= LARGEST))[0].tolist()
        raise ArgumentError(
            f"{name} must be finite in float32, but frame {frame}, column {column} is "
            f"{array[frame, column]}.",
            setting=name,
        )
    return array


@dataclass(frozen=True)
class Snapshot:
    """The labels of the fitted recordings in the middle of a training, with its loss there."""

    epoch: int
    objective: float
    labels: list[NDArray[np.int64]]


class RecipeSegmenter(Segmenter):
    """A segmenter that trains a recipe, the default one unless given, on the recordings.

    With ``keep_epochs`` it also segments them every ``recipe.training.validate_every`` epochs. The
    rest is as for :class:`~asot.estimator.ActionSegmenter`.

    Attributes
    ----------
    objective_ : float or None
        Training loss of the last epoch, lower is better; None for a team, or without epochs.
    snapshots_ : list of Snapshot
        With ``keep_epochs``, the segmentations before the last epoch.
    """

    def __init__(
        self,
        recipe: Recipe | None = None,
        n_actions: int | str = 8,
        *,
        device: str = "auto",
        keep_epochs: bool = False,
        random_state: Any = None,
    ) -> None:
        self.recipe = recipe
        self.n_actions = n_actions
        self.device = device
        self.keep_epochs = keep_epochs
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Any:
        """Learn the actions of recordings, and return itself.

        Parameters
        ----------
        X : list of (N_i, D) arrays, one (N, D) array, or a lazy sequence of arrays
            Frame features, time first.
        y : list of (N_i,) int arrays, or one for one array, optional
            Actions of frames that people looked at, -1 for all other frames, where the segmenter
            learns from them (``ActionSegmenter``). Ground truth, which leaves no frame unknown, is
            not learnt from, so that searches and cross-validation can score with it.

        Raises
        ------
        ArgumentError, ConfigurationError
            If the features are not finite two-dimensional arrays of one width, ``y`` does not fit
            them, or a parameter is out of its range. What was fitted before stays.
        """
        require_or_auto("n_actions", self.n_actions, require_integer, at_least=1)
        recipe = self._recipe()
        parts = self._parts(recipe)
        recordings = read_recordings(X)
        known = self._known(X, y, recordings)
        from sklearn.utils import check_random_state

        from asot.model.automatic import settle, settle_number
        from asot.model.learners import train_team
        from asot.model.training import train

        # Prepared once, for training and for segmenting.
        order = content_order(recordings)
        prepared = PreparedFeatures(recordings, recipe.dataset.standardise, order)
        random = check_random_state(self.random_state)
        given = isinstance(self.random_state, (int, np.integer))
        seed = int(self.random_state if given else random.randint(2**31))
        losses: list[float] = []
        snapshots: list[Snapshot] = []

        def keep(epoch: Epoch) -> None:
            losses.append(epoch.loss)
            settings, done = recipe.training, epoch.done
            before_last = done < settings.epochs
            if self.keep_epochs and before_last and done % settings.validate_every == 0:
                labels = self._segmented(copy.deepcopy(epoch.model).cpu().eval(), prepared)
                snapshots.append(Snapshot(done, epoch.loss, labels))

        number = settle_number(prepared, seed=seed) if self.n_actions == AUTO else None
        n_actions = int(self.n_actions) if number is None else number.chosen
        if known is not None and number is not None:
            n_actions = max(n_actions, 1 + max(int(one.max()) for one in known))
        if parts.given or parts.callbacks:  # these make another method, of a single network
            recipe = replace(recipe, team=0, background=False)
        recipe, evidence = settle(recipe, prepared, n_actions, seed=seed, number=number)
        model: ActionModel | TeamModel
        arguments = prepared, recipe, n_actions, seed, self.device
        if recipe.team:
            model = train_team(*arguments)
            background = None if model.background is None else model.background.evidence
            evidence = replace(
                evidence, background=background, choice=model.choice, trust=model.trust
            )
        else:
            parts = replace(parts, callbacks=(keep, *parts.callbacks))
            model = train(*arguments, parts=parts)
        if known is None:
            self.labels_ = self._segmented(model, prepared)
        else:
            from asot.model.corrected import learn_corrected

            own = [known[place] for place in order]
            model = learn_corrected(model, prepared, own, n_actions, matched=True)
            self.labels_ = self._segmented(model, prepared, known)
        self.model_ = model
        self.n_features_in_ = model.n_features
        self.n_actions_ = n_actions
        self.cluster_centers_ = model.actions.detach().numpy().copy()
        self.evidence_ = evidence
        self.objective_ = losses[-1] if losses else None
        self.snapshots_ = snapshots
        return self

    def predict(self, X: Any) -> Any:
        """Segment recordings.

        Parameters
        ----------
        X : as for ``fit``
            Recordings that were fitted, or others.

        Returns
        -------
        list of (N_i,) int64 arrays, or one array for one array
            An action number, 0 to K - 1, for each frame.
        """
        recordings = self._read(X)
        return as_came(X, self._each(self._labels, recordings))

    def _recipe(self) -> Recipe:
        recipe = self.recipe or Recipe()
        recipe.check()
        return recipe

    def _known(self, X: Any, y: Any, recordings: FeatureArrays) -> list[NDArray[np.int64]] | None:
        """Return the labels that are known before, -1 elsewhere; None where they do not count."""
        return None

    def _parts(self, recipe: Recipe) -> Parts:
        """Return the parts of the training that are one's own."""
        from asot.model.parts import Parts

        return Parts()

    def _segmented(
        self, model: Any, prepared: PreparedFeatures, known: Any = None
    ) -> list[NDArray[np.int64]]:
        """Label the fitted recordings, in the order they were given; ``known`` labels hold."""
        return label_each(partial(self._labels, model), prepared, model, prepared.given)

    def _labels(self, model: Any, features: NDArray[np.float32]) -> NDArray[np.int64]:
        """Label one recording's prepared features (N, D): (N,)."""
        from asot.model.network import decode

        return decode(model, features)[0]

    def _read(self, X: Any) -> FeatureArrays:
        if not hasattr(self, "model_"):
            raise NotFittedError(f"This {type(self).__name__} is not fitted yet: call fit first.")
        return read_recordings(X, self.n_features_in_)

    def _each(self, label: Callable[..., Answer], recordings: FeatureArrays) -> list[Answer]:
        """Label recordings as they are given with the fitted model, in their order."""
        standardised = self.model_.recipe.dataset.standardise
        own = partial(_of_raw, partial(label, self.model_), standardised)
        return label_each(own, recordings, self.model_)

    def _prepared(self, recordings: Sequence[NDArray[Any]]) -> Iterator[NDArray[np.float32]]:
        standardised = self.model_.recipe.dataset.standardise
        return (prepare(one, standardised) for one in recordings)


def label_each(
    label: Callable[..., Answer],
    recordings: Sequence[NDArray[Any]],
    model: Any,
    places: Sequence[int] | None = None,
    known: Sequence[Any] | None = None,
) -> list[Answer]:
    """Call ``label`` for recordings, at ``places`` if given, side by side where they are many."""
    from asot.model.network import decoding_seconds

    at = list(range(len(recordings)) if places is None else places)
    jobs = list(enumerate(at))
    seconds = decoding_seconds(model, sum(len(one) for one in recordings))
    function = partial(_label_at, label, recordings, known)
    found = {}
    for (number, _), answer in DEFAULT_WORKERS.run(function, jobs, seconds=seconds):
        if isinstance(answer, Died):
            raise UnfinishedError(f"Recording {number} was not segmented: {answer}.")
        found[number] = answer
    return [found[number] for number in range(len(at))]


def _label_at(
    label: Callable[..., Answer],
    recordings: Sequence[NDArray[Any]],
    known: Sequence[Any] | None,
    job: tuple[int, int],
) -> Answer:
    number, place = job
    given = () if known is None else (known[number],)
    return label(recordings[place], *given)


def _of_raw(
    label: Callable[..., Answer], standardised: bool, features: NDArray[Any], *given: Any
) -> Answer:
    return label(prepare(features, standardised), *given)


def read_known(
    X: Any, y: Any, recordings: FeatureArrays, n_actions: int | None
) -> list[NDArray[np.int64]] | None:
    """Check the known labels (N_i,) of recordings; None where no frame is known, or all are."""
    if y is None:
        return None
    given = [y] if is_one(X) else list(y)
    if len(given) != len(recordings):
        raise ArgumentError(
            f"y must have labels for each of {len(recordings)} recordings, but has them for "
            f"{len(given)}: give recordings that nobody looked at -1 in every frame.",
            setting="y",
        )
    known = []
    for index, one in enumerate(given):
        name = "y" if is_one(X) else f"y[{index}]"
        labels, n_frames = np.asarray(one), len(recordings[index])
        if labels.shape != (n_frames,) or labels.dtype.kind not in "iu":
            raise ArgumentError(
                f"{name} must have a whole number for each of {n_frames} frames, -1 where the "
                f"action is unknown, but has the shape {labels.shape} and the type "
                f"{labels.dtype}.",
                setting=name,
            )
        known.append(labels.astype(np.int64))
    joined = np.concatenate(known)
    low, high = int(joined.min()), int(joined.max())
    if low >= 0 or high < 0:
        return None
    if low < -1 or (n_actions is not None and high >= n_actions):
        numbers = "0 or more" if n_actions is None else f"from 0 to {n_actions - 1}"
        raise ArgumentError(
            f"y must hold actions, {numbers}, or -1 where they are unknown, but holds "
            f"{low if low < -1 else high}.",
            setting="y",
        )
    return known


def log_probabilities(model: ActionModel, features: NDArray[np.float32]) -> Tensor:
    """Return the network's own ``log p(action | frame)``, (N, K), of prepared features (N, D)."""
    import torch

    from asot.model.network import as_tensor

    with torch.no_grad():
        return model.log_probabilities(model.similarity(model.embed(as_tensor(features))))
