"""The fused CPU solver: memory and threads around the compiled code of ``kernel``.

The algorithm is ``MirrorDescent``'s, step by step. Numba is an optional dependency, imported when
the solver is first run.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.util
import math
import os
import threading
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from asot.transport.arguments import require_finite
from asot.transport.mirror_descent import OUTCOME, REPORTED, CompiledDescent
from asot.transport.solution import Answer, LateStatus
from asot.transport.structure import band_half_width

# Exponentials from which threads are worth their meeting: torch's own, which mostly wait awake, and
# threads that are started for the call.
WORTH_THREADS = 100_000
WORTH_STARTING_THREADS = 10_000_000
# Frames of one recording that are worth a thread: threads read each other's couplings near where
# their frames meet, which is slow.
FRAMES_A_THREAD = 750
# Bytes of a recording's cost from which memory counts for more than time.
LEAN_FROM = 2**23
# Bytes of working memory up to which a thread keeps it.
KEPT_MEMORY = 2**25
CACHE_LINE = 64


@functools.cache
def is_installed() -> bool:
    """Whether Numba is there to compile the solver."""
    return importlib.util.find_spec("numba") is not None


class FusedDescent(CompiledDescent):
    """Mirror descent for hard or relaxed frames, relaxed actions and the band, on the CPU."""

    device: ClassVar[str] = "cpu"

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

        Returns
        -------
        Answer
            NumPy arrays; its statuses are worded when one is asked for.

        Raises
        ------
        ArgumentError
            Where the cost is found not to be finite.
        """
        kernel, parts = _compiled()
        batch, n_frames, n_actions = cost.shape
        longest, iterations = max(lengths), self.options.max_iterations
        kind, itemsize = REALS[cost.dtype], cost.element_size()
        threads = _threads_for(batch * longest * n_actions * (iterations + 1))
        lean = (
            batch == 1
            and n_frames == longest
            and longest * n_actions * itemsize >= LEAN_FROM
            and self.lambda_frames is None
            and self.options.tolerance is None
        )
        layout = _layout(batch, longest, n_actions, itemsize, threads, lean, allowed is not None)
        given = [
            _laid_out(cost, cost.dtype),
            _laid_out(allowed, torch.bool),
            _laid_out(initial, cost.dtype),
            _laid_out(p, cost.dtype),
            _laid_out(q, torch.float64),
        ]
        memory = _working_memory(layout.bytes)
        at = _address(memory)
        sections = [at + start for start in layout.starts]
        if lean:
            # The assignment takes the place of scores, and the other places are let go.
            rooms = [_fresh(layout.size * n_actions * itemsize) for _ in range(kernel.PLACES)]
            sections += [_address(room) for room in rooms]
            assignment = rooms[0].view(kind)[: cost.numel()].reshape(cost.shape)
        else:
            assignment = np.empty(cost.shape, dtype=kind)
        labels = np.empty((batch, n_frames), dtype=np.int64)
        trace = np.empty((batch, iterations + 1))
        report = np.empty((batch, REPORTED))

        given_numbers = _given_numbers(
            (
                self.epsilon,
                self.alpha,
                self.lambda_frames,
                self.lambda_actions,
                self.options.tolerance,
                self.options.step_size,
                iterations,
            ),
            self.radius,
            tuple(lengths),
        )
        gates = array("q", bytes(8 * parts.gates_of(layout.threads)))
        job = (
            layout.threads,
            layout.together,
            batch,
            n_frames,
            n_actions,
            lean,
            layout.size,
            *[0 if values is None else values.data_ptr() for values in given],
            *given_numbers.addresses,
            gates.buffer_info()[0],
            *[_address(out) for out in (assignment, labels, trace, report)],
            *sections,
        )
        _run_on(layout.threads, kernel.entry(itemsize == 4), job)
        if gates[parts.FAILURES]:
            require_finite(cost, torch.tensor(lengths))
        if p is not None and self.lambda_frames is None:
            weight = p[..., None].numpy()
        else:
            weight = _uniform(lengths, n_frames, kind)
        return Answer(
            assignment,
            labels,
            weight,
            trace,
            report[:, :OUTCOME].T,
            LateStatus(batch, functools.partial(self.options.read_report, report)),
        )


