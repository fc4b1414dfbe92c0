"""The compiled CPU backend: memory and threads around the code of ``kernel``.

Numba, an optional dependency, is imported when the solver is first run. docs/compiled-solver.md
explains the solver.
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
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from asot.errors import MissingExtraError
from asot.transport.request import Request
from asot.transport.solution import ENDING, REPORTED, Answer, LateStatus, Plan
from asot.transport.step import Weights, band_curvature
from asot.transport.structure import band_half_width

# Exponentials from which threads are worth their meeting: torch's own, which mostly wait awake, and
# threads that are started for the call.
WORTH_THREADS = 5_000_000
WORTH_STARTING_THREADS = 10_000_000
# Frames of one recording that are worth a thread: threads read each other's couplings near where
# their frames meet, which is slow.
FRAMES_A_THREAD = 750
# Bytes of a recording's cost from which memory counts for more than time.
LEAN_FROM = 2**23
# Bytes of working memory up to which a thread keeps it.
KEPT_MEMORY = 2**25
CACHE_LINE = 64
# A frame marginal under this is divided by, and would overflow in float32.
LEAST_MARGINAL = 1e-30
PROCESS = os.getpid()
REALS = {torch.float32: np.float32, torch.float64: np.float64}


@functools.cache
def is_installed() -> bool:
    """Tell whether Numba is there to compile the solver."""
    return importlib.util.find_spec("numba") is not None


class CpuBackend:
    """Compiled mirror descent on the CPU: relaxed actions, hard or relaxed frames, the band."""

    def covers(self, request: Request) -> str | None:
        """Name the part of a request that is left to torch, or return None."""
        if (missing := request.not_compiled("cpu")) is not None:
            return missing
        if not is_installed():
            if request.backend == "cpu":
                raise MissingExtraError("numba", "fast", 'backend="cpu"')
            return "a machine without Numba"
        p = None if request.lambda_frames is not None else request.frame_marginal
        if p is not None and bool(p[request.exists].min() < LEAST_MARGINAL):
            return "a frame marginal of 0 where the frame side is hard"
        return None

    def run(self, request: Request) -> Answer:
        """Solve a batch into NumPy arrays; entries past a recording's length are not read."""
        kernel, parts = _compiled()
        cost, lengths, iterations = request.cost, request.lengths, request.max_iterations
        batch, n_frames, n_actions = cost.shape
        longest = max(lengths)
        kind, itemsize = REALS[cost.dtype], cost.element_size()
        threads = _threads_for(batch * longest * n_actions * (iterations + 1))
        hard = request.lambda_frames is None
        whole = batch == 1 and n_frames == longest and hard and request.tolerance is None
        lean = whole and longest * n_actions * itemsize >= LEAN_FROM
        p, allowed = request.frame_marginal, request.allowed
        plan = _plan(batch, longest, n_actions, itemsize, threads, lean, allowed is not None)
        real, q = cost.dtype, request.action_marginal
        given = [_laid_out(cost, real), _laid_out(allowed, torch.bool)]
        given += [_laid_out(request.initial, real), _laid_out(p, real), _laid_out(q, torch.float64)]
        memory = _working_memory(plan.bytes)
        at = _address(memory)
        sections = [at + start for start in plan.starts]
        if lean:
            # The assignment takes the first place of the scores; the other places are freed.
            rooms = [_fresh(plan.size * n_actions * itemsize) for _ in range(parts.PLACES)]
            sections += [_address(room) for room in rooms]
            assignment = rooms[0].view(kind)[: cost.numel()].reshape(cost.shape)
        else:
            assignment = np.empty(cost.shape, dtype=kind)
        labels = np.empty((batch, n_frames), dtype=np.int64)
        trace = np.empty((batch, iterations + 1))
        report = np.empty((batch, REPORTED))

        limits = request.tolerance, iterations
        # Kept until the end: the kernel reads them by address.
        kept = _given_numbers(request.weights, limits, request.radius, tuple(lengths))
        gates = array("q", bytes(8 * (parts.CLAIMS + parts.CLAIM * plan.threads)))
        job = (
            *(plan.threads, plan.together, batch, n_frames, n_actions, lean, plan.size),
            *[0 if values is None else values.data_ptr() for values in given],
            *kept[-1],
            gates.buffer_info()[0],
            *[_address(out) for out in (assignment, labels, trace, report)],
            *sections,
        )
        _run_on(plan.threads, kernel.entry(itemsize == 4), job)
        if gates[parts.FAILURES]:
            request.require_finite()
        if p is not None and hard:
            weight = p[..., None].numpy()
        else:
            weight = _uniform(lengths, n_frames, kind)
        status = LateStatus(report, request.tolerance, Plan.of(assignment, weight, request))
        return Answer(assignment, labels, weight, trace, report[:, :ENDING].T, status)


@functools.cache
def _compiled() -> tuple[Any, Any]:
    """Import the modules that need Numba."""
    from asot.transport.cpu import kernel, layout

    return kernel, layout


# Typed: a radius of 1 is a frame, one of 1.0 the whole recording.
@functools.lru_cache(maxsize=64, typed=True)
def _given_numbers(
    weights: Weights,
    limits: tuple[float | None, int],
    radius: float | int,
    lengths: tuple[int, ...],
) -> tuple[array[float], array[int], tuple[int, ...]]:
    """Lay out numbers that the kernel reads and never writes.

    Return the settings, NaN for None, with the bands' radii and the full steps; the lengths with
    the half-widths; and the addresses of these five.
    """
    bands = [band_half_width(length, radius) for length in lengths]
    settings = (*weights[:4], *limits)
    reals = array("d", [math.nan if value is None else value for value in settings])
    reals.extend([fraction for _, fraction in bands])
    for (half, fraction), length in zip(bands, lengths, strict=True):
        reals.append(weights.full_step(band_curvature(half, length, fraction)))
    integers = array("q", [*lengths, *[half for half, _ in bands]])
    first, second = reals.buffer_info()[0], integers.buffer_info()[0]
    radii, half_widths = first + 8 * len(settings), second + 8 * len(lengths)
    return reals, integers, (first, radii, radii + 8 * len(lengths), second, half_widths)


