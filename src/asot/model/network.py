"""The network: a frame encoder and one embedding for each action, their loss and its gradient.

Frame features x become ``z = normalise(MLP(x))``; the cost of action k is ``1 - z . c_k`` plus the
order prior. Source: Xu and Gould, CVPR 2024, section 4.
"""

from __future__ import annotations

import copy
import inspect
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from asot.discover.steps import Steps
from asot.errors import ArgumentError, ConfigurationError
from asot.model.features import as_tensor
from asot.model.parts import ForwardPass, Parts, require_tensor
from asot.model.recipe import EncoderSettings, Recipe, TransportSettings
from asot.processes import single_threaded
from asot.transport import Solution, solve, temporal_prior

FRAME_S = 2e-6  # of decoding, for each learner
IN_TRAINING = ("pseudo_labels", "loss", "update_actions")  # parts that decoding does not need
_DRAWING = threading.RLock()  # a part of one's own may train a network itself


class ActionModel(nn.Module):
    """A frame encoder and one embedding for each action.

    ``parts`` take the place of the encoder, the cost, the loss, ...; modules among them are copied,
    so that one fit is not the start of the next, and trained.
    """

    def __init__(
        self, recipe: Recipe, n_features: int, n_actions: int, parts: Parts | None = None
    ) -> None:
        super().__init__()
        if isinstance(recipe.order_prior, str):
            raise ConfigurationError(
                "order_prior must be a number by the time a model is made, but is "
                f"{recipe.order_prior!r}: find it with asot.model.automatic.settle.",
                setting="order_prior",
            )
        self.recipe = recipe
        self.n_features = n_features
        self.n_actions = n_actions
        self.order_prior = recipe.order_prior
        self.parts = Parts() if parts is None else parts
        self.steps: Steps = ()  # of each action, where any were looked for
        self._last_prior: tuple[tuple[Any, ...], Tensor] | None = None
        copied: dict[int, Any] = {}  # so that a module in two places stays one
        self.encoder, width = self._make_encoder(copied)
        if self.parts.actions is None:
            embeddings = torch.randn(n_actions, width)
        else:
            own = self.parts.actions
            own = own.detach().cpu() if isinstance(own, Tensor) else np.array(own)
            embeddings = torch.as_tensor(own, dtype=torch.float32)
            shape = tuple(embeddings.shape)
            if shape != (n_actions, width) or not bool(torch.isfinite(embeddings).all()):
                raise ArgumentError(
                    f"actions must be finite vectors, one of the embedding's {width} numbers for "
                    f"each of {n_actions} actions, but have the shape {shape}: n_actions, "
                    "embedding_width or an encoder can fit them.",
                    setting="actions",
                )
        self.actions = nn.Parameter(F.normalize(embeddings, dim=-1))
        self.modules_of_own = nn.ModuleDict()
        self._take(self.parts, ("cost", *IN_TRAINING), copied)
        if any(map(is_lazy, self.parameters())):  # these take their shape from a first pass
            with torch.no_grad():
                _ = ForwardPass.alone(self, torch.zeros(2, self.n_features)).similarity

    def _make_encoder(self, copied: dict[int, Any]) -> tuple[nn.Module, int]:
        """Make the encoder; return it with the width of the embedding."""
        own = self.parts.encoder
        if own is None:
            settings = self.recipe.encoder
            return perceptron(self.n_features, settings), settings.width
        is_module = isinstance(own, nn.Module)
        encoder = copy.deepcopy(own, copied) if is_module else own(self.n_features)
        if not isinstance(encoder, nn.Module):
            raise ArgumentError(
                "encoder must be a torch.nn.Module, or a function that makes one for a number of "
                f"columns, but makes a {type(encoder).__name__}.",
                setting="encoder",
            )
        if isinstance(encoder, nn.RNNBase) and not encoder.batch_first:
            raise ArgumentError(
                "encoder must have batch_first=True, as recordings are the first axis of what it "
                "is given.",
                setting="encoder",
            )
        # As a probe, and for modules that take their shape from their first input.
        with torch.no_grad():
            encoded = _encode(encoder.eval(), torch.zeros(1, 2, self.n_features), torch.tensor([2]))
        return encoder.train(), int(encoded.shape[-1])

    @property
    def layers(self) -> tuple[nn.Linear, ...]:
        """Return the linear layers of asot's own encoder."""
        assert isinstance(self.encoder, nn.Sequential)
        return tuple(layer for layer in self.encoder if isinstance(layer, nn.Linear))

    def own(self, part: str) -> Any:
        """Return one's own part, such as the loss, if there is one; a module in training."""
        is_module = part in self.modules_of_own
        return self.modules_of_own[part] if is_module else getattr(self.parts, part)

    def begin(self, parts: Parts) -> None:
        """Take the parts of one's own that only a training needs, anew."""
        self._take(parts, IN_TRAINING, {})

    def _take(self, parts: Parts, names: Sequence[str], copied: dict[int, Any]) -> None:
        """Take parts, and copies of the modules among those with these names."""
        self.parts = parts
        self.actions.requires_grad_(parts.actions is None and parts.update_actions is None)
        for name in names:
            if isinstance(given := getattr(parts, name), nn.Module):
                module = copy.deepcopy(given, copied)
                # What makes targets or places is called without gradients.
                learns = name in ("cost", "loss")
                self.modules_of_own[name] = module if learns else module.requires_grad_(False)

    def keep_for_decoding(self) -> None:
        """Let go of the parts of one's own that only a training needs."""
        self.parts = self.parts.for_decoding(self.encoder)
        for name in IN_TRAINING:
            if name in self.modules_of_own:
                del self.modules_of_own[name]

    def __getstate__(self) -> dict[str, Any]:
        # Copies decode: what else callbacks and losses hold does not travel.
        return {
            **self.__dict__,
            "_last_prior": None,
            "parts": self.parts.for_decoding(self.encoder),
        }

    def embed(self, features: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Return unit-length frame embeddings (..., d) of features (..., D).

        An encoder of one's own is given (B, N, D), as frames may see their neighbours.
        """
        if self.parts.encoder is None:
            return F.normalize(self.encoder(features), dim=-1)
        batch = features if features.ndim == 3 else features[None]
        if lengths is None:
            lengths = torch.full((len(batch),), batch.shape[1], device=batch.device)
        encoded = F.normalize(_encode(self.encoder, batch, lengths), dim=-1)
        return encoded if features.ndim == 3 else encoded[0]

    def place_actions(self, centres: Tensor) -> None:
        """Put the action embeddings at ``centres`` (K, d), scaled to unit length."""
        with torch.no_grad():
            self.actions.copy_(F.normalize(centres.to(self.actions), dim=-1))

    @torch.no_grad()
    def normalise_actions(self) -> None:
        """Scale the action embeddings back to unit length."""
        norm = torch.linalg.vector_norm(self.actions, dim=1, keepdim=True)
        self.actions.div_(norm.clamp_min_(1e-12))

    def similarity(self, embeddings: Tensor) -> Tensor:
        """Return the cosine similarities ``z . c``, (..., K)."""
        return embeddings @ self.actions.T

    def log_probabilities(self, similarity: Tensor) -> Tensor:
        """Return ``log softmax(z . c / temperature)``, (..., K)."""
        return F.log_softmax(similarity / self.recipe.training.temperature, dim=-1)

    @torch.no_grad()
    def transport(
        self,
        cost: Tensor,
        lengths: Tensor | None,
        settings: TransportSettings,
        **changes: Any,
    ) -> Solution:
        """Assign frames to actions by their cost (N, K) or, padded, (B, N, K), and the order prior.

        ``changes`` are other arguments of ``asot.solve`` than those of the settings.
        """
        if self.order_prior > 0:
            cost = cost + self._prior(cost, lengths, settings.mode)
        return solve(cost, lengths=lengths, **{**vars(settings), **changes})

    def _prior(self, cost: Tensor, lengths: Tensor | None, mode: str) -> Tensor:
        """Return the order prior of a batch, kept for the next of the same shape and lengths."""
        n_frames = cost.shape[-2]
        own = None if lengths is None else tuple(lengths.tolist())
        key = n_frames, own, mode, cost.device, cost.dtype
        if self._last_prior is None or self._last_prior[0] != key:
            prior = temporal_prior(
                n_frames, self.n_actions, self.order_prior, lengths=lengths, mode=mode, like=cost
            )
            self._last_prior = key, prior
        return self._last_prior[1]

    def loss(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Return the loss of a padded batch (B, N, D), the mean over its real frames."""
        return self.loss_of(ForwardPass.of(self, features, lengths))

    def loss_of(self, given: ForwardPass) -> Tensor:
        """Return the loss of a forward pass: one's own, or the cross-entropy."""
        own = self.own("loss")
        if own is None:
            return given.cross_entropy()
        loss: Tensor = own(given)
        require_tensor("loss", loss, ())
        return loss

    @torch.no_grad()
    def targets(self, given: ForwardPass) -> Tensor:
        """Make the pseudo-labels of a forward pass, (B, N, K); rows of padding are zero."""
        own = self.own("pseudo_labels")
        if own is None:
            solved: Tensor = given.solve().assignment
            return solved
        targets: Tensor = own(given)
        require_tensor("pseudo_labels", targets, given.cost.shape)
        return targets

    @torch.no_grad()
    def update_actions(self, given: ForwardPass) -> None:
        """Move the actions after the step of a forward pass: to places of one's own, if any."""
        own = self.own("update_actions")
        if own is not None:
            moved = own(given)
            require_tensor("update_actions", moved, tuple(self.actions.shape))
            self.place_actions(moved)
        elif self.actions.requires_grad:
            self.normalise_actions()

    @torch.no_grad()
    def decode(self, features: Tensor) -> Solution:
        """Segment one recording's prepared features (N, D), independently of all others."""
        settings = self.recipe.transport_eval
        solution = self.transport(ForwardPass.alone(self, features).cost[0], None, settings)
        if settings.mode == "default" and settings.lambda_actions is not None:
            solution.require_sound(settings.lambda_frames is None)
        return solution


def perceptron(n_features: int, settings: EncoderSettings) -> nn.Sequential:
    """Make asot's own encoder: linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for before, after in pairwise([n_features, *settings.hidden, settings.width]):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def _encode(encoder: nn.Module, batch: Tensor, lengths: Tensor) -> Tensor:
    """Call an encoder of one's own on a padded batch (B, N, D); return its embeddings (B, N, d)."""
    takes_lengths = "lengths" in inspect.signature(encoder.forward).parameters
    encoded = encoder(batch, lengths) if takes_lengths else encoder(batch)
    encoded = encoded[0] if isinstance(encoded, tuple) else encoded  # a GRU adds its last state
    shape = tuple(encoded.shape) if isinstance(encoded, Tensor) else type(encoded).__name__
    if not isinstance(encoded, Tensor) or encoded.ndim != 3 or encoded.shape[:2] != batch.shape[:2]:
        raise ArgumentError(
            "encoder must turn (recordings, frames, columns) into (recordings, frames, width), but "
            f"turns {tuple(batch.shape)} into {shape}.",
            setting="encoder",
        )
    return encoded


@single_threaded
def decode(
    model: Any, features: ArrayLike, known: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return a network's or a team's labels (N,) and assignment (N, K) of prepared features.

    A team keeps labels that are ``known``.
    """
    given = () if known is None else (known,)
    solution = model.decode(as_tensor(features), *given)
    return solution.labels.numpy(), solution.assignment.numpy()


def decoding_seconds(model: Any, n_frames: int) -> float:
    """Return about how long a network, or the learners of a team, take for frames on one core."""
    return FRAME_S * n_frames * len(getattr(model, "learners", " "))


def warm_up() -> None:
    """Compile the solver, or read it from the cache, before the first training needs it."""
    solve(torch.zeros(2, 2))


def loss_and_gradients(
    model: ActionModel, given: ForwardPass
) -> tuple[Tensor, list[Tensor | None]]:
    """Return the loss of a forward pass and its gradients by the parameters that are trained.

    Of parts of one's own, they are autograd's, None where the loss does not reach a parameter.
    """
    if not model.parts.changes_gradients:
        return _closed_form(model, given)
    trained = [one for one in model.parameters() if one.requires_grad]
    loss = model.loss_of(given)
    if not trained:
        return loss.detach(), []
    if not loss.requires_grad:
        raise ArgumentError(
            "loss must hang on what is trained, such as one.embeddings or one.similarity, but has "
            "no gradient.",
            setting="loss",
        )
    return loss.detach(), list(torch.autograd.grad(loss, trained, allow_unused=True))


@torch.no_grad()
def _closed_form(model: ActionModel, given: ForwardPass) -> tuple[Tensor, list[Tensor | None]]:
    """Return the loss and the gradients of the paper's network.

    In networks this small autograd takes longer than the arithmetic, so training uses the
    gradient in closed form. With a row for each of n frames, ``y = encoder(x)``,
    ``s = y c' / |y|``, ``P = softmax(s / temperature)`` and the pseudo-labels T::

        loss                      = -sum(T log P) / n
        d loss / d s              = (P * sum_k(T) - T) / (n temperature)
        d loss / d c              = G' y                         where G = (d loss / d s) / |y|
        d loss / d y              = G c - y * sum_k(G * s) / |y|

    From there back, with d the gradient at the output of a linear layer ``x W' + b``:
    ``d loss / d W = d' x``, ``d loss / d b = d' 1`` and ``d loss / d x = d W``, which a ReLU lets
    through where its output is above 0. The first gradient is that of the action embeddings c.
    """
    layers, actions, temperature = model.layers, model.actions, model.recipe.training.temperature
    features = given.features
    x = features.flatten(0, 1)
    inputs = [x]
    for layer in layers[:-1]:
        inputs.append(torch.addmm(layer.bias, inputs[-1], layer.weight.T).relu_())
    y = torch.addmm(layers[-1].bias, inputs[-1], layers[-1].weight.T)
    # Transposed, (K, frames): torch's softmax is far quicker along few rows than few columns.
    length = torch.linalg.vector_norm(y, dim=1).clamp_min_(1e-12)
    s = (actions @ y.T).div_(length)
    given.similarity = s.T.contiguous().view(*features.shape[:2], -1)
    T = given.targets.to(given.similarity).flatten(0, 1).T.contiguous()
    n_frames = given.lengths.sum()
    log_P = F.log_softmax(s / temperature, dim=0)
    loss = -torch.dot(T.view(-1), log_P.view(-1)) / n_frames
    G = log_P.exp_().mul_(T.sum(dim=0)).sub_(T).div_(length * temperature * n_frames)
    of_actions = G @ y
    d = (G.T @ actions).addcmul_(y, (G * s).sum(dim=0).div_(length)[:, None], value=-1)
    of_layers: list[Tensor] = []
    for layer, seen in zip(reversed(layers), reversed(inputs), strict=True):
        of_layers += [d.sum(dim=0), d.T @ seen]
        if layer is not layers[0]:
            d = (d @ layer.weight).mul_(seen.sign())
    return loss, [of_actions, *reversed(of_layers)]


@contextmanager
def own_draws(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Draw from a seed, and leave the global generators as they were; one thread at a time.

    Of GPUs, only a ``device`` that is told is seeded, too.
    """
    gpus = [device] if device is not None and device.type == "cuda" else []
    with _DRAWING, torch.random.fork_rng(devices=gpus):
        # torch.manual_seed would seed all GPUs.
        torch.default_generator.manual_seed(seed)
        for gpu in gpus:
            with torch.cuda.device(gpu):
                torch.cuda.manual_seed(seed)
        yield
