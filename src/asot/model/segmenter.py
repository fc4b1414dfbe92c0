"""Segmenters: the interface of every method, and the segmenter that trains a recipe."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from asot.errors import (
    ArgumentError,
    AsotError,
    MissingExtraError,
    UnfinishedError,
    require_integer,
)
from asot.metrics import evaluate
from asot.model.features import PreparedFeatures, as_tensor, content_order, prepare
from asot.model.given import GivenRecordings, Names, read_recordings, read_weights
from asot.model.recipe import AUTO, Preparation, Recipe, require_or_auto
from asot.processes import Died, crew
from asot.text import plural
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


class NotFittedError(AsotError, SklearnNotFittedError):
    """A model was asked for a prediction before it was fitted."""


class Segmenter(ClusterMixin, BaseEstimator):
    """The base of segmenters: ``fit_predict`` and ``score``, over their ``fit`` and ``predict``."""

    shared: ClassVar[bool] = True  # a label means the same action in every recording
    labels_: list[NDArray[np.int64]]
    n_features_in_: int
    feature_names_in_: Names
    recording_names_: list[Any]

    def fit_predict(self, X: Any, y: Any = None, **options: Any) -> Any:
        """Fit, and return the labels of the same recordings; see ``fit`` and ``predict``."""
        self.fit(X, y, **options)
        return GivenRecordings(X, options.get("lengths")).answer(self.labels_)

    def score(self, X: Any, y: Any, **options: Any) -> float:
        """Return the share of frames labelled right (MoF) after one matching for all recordings.

        Parameters
        ----------
        X : as for ``fit``
            Recordings.
        y : list of (N_i,) label sequences, or one for one array
            Ground truth.
        **options
            As for ``predict``.

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
        given = GivenRecordings(X, options.get("lengths"))
        predicted = self.predict(X, **options)
        if not isinstance(predicted, list):
            predicted = given.split(predicted, "X")
        return float(evaluate(predicted, given.split(y, "y"))["mof"])

    def _read_fitted(self, X: Any, lengths: Any = None) -> GivenRecordings:
        """Check that recordings have the columns that were fitted, and return them."""
        self._require_fitted()
        names = getattr(self, "feature_names_in_", None)
        return read_recordings(X, self.n_features_in_, names, lengths)

    def _require_fitted(self) -> None:
        if "n_features_in_" not in vars(self):
            raise NotFittedError(f"This {type(self).__name__} is not fitted yet: call fit first.")

    if not TYPE_CHECKING:  # where each name is declared

        def __getattr__(self, name: str) -> Any:
            """Say of what fitting leaves that nothing is fitted."""
            if name.endswith("_") and not name.startswith("_"):
                self._require_fitted()
            return object.__getattribute__(self, name)

    def _keep_columns(self, width: int, names: Any) -> None:
        """Keep the number and the names, if any, of the columns of recordings."""
        self.n_features_in_ = width
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_