class MemoryPlan(NamedTuple):
    """The share of each thread in a batch, and the sections of the working memory."""

    threads: int  # that have something to do
    together: bool  # they share the tiles of one recording, instead of sharing recordings out
    size: int  # frames of the longest recording, in whole blocks
    starts: tuple[int, ...]  # of each section, in bytes, in the order of the kernel's job
    bytes: int


@functools.lru_cache(maxsize=256)
def _plan(
    batch: int, longest: int, n_actions: int, itemsize: int, threads: int, lean: bool, masked: bool
) -> MemoryPlan:
    _, parts = _compiled()
    size = -(-longest // parts.LANES) * parts.LANES
    n_tiles = parts.most_tiles(size)
    threads = min(threads, max(1, longest // FRAMES_A_THREAD) if batch == 1 else batch)
    together = batch == 1 and threads > 1
    groups = 1 if together else threads
    n_scores = groups * size * n_actions
    sections = [
        itemsize * threads * parts.own_reals(n_actions),
        itemsize * groups * parts.shared_reals(size, n_actions, lean),
        8 * threads * parts.SUMS * parts.LANES,
        8 * groups * parts.shared_doubles(n_tiles, n_actions),
        n_scores if masked else 0,
    ]
    if not lean:
        sections += [itemsize * n_scores] * parts.PLACES
    starts = [0]
    for section in sections:
        starts.append(starts[-1] + -(-section // CACHE_LINE) * CACHE_LINE)
    return MemoryPlan(threads, together, size, tuple(starts[:-1]), starts[-1])


# A thread's working memory, for its next call: pages fresh from the system cost as much.
_kept = threading.local()


def _address(values: Any) -> int:
    address: int = values.__array_interface__["data"][0]
    return address


def _fresh(size: int) -> Any:
    """Take ``size`` bytes from the border of a cache line on; NumPy asks for large pages."""
    memory = np.empty(size + CACHE_LINE, dtype=np.uint8)
    start = -_address(memory) % CACHE_LINE
    return memory[start : start + size]


def _working_memory(size: int) -> Any:
    """Take ``size`` bytes that no other call uses until this thread's call has ended."""
    memory = getattr(_kept, "memory", b"")
    if len(memory) >= size:
        return memory
    memory = _fresh(size)
    if size <= KEPT_MEMORY:
        _kept.memory = memory
    return memory


def _laid_out(values: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """Bring values to one dtype, without gaps or a lazy sign."""
    if values is None or (values.dtype == dtype and values.is_contiguous() and not values.is_neg()):
        return values
    return values.detach().resolve_neg().to(dtype).contiguous()


def _uniform(lengths: list[int], n_frames: int, kind: Any) -> Any:
    """Fill ``1 / length`` on the frames of each recording, 0 past its end; shape (B, N, 1)."""
    shape = (len(lengths), n_frames, 1)
    if min(lengths) == n_frames:
        return np.full(shape, 1.0 / n_frames, dtype=kind)
    weight = np.zeros(shape, dtype=kind)
    for b, length in enumerate(lengths):
        weight[b, :length] = 1.0 / length
    return weight


@functools.cache
def _torch_openmp() -> tuple[Callable[..., None], int, int] | None:
    """Find torch's OpenMP, where it has one that speaks GCC's dialect.

    Its threads wait awake for some milliseconds, where threads of our own would be asleep. Return
    the function that runs another on them, and the addresses of the functions that return a
    thread's number and the number of threads.
    """
    libraries = Path(torch.__file__).parent / "lib"
    found = [*libraries.glob("libtorch_cpu.so"), *libraries.glob("libtorch_cpu.dylib")]
    if not found:
        return None
    # A library's functions are also searched in the libraries it was linked with.
    torch_library = ctypes.CDLL(str(found[0]))
    try:
        parallel = torch_library.GOMP_parallel
        names = (torch_library.omp_get_thread_num, torch_library.omp_get_num_threads)
    except AttributeError:
        return None
    parallel.restype = None
    parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    number, count = (ctypes.cast(name, ctypes.c_void_p).value or 0 for name in names)
    return parallel, number, count


def _openmp() -> tuple[Callable[..., None], int, int] | None:
    """Return torch's OpenMP, but None after a fork, which its threads do not survive."""
    return _torch_openmp() if os.getpid() == PROCESS else None


def _threads_for(exponentials: int) -> int:
    """Return the number of threads to ask for, the calling thread included."""
    worth = exponentials >= WORTH_THREADS
    worth = worth and (exponentials >= WORTH_STARTING_THREADS or _openmp() is not None)
    return torch.get_num_threads() if worth else 1


@functools.cache
def _callable(function: Any) -> Callable[[int], None]:
    """Make a function of the kernel callable from Python, without its lock."""
    call: Callable[[int], None] = ctypes.CFUNCTYPE(None, ctypes.c_int64)(function.address)
    return call


def _run_on(threads: int, function: Any, job: tuple[int, ...]) -> None:
    """Run a function of the kernel on this thread and ``threads - 1`` others."""
    openmp = None if threads == 1 else _openmp()
    told = array("q", job)
    told.extend(openmp[1:] if openmp else (0, 0))
    address = told.buffer_info()[0]
    if openmp is not None:
        openmp[0](function.address, address, threads, 0)
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
            # Work is claimed by the threads that do start.
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
