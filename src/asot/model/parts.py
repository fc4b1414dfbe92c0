"""Parts of a training that can be replaced by one's own, and what they are given.

A part is a function, or a ``torch.nn.Module``, whose parameters are then trained with the network.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from asot.discover.score import SegmentationScore
from asot.errors import ArgumentError, require_integer
from asot.model.features import TrainingFeatures, as_tensor
from asot.transport import Solution

if TYPE_CHECKING:
    from asot.model.network import ActionModel


@dataclass(eq=False)
class ForwardPass:
    """A batch of recordings on its way through a network; own parts are given it.

    Attributes
    ----------
    model : ActionModel
        The network: ``model.actions`` (K, d), ``model.encoder``, ``model.recipe``, ...
    features : Tensor, shape (B, N, D)
        Prepared features, zeros beyond a recording's length.
    lengths : Tensor of int64, shape (B,)
        Frames of each recording.
    frames : Tensor of int64, shape (B, N)
        The place of each row in its recording: training draws some frames of each.
    indices : list of int
        The recordings, by their place in what was fitted; empty where frames are decoded.
    weights : Tensor, shape (B, N), or None
        How much each frame counts, where ``sample_weight`` was given; the mean of all is 1.
    """

    model: ActionModel
    features: Tensor
    lengths: Tensor
    frames: Tensor
    indices: list[int] = field(default_factory=list)
    weights: Tensor | None = None
    _is_asked = False

    @classmethod
    def of(cls, model: ActionModel, features: Tensor, lengths: Tensor) -> ForwardPass:
        """Make the pass of whole recordings."""
        frames = torch.arange(features.shape[1], device=features.device)
        return cls(model, features, lengths, frames.expand(features.shape[:2]))

    @classmethod
    def alone(cls, model: ActionModel, features: Tensor) -> ForwardPass:
        """Make the pass of one whole recording, (N, D), on the network's device."""
        batch = features[None].to(model.actions.device)
        return cls.of(model, batch, torch.tensor([len(features)], device=batch.device))

    @cached_property
    def embeddings(self) -> Tensor:
        """The frame embeddings, unit rows, (B, N, d), with their gradients."""
        return self.model.embed(self.features, self.lengths)

    @cached_property
    def cosine(self) -> Tensor:
        """The cosine of frames and actions, (B, N, K), with its gradients."""
        return self.model.similarity(self.embeddings)

    @cached_property
    def similarity(self) -> Tensor:
        """One less the cost, (B, N, K): the cosine, or of one's own cost; with its gradients."""
        own = self.model.own("cost")
        if own is None:
            return self.cosine
        if self._is_asked:
            raise ArgumentError(
                "cost must not ask for what it makes, the pass's cost or similarity: asot's own "
                "is 1 - one.cosine.",
                setting="cost",
            )
        self._is_asked = True
        cost, shape = own(self), (*self.features.shape[:2], self.model.n_actions)
        self._is_asked = False
        require_tensor("cost", cost, shape, self.exists)
        return 1.0 - cost

    @property
    def cost(self) -> Tensor:
        """The cost of each action, (B, N, K), without gradients and without the order prior."""
        return 1.0 - self.similarity.detach()

    @cached_property
    def targets(self) -> Tensor:
        """The pseudo-labels (B, N, K), zero beyond a recording's length, without gradients.

        Rows are multiplied by ``weights``, where there are any.
        """
        if torch.is_grad_enabled():  # kept with their gradients, for the loss
            _ = self.embeddings, self.similarity
        return self.weighed(self.model.targets(self))

    def weighed(self, values: Tensor) -> Tensor:
        """Multiply values of frames, (B, N, ...), by ``weights``, where there are any."""
        if self.weights is None:
            return values
        return values * self.weights.reshape(*self.weights.shape, *[1] * (values.ndim - 2)).to(
            values
        )

    @cached_property
    def exists(self) -> Tensor:
        """True for frames within their recording's length, (B, N)."""
        places = torch.arange(self.features.shape[1], device=self.lengths.device)
        return places < self.lengths[:, None]

    def solve(self, **changes: Any) -> Solution:
        """Solve the transport of the pseudo-labels, with ``changes`` to its arguments.

        The order prior is added to the cost. See ``asot.solve`` for the arguments.
        """
        cost = changes.pop("cost", self.cost)
        return self.model.transport(
            cost, self.lengths, self.model.recipe.transport_train, **changes
        )

    def cross_entropy(self, targets: Tensor | None = None) -> Tensor:
        """Return the network's loss, the mean over real frames, towards other targets if given."""
        targets = self.targets if targets is None else self.weighed(targets)
        # Padded rows of the targets are zero, so that they add nothing.
        likelihood = (targets * self.model.log_probabilities(self.similarity)).sum()
        return -likelihood / self.lengths.sum()


