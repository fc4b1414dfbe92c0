"""The temporal order prior and the background action: two ways to shape a cost."""

from __future__ import annotations

from typing import Any

import torch

from asot.errors import ArgumentError


def temporal_prior(
    n_frames: int,
    n_actions: int,
    rho: float,
    *,
    lengths: Any = None,
    mode: str = "default",
    like: Any = None,
) -> Any:
    """A cost that nudges action k towards its place in a canonical order, to be added to a cost.

    ``rho |(i + 1/2)/N - (k + 1/2)/K|`` with N the recording's own length; in parity mode
    ``rho |i/N - k/K|`` with N the padded number of frames.

    Parameters
    ----------
    n_frames : int
        N, the (padded) number of frames.
    n_actions : int
        K.
    rho : float
        Strength, >= 0; the paper takes 0.15 to 0.25.
    lengths : sequence of int, shape (B,), optional
        Frames of each recording of a padded batch.
    mode : {"default", "parity"}
        See above.
    like : torch.Tensor, optional
        The result takes this tensor's dtype and device; it is a NumPy array otherwise.

    Returns
    -------
    array, shape (N, K), or (B, N, K) with ``lengths``
        Zero on padded rows in default mode.

    Raises
    ------
    ArgumentError
        If a size is under 1, ``rho`` is negative or ``mode`` is unknown.

    References
    ----------
    Kumar et al., CVPR 2022; Xu and Gould, CVPR 2024, section 4.

    Examples
    --------
    >>> temporal_prior(4, 2, rho=0.8).round(2).tolist()
    [[0.1, 0.5], [0.1, 0.3], [0.3, 0.1], [0.5, 0.1]]
    """
    if n_frames < 1 or n_actions < 1:
        raise ArgumentError(
            f"n_frames and n_actions must be at least 1, but are {n_frames} and {n_actions}."
        )
    if not rho >= 0:
        raise ArgumentError(f"rho must be at least 0, but is {rho}.")
    if mode not in ("default", "parity"):
        raise ArgumentError(f'mode must be "default" or "parity", but is {mode!r}.')
    if isinstance(like, torch.Tensor):
        dtype = like.dtype if like.is_floating_point() else torch.get_default_dtype()
        device = like.device
    else:
        dtype, device = torch.float64, torch.device("cpu")
    own = torch.as_tensor([n_frames] if lengths is None else lengths, device=device)
    frame = torch.arange(n_frames, dtype=dtype, device=device)[None, :, None]
    action = torch.arange(n_actions, dtype=dtype, device=device)[None, None, :]
    if mode == "parity":
        prior = rho * (frame / n_frames - action / n_actions).abs().expand(len(own), -1, -1)
    else:
        length = own.to(dtype)[:, None, None]
        prior = rho * ((frame + 0.5) / length - (action + 0.5) / n_actions).abs()
        prior = prior.masked_fill(frame >= length, 0.0)
    if lengths is None:
        prior = prior[0]
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
    if not abs(background_cost) < float("inf"):
        raise ArgumentError(f"background_cost must be finite, but is {background_cost}.")
    if isinstance(cost, torch.Tensor):
        return torch.nn.functional.pad(cost, (0, 1), value=background_cost)
    import numpy as np

    cost = np.asarray(cost)
    widths = [(0, 0)] * (cost.ndim - 1) + [(0, 1)]
    return np.pad(cost, widths, constant_values=background_cost)