@functools.cache
def _compiled() -> tuple[Any, Any]:
    """The modules that need Numba."""
    from asot.transport.cpu import kernel, layout

    return kernel, layout


REALS = {torch.float32: np.float32, torch.float64: np.float64}


@dataclass(frozen=True)
class GivenNumbers:
    """Numbers that the kernel reads and never writes.

    Attributes
    ----------
    reals, integers : array
        The settings, NaN where there is none, and the bands' radii; lengths and half-widths.
    addresses : tuple of int
        Of the settings, the radii, the lengths and the half-widths.
    """

    reals: array[float]
    integers: array[int]
    addresses: tuple[int, int, int, int]


# Typed: a radius of 1 is a frame, one of 1.0 the whole recording.
@functools.lru_cache(maxsize=64, typed=True)
def _given_numbers(
    settings: tuple[float | None, ...], radius: float | int, lengths: tuple[int, ...]
) -> GivenNumbers:
    bands = [band_half_width(length, radius) for length in lengths]
    reals = array("d", [math.nan if value is None else value for value in settings])
    reals.extend([fraction for _, fraction in bands])
    integers = array("q", [*lengths, *[half for half, _ in bands]])
    first, second = reals.buffer_info()[0], integers.buffer_info()[0]
    half_widths = second + 8 * len(lengths)
    return GivenNumbers(reals, integers, (first, first + 8 * len(settings), second, half_widths))


@dataclass(frozen=True)
class Layout:
    """How a batch is shared out, and where things lie in the working memory.

    Attributes
    ----------
    threads : int
        Threads that have something to do.
    together : bool
        Whether they share the tiles of one recording, instead of sharing recordings out.
    size : int
        Frames of the longest recording, in whole blocks.
    starts : tuple of int
        Where each section starts, in bytes, in the order of the kernel's job.
    bytes : int
        All of it.
    """

    threads: int
    together: bool
    size: int
    starts: tuple[int, ...]
    bytes: int


