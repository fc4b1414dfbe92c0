"""Strategies and checks that the transport's tests share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch import Tensor

SIDES = {
    "frames hard": {"lambda_frames": None, "lambda_actions": 0.1},
    "actions hard": {"lambda_frames": 0.1, "lambda_actions": None},
    "both hard": {"lambda_frames": None, "lambda_actions": None},
    "both relaxed": {"lambda_frames": 0.1, "lambda_actions": 0.1},
}
FRAMES_HARD = [name for name, side in SIDES.items() if side["lambda_frames"] is None]


def make_cost(rng: np.random.Generator, *shape: int, dtype: Any = np.float64) -> np.ndarray:
    """A noisy cost whose actions follow one another."""
    n_frames, n_actions = shape[-2:]
    cost = rng.random(shape)
    frames = np.arange(n_frames)
    cost[..., frames, frames * n_actions // n_frames] *= 0.4
    return cost.astype(dtype)


@st.composite
def problems(draw: st.DrawFn, max_frames: int = 60, max_actions: int = 7) -> dict[str, Any]:
    """Keyword arguments of ``solve`` for one recording."""
    n_frames = draw(st.integers(1, max_frames))
    n_actions = draw(st.integers(1, max_actions))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1e-3, 0.1, 1.0, 30.0, 1e3]))
    radius = draw(st.one_of(st.floats(0.005, 0.5), st.integers(1, 2 * n_frames)))
    return {
        "cost": scale * make_cost(rng, n_frames, n_actions),
        "epsilon": draw(st.sampled_from([0.01, 0.07, 0.3, 1.0])),
        "alpha": draw(st.sampled_from([0.0, 0.3, 0.7, 0.95])),
        "radius": radius,
        **SIDES[draw(st.sampled_from(sorted(SIDES)))],
    }


def require_gradient(loss: Callable[[Tensor], Tensor], at: Tensor, atol: float) -> None:
    """Require that autograd's gradient of a loss is that of finite differences, entry by entry."""
    (gradient,) = torch.autograd.grad(loss(at), at)
    with torch.no_grad():
        for index in np.ndindex(at.shape):
            step = torch.zeros_like(at)
            step[index] = 1e-6
            difference = (loss(at + step) - loss(at - step)) / 2e-6
            torch.testing.assert_close(gradient[index], difference, atol=atol, rtol=1e-4)