@dataclass(eq=False)
class Epoch:
    """The end of an epoch, as callbacks are given it; one that returns True ends the training.

    Attributes
    ----------
    done : int
        Epochs done, from 1.
    model : ActionModel
        The network in training; what a callback changes of it stays.
    loss : float
        The mean loss of the epoch.
    """

    done: int
    model: ActionModel
    loss: float
    _features: TrainingFeatures

    @property
    def features(self) -> Iterator[NDArray[np.float32]]:
        """The prepared recordings, (N_i, D), in the order they were given."""
        return (self._features[place] for place in self._features.given)

    def decoder(self) -> ActionModel:
        """Copy the network as it is now, on the CPU and for decoding."""
        copied = copy.deepcopy(self.model).cpu().eval()
        copied.keep_for_decoding()
        return copied

    @cached_property
    def labels(self) -> list[NDArray[np.int64]]:
        """The recordings as the network segments them now, (N_i,) labels each."""
        model = self.decoder()
        return [model.decode(as_tensor(one)).labels.numpy() for one in self.features]


class EarlyStopping:
    """A callback that ends a training when its segmentations get no better, without labels.

    They are scored by how much shorter they describe the frames than a single action does. The
    network goes back to its best epoch.

    Parameters
    ----------
    patience : int
        Epochs without a better score after which the training ends.
    """

    def __init__(self, patience: int = 3) -> None:
        require_integer("patience", patience, at_least=1)
        self.patience = patience

    def __call__(self, epoch: Epoch) -> bool:
        """Tell whether the training is to end."""
        if epoch.done == 1:
            self._score = SegmentationScore(list(epoch.features), [epoch.labels])
            self._best: tuple[float, int, dict[str, Any]] = -math.inf, 0, {}
        gain = self._score.gain(epoch.labels, epoch.model.n_actions)
        if gain > self._best[0]:
            weights = copy.deepcopy(epoch.model.state_dict())
            self._best = gain, epoch.done, weights
        ends = epoch.done - self._best[1] >= self.patience
        if ends or epoch.done == epoch.model.recipe.training.epochs:
            epoch.model.load_state_dict(self._best[2])
            del self._score, self._best  # which are as large as the recordings
        return ends


@dataclass(frozen=True, eq=False)
class Parts:
    """Parts of one's own; None for asot's. ``ActionSegmenter`` says what each is."""

    encoder: nn.Module | Callable[[int], nn.Module] | None = None
    actions: Any = None
    cost: Callable[[ForwardPass], Tensor] | None = None
    pseudo_labels: Callable[[ForwardPass], Tensor] | None = None
    loss: Callable[[ForwardPass], Tensor] | None = None
    initialise: Callable[[NDArray[np.float32], int, int], Any] | None = None
    sample: Callable[[int, int, np.random.Generator], NDArray[np.int64]] | None = None
    update_actions: Callable[[ForwardPass], Tensor] | None = None
    callbacks: Sequence[Callable[[Epoch], bool | None]] = ()

    def __post_init__(self) -> None:
        for name in (one.name for one in fields(self) if one.name not in ("actions", "callbacks")):
            given = getattr(self, name)
            if given is not None and not callable(given):
                raise ArgumentError(
                    f"{name} must be a function or a torch.nn.Module, but is a "
                    f"{type(given).__name__}.",
                    setting=name,
                )
        if not isinstance(self.callbacks, (list, tuple)) or not all(map(callable, self.callbacks)):
            raise ArgumentError(
                f"callbacks must be a list of functions, but is {self.callbacks!r}.",
                setting="callbacks",
            )
        for name, does in (("initialise", "places"), ("update_actions", "moves")):
            if self.actions is not None and getattr(self, name) is not None:
                raise ArgumentError(
                    f"{name} {does} action embeddings, but actions gives them: leave one out.",
                    setting=name,
                )

    @property
    def given(self) -> list[str]:
        """Return the names of the parts that are one's own."""
        return [
            one.name
            for one in fields(self)
            if getattr(self, one.name) is not None and one.name != "callbacks"
        ]

    def for_decoding(self, encoder: nn.Module | None = None) -> Parts:
        """Return what decoding needs of the parts, with a trained encoder where there is one."""
        trained = self.encoder if encoder is None or self.encoder is None else encoder
        return Parts(trained, self.actions, self.cost)

    @property
    def changes_gradients(self) -> bool:
        """Tell whether the gradient of the loss is no longer that of the paper's network."""
        kept = {"pseudo_labels", "initialise", "sample"}
        return not kept.issuperset(self.given)


def require_tensor(
    name: str, values: Any, shape: tuple[int, ...], exists: Tensor | None = None
) -> None:
    """Refuse what a part returns unless it is a finite tensor of a shape.

    Only frames that exist, (B, N), need be finite, where they are told.
    """
    if not isinstance(values, Tensor) or values.shape != shape:
        found = tuple(values.shape) if isinstance(values, Tensor) else type(values).__name__
        raise ArgumentError(
            f"{name} must return a tensor of shape {shape}, but returns {found}.", setting=name
        )
    seen = values if exists is None else values[exists]
    if not bool(torch.isfinite(seen).all()):
        raise ArgumentError(
            f"{name} must return finite numbers, but returns NaN or infinite ones. (Plans are 0 in "
            "rows beyond a recording's length: divide by sums only where one.exists.)",
            setting=name,
        )
