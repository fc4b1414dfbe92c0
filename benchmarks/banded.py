"""OTT-JAX, where it is installed: the same problem with a banded geometry, compiled.

OTT's quadratic problems have the loss ``L(x, y) = f1(x) + f2(y) - h1(x) h2(y)``: with f1 = f2 = 0,
h1(x) = -x and h2(y) = alpha y it is our temporal term, with no other term beside it. The fused cost
has weight 1 - alpha, and ``tau_b = lambda / (lambda + epsilon)`` relaxes the actions; frames are
hard. Both geometries are applied in O(N K): the band by cumulative sums, or where recordings are
short by sums of doubled windows, whichever XLA makes the faster code of; 1 - I by a sum over
actions.

Two contenders, both in float32, on arrays that are JAX's already, batches by ``vmap``:

- :func:`ott`: the library's ``GromovWasserstein``, 25 iterations;
- :func:`ott_loop`: a loop of one's own around OTT's ``Sinkhorn``, as few iterations as reach J of
  ``asot.solve``. It does the same without the library's bookkeeping, and is the fastest we found.

One Sinkhorn iteration each, warm-started, in the log domain. Two or more save fewer iterations than
they cost; kernels in the plain domain were no faster on most shapes, and ended at a higher J.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray
from ott.geometry import geometry
from ott.problems.linear import linear_problem
from ott.problems.quadratic import quadratic_costs, quadratic_problem
from ott.solvers.linear import sinkhorn
from ott.solvers.quadratic import gromov_wasserstein

from benchmarks.problem import ALPHA, EPSILON, ITERATIONS, LAMBDA, RADIUS, half_width, objective
from benchmarks.timing import Call

TAU = LAMBDA / (LAMBDA + EPSILON)
MOST_ITERATIONS = 100
# Frames up to which doubled windows are faster than cumulative sums.
SHORT = 2000
# J is equal where it differs by less than what single precision tells apart.
SAME = 1e-6
ONE_STEP: dict[str, Any] = {
    "min_iterations": 1,
    "max_iterations": 1,
    "inner_iterations": 1,
    "threshold": -1.0,
}


def window_sums(values: Array, half: int) -> Array:
    """Sums over the ``half`` rows before and after each row of ``values`` (N, K), itself left out.

    Where there are few rows, a window is made of windows of 1, 2, 4, ... rows, each the sum of two
    of the size before.
    """
    n_rows, width = len(values), 2 * half + 1
    if n_rows > SHORT:
        before = jnp.cumsum(jnp.pad(values, ((half + 1, half), (0, 0))), axis=0)
        return before[width:] - before[:n_rows] - values
    sums = jnp.pad(values, ((half, half), (0, 0)))
    total, start, size = -values, 0, 1
    while size <= width:
        if width & size:
            total = total + sums[start : start + n_rows]
            start += size
        sums = sums[:-size] + sums[size:]
        size *= 2
    return total


@jax.tree_util.register_pytree_node_class
class Structure(geometry.Geometry):
    """A square cost matrix that is never written out: the band over time, or 1 - I over actions."""

    def __init__(self, size: int, half: int | None) -> None:
        super().__init__()
        self.size = size
        self.half = half

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.size, self.size

    def apply_cost(
        self, arr: Array, axis: int = 0, fn: Any = None, is_linear: bool = False
    ) -> Array:
        """The matrix times an array; both matrices are symmetric."""
        columns = arr.reshape(self.size, -1)
        if self.half is None:
            product = columns.sum(axis=0) - columns
        else:
            product = window_sums(columns, self.half) / RADIUS
        product = product.reshape(arr.shape)
        return product if fn is None else fn(product)

    def tree_flatten(self) -> tuple[tuple[()], dict[str, Any]]:
        """No arrays, and what it is made of."""
        return (), {"size": self.size, "half": self.half}

    @classmethod
    def tree_unflatten(cls, aux_data: dict[str, Any], children: Any) -> Structure:
        """The inverse."""
        return cls(**aux_data)


def _loss() -> quadratic_costs.GWLoss:
    nothing = quadratic_costs.Loss(lambda x: 0.0 * x, is_linear=True)
    return quadratic_costs.GWLoss(
        f1=nothing,
        f2=nothing,
        h1=quadratic_costs.Loss(lambda x: -x, is_linear=True),
        h2=quadratic_costs.Loss(lambda y: ALPHA * y, is_linear=True),
    )


def ott(cost: NDArray[np.float32]) -> Call:
    """``GromovWasserstein`` with 25 iterations."""
    n_frames, n_actions = cost.shape[1:]
    solver = gromov_wasserstein.GromovWasserstein(
        sinkhorn.Sinkhorn(**ONE_STEP),
        epsilon=EPSILON,
        warm_start=True,
        min_iterations=ITERATIONS,
        max_iterations=ITERATIONS,
    )

    def solve(one: Array) -> Array:
        problem = quadratic_problem.QuadraticProblem(
            Structure(n_frames, half_width(n_frames)),
            Structure(n_actions, None),
            geometry.Geometry(one),
            fused_penalty=1 - ALPHA,
            loss=_loss(),
            tau_b=TAU,
            gw_unbalanced_correction=False,
        )
        coupling: Array = solver(problem).matrix
        return coupling

    compiled = jax.jit(jax.vmap(solve))
    given = jnp.asarray(cost)
    return lambda: compiled(given).block_until_ready()


def ott_loop(cost: NDArray[np.float32], target: float) -> tuple[Call, int]:
    """A loop around ``Sinkhorn`` to J of ``target``, and its number of iterations."""
    n_frames, n_actions = cost.shape[1:]
    half = half_width(n_frames)
    p, q = jnp.full(n_frames, 1 / n_frames), jnp.full(n_actions, 1 / n_actions)
    linear_solver = sinkhorn.Sinkhorn(**ONE_STEP)

    def solve(one: Array, iterations: int) -> Array:
        def step(_: int, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            coupling, f, g = state
            near = window_sums(coupling, half) / RADIUS
            gradient = (1 - ALPHA) * one + ALPHA * (near.sum(axis=1, keepdims=True) - near)
            linear = linear_problem.LinearProblem(
                geometry.Geometry(gradient, epsilon=EPSILON), p, q, tau_b=TAU
            )
            found = linear_solver(linear, init=(f, g))
            return found.matrix, found.f, found.g

        start = jnp.outer(p, q), jnp.zeros(n_frames), jnp.zeros(n_actions)
        return jax.lax.fori_loop(0, iterations, step, start)[0]

    # The iterations are no part of what is compiled: one compilation serves the search.
    compiled = jax.jit(jax.vmap(solve, in_axes=(0, None)))
    given = jnp.asarray(cost)
    for iterations in range(1, MOST_ITERATIONS + 1):
        reached = objective(compiled(given, iterations), cost)
        if reached <= target + SAME * abs(target):
            break
    return lambda: compiled(given, iterations).block_until_ready(), iterations