def _labels(model: Any, features: NDArray[np.float32]) -> NDArray[np.int64]:
    """Label one recording's prepared features (N, D): (N,)."""
    from asot.model.network import decode

    return decode(model, features)[0]


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

    # No method: other processes need not take what only training needs.
    _labels: Callable[[Any, NDArray[np.float32]], NDArray[np.int64]] = staticmethod(_labels)

    @crew()
    def fit(self, X: Any, y: Any = None, *, lengths: Any = None, sample_weight: Any = None) -> Any:
        """Learn the actions of recordings, and return itself.

        Parameters
        ----------
        X : list of (N_i, D) arrays, one (N, D) array, or a lazy sequence of arrays
            Frame features, time first; or another form of :mod:`asot.model.given`.
        y : list of (N_i,) int arrays, or one for one array, optional
            Actions of frames that people looked at, -1 for all other frames, where the segmenter
            learns from them (``ActionSegmenter``). Ground truth, which leaves no frame unknown, is
            not learnt from, so that searches and cross-validation can score with it.
        lengths : (B,) ints, optional
            The recordings' numbers of frames, where ``X`` is all of them in one long array, or a
            padded (B, N, D) array.
        sample_weight : (B,) numbers or list of (N_i,) arrays, optional
            How much each recording, or each frame, counts in the loss of networks and in the
            k-means that they begin with; the mean of all is taken as 1. Prototypes of a team,
            and settings that are found, count all frames alike, and every frame gets a label.

        Raises
        ------
        ArgumentError, ConfigurationError
            If the features are not finite two-dimensional arrays of one width, ``y`` does not fit
            them, or a parameter is out of its range. What was fitted before stays.
        """
        require_or_auto("n_actions", self.n_actions, require_integer, at_least=1)
        recipe = self._recipe()
        parts = self._parts(recipe)
        recordings = read_recordings(X, lengths=lengths)
        known = self._known(y, recordings)
        from asot.model.automatic import settle, settle_number
        from asot.model.learners import begin_team, train_team
        from asot.model.sub_actions import find_sub_actions
        from asot.model.training import train

        if parts.given or parts.callbacks:  # these make another method, of a single network
            recipe = replace(recipe, team=0, background=False)
        # Prepared once, for training and for segmenting.
        prepared = self._prepare(recordings, recipe, sample_weight)
        seed = self._seed()
        losses: list[float] = []
        snapshots: list[Snapshot] = []

        def keep(epoch: Epoch) -> None:
            losses.append(epoch.loss)
            settings, done = recipe.training, epoch.done
            before_last = done < settings.epochs
            if self.keep_epochs and before_last and done % settings.validate_every == 0:
                labels = self._segmented(epoch.decoder(), prepared)
                snapshots.append(Snapshot(done, epoch.loss, labels))

        begin_team(prepared, recipe, self.device)
        number = settle_number(prepared, seed=seed) if self.n_actions == AUTO else None
        n_actions = int(self.n_actions) if number is None else number.chosen
        if known is not None and number is not None:
            n_actions = max(n_actions, 1 + max(int(one.max()) for one in known))
        recipe, evidence = settle(recipe, prepared, n_actions, seed=seed, number=number)
        model: ActionModel | TeamModel
        arguments = prepared, recipe, n_actions, seed, self.device
        if recipe.team:
            model = train_team(*arguments, order=evidence.order)
            background = None if model.background is None else model.background.evidence
            evidence = replace(
                evidence, background=background, choice=model.choice, trust=model.trust
            )
        else:
            parts = replace(parts, callbacks=(*parts.callbacks, keep))  # which sees what they did
            model = train(*arguments, parts=parts)
        if known is not None:
            from asot.model.corrected import learn_corrected

            own = [known[place] for place in prepared.order]
            model = learn_corrected(model, prepared, own, n_actions, matched=True)
        find_sub_actions(model, prepared, seed)
        self.labels_ = self._segmented(model, prepared, known)
        self.recording_names_ = recordings.names
        self._take(model, recordings.open(0)[1], evidence)
        self._warn_of_one_label()
        self.objective_ = losses[-1] if losses else None
        self.snapshots_ = snapshots
        return self

    def predict(self, X: Any, *, lengths: Any = None) -> Any:
        """Segment recordings.

        Parameters
        ----------
        X, lengths : as for ``fit``
            Recordings that were fitted, or others.

        Returns
        -------
        list of (N_i,) int64 arrays, or one array for one array
            An action number, 0 to K - 1, for each frame.
        """
        recordings = self._read_fitted(X, lengths)
        return recordings.answer(self._each(self._labels, recordings))

    def _take(self, model: Any, names: Any, evidence: Any) -> None:
        """Keep a fitted model."""
        self.model_ = model
        self._keep_columns(model.n_features, names)
        self.n_actions_ = model.n_actions
        self.cluster_centers_ = model.actions.detach().numpy().copy()
        self.evidence_ = evidence

    def _one_label(self) -> list[str]:
        """Say that every frame that was fitted has one label, where there are several actions."""
        if self.n_actions_ < 2 or len(set().union(*map(np.unique, self.labels_))) > 1:
            return []
        every = f"Every frame of {plural(len(self.labels_), 'recording')} has the same label"
        advice = "try another random_state" + (
            "" if self.model_.recipe.team else ", or the default team"
        )
        return [f"{every}, though there are {self.n_actions_} actions: {advice}."]

    def _warn_of_one_label(self) -> None:
        for sentence in self._one_label():
            logger.warning(sentence)

    def _prepare(
        self, recordings: GivenRecordings, recipe: Recipe, sample_weight: Any
    ) -> PreparedFeatures:
        weights, order = read_weights(sample_weight, recordings), content_order(recordings)
        prepared = PreparedFeatures(recordings, recipe.preparation, order)
        if weights is not None:
            prepared.weights = [weights[place] for place in order]
        return prepared

    def _seed(self) -> int:
        from sklearn.utils import check_random_state

        random = check_random_state(self.random_state)
        given = isinstance(self.random_state, (int, np.integer))
        return int(self.random_state if given else random.randint(2**31))

    def _recipe(self) -> Recipe:
        recipe = self.recipe or Recipe()
        recipe.check()
        return recipe

    def _known(self, y: Any, recordings: GivenRecordings) -> list[NDArray[np.int64]] | None:
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

    def _each(self, label: Callable[..., Answer], recordings: GivenRecordings) -> list[Answer]:
        """Label recordings as they are given with the fitted model, in their order."""
        own = partial(_of_raw, partial(label, self.model_), self.model_.recipe.preparation)
        return label_each(own, recordings, self.model_)

    def _prepared(self, recordings: Sequence[NDArray[Any]]) -> Iterator[NDArray[np.float32]]:
        preparation = self.model_.recipe.preparation
        return (prepare(one, preparation) for one in recordings)


class NetworkSegmenter(RecipeSegmenter):
    """A segmenter that trains a single network alone, whatever else the recipe asks for."""

    def _recipe(self) -> Recipe:
        return replace(super()._recipe(), team=0, background=False, sub_actions=0)


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
    label: Callable[..., Answer], preparation: Preparation, features: NDArray[Any], *given: Any
) -> Answer:
    return label(prepare(features, preparation), *given)


def log_probabilities(model: ActionModel, features: NDArray[np.float32]) -> Tensor:
    """Return the network's own ``log p(action | frame)``, (N, K), of prepared features (N, D)."""
    import torch

    with torch.no_grad():
        return model.log_probabilities(model.similarity(model.embed(as_tensor(features))))
