"""The public function of the transport, and its backends."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from asot.errors import ArgumentError
from asot.transport.cpu.solver import CpuBackend
from asot.transport.cuda.solver import CudaBackend
from asot.transport.derivatives import is_mapped, solve_as_one
from asot.transport.mirror_descent import TorchBackend
from asot.transport.parity import ParityBackend
from asot.transport.request import Request
from asot.transport.solution import Answer, Objective, Solution


class Backend(Protocol):
    """One way to solve a request."""

    def covers(self, request: Request) -> str | None:
        """Name the part of a request that it does not cover, or return None.

        Raise ``MissingExtraError`` for a backend asked for by name whose library is missing.
        """

    def run(self, request: Request) -> Answer:
        """Solve a request that it covers."""


_IN_TORCH: tuple[Backend, ...] = (TorchBackend(), ParityBackend())
# By the argument ``backend``; the first that covers the request is taken.
BACKENDS: dict[str, tuple[Backend, ...]] = {
    "auto": (CpuBackend(), *_IN_TORCH),
    "torch": _IN_TORCH,
    "cpu": (CpuBackend(),),
    "cuda": (CudaBackend(),),
}


def solve(
    cost: Any,
    *,
    epsilon: Any = 0.07,
    alpha: Any = 0.3,
    radius: Any = 0.04,
    lambda_actions: Any = 0.1,
    lambda_frames: Any = None,
    lengths: Any = None,
    action_lengths: Any = None,
    frame_marginal: Any = None,
    action_marginal: Any = None,
    allowed: Any = None,
    structure: Any = None,
    action_structure: Any = None,
    border: Any = None,
    initial: Any = None,
    max_iterations: int = 25,
    inner_iterations: int = 10,
    tolerance: float | None = None,
    step_size: float | None = None,
    mode: str = "default",
    backend: str = "auto",
    gradient: str = "unrolled",
) -> Solution:
    """Assign the frames of recordings to actions, consistently in time.

    Minimises, by mirror descent from ``T = p q'``::

        J(T) = (1 - alpha) <C, T> + (alpha / 2) <T, Cv T Ca>
             + lambda_frames KL(T 1 || p) + lambda_actions KL(T' 1 || q) + epsilon sum T (log T - 1)

    where ``Cv[i, j] = 1/r`` for ``0 < |i - j| <= b``, else 0, with r the radius as a fraction of
    the recording and b the half-width of the band in frames; and ``Ca = 1 - I``. A side whose
    lambda is None is a hard constraint instead: ``T 1 = p`` or ``T' 1 = q``. The default is the
    paper's: frames hard, actions relaxed. O(N K) an iteration.

    Parameters
    ----------
    cost : array or tensor, shape (N, K) or (B, N, K), or a list of (N_b, K_b)
        Assignment cost of N frames to K actions, such as 1 - cosine similarity. NumPy in, NumPy
        out; a torch tensor stays on its device, and gradients flow through the result where the
        cost asks for them. float64 stays float64; half precision is computed in float32 and comes
        back so. Entries of padded rows are never read. A list, of an array for each recording, is
        padded, with ``lengths`` and ``action_lengths`` from it; marginals, masks and warm starts
        may then be lists too.
    epsilon : float or (B,)
        Entropy weight, > 0, in units of the cost. This and the four below may be one for each
        recording; radius and lambda_actions one for each action too, (K,) or (B, K). A number may
        be a scalar of NumPy or torch, but gets no gradient.
    alpha : float or (B,)
        Weight of the temporal term, in [0, 1); the linear term has 1 - alpha.
    radius : float, int, (B,), (K,) or (B, K)
        Half-width of the temporal band: a fraction of each recording's own length (float), at
        least one frame; or a number of frames (int). Where actions differ, a pair of them has the
        mean of their two bands.
    lambda_actions, lambda_frames : float, (B,), for actions (K,) or (B, K), or None
        KL penalty on that side's marginal, > 0; None makes the side hard.
    lengths : sequence of int, shape (B,), optional
        Frames of each recording of a padded batch; all N unless given.
    action_lengths : sequence of int, shape (B,), optional
        Actions of each recording, the first of its K; all K unless given.
    frame_marginal : array, shape (N,) or (B, N), optional
        p, non-negative, summing to 1 over a recording's frames; uniform unless given.
    action_marginal : array, shape (K,) or (B, K), optional
        q, likewise; uniform unless given.
    allowed : array of bool, shape (K,), (N, K) or (B, N, K), optional
        Entries that may carry mass; all unless given.
    structure : Structure or array (N, N) or (B, N, N), optional
        Another Cv than the band of ``radius``: an object with ``apply(T) -> Cv T``.
    action_structure : Structure or array (K, K) or (B, K, K), optional
        Another Ca than ``1 - I``, symmetric: what it costs that neighbours have actions k and l.
        An object multiplies transposed couplings, (B, K, N).
    border : float or (B,), optional
        Cost of leaving a frame, or an action, without a partner: a row and a column are added,
        each with the mass of the other side, free where they meet, and without neighbours. Rows
        of the assignment then lack what has no partner; where that is more than half of a frame
        its label is -1. Half the mean cost is a place to start: 0.5 with cosines of frames whose
        common mean was subtracted.
    initial : array, shape (N, K) or (B, N, K), optional
        A warm start: a non-negative assignment, such as an earlier solution's.
    max_iterations : int
        Mirror-descent steps, at least 0.
    inner_iterations : int
        Sinkhorn steps in each of them where both sides are hard, before Newton steps take over;
        in parity mode there are no others.
    tolerance : float, optional
        Ends a recording when a full step moves no assignment by more than this. None (default)
        runs all iterations, as the paper does: stopping early acts as a regulariser.
    step_size : float, optional
        Length of a step, > 0; unless given, the inverse of the most that J can curve, which no
        entry of the cost changes: about ``1 / (epsilon + lambda + alpha / 3)``. With frames hard
        and in equal parts, in the band, no such step raises J. Elsewhere one that would is halved;
        it grows back, to the full length at most.
    mode : {"default", "parity"}
        "parity" reproduces the authors' release number for number, its quirks included; it takes
        no ``allowed`` or ``action_lengths`` (but marginals of 0), warm start, border or tolerance,
        and a float radius. (The release's own defaults are ``lambda_actions=0.05,
        inner_iterations=1``.)
    backend : {"auto", "torch", "cpu", "cuda"}
        The solver; results agree to rounding. "cpu" is compiled code (``pip install
        "asot[fast]"``) for the default mode with relaxed actions and the band, without gradients;
        "auto" takes it where it covers the problem and is installed, and "torch" elsewhere.
        "cuda" covers the same for a cost on a GPU (Triton 3.5, which comes with torch for CUDA),
        in one launch that nothing waits for: what lies on the GPU is not checked, a cost that is
        not finite ends as "not finite", and lengths are brought into range. "auto" never takes it.

    gradient : {"unrolled", "implicit"}
        How gradients reach the cost: through every iteration that was taken, whose arrays are all
        kept; or by the implicit function theorem, through a linear system at the plan where they
        ended, which takes the memory of one iteration, and any backend. "implicit" is for a plan
        that converged, so it needs a ``tolerance``.

    Returns
    -------
    Solution
        ``assignment``, ``coupling``, ``labels``, ``objective`` and ``status``; ``each`` has one
        for each recording, without padding.

    Raises
    ------
    ArgumentError
        With a sentence that names the argument, the rule and the value. It comes before any work,
        except where a compiled solver meets a cost that is not finite.
    SolverError
        From the backward pass of an implicit gradient: a recording did not converge, or its plan
        is no strict minimum.
    MissingExtraError
        ``backend="cpu"`` without Numba, or "cuda" without Triton.

    References
    ----------
    M. Xu and S. Gould, "Temporally Consistent Unbalanced Optimal Transport for Unsupervised Action
    Segmentation", CVPR 2024, arXiv 2404.01518.

    Examples
    --------
    >>> import numpy as np
    >>> cost = np.ones((6, 2))
    >>> cost[[0, 1, 2], 0] = cost[[3, 4, 5], 1] = 0.0
    >>> cost[1] = [0.6, 0.4]  # a frame that looks like the other action
    >>> cost.argmin(axis=1).tolist()
    [0, 1, 0, 1, 1, 1]
    >>> solution = solve(cost, radius=2)
    >>> solution.labels.tolist()
    [0, 0, 0, 1, 1, 1]
    >>> print(solution.status[0])
    Ran all 25 iterations; no tolerance was given to stop by.
    """
    arguments = locals()
    if torch.compiler.is_compiling():
        # Steps are chosen by values: traced, a solve is torn into dozens of graphs, for minutes.
        solved: Solution = torch.compiler.disable(_solve)(arguments)
        return solved
    return _solve(arguments)


def _solve(arguments: dict[str, Any]) -> Solution:
    request = Request(**arguments)
    as_one = request.gradient == "implicit" or is_mapped(request.cost)
    answer = solve_as_one(request, _run) if as_one else _run(request)
    return _hand_back(answer, request)


def _run(request: Request) -> Answer:
    """Solve a request by the first backend that covers it."""
    device = request.cost.device.type
    if torch.is_autocast_enabled(device):
        # Half precision would be too coarse for the marginals.
        with torch.autocast(device, enabled=False):
            return _run(request)
    for candidate in BACKENDS[request.backend]:
        missing = candidate.covers(request)
        if missing is None:
            return candidate.run(request)
    raise ArgumentError(
        f'backend="{request.backend}" does not cover {missing}: use backend="auto" or "torch".',
        setting="backend",
    )


def _hand_back(answer: Answer, request: Request) -> Solution:
    """Make the solution in the form of the cost: NumPy or torch, with or without a batch axis."""
    in_torch, single, actions = request.in_torch, request.single, request.actions

    def as_came(values: Any, axis: int = 0) -> Any:
        if single:
            values = values[(slice(None),) * axis + (0,)]
        if in_torch:
            return values if isinstance(values, Tensor) else torch.from_numpy(values)
        return values.numpy() if isinstance(values, Tensor) else values

    parts = as_came(answer.parts, axis=1)
    return Solution(
        assignment=as_came(answer.assignment),
        frame_weight=as_came(answer.frame_weight),
        labels=as_came(answer.labels),
        objective=Objective(as_came(answer.trace), *parts),
        status=answer.status,
        lengths=request.lengths,
        action_lengths=None if actions is None else actions.sum(dim=1),
    )
