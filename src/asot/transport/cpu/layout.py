"""The layout of the memory that threads of the CPU solver share, and the order of their turns."""

# Intrinsics and compiled functions are typed by their arguments.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, ignore-errors=True
from __future__ import annotations

import math
import os
from collections import namedtuple
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable
from numba.np.arrayobj import populate_array

from asot.transport.cpu.blocks import CHUNK, FRAME_ROWS, LANES, PLACES, SUMS, written_in_llvm

# Frames of a tile at most.
LONGEST_TILE = 512
# Spins at the gate before the processor is offered to others.
PATIENCE = 2000
# Entries of ``settings``, NaN for None.
EPSILON, ALPHA, LAMBDA_FRAMES, LAMBDA_ACTIONS, TOLERANCE, MAX_ITERATIONS, SETTINGS = range(7)
# Entries of ``orders``, the task of a visit.
PHASE, SOURCE, TARGET, LENGTH, KEEP, BY_COST, BY_NEAR, ORDERS = range(8)

# Nothing is allocated in compiled code, so that nothing needs counting. Sums are taken in the order
# written, so that code compiled here and code read from the cache agree to the last bit.
_OPTIONS: dict[str, Any] = {"_nrt": False, "nogil": True, "error_model": "numpy"}


# A function of the first kind calls ``apart()`` where it is not to be copied into its callers.
compile_apart, compile_inline = njit(**_OPTIONS), njit(forceinline=True, **_OPTIONS)


@written_in_llvm(types.void)
def apart(lanes):
    """Keep LLVM from copying the function that calls this into its own callers."""
    lanes.builder.function.attributes.add("noinline")


