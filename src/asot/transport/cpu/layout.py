"""What the fused solver's threads share: where things lie in memory, and how they take turns."""

# Intrinsics are typed by their arguments.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False
from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable
from numba.np.arrayobj import populate_array

from asot.transport.cpu.blocks import CHUNK, FRAME_ROWS, LANES, PLACES, SUMS, element

# Frames of a tile at most.
LONGEST_TILE = 512
# What a visit is to do: entries of ``orders``.
PHASE, SOURCE, TARGET, LENGTH, KEEP, BY_COST, BY_NEAR, ORDERS = range(8)


@intrinsic
def apart(typing_context):
    """Keep LLVM from copying the function that says this into its callers."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def array_at(typing_context, address, shape, kind):
    """The contiguous array of some kind of number that lies at an address."""
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


@intrinsic
def read_job(typing_context, address):
    """The job that lies at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = context.get_value_type(signature.return_type)
        return builder.load(builder.inttoptr(arguments[0], kind.as_pointer()))

    return types.NamedUniTuple(types.int64, len(Job._fields), Job)(types.int64), generate


@intrinsic
def ask(typing_context, address):
    """Call the function at an address, which takes nothing and returns a C int."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = ir.FunctionType(ir.IntType(32), [])
        function = builder.inttoptr(arguments[0], kind.as_pointer())
        return builder.sext(builder.call(function, []), ir.IntType(64))

    return types.int64(types.int64), generate


@intrinsic
def arrive(typing_context: Any, gate: Any, which: Any) -> Any:
    """Add one to ``gate[which]`` atomically; what it was before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = element(context, builder, gate, *arguments)
        return builder.atomic_rmw("add", pointer, ir.Constant(ir.IntType(64), 1), "seq_cst")

    return types.int64(gate, which), generate


@intrinsic
def look(typing_context: Any, gate: Any, which: Any) -> Any:
    """``gate[which]``, read anew each time."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = element(context, builder, gate, *arguments)
        return builder.load_atomic(pointer, "seq_cst", align=8)

    return types.int64(gate, which), generate


@intrinsic
def publish(typing_context: Any, gate: Any, which: Any, value: Any) -> Any:
    """``gate[which] = value``, seen by others after all that was written before."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = element(context, builder, gate, *arguments[:2])
        builder.store_atomic(arguments[2], pointer, "seq_cst", align=8)
        return context.get_dummy_value()

    return types.void(gate, which, value), generate


# Whole numbers that threads share: recordings whose J is not finite; the next recording, where they
# are shared out; tiles that are done; threads that have come; and from CLAIMS on, a cache line
# apart, the next tile of each thread's own, with the number of the visit before it.
FAILURES, NEXT_RECORDING, DONE, ARRIVALS = range(4)
CLAIMS = CLAIM = 8
VISIT, TILE = np.int64(32), np.int64(2**32 - 1)
OVER = np.int64(2**30)


@register_jitable
def gates_of(threads):
    """How many whole numbers threads share."""
    return CLAIMS + CLAIM * threads


class Job(NamedTuple):
    """What all threads are told: whole numbers, and addresses of arrays, 0 where not given."""

    threads: int
    together: int
    batch: int
    frames: int
    actions: int
    lean: int
    largest_size: int
    cost: int
    allowed: int
    initial: int
    p: int
    q: int
    settings: int
    radii: int
    lengths: int
    half_widths: int
    gates: int
    assignments: int
    labels: int
    traces: int
    reports: int
    own_reals: int
    reals: int
    own_doubles: int
    doubles: int
    flags: int
    scores_0: int
    scores_1: int
    scores_2: int
    # Functions of OpenMP, where its threads do the work.
    thread_number: int = 0
    number_of_threads: int = 0


class Recording(NamedTuple):
    """One recording as all threads see it; n frames, in blocks up to ``size``."""

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
    """What a thread has for itself."""

    near: Any  # (CHUNK / LANES, K, LANES)
    costs: Any  # the same
    exps: Any  # (K, LANES)
    masses: Any  # the same
    rows: Any  # (3, CHUNK + LANES)
    carry: Any  # (K,)
    sums: Any  # (SUMS, LANES) float64


@register_jitable
def tile_of(size):
    """Frames of a tile: chunks, in an even number of tiles, so that two threads have as much."""
    count = most_tiles(size)
    return (size + count * CHUNK - 1) // (count * CHUNK) * CHUNK


@register_jitable
def most_tiles(size):
    """Tiles of a recording at most; a short one is one tile."""
    return 1 if size <= LONGEST_TILE else 2 * ((size + 2 * LONGEST_TILE - 1) // (2 * LONGEST_TILE))


@register_jitable
def row_width(size, lean):
    """Length of a row of couplings: an odd number of blocks, lest rows share few cache ways."""
    return LANES if lean else ((size + 2 * CHUNK) // LANES | 1) * LANES


@register_jitable
def shared_reals(size, n_actions, lean):
    """Numbers of the costs' type that a recording takes beside its scores."""
    rows = LANES if lean else size
    width = row_width(size, lean)
    slope = (n_actions + LANES - 1) // LANES * LANES
    return rows * n_actions + PLACES * n_actions * width + FRAME_ROWS * size + slope


@register_jitable
def own_reals(n_actions):
    """Numbers of the costs' type that a thread takes, in whole blocks."""
    own = (2 * CHUNK + 2 * LANES) * n_actions + 3 * (CHUNK + LANES) + n_actions
    return (own + LANES - 1) // LANES * LANES


@register_jitable
def shared_doubles(n_tiles, n_actions):
    """Double-precision numbers that a recording takes."""
    places = PLACES * ((n_tiles + 2) * n_actions + 5)
    return n_tiles * (n_actions + SUMS) + places + 2 * n_actions + ORDERS


@register_jitable
def own_doubles():
    """Double-precision numbers that a thread takes."""
    return SUMS * LANES


@register_jitable
def take(address, shape, kind):
    """An array of the next numbers at an address, and where it ends."""
    taken = array_at(address, shape, kind)
    return taken, address + taken.size * taken.itemsize