@functools.lru_cache(maxsize=256)
def _layout(
    batch: int,
    longest: int,
    n_actions: int,
    itemsize: int,
    threads: int,
    lean: bool,
    masked: bool,
) -> Layout:
    kernel, parts = _compiled()
    size = -(-longest // kernel.LANES) * kernel.LANES
    n_tiles = parts.most_tiles(size)
    threads = min(threads, max(1, longest // FRAMES_A_THREAD) if batch == 1 else batch)
    together = batch == 1 and threads > 1
    groups = 1 if together else threads
    n_scores = groups * size * n_actions
    sections = [
        itemsize * threads * parts.own_reals(n_actions),
        itemsize * groups * parts.shared_reals(size, n_actions, lean),
        8 * threads * parts.own_doubles(),
        8 * groups * parts.shared_doubles(n_tiles, n_actions),
        n_scores if masked else 0,
    ]
    if not lean:
        sections += [itemsize * n_scores] * kernel.PLACES
    starts = [0]
    for section in sections:
        starts.append(starts[-1] + -(-section // CACHE_LINE) * CACHE_LINE)
    return Layout(threads, together, size, tuple(starts[:-1]), starts[-1])


class _Kept(threading.local):
    """A thread's working memory, for its next call: pages fresh from the system cost as much."""

    memory = np.empty(0, dtype=np.uint8)


_kept = _Kept()


def _address(values: Any) -> int:
    address: int = values.__array_interface__["data"][0]
    return address


def _fresh(size: int) -> Any:
    """``size`` bytes from the border of a cache line on; NumPy asks for large pages."""
    memory = np.empty(size + CACHE_LINE, dtype=np.uint8)
    start = -_address(memory) % CACHE_LINE
    return memory[start : start + size]


def _working_memory(size: int) -> Any:
    """``size`` bytes that nobody else uses until this thread's call has ended."""
    if len(_kept.memory) >= size:
        return _kept.memory
    memory = _fresh(size)
    if size <= KEPT_MEMORY:
        _kept.memory = memory
    return memory


def _laid_out(values: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """Values without gaps, of one dtype, nothing but their numbers."""
    if values is None or (values.dtype == dtype and values.is_contiguous() and not values.is_neg()):
        return values
    return values.detach().resolve_neg().to(dtype).contiguous()


def _uniform(lengths: list[int], n_frames: int, kind: Any) -> Any:
    """``1 / length`` on the frames of each recording, 0 past its end; shape (B, N, 1)."""
    shape = (len(lengths), n_frames, 1)
    if min(lengths) == n_frames:
        return np.full(shape, 1.0 / n_frames, dtype=kind)
    weight = np.zeros(shape, dtype=kind)
    for b, length in enumerate(lengths):
        weight[b, :length] = 1.0 / length
    return weight


@dataclass(frozen=True)
class OpenMP:
    """The threads that torch has for its own work, by the functions of its OpenMP library.

    They wait awake for some milliseconds, where threads of our own would be fast asleep.
    """

    parallel: Callable[..., None]
    thread_number: int
    number_of_threads: int


@functools.cache
def _torch_openmp() -> OpenMP | None:
    """Torch's OpenMP, where it has one that speaks GCC's dialect."""
    libraries = Path(torch.__file__).parent / "lib"
    found = [*libraries.glob("libtorch_cpu.so"), *libraries.glob("libtorch_cpu.dylib")]
    if not found:
        return None
    # A library's functions are looked for in what it was linked with, too.
    torch_library = ctypes.CDLL(str(found[0]))
    try:
        parallel = torch_library.GOMP_parallel
        names = (torch_library.omp_get_thread_num, torch_library.omp_get_num_threads)
    except AttributeError:
        return None
    parallel.restype = None
    parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    number, count = (ctypes.cast(name, ctypes.c_void_p).value or 0 for name in names)
    return OpenMP(parallel, number, count)


_was_forked = False


def _after_fork() -> None:
    global _was_forked
    _was_forked = True


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _openmp() -> OpenMP | None:
    """Torch's OpenMP, where it can be used: its threads do not survive a fork."""
    return None if _was_forked else _torch_openmp()


def _threads_for(exponentials: int) -> int:
    """How many threads to ask for; the calling one is among them."""
    if exponentials < WORTH_THREADS:
        return 1
    if exponentials < WORTH_STARTING_THREADS and _openmp() is None:
        return 1
    return torch.get_num_threads()


@functools.cache
def _callable(function: Any) -> Callable[[int], None]:
    """A function of the kernel, to be called from Python, without its lock."""
    call: Callable[[int], None] = ctypes.CFUNCTYPE(None, ctypes.c_int64)(function.address)
    return call


def _run_on(threads: int, function: Any, job: tuple[int, ...]) -> None:
    """Run a function of the kernel on this thread and ``threads - 1`` others."""
    openmp = None if threads == 1 else _openmp()
    told = array("q", job)
    told.extend((openmp.thread_number, openmp.number_of_threads) if openmp else (0, 0))
    address = told.buffer_info()[0]
    if openmp is not None:
        openmp.parallel(function.address, address, threads, 0)
    elif threads == 1:
        _callable(function)(address)
    else:
        _run_on_new(threads, _callable(function), address)


def _run_on_new(threads: int, call: Callable[[int], None], address: int) -> None:
    """Start threads for one call, and leave none behind: they work in memory that will be freed."""
    started = []
    try:
        for _ in range(threads - 1):
            helper = threading.Thread(target=call, args=(address,))
            # Nobody waits for those that are not there.
            with contextlib.suppress(RuntimeError):
                helper.start()
                started.append(helper)
        call(address)
    finally:
        interrupted = None
        for helper in started:
            while helper.is_alive():
                try:
                    helper.join()
                except KeyboardInterrupt as interruption:
                    interrupted = interruption
        if interrupted is not None:
            raise interrupted
