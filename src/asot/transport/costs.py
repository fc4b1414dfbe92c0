"""Terms of the cost: an order prior, and background."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from asot.errors import require_integer, require_number
from asot.transport.arguments import ARRAYS, as_number, as_tensor, check_mode, read_lengths, refused


def temporal_prior(
    n_frames: int,
    n_actions: int,
    order_prior: float,
    *,
    lengths: Any = None,
    order: Any = None,
    absent: float | None = None,
    mode: str = "default",
    like: Any = None,
) -> Any:
    """Make a cost that pulls action k towards its place in a canonical order; add it to a cost.

    ``order_prior |(i + 1/2)/N - (k + 1/2)/K|`` with N the recording's own length; in parity mode
    ``order_prior |i/N - k/K|`` with N the padded number of frames. In a given order of P places,
    place p takes the place of k, and P that of K; an action in several places has the nearest.

    Where the columns are the frames of another recording, it is a pull to the diagonal: towards
    partners at the same share of either recording.

    Parameters
    ----------
    n_frames : int
        N, the (padded) number of frames.
    n_actions : int
        K.
    order_prior : float
        Strength, >= 0; the paper takes 0.15 to 0.25.
    lengths : sequence of int, shape (B,), optional
        Frames of each recording of a padded batch.
    order : sequence of int, shape (P,), or one for each recording, optional
        The actions in the order they come in, from 0: a permutation, or a transcript in which
        actions may come again or not at all. 0, 1, ..., K - 1 unless given.
    absent : float, optional
        Cost, >= 0, of an action that the order lacks; ``order_prior``, which is that of a whole
        recording away, unless given.
    mode : {"default", "parity"}
        See above.
    like : array or tensor, optional
        An example of the kind, dtype and device of the result, else a float64 NumPy array.

    Returns
    -------
    array, shape (N, K), or (B, N, K) with ``lengths`` or an order for each recording
        Zero on padded rows in default mode.

    Raises
    ------
    ArgumentError
        If a size is under 1, ``order_prior`` is negative, ``mode`` is unknown, or an order names
        an action that is not there.

    References
    ----------
    Kumar et al., CVPR 2022; Xu and Gould, CVPR 2024, section 4. An order for each recording is the
    idea of Tran et al., "Permutation-Aware Activity Segmentation via
    Unsupervised Frame-to-Segment Alignment", WACV 2024 (UFSA).

    Examples
    --------
    >>> temporal_prior(4, 2, order_prior=0.8).round(2).tolist()
    [[0.1, 0.5], [0.1, 0.3], [0.3, 0.1], [0.5, 0.1]]
    >>> temporal_prior(4, 3, order_prior=0.8, order=[1, 0, 1]).argmin(axis=1).tolist()
    [1, 0, 0, 1]
    >>> temporal_prior(6, 3, order_prior=1.0).argmin(axis=1).tolist()  # six frames to three
    [0, 0, 1, 1, 2, 2]
    """
    require_integer("n_frames", n_frames, at_least=1)
    require_integer("n_actions", n_actions, at_least=1)
    order_prior, absent = as_number("order_prior", order_prior), as_number("absent", absent)
    require_number("order_prior", order_prior, at_least=0.0)
    check_mode(mode)
    if absent is not None:
        require_number("absent", absent, at_least=0.0)
    like = np.empty(0) if like is None else like
    target = as_tensor("like", like)
    dtype = target.dtype if target.is_floating_point() else torch.get_default_dtype()
    # Half precision cannot count frames.
    exact = dtype if dtype in (torch.float32, torch.float64) else torch.float32
    orders = _read_orders(order, n_actions)
    batch = len(orders) if lengths is None else as_tensor("lengths", lengths).numel()
    own = read_lengths(lengths, target.new_empty(1).expand(batch, n_frames, n_actions))
    if len(orders) not in (1, batch):
        raise refused("order", f"must be one, or {batch} for the recordings, not {len(orders)}.")
    frame = torch.arange(n_frames, dtype=exact, device=target.device)[None, :, None]
    length = torch.tensor(own, dtype=exact, device=target.device)[:, None, None]

    def distance(n_places: int) -> Tensor:
        place = torch.arange(n_places, dtype=exact, device=target.device)[None, None, :]
        if mode == "parity":
            return (frame / n_frames - place / n_places).abs().expand(batch, -1, -1)
        return ((frame + 0.5) / length - (place + 0.5) / n_places).abs()

    if order is None:
        prior = order_prior * distance(n_actions)
    else:
        prior = torch.full(
            (batch, n_frames, n_actions),
            order_prior if absent is None else absent,
            dtype=exact,
            device=target.device,
        )
        for b in range(batch):
            actions = orders[b % len(orders)].to(target.device)
            found = (order_prior * distance(len(actions)))[b]
            where = actions.expand(n_frames, -1)
            prior[b].scatter_reduce_(1, where, found, "amin", include_self=False)
    if mode == "default":
        prior = prior.masked_fill(frame >= length, 0.0)
    prior = (prior[0] if lengths is None and len(orders) == 1 else prior).to(dtype)
    return prior if isinstance(like, torch.Tensor) else prior.numpy()


def _read_orders(order: Any, n_actions: int) -> list[Tensor]:
    """Read an order, or one for each recording; a single one where none is given."""
    if order is None:
        return [torch.arange(n_actions)]
    many = isinstance(order, ARRAYS) and len(order) > 0 and isinstance(order[0], ARRAYS)
    many = many and getattr(order[0], "ndim", 1) > 0
    orders = [as_tensor("order", one).cpu() for one in (order if many else [order])]
    for one in orders:
        whole = not one.is_floating_point() and one.dtype != torch.bool
        if one.ndim != 1 or not len(one) or not whole or one.min() < 0 or one.max() >= n_actions:
            raise refused(
                "order",
                f"must hold numbers of actions, from 0 to {n_actions - 1}, but is {one.tolist()}.",
            )
    return [one.long() for one in orders]


def append_background(cost: Any, background_cost: float) -> Any:
    """Append a background action of fixed cost, as action K, to a cost of K actions.

    A frame whose every action costs more than ``background_cost`` drifts to the background, as far
    as its neighbours and the marginals let it. In the result of ``solve``, ``labels == K`` marks
    the background.

    Parameters
    ----------
    cost : array or tensor, shape (N, K) or (B, N, K)
        The cost of the K actions.
    background_cost : float
        Finite; with the pipeline's cosine costs, 0.5 is a place to start.

    Returns
    -------
    array or tensor, shape (N, K + 1) or (B, N, K + 1)
        Of the kind that ``cost`` is.

    Examples
    --------
    >>> import numpy as np
    >>> append_background(np.array([[0.1, 0.9], [0.8, 0.7]]), 0.5).tolist()
    [[0.1, 0.9, 0.5], [0.8, 0.7, 0.5]]
    """
    background_cost = as_number("background_cost", background_cost)
    require_number("background_cost", background_cost)
    tensor = as_tensor("cost", cost)
    if not tensor.is_floating_point():
        tensor = tensor.double()
    padded = torch.nn.functional.pad(tensor, (0, 1), value=float(background_cost))
    return padded if isinstance(cost, torch.Tensor) else padded.numpy()