@intrinsic
def array_at(typing_context, address, shape, kind):
    """Return the contiguous array of some kind of number that lies at an address."""
    array = types.Array(kind.dtype, len(shape), "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address_, shape_, _ = arguments
        item = context.get_data_type(kind.dtype)
        sizes = cgutils.unpack_tuple(builder, shape_)
        size = context.get_constant(types.intp, context.get_abi_sizeof(item))
        strides = [size]
        for count in sizes[:0:-1]:
            strides.insert(0, builder.mul(strides[0], count))
        made = context.make_array(array)(context, builder)
        populate_array(
            made, builder.inttoptr(address_, item.as_pointer()), sizes, strides, size, meminfo=None
        )
        return made._getvalue()

    return array(address, shape, kind), generate


# A batch as all threads get it: whole numbers, and addresses of arrays, 0 where not given. The last
# two are functions of OpenMP, where its threads do the work.
BatchJob = namedtuple(
    "BatchJob",
    "threads together batch frames actions lean largest_size "
    "cost allowed initial p q settings radii steps lengths half_widths gates "
    "assignments labels traces reports own_reals reals own_doubles doubles flags "
    "scores_0 scores_1 scores_2 thread_number number_of_threads",
)
_JOB = types.NamedUniTuple(types.int64, len(BatchJob._fields), BatchJob)


@written_in_llvm(_JOB)
def read_job(lanes, address):
    """Return the job that lies at an address."""
    kind = lanes.context.get_value_type(_JOB)
    return lanes.builder.load(lanes.builder.inttoptr(address, kind.as_pointer()))


@written_in_llvm(types.int64)
def ask(lanes, address):
    """Call the function at an address, which takes nothing and returns a C int."""
    kind = ir.FunctionType(ir.IntType(32), [])
    function = lanes.builder.inttoptr(address, kind.as_pointer())
    return lanes.builder.sext(lanes.builder.call(function, []), ir.IntType(64))


@written_in_llvm(types.int64)
def arrive(lanes, gate, which):
    """Add one to ``gate[which]`` atomically; return what it was before."""
    one = ir.Constant(ir.IntType(64), 1)
    return lanes.builder.atomic_rmw("add", gate.at(which), one, "seq_cst")


@written_in_llvm(types.int64)
def look(lanes, gate, which):
    """Return ``gate[which]``, read anew each time."""
    return lanes.builder.load_atomic(gate.at(which), "seq_cst", align=8)


@written_in_llvm(types.void)
def publish(lanes, gate, which, value):
    """Set ``gate[which]``, seen by others after all that was written before."""
    lanes.builder.store_atomic(value, gate.at(which), "seq_cst", align=8)


# Whole numbers that threads share: recordings whose J is not finite; the next recording, where they
# are shared out; tiles that are done; threads that have come; and from CLAIMS on, a cache line
# apart, the next tile of each thread's own, with the number of the visit before it.
FAILURES, NEXT_RECORDING, DONE, ARRIVALS = range(4)
CLAIMS = CLAIM = 8
TURN, TILE = np.int64(32), np.int64(2**32 - 1)
OVER = np.int64(2**30)


class RecordingArrays(NamedTuple):
    """One recording, for all threads; n frames, in blocks up to ``size``."""

    cost: Any  # (n, K), as given
    allowed_given: Any  # (N, K) bool
    initial: Any  # (N, K)
    warm: Any
    p: Any  # (N,), or of length 1 where uniform
    q: Any  # (K,) float64, and its logs
    log_q: Any
    length: Any
    size: Any
    reach: Any  # half-width of the band
    masked: Any
    lean: Any
    hard: Any
    compare: Any
    near: Any  # weight of the sums over neighbours in the gradient
    epsilon: Any
    alpha: Any
    on_frames: Any
    on_actions: Any
    full_step: Any
    scores: Any  # PLACES arrays (blocks, K, LANES)
    couplings: Any  # (PLACES, K, CHUNK + size + CHUNK or more); lean: (PLACES, K, LANES), not kept
    costs: Any  # (blocks, K, LANES); lean: (1, K, LANES)
    allowed: Any  # the same of bool; (1, 1, LANES) where all are
    frames: Any  # (FRAME_ROWS, size)
    tile: Any  # frames of a tile
    n_tiles: Any
    slope: Any  # (K,): a step's length times the slope of the penalty on the actions
    masses: Any  # (tiles, K) float64
    sums: Any  # (tiles, SUMS) float64
    before: Any  # (PLACES, tiles + 1, K) float64: mass before each tile
    slopes: Any  # (PLACES, K) float64
    parts: Any  # (PLACES, 5) float64
    orders: Any  # (ORDERS,) float64
    gates: Any
    assignment: Any
    labels: Any


class Scratch(NamedTuple):
    """The arrays of one thread."""

    near: Any  # (CHUNK / LANES, K, LANES)
    costs: Any  # the same
    exps: Any  # (K, LANES)
    masses: Any  # the same
    rows: Any  # (3, CHUNK + LANES)
    carry: Any  # (K,)
    sums: Any  # (SUMS, LANES) float64


@register_jitable
def tile_of(size):
    """Return a tile's frames: chunks, in an even number of tiles, for two threads to share."""
    count = most_tiles(size)
    return (size + count * CHUNK - 1) // (count * CHUNK) * CHUNK


@register_jitable
def most_tiles(size):
    """Return the largest number of tiles of a recording; a short recording is one tile."""
    return 1 if size <= LONGEST_TILE else 2 * ((size + 2 * LONGEST_TILE - 1) // (2 * LONGEST_TILE))


@register_jitable
def row_width(size, lean):
    """Return the length of a row of couplings: odd in blocks, lest rows share few cache ways."""
    return LANES if lean else ((size + 2 * CHUNK) // LANES | 1) * LANES


@register_jitable
def shared_reals(size, n_actions, lean):
    """Count the numbers of the costs' type that a recording takes beside its scores."""
    rows = LANES if lean else size
    width = row_width(size, lean)
    slope = (n_actions + LANES - 1) // LANES * LANES
    return rows * n_actions + PLACES * n_actions * width + FRAME_ROWS * size + slope


@register_jitable
def own_reals(n_actions):
    """Count the numbers of the costs' type that a thread takes, in whole blocks."""
    own = (2 * CHUNK + 2 * LANES) * n_actions + 3 * (CHUNK + LANES) + n_actions
    return (own + LANES - 1) // LANES * LANES


@register_jitable
def shared_doubles(n_tiles, n_actions):
    """Count the double-precision numbers that a recording takes."""
    places = PLACES * ((n_tiles + 2) * n_actions + 5)
    return n_tiles * (n_actions + SUMS) + places + 2 * n_actions + ORDERS


@register_jitable
def take(address, shape, kind):
    """Return the array of the next numbers at an address, and where it ends."""
    taken = array_at(address, shape, kind)
    return taken, address + taken.size * taken.itemsize


@compile_inline
def scratch_of(job, thread, kind):
    """Lay out the arrays of one thread."""
    K, itemsize = job.actions, array_at(job.cost, (1,), kind).itemsize
    at = job.own_reals + thread * own_reals(K) * itemsize
    near, at = take(at, (CHUNK // LANES, K, LANES), kind)
    costs, at = take(at, (CHUNK // LANES, K, LANES), kind)
    exps, at = take(at, (K, LANES), kind)
    masses, at = take(at, (K, LANES), kind)
    rows, at = take(at, (3, CHUNK + LANES), kind)
    carry, at = take(at, (K,), kind)
    sums = array_at(job.own_doubles + thread * SUMS * LANES * 8, (SUMS, LANES), np.float64)
    return Scratch(near, costs, exps, masses, rows, carry, sums)


@compile_inline
def recording_of(job, b, group, settings, gates, kind):
    """Lay out a recording, in the memory of those threads that work on it."""
    batch, K, lean = job.batch, job.actions, job.lean != 0
    masked, warm, given_p = job.allowed != 0, job.initial != 0, job.p != 0
    radii = array_at(job.radii, (batch,), np.float64)
    full_step = array_at(job.steps, (batch,), np.float64)[b]
    length = array_at(job.lengths, (batch,), np.int64)[b]
    shape = (batch, job.frames, K)
    costs, assignments = array_at(job.cost, shape, kind), array_at(job.assignments, shape, kind)
    initials, allowed = array_at(job.initial, shape, kind), array_at(job.allowed, shape, np.bool_)
    ps = array_at(job.p, (batch, job.frames if given_p else 1), kind)
    qs = array_at(job.q, (batch, K), np.float64)
    itemsize = costs.itemsize
    size = (length + LANES - 1) // LANES * LANES
    tile = tile_of(size)
    n_tiles = (size + tile - 1) // tile
    at = job.reals + group * shared_reals(job.largest_size, K, lean) * itemsize
    C, at = take(at, (1 if lean else size // LANES, K, LANES), kind)
    W, at = take(at, (PLACES, K, row_width(size, lean)), kind)
    frames, at = take(at, (FRAME_ROWS, size), kind)
    slope, at = take(at, (K,), kind)
    shape = (size // LANES, K, LANES)
    before_it = group * job.largest_size * K
    V0 = array_at(job.scores_0 + before_it * itemsize, shape, kind)
    V1 = array_at(job.scores_1 + before_it * itemsize, shape, kind)
    V2 = array_at(job.scores_2 + before_it * itemsize, shape, kind)
    A = array_at(job.flags + before_it, shape, np.bool_)
    at = job.doubles + group * shared_doubles(most_tiles(job.largest_size), K) * 8
    masses, at = take(at, (n_tiles, K), np.float64)
    tile_sums, at = take(at, (n_tiles, SUMS), np.float64)
    before, at = take(at, (PLACES, n_tiles + 1, K), np.float64)
    slopes, at = take(at, (PLACES, K), np.float64)
    parts, at = take(at, (PLACES, 5), np.float64)
    q, at = take(at, (K,), np.float64)
    log_q, at = take(at, (K,), np.float64)
    orders, at = take(at, (ORDERS,), np.float64)
    # Every thread writes these, with the same values.
    for k in range(K):
        q[k] = qs[b, k] if job.q != 0 else np.float64(costs.dtype.type(1.0 / K))
        log_q[k] = math.log(q[k]) if q[k] > 0.0 else 0.0
    hard, compare = math.isnan(settings[LAMBDA_FRAMES]), not math.isnan(settings[TOLERANCE])
    on_frames = 0.0 if hard else settings[LAMBDA_FRAMES]
    initial, p = initials[b if warm else 0], ps[b if given_p else 0]
    allowed_given = allowed[b if masked else 0]
    reach = array_at(job.half_widths, (batch,), np.int64)[b]
    labels = array_at(job.labels, (batch, job.frames), np.int64)[b]
    return RecordingArrays(
        cost=costs[b], allowed_given=allowed_given, initial=initial, warm=warm, p=p, q=q,
        log_q=log_q, length=length, size=size, reach=reach, masked=masked, lean=lean, hard=hard,
        compare=compare, near=settings[ALPHA] / (radii[b] * length), epsilon=settings[EPSILON],
        alpha=settings[ALPHA], on_frames=on_frames, on_actions=settings[LAMBDA_ACTIONS],
        full_step=full_step,
        scores=(V0, V1, V2), couplings=W, costs=C, allowed=A, frames=frames, tile=tile,
        n_tiles=n_tiles, slope=slope, masses=masses, sums=tile_sums, before=before, slopes=slopes,
        parts=parts, orders=orders, gates=gates, assignment=assignments[b], labels=labels,
    )  # fmt: skip


@compile_apart
def claim(r, thread, n_threads):
    """Claim a tile, of this thread's own before others'; -1 if all are taken.

    Neighbouring tiles read each other's couplings, and are best left to one thread.
    """
    for other in range(n_threads):
        whose = (thread + other) % n_threads
        end = (whose + 1) * r.n_tiles // n_threads
        if look(r.gates, CLAIMS + CLAIM * whose) & TILE < end:
            tile = arrive(r.gates, CLAIMS + CLAIM * whose) & TILE
            if tile < end:
                return tile
    return -1


@compile_apart
def open_tiles(r, turn, n_threads):
    """Open a visit's tiles to all threads."""
    for thread in range(n_threads):
        # At the end no tile is left to claim, also for threads that are still looking.
        first = r.n_tiles if turn == OVER else thread * r.n_tiles // n_threads
        publish(r.gates, CLAIMS + CLAIM * thread, (turn << TURN) | first)


if os.name == "posix":
    yield_processor = types.ExternalFunction("sched_yield", types.int32())
else:

    @compile_apart
    def yield_processor():
        """Do nothing, where there is no way to."""
        return 0
