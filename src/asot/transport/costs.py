"""Terms of the cost: an order prior, and background."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from asot.errors import require_integer, require_number
from asot.transport.arguments import as_tensor, check_mode, read_lengths


def temporal_prior(
    n_frames: int,
    n_actions: int,
    order_prior: float,
    *,
    lengths: Any = None,
    mode: str = "default",
    like: Any = None,
) -> Any:
    """Make a cost that pulls action k towards its place in a canonical order; add it to a cost.

    ``order_prior |(i + 1/2)/N - (k + 1/2)/K|`` with N the recording's own length; in parity mode
    ``order_prior |i/N - k/K|`` with N the padded number of frames.

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
    mode : {"default", "parity"}
        See above.
    like : array or tensor, optional
        An example of the kind, dtype and device of the result, else a float64 NumPy array.

    Returns
    -------
    array, shape (N, K), or (B, N, K) with ``lengths``
        Zero on padded rows in default mode.

    Raises
    ------
    ArgumentError
        If a size is under 1, ``order_prior`` is negative or ``mode`` is unknown.

    References
    ----------
    Kumar et al., CVPR 2022; Xu and Gould, CVPR 2024, section 4.

    Examples
    --------
    >>> temporal_prior(4, 2, order_prior=0.8).round(2).tolist()
    [[0.1, 0.5], [0.1, 0.3], [0.3, 0.1], [0.5, 0.1]]
    """
    require_integer("n_frames", n_frames, at_least=1)
    require_integer("n_actions", n_actions, at_least=1)
    require_number("order_prior", order_prior, at_least=0.0)
    check_mode(mode)
    like = np.empty(0) if like is None else like
    target = as_tensor("like", like)
    dtype = target.dtype if target.is_floating_point() else torch.get_default_dtype()
    # Half precision cannot count frames.
    exact = dtype if dtype in (torch.float32, torch.float64) else torch.float32
    batch = 1 if lengths is None else as_tensor("lengths", lengths).numel()
    own = read_lengths(lengths, target.new_empty(1).expand(batch, n_frames, n_actions))
    frame = torch.arange(n_frames, dtype=exact, device=target.device)[None, :, None]
    action = torch.arange(n_actions, dtype=exact, device=target.device)[None, None, :]
    if mode == "parity":
        prior = order_prior * (frame / n_frames - action / n_actions).abs().expand(len(own), -1, -1)
    else:
        length = torch.tensor(own, dtype=exact, device=target.device)[:, None, None]
        prior = order_prior * ((frame + 0.5) / length - (action + 0.5) / n_actions).abs()
        prior = prior.masked_fill(frame >= length, 0.0)
    prior = (prior[0] if lengths is None else prior).to(dtype)
    return prior if isinstance(like, torch.Tensor) else prior.numpy()


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
    require_number("background_cost", background_cost)
    tensor = as_tensor("cost", cost)
    if not tensor.is_floating_point():
        tensor = tensor.double()
    padded = torch.nn.functional.pad(tensor, (0, 1), value=float(background_cost))
    return padded if isinstance(cost, torch.Tensor) else padded.numpy()
