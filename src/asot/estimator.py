"""The scikit-learn estimator: many recordings in, shared actions out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from asot.errors import ArgumentError, ConfigurationError
from asot.model.features import PreparedFeatures, as_tensor
from asot.model.given import GivenRecordings, read_known
from asot.model.output import EmbeddingOutput, SegmentOutput
from asot.model.recipe import AUTO, Recipe
from asot.model.saving import StoredSegmenter
from asot.model.segmenter import label_each
from asot.notebook import show

if TYPE_CHECKING:
    from asot.model.parts import Parts

BOTH = "epsilon", "alpha", "lambda_actions"
# Where each parameter stands in the recipe.
PLACES = {
    "order_prior": ("order_prior",),
    "team": ("team",),
    "background": ("background",),
    "sub_actions": ("sub_actions",),
    "standardise": ("dataset.standardise",),
    "hidden": ("encoder.hidden",),
    "embedding_width": ("encoder.width",),
    "radius": ("transport_train.radius", "transport_eval.radius"),
    **{f"{name}_train": (f"transport_train.{name}",) for name in BOTH},
    **{f"{name}_eval": (f"transport_eval.{name}",) for name in BOTH},
    **{name: (f"training.{name}",) for name in ("epochs", "batch_size", "frames_per_recording")},
    **{name: (f"training.{name}",) for name in ("learning_rate", "weight_decay", "temperature")},
    "n_init": ("training.kmeans_restarts",),
}


class ActionSegmenter(EmbeddingOutput, SegmentOutput, StoredSegmenter):
    """A segmenter that finds the actions shared by recordings.

    A small network learns frame features and one embedding for each action from pseudo-labels
    that temporally consistent, unbalanced optimal transport makes of its own output. No labels
    are needed. Where some frames are known, ``fit(X, y)`` learns from them (-1: unknown): they
    keep their labels, and similar frames elsewhere follow. The command line trains and decodes
    with the same code.

    Settings that depend on the recordings are found from them unless given, and a team of learners
    votes; ``team=0`` with numbers for ``radius`` and ``order_prior`` trains the paper's network.

    Parameters
    ----------
    n_actions : int or "auto"
        K, the actions to look for. Actions may go unused.
    epochs : int
        Passes over the recordings; 0 keeps the k-means start and only decodes. A team makes fewer
        over more than 10 recordings, as many steps as for 10, at up to twice the learning rate.
    order_prior : float or "auto"
        Strength of the pull towards a common order of the actions; 0 assumes no order. "auto"
        takes the paper's 0.15 where a test finds a common order, and 0 elsewhere.
    radius : float, int or "auto"
        Half-width of the temporal band: a fraction of each recording, frames, or the coarsest
        scale that describes the recordings best. About a quarter to a half of a typical segment.
    team : int
        Number of times each of six kinds of learner is trained at each of two time scales, every
        other time at two others; 0 for a single network.
    background : bool
        Whether a team looks for frames that belong to no action, and labels them -1: what a
        recording shows and the others do not. It needs eight recordings.
    sub_actions : int
        Steps to look for within each action, at most; an action has fewer where its segments do
        not hold them, and none where it has fewer than six segments. 0 looks for none.
    standardise : bool
        Standardise the features of each recording; for a team, single frames that leap from both
        their neighbours, as where a tracker fails, are taken out first.
    hidden : sequence of int
        Widths of the encoder's hidden layers; learners of a team have their own.
    embedding_width : int
        Width of the embedding; learners of a team have their own.
    epsilon_train, epsilon_eval : float
        Entropy weight for pseudo-labels and for decoding.
    alpha_train, alpha_eval : float
        Weight of the temporal term, in [0, 1).
    lambda_actions_train, lambda_actions_eval : float or None
        Penalty that keeps the actions about equally long; None makes them exactly so.
    batch_size : int
        Recordings in a step.
    frames_per_recording : int
        Frames drawn from each recording in an epoch.
    learning_rate, weight_decay, temperature : float
        Of Adam, of Adam, and of the softmax over similarities.
    n_init : int
        Restarts of the k-means that places the action embeddings; 0 keeps their random places.
    device : str
        "auto" (a CUDA GPU or the CPU), "cpu", "gpu", or a device of torch.
    random_state : int, RandomState or None
        Decides everything that is drawn; an int as the command line's ``--seed`` does.
    encoder : torch.nn.Module, or function of D that makes one, optional
        In place of the network's: turns (B, N, D) into (B, N, d), or into a tuple that begins with
        that, as recurrent layers do. Where its ``forward`` has a ``lengths``, it is given them.
        With this or any part below, a single network is trained, whatever ``team`` says.
    actions : (K, d) array, optional
        Fixed action embeddings, such as those of texts; the encoder alone is trained.
    cost, pseudo_labels, loss : function or torch.nn.Module, optional
        Each takes an ``asot.ForwardPass`` and returns the cost (B, N, K) in place of 1 - cosine;
        the targets (B, N, K), in place of the transport's; and the loss, a single number.
        Parameters of modules for the cost and the loss are trained, too.
    initialise : function, optional
        Takes embeddings (M, d), K and a seed, and returns the first action embeddings (K, d).
    sample : function, optional
        Takes how many frames a recording has, how many to draw at most, and a NumPy generator;
        returns the places of the frames of an epoch, rising.
    update_actions : function or torch.nn.Module, optional
        Takes the ``asot.ForwardPass`` of a step after it, and returns the next action embeddings
        (K, d), in place of descending them.
    callbacks : list of functions, optional
        Each is called with an ``asot.Epoch`` after every epoch; one that returns True ends the
        training, such as ``asot.EarlyStopping()``.

    Attributes
    ----------
    labels_ : list of (N_i,) int64 arrays
        Labels of the recordings that were fitted.
    recording_names_ : list
        Names of these recordings where they came in a mapping, or a table that names them; else
        their places.
    cluster_centers_ : (K, d) float32 array
        The action embeddings, of unit length; d is the network's embedding width, or the sum of
        the learners'.
    confidence_ : list of (N_i,) float32 arrays
        How likely each of these labels is right, as ``predict_proba`` has it.
    sub_actions_ : list of (N_i,) int64 arrays
        With ``sub_actions``, the step of each frame within its action, from 0, in the order in
        which they mostly come; -1 where an action has none. ``segments`` has those of others.
    n_features_in_ : int
        Columns of the features.
    feature_names_in_ : (D,) object array
        Their names, where all are texts: of DataFrames.
    n_actions_ : int
        K.
    evidence_ : asot.model.automatic.Evidence
        The evidence for the settings left to "auto"; ``evidence_.trust`` estimates how right the
        result of a team is, and how sure each frame.
    model_ : asot.model.team.TeamModel or asot.model.network.ActionModel
        The team of learners, or the network.

    References
    ----------
    M. Xu and S. Gould, CVPR 2024, arXiv 2404.01518.

    Examples
    --------
    >>> from asot.simulation import make_recordings
    >>> recordings = make_recordings(n_recordings=4, n_actions=3, random_state=0)
    >>> segmenter = ActionSegmenter(n_actions=3, epochs=2, random_state=0)
    >>> labels = segmenter.fit_predict(recordings.features)
    >>> [len(one) for one in labels] == [one.n_frames for one in recordings]
    True
    >>> segmenter.score(recordings.features, recordings.ground_truth) > 0.5
    True
    """

    def __init__(
        self,
        n_actions: int | Literal["auto"] = "auto",
        *,
        epochs: int = 15,
        order_prior: float | Literal["auto"] = "auto",
        radius: float | int | Literal["auto"] = "auto",
        team: int = 2,
        background: bool = False,
        sub_actions: int = 0,
        standardise: bool = True,
        hidden: Sequence[int] = (128,),
        embedding_width: int = 40,
        epsilon_train: float = 0.07,
        epsilon_eval: float = 0.04,
        alpha_train: float = 0.3,
        alpha_eval: float = 0.6,
        lambda_actions_train: float | None = 0.1,
        lambda_actions_eval: float | None = 0.01,
        batch_size: int = 2,
        frames_per_recording: int = 256,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-4,
        temperature: float = 0.1,
        n_init: int = 10,
        device: str = "auto",
        random_state: Any = None,
        encoder: Any = None,
        actions: Any = None,
        cost: Any = None,
        pseudo_labels: Any = None,
        loss: Any = None,
        initialise: Any = None,
        sample: Any = None,
        update_actions: Any = None,
        callbacks: Sequence[Any] = (),
    ) -> None:
        self.n_actions = n_actions
        self.epochs = epochs
        self.order_prior = order_prior
        self.radius = radius
        self.team = team
        self.background = background
        self.sub_actions = sub_actions
        self.standardise = standardise
        self.hidden = hidden
        self.embedding_width = embedding_width
        self.epsilon_train = epsilon_train
        self.epsilon_eval = epsilon_eval
        self.alpha_train = alpha_train
        self.alpha_eval = alpha_eval
        self.lambda_actions_train = lambda_actions_train
        self.lambda_actions_eval = lambda_actions_eval
        self.batch_size = batch_size
        self.frames_per_recording = frames_per_recording
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.temperature = temperature
        self.n_init = n_init
        self.device = device
        self.random_state = random_state
        self.encoder = encoder
        self.actions = actions
        self.cost = cost
        self.pseudo_labels = pseudo_labels
        self.loss = loss
        self.initialise = initialise
        self.sample = sample
        self.update_actions = update_actions
        self.callbacks = callbacks

    def predict_proba(self, X: Any, *, lengths: Any = None) -> Any:
        """Return soft assignments, (N_i, K) float32 arrays whose rows sum to 1, in ``X``'s form.

        A network gives those of its decoding, whose largest is the label; a team gives its
        vote as probabilities: how likely an action is right, as estimated without labels.
        """
        recordings = self._read_fitted(X, lengths)
        return recordings.answer(self._each(_probabilities, recordings))

    def transform(self, X: Any, *, lengths: Any = None) -> Any:
        """Return frame embeddings, (N_i, d) float32 arrays of unit rows, in the form of ``X``.

        They are tables where ``set_output`` asks for them.
        """
        recordings = self._read_fitted(X, lengths)
        import torch

        with torch.no_grad():
            prepared = self._prepared(recordings)
            answer = recordings.answer(
                self.model_.embed(as_tensor(one)).numpy() for one in prepared
            )
        return self._contained(X, recordings, answer)

    def partial_fit(
        self, X: Any, y: Any = None, *, lengths: Any = None, sample_weight: Any = None
    ) -> Any:
        """Go on training with new recordings, or begin, and return itself.

        Action numbers keep their meaning: every network goes on from where it is, for ``epochs``
        more. Of a team the prototypes and the weights of the vote stay, and ``evidence_`` is that
        of the first recordings. ``labels_``, ``confidence_`` and ``objective_`` are those of the
        new ones. What was learnt before fades where the new recordings show other actions.

        Parameters
        ----------
        X, lengths, sample_weight : as for ``fit``
            New recordings, of the columns that were fitted.
        y : as for ``fit``
            Known frames in the first call alone; ground truth is not learnt from.

        Raises
        ------
        ArgumentError
            As for ``fit``; if some frames are known, or were known in an earlier ``fit``; and if
            ``encoder``, ``actions``, ``cost`` or ``update_actions`` is another than in ``fit``.

        Examples
        --------
        >>> from asot.simulation import make_recordings
        >>> X = make_recordings(n_recordings=4, n_actions=3, random_state=0).features
        >>> one = ActionSegmenter(3, team=0, radius=0.04, order_prior=0.0, random_state=0)
        >>> labels = one.fit(X[:2]).partial_fit(X[2:]).predict(X)
        """
        if not hasattr(self, "model_"):
            return self.fit(X, y, lengths=lengths, sample_weight=sample_weight)
        recordings, recipe = self._read_fitted(X, lengths), self._recipe()
        if self._known(y, recordings) is not None:
            raise ArgumentError(
                "y must be left out of partial_fit, which learns from no known frames: give all "
                "recordings to fit.",
                setting="y",
            )
        from asot.model.further import require_same_parts, train_further

        prepared, parts = self._prepare(recordings, recipe, sample_weight), self._parts(recipe)
        require_same_parts(self._fitted_parts, parts)
        arguments = prepared, recipe.training, self._seed(), self.device, parts
        model, self.objective_ = train_further(self.model_, *arguments)
        self.labels_ = self._segmented(model, prepared)
        self.recording_names_ = recordings.names
        self.model_ = model
        self.cluster_centers_ = model.actions.detach().numpy().copy()
        self._warn_of_one_label()
        return self

    def _known(self, y: Any, recordings: GivenRecordings) -> list[NDArray[np.int64]] | None:
        n_actions = None if self.n_actions == AUTO else int(self.n_actions)
        return read_known(y, recordings, n_actions)

    def _segmented(
        self, model: Any, prepared: PreparedFeatures, known: Any = None
    ) -> list[NDArray[np.int64]]:
        label = partial(self._sure, model)
        found = label_each(label, prepared, model, prepared.given, known)
        self.confidence_ = [confidence for _, confidence, _ in found]
        if model.steps:
            self.sub_actions_ = [steps for *_, steps in found]
        elif hasattr(self, "sub_actions_"):
            del self.sub_actions_
        return [labels for labels, _, _ in found]

    @staticmethod
    def _sure(model: Any, features: NDArray[np.float32], known: Any = None) -> Any:
        """Label one recording's prepared features, (N,); give each label's probability and step."""
        from asot.model.network import decode
        from asot.model.sub_actions import sub_actions

        labels, probabilities = decode(model, features, known)
        own = np.take_along_axis(probabilities, np.maximum(labels, 0)[:, None], axis=1)[:, 0]
        return labels, own, sub_actions(model, features, labels)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        if not hasattr(self, "model_"):
            bundle: dict[str, str] = super()._repr_mimebundle_(**options)
            return bundle
        word, sentences = self.evidence_.told()
        named = zip(
            getattr(self, "recording_names_", ()), getattr(self, "labels_", ()), strict=True
        )
        timelines = [(f"recording {name}", labels) for name, labels in named]
        told = [*sentences[:1], *(self._one_label() if timelines else ())]
        html = show(f"{self!r}, fitted", told, timelines, verdict=word)
        return {"text/plain": repr(self), "text/html": html}

    keep_epochs = False

    def _take(self, model: Any, names: Any, evidence: Any) -> None:
        super()._take(model, names, evidence)
        self._fitted_parts = self._parts(model.recipe)

    def _parts(self, recipe: Recipe) -> Parts:
        from asot.model.parts import Parts

        names = [one.name for one in fields(Parts)]
        return Parts(**{name: getattr(self, name) for name in names})

    def _parameters(self, model: Any) -> dict[str, Any]:
        values: dict[str, Any] = {"n_actions": model.n_actions}
        for parameter, places in PLACES.items():
            found = [attrgetter(place)(model.recipe) for place in places]
            # A radius that was found is a share in training and frames in decoding.
            values[parameter] = found[0] if found == found[:1] * len(found) else AUTO
        return values

    def _recipe(self) -> Recipe:
        if self.actions is not None and self.n_actions == AUTO:
            number = f"n_actions={len(self.actions)}"
            text = f'n_actions must be the number of actions, but is "auto": give {number}.'
            raise ArgumentError(text, setting="n_actions")
        from asot.transport.arguments import as_number

        recipe = Recipe(n_actions=None if self.n_actions == AUTO else _plain(self.n_actions))
        for parameter, places in PLACES.items():
            for place in places:
                group, _, name = place.rpartition(".")
                owner = attrgetter(group)(recipe) if group else recipe
                setattr(owner, name, _plain(as_number(parameter, getattr(self, parameter))))
        try:
            recipe.check()
        except ConfigurationError as error:
            # The sentence begins with the recipe's name of the parameter.
            place, bracket, index = str(error.setting).partition("[")
            parameter = next(own for own, places in PLACES.items() if place in places)
            sentence = str(error).replace(place, parameter, 1)
            raise ArgumentError(sentence, setting=parameter + bracket + index) from None
        return recipe


def _probabilities(model: Any, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a model's probabilities (N, K) of one recording's prepared features."""
    from asot.model.network import decode

    return decode(model, features)[1]


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers, such as a parameter grid's, and sequences into Python's."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(one) for one in value]
    return value.item() if isinstance(value, np.generic) else value
