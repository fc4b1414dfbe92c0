"""The fused CPU solver: memory and threads around the compiled code of ``fused_kernel``.

The algorithm is ``MirrorDescent``'s, step by step. Numba is an optional dependency, imported when
the solver is first run.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asot.transport.mirror_descent import MirrorDescent
from asot.transport.solution import Answer, Outcome, Status
from asot.transport.structure import band_half_width

# Exponentials from which a second thread is worth its start, which takes milliseconds where the
# other core sleeps: with recordings of its own; and with a part of the frames of one recording,
# where all wait for the slowest in every iteration, so that a busy core costs more than it gives.
WORTH_THREADS = 10_000_000
WORTH_THREADS_TOGETHER = 50_000_000
# Bytes of a recording's cost from which memory counts for more than time.
LEAN_FROM = 2**26


@functools.cache
def is_installed() -> bool:
    """Whether Numba is there to compile the solver."""
    return importlib.util.find_spec("numba") is not None


@dataclass(frozen=True)
class FusedDescent:
    """Mirror descent for hard or relaxed frames, relaxed actions and the band, on the CPU.

    Attributes
    ----------
    options : MirrorDescent
        Iterations, tolerance and first step.
    epsilon, alpha, radius, lambda_frames, lambda_actions
        As in ``solve``.
    """

    options: MirrorDescent
    epsilon: float
    alpha: float
    radius: float | int
    lambda_frames: float | None
    lambda_actions: float

    def run(
        self,
        cost: Tensor,
        lengths: list[int],
        p: Tensor | None = None,
        q: Tensor | None = None,
        allowed: Tensor | None = None,
        initial: Tensor | None = None,
    ) -> Answer:
        """Solve a batch.

        Parameters
        ----------
        cost : Tensor of float32 or float64, shape (B, N, K)
            On the CPU; entries past a recording's length are not read.
        lengths : list of int, length B
            Frames of each recording.
        p, q : Tensor, shapes (B, N) and (B, K), optional
            Marginals; uniform unless given. p is positive where frames exist and are hard.
        allowed : Tensor of bool, shape (B, N, K), optional
            Entries that may carry mass.
        initial : Tensor, shape (B, N, K), optional
            A non-negative assignment to start from.
        """
        from asot.transport import fused_kernel as kernel

        batch, n_frames, n_actions = cost.shape
        longest = max(lengths)
        width = -(-longest // kernel.LANES) * kernel.LANES
        n_tiles = -(-width // kernel.TILE)
        iterations = self.options.max_iterations
        threads = 1
        worth = WORTH_THREADS if batch > 1 else WORTH_THREADS_TOGETHER
        if batch * longest * n_actions * (iterations + 1) >= worth:
            threads = min(torch.get_num_threads(), max(batch, n_tiles))
        together = batch < threads
        groups = 1 if together else threads
        compare = self.options.tolerance is not None

        lean = (
            batch == 1
            and cost.nbytes >= LEAN_FROM
            and n_frames == longest
            and n_actions <= n_tiles
            and self.lambda_frames is None
            and not compare
        )
        real = np.dtype(np.float32 if cost.dtype == torch.float32 else np.float64)

        def new(*shape: int, dtype: Any = np.float64) -> Any:
            return np.empty(shape, dtype=dtype)

        def given(values: Tensor | None, n_axes: int, dtype: Any = real) -> Any:
            if values is None:
                return np.empty((1,) * n_axes, dtype=dtype)
            return np.ascontiguousarray(values.detach().resolve_neg().numpy(), dtype=dtype)

        spans = [band_half_width(length, self.radius) for length in lengths]
        if q is None:
            q_values = np.full((batch, n_actions), real.type(1.0 / n_actions), dtype=np.float64)
        else:
            q_values = given(q, 2, np.float64)
        settings = (
            self.epsilon,
            self.alpha,
            self.lambda_frames,
            self.lambda_actions,
            self.options.tolerance,
            self.options.step_size,
            iterations,
        )
        first = _aligned(groups, n_actions, width, dtype=cost.dtype)
        if lean:
            assignment = first.ravel()[: cost.numel()].reshape(cost.shape)
        else:
            assignment = new(batch, n_frames, n_actions, dtype=real)
        labels = new(batch, n_frames, dtype=np.int64)
        trace = np.full((batch, iterations + 1), np.nan)
        report = new(batch, kernel.REPORTED)
        masked = allowed is not None
        shape = (groups, n_actions, width) if masked else (groups, 1, 1)
        arguments = (
            together,
            np.zeros(1 + threads, dtype=np.int64),
            given(cost, 3),
            given(allowed, 3, np.bool_),
            given(initial, 3),
            initial is not None,
            given(p, 2),
            q_values,
            np.array(lengths),
            np.array([half for half, _ in spans]),
            np.array([fraction for _, fraction in spans]),
            np.array([np.nan if value is None else value for value in settings]),
            lean,
            first,
            _aligned(groups, 2 if lean else 4 + compare, n_actions, width, dtype=cost.dtype),
            new(threads, max(half for half, _ in spans) + 1 if lean else 1, dtype=real),
            new(threads, 2, n_actions, kernel.TILE if lean else 1, dtype=real),
            new(groups, kernel.FRAME_ROWS, width, dtype=real),
            new(*shape, dtype=np.bool_),
            masked,
            new(threads, 2, kernel.TILE, dtype=real),
            new(threads, n_tiles + 1, n_actions),
            new(groups, n_tiles, n_actions),
            new(groups, 2, n_tiles, kernel.SUMS),
            new(threads, n_actions),
            assignment,
            labels,
            trace,
            report,
        )
        _run_on(threads, arguments)
        relaxed = self.lambda_frames is not None
        return Answer(
            torch.from_numpy(assignment),
            torch.from_numpy(labels),
            _uniform(lengths, n_frames, cost.dtype) if p is None or relaxed else p[..., None],
            torch.from_numpy(trace),
            torch.from_numpy(report[:, : kernel.OUTCOME].T.copy()),
            tuple(self._status(kernel, line) for line in report.tolist()),
        )

    def _status(self, kernel: Any, line: list[float]) -> Status:
        outcome = OUTCOMES[int(line[kernel.OUTCOME])]
        iterations = int(line[kernel.ITERATIONS])
        message = self.options.sentence(outcome, iterations, line[kernel.MOVED])
        return Status(outcome, message, iterations, line[kernel.STEP_SIZE])


# In the kernel's order.
OUTCOMES = (
    Outcome.CONVERGED,
    Outcome.ITERATION_LIMIT,
    Outcome.STALLED,
    Outcome.NOT_FINITE,
)


def _aligned(*shape: int, dtype: torch.dtype) -> Any:
    """Memory for the working arrays, which torch lays on the borders of cache lines."""
    return torch.empty(shape, dtype=dtype).numpy()


def _uniform(lengths: list[int], n_frames: int, dtype: torch.dtype) -> Tensor:
    """``1 / length`` on the frames of each recording, 0 past its end; shape (B, N, 1)."""
    weight = torch.zeros((len(lengths), n_frames, 1), dtype=dtype)
    for b, length in enumerate(lengths):
        weight[b, :length] = 1.0 / length
    return weight


# One call at a time has the helping threads: threads that wait for one another must all run.
_helpers: ThreadPoolExecutor | None = None
_helpers_size = 0
_helpers_are_taken = threading.Lock()


def _forget_helpers() -> None:
    """Threads do not survive a fork."""
    global _helpers, _helpers_are_taken
    _helpers, _helpers_are_taken = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_helpers)


def _run_on(threads: int, arguments: tuple[Any, ...]) -> None:
    """Run the compiled solver on this thread and ``threads - 1`` others, where they are free."""
    from asot.transport.fused_kernel import descend

    global _helpers, _helpers_size
    lock = _helpers_are_taken
    if threads == 1 or not lock.acquire(blocking=False):
        descend(0, 1, *arguments)
        return
    try:
        if _helpers is None or _helpers_size < threads - 1:
            if _helpers is not None:
                _helpers.shutdown()
            _helpers_size = threads - 1
            _helpers = ThreadPoolExecutor(_helpers_size, thread_name_prefix="asot")
        futures = []
        try:
            for thread in range(1, threads):
                futures.append(_helpers.submit(descend, thread, threads, *arguments))
            descend(0, threads, *arguments)
            for future in futures:
                # Recordings may be done before a helper has come, but threads that work together
                # have met.
                if not future.cancel():
                    future.result()
        except BaseException:
            # Nobody waits for a thread that was interrupted.
            gates = arguments[1]
            gates[0] = 2**62
            raise
    finally:
        lock.release()
