"""Compiled code of the fused solver: one recording's mirror descent, block by block.

An iteration is one visit to the arrays. A visit takes a source, a coupling that an earlier visit
made, and makes the next, the target, a step further, for ``CHUNK`` frames at a time:

- moving sums over each frame's neighbours, and the temporal part of J of the *source*;
- the target's scores, one exp an element, its coupling and the other parts of its J.

So J of a coupling is known one visit after it was made, when the step from it is already taken. It
is thrown away in the rare case that J rose: three places hold the couplings in turn.

Scores and costs are laid out in blocks of ``LANES`` frames, ``(N / LANES, K, LANES)``: memory is
read from end to end, and sums over actions are plain vector operations, whatever K is. Couplings
are rows of frames, between zeros, because the neighbours that enter and leave a window do not
begin with a block. Innermost loops are written out in LLVM's own language, a block at once: what
compilers make of plain loops over short rows takes twice as long.

W is the coupling in units of 1/N: ``W = omega A``, with ``omega = N p`` where the frame side is
hard and 1 where it is relaxed. Scores are log2 A but for one constant a frame, the shift. Sums of a
tile, a number of frames that depends on the recording's length alone, are kept apart and added up
in the tiles' order: results do not depend on how many threads there are, nor on the batch.

A lean recording keeps no couplings: they are had again from the scores, wherever they are read.
``visit`` has a visit to one tile, ``blocks`` its innermost loops, ``layout`` what
lies where; here it is decided, and turns are taken.
"""

# Compiled functions are typed by their arguments.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, ignore-errors=True
from __future__ import annotations

import functools
import hashlib
import logging
import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numba import cfunc, types
from numba.core import event

from asot.transport import mirror_descent
from asot.transport.cpu import blocks, layout, visit
from asot.transport.cpu.blocks import (
    ALIKE,
    CHANGE,
    CHUNK,
    ENTROPY,
    FRAME_PENALTY,
    FRAME_ROWS,
    LANES,
    LINEAR,
    LN2,
    LOG2E,
    LOG_WEIGHT,
    OMEGA,
    PLACES,
    STEEPEST,
    SUMS,
    UNLIKE,
)
from asot.transport.cpu.layout import (
    ARRIVALS,
    BY_COST,
    BY_NEAR,
    CLAIM,
    CLAIMS,
    DONE,
    FAILURES,
    KEEP,
    LENGTH,
    NEXT_RECORDING,
    ORDERS,
    OVER,
    PHASE,
    SOURCE,
    TARGET,
    TILE,
    VISIT,
    Recording,
    Scratch,
    apart,
    array_at,
    arrive,
    ask,
    gates_of,
    look,
    most_tiles,
    own_doubles,
    own_reals,
    publish,
    read_job,
    row_width,
    shared_doubles,
    shared_reals,
    take,
    tile_of,
)
from asot.transport.cpu.visit import (
    FINISH,
    JUDGE,
    JUDGE_START,
    READ,
    START,
    STEP,
    blank,
    compile_apart,
    compile_inline,
    finish,
    read,
    visit_tile,
)
from asot.transport.mirror_descent import (
    GROWTH,
    ITERATIONS,
    MAX_HALVINGS,
    MOVED,
    OUTCOME,
    REPORTED,
    STEP_SIZE,
)
from asot.transport.solution import Outcome

logger = logging.getLogger(__name__)

# Typed, because a plain constant has each function compiled anew for it.
_FIRST, _LAST = np.int64(0), np.int64(PLACES - 1)
CONVERGED, ITERATION_LIMIT, STALLED, NOT_FINITE = range(len(Outcome))
# What ``options`` holds; NaN where the argument is None.
(EPSILON, ALPHA, LAMBDA_FRAMES, LAMBDA_ACTIONS, TOLERANCE, FIRST_STEP, MAX_ITERATIONS, OPTIONS) = (
    range(8)
)
# In place of isfinite, which subtracts: not to be trusted with any order of sums.
LARGEST = np.finfo(np.float64).max
# Spins at the gate before the processor is offered to others.
PATIENCE = 2000

if os.name == "posix":
    _yield_processor = types.ExternalFunction("sched_yield", types.int32())
else:

    @compile_apart
    def _yield_processor():
        return 0


@compile_apart
def _do(r, own, tile):
    """What is ordered, for one tile."""
    apart()
    phase, source = np.int64(r.orders[PHASE]), np.int64(r.orders[SOURCE])
    if phase == READ:
        read(r, tile * r.tile, min(r.size, (tile + 1) * r.tile))
    elif phase == FINISH:
        finish(r, own, source, tile)
    else:
        visit_tile(
            r, own, tile, phase, source, np.int64(r.orders[TARGET]), r.orders[LENGTH],
            r.orders[KEEP], r.orders[BY_COST], r.orders[BY_NEAR],
        )  # fmt: skip


@compile_apart
def _claim(r, thread, n_threads):
    """A tile that is nobody's yet, of this thread's own before others'; -1 if there is none.

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
def _publish(r, visit, n_threads):
    """Open a visit's tiles to all threads."""
    for thread in range(n_threads):
        # When all is over nothing is left to claim, by those either who are still looking.
        first = r.n_tiles if visit == OVER else thread * r.n_tiles // n_threads
        publish(r.gates, CLAIMS + CLAIM * thread, (visit << VISIT) | first)


@compile_apart
def _help(r, own, thread, n_threads):
    """Do tiles of whatever is ordered until all is over."""
    seen, spins = 0, 0
    while True:
        visit = look(r.gates, CLAIMS + CLAIM * thread) >> VISIT
        if visit == OVER:
            return
        if visit == seen:
            spins += 1
            if spins > PATIENCE:
                _yield_processor()
            continue
        seen, spins = visit, 0
        tile = _claim(r, thread, n_threads)
        while tile >= 0:
            _do(r, own, tile)
            arrive(r.gates, DONE)
            tile = _claim(r, thread, n_threads)


@compile_apart
def _lead(r, own, n_threads, visit, phase, source, target, step, keep, by_cost, by_near):
    """Have all tiles done: by this thread, and by those that have come to help.

    Nobody waits for a thread that has not come, or that another program keeps from running, but
    for the tile that it has begun.
    """
    apart()
    orders = r.orders
    orders[PHASE], orders[SOURCE], orders[TARGET], orders[LENGTH] = phase, source, target, step
    orders[KEEP], orders[BY_COST], orders[BY_NEAR] = keep, by_cost, by_near
    if n_threads == 1:
        for tile in range(r.n_tiles):
            _do(r, own, tile)
        return
    publish(r.gates, DONE, np.int64(0))
    _publish(r, visit, n_threads)
    tile = _claim(r, _FIRST, n_threads)
    while tile >= 0:
        _do(r, own, tile)
        arrive(r.gates, DONE)
        tile = _claim(r, _FIRST, n_threads)
    spins = 0
    while look(r.gates, DONE) < r.n_tiles:
        spins += 1
        if spins > PATIENCE:
            _yield_processor()


@compile_inline
def _add_up(r, place, tiny, weight_entropy):
    """The parts of J that a visit tells of its target; the mass before each tile; the slope."""
    before, parts = r.before[place], r.parts[place]
    linear, entropy, mass = 0.0, 0.0, 0.0
    for tile in range(r.n_tiles):
        linear += r.sums[tile, LINEAR]
        entropy += r.sums[tile, ENTROPY]
    action_penalty = 0.0
    for k in range(r.q.shape[0]):
        total = 0.0
        for tile in range(r.n_tiles):
            before[tile, k] = total
            total += r.masses[tile, k]
        before[r.n_tiles, k] = total
        mass += total
        share = total / r.length
        ratio = math.log(max(share, tiny)) - r.log_q[k]
        r.slopes[place, k] = r.on_actions * ratio
        action_penalty += share * ratio - share + r.q[k]
    # What of the entropy the weights alone make.
    by_weight = weight_entropy if r.hard else -mass * (math.log(np.float64(r.length)) + 1.0)
    parts[0] = (1.0 - r.alpha) / r.length * linear
    parts[3] = r.on_actions * action_penalty
    parts[4] = r.epsilon / r.length * (LN2 * entropy + by_weight)


@compile_inline
def _judge(r, place, all_pairs):
    """The parts of J that a visit tells of its source; J."""
    parts = r.parts[place]
    alike, unlike, frame_penalty = 0.0, 0.0, 0.0
    for tile in range(r.n_tiles):
        alike += r.sums[tile, ALIKE]
        unlike += r.sums[tile, UNLIKE]
        frame_penalty += r.sums[tile, FRAME_PENALTY]
    temporal = all_pairs - alike if r.hard else unlike
    parts[1] = 0.5 * r.near / r.length * temporal
    parts[2] = 0.0 if r.hard else r.on_frames * (frame_penalty + 1.0)
    value = 0.0
    for j in range(5):
        value += parts[j]
    return value


@compile_apart
def _descend(n_threads, r, own, options, trace, report):
    """Solve one recording: decide, and have the tiles done."""
    apart()
    real = r.frames.dtype.type
    K = r.cost.shape[1]
    tiny = np.float64(np.finfo(r.frames.dtype).tiny)
    eps = np.float64(np.finfo(r.frames.dtype).eps) + 16.0 * np.finfo(np.float64).eps
    tolerance, most_iterations = options[TOLERANCE], options[MAX_ITERATIONS]

    if not r.lean:
        r.couplings[:, :, :CHUNK] = real(0)
        r.couplings[:, :, CHUNK + r.size :] = real(0)
    r.slope[:] = real(0)
    _lead(r, own, n_threads, np.int64(1), READ, _LAST, _LAST, 0.0, 0.0, 0.0, 0.0)
    weight_entropy = 0.0
    if r.hard:
        for i in range(r.length):
            weight_entropy += np.float64(r.frames[OMEGA, i]) * (r.frames[LOG_WEIGHT, i] - 1.0)

    # The start is a step of length 0: projected like any other.
    _lead(r, own, n_threads, np.int64(2), START, _LAST, _FIRST, 0.0, 1.0, 0.0, 0.0)
    _add_up(r, _FIRST, tiny, weight_entropy)
    _lead(r, own, n_threads, np.int64(3), JUDGE_START, _FIRST, _FIRST, 0.0, 1.0, 0.0, 0.0)
    all_pairs, most, visit = 0.0, 4.0 * r.epsilon, np.int64(3)
    for tile in range(r.n_tiles):
        all_pairs += r.sums[tile, UNLIKE]
        most = max(most, r.sums[tile, STEEPEST])
    objective = _judge(r, _FIRST, all_pairs)
    trace[:] = np.nan
    trace[0] = objective
    full_step = options[FIRST_STEP] if not math.isnan(options[FIRST_STEP]) else 4.0 / most
    full_step = np.float64(real(full_step))
    step = full_step

    accepted, waiting = _FIRST, np.int64(-1)
    waiting_step, waiting_change, moved = 0.0, 0.0, np.inf
    iterations, halvings, outcome = 0, 0, -1
    if not abs(objective) <= LARGEST:
        outcome = NOT_FINITE
    elif most_iterations <= 0:
        outcome = ITERATION_LIMIT
    while outcome < 0:
        # Go on from what is still to be judged, as if it were accepted.
        source, target, s = accepted, (accepted + 1) % PLACES, step
        if waiting >= 0:
            source, target = waiting, PLACES - accepted - waiting
            s = np.float64(real(min(GROWTH * waiting_step, full_step)))
        judging = waiting >= 0 and iterations + 1 >= most_iterations
        for k in range(K):
            r.slope[k] = real(s * LOG2E * r.slopes[source, k])
        visit += 1
        _lead(
            r, own, n_threads, visit, JUDGE if judging else STEP, source, target, s,
            1.0 - s * r.epsilon, s * LOG2E * (1.0 - r.alpha), s * LOG2E * r.near,
        )  # fmt: skip
        change = 0.0
        if not judging:
            _add_up(r, target, tiny, weight_entropy)
            for tile in range(r.n_tiles):
                change = max(change, r.sums[tile, CHANGE])
        if waiting >= 0:
            value = _judge(r, waiting, all_pairs)
            # With hard frames the temporal part is a difference of sums as large as all pairs'.
            rounding = 0.5 * r.near / r.length * abs(all_pairs) if r.hard else 0.0
            for j in range(5):
                rounding += abs(r.parts[accepted, j])
            if abs(value) <= LARGEST and value <= objective + eps * rounding:
                iterations += 1
                halvings = 0
                moved = waiting_change * (full_step / waiting_step)
                accepted, objective, step = waiting, value, s
                trace[iterations] = value
                if r.compare and moved <= tolerance:
                    outcome = CONVERGED
                elif iterations >= most_iterations:
                    outcome = ITERATION_LIMIT
            else:
                halvings += 1
                step = np.float64(real(0.5 * waiting_step))
                target = np.int64(-1)
                if halvings > MAX_HALVINGS:
                    outcome = STALLED
        waiting, waiting_step, waiting_change = target, s, change

    _lead(r, own, n_threads, visit + 1, FINISH, accepted, accepted, 0.0, 0.0, 0.0, 0.0)
    blank(r)
    if outcome == NOT_FINITE:
        arrive(r.gates, FAILURES)
    for j in range(5):
        report[j] = r.parts[accepted, j]
    report[OUTCOME], report[ITERATIONS] = outcome, iterations
    report[STEP_SIZE], report[MOVED] = step, moved


@compile_apart
def _solve(address, kind):
    """Solve a batch as one of its threads: recordings in turn, together or each by itself."""
    job = read_job(address)
    batch, K, lean = job.batch, job.actions, job.lean != 0
    masked, warm, given_p = job.allowed != 0, job.initial != 0, job.p != 0
    gates = array_at(job.gates, (gates_of(job.threads),), np.int64)
    if job.number_of_threads != 0:
        thread, n_threads = ask(job.thread_number), ask(job.number_of_threads)
    else:
        thread, n_threads = arrive(gates, ARRIVALS), job.threads
    options = array_at(job.settings, (OPTIONS,), np.float64)
    radii = array_at(job.radii, (batch,), np.float64)
    lengths = array_at(job.lengths, (batch,), np.int64)
    half_widths = array_at(job.half_widths, (batch,), np.int64)
    shape = (batch, job.frames, K)
    costs, assignments = array_at(job.cost, shape, kind), array_at(job.assignments, shape, kind)
    initials, allowed = array_at(job.initial, shape, kind), array_at(job.allowed, shape, np.bool_)
    ps = array_at(job.p, (batch, job.frames if given_p else 1), kind)
    qs = array_at(job.q, (batch, K), np.float64)
    labels = array_at(job.labels, (batch, job.frames), np.int64)
    traces = array_at(job.traces, (batch, np.int64(options[MAX_ITERATIONS]) + 1), np.float64)
    reports = array_at(job.reports, (batch, REPORTED), np.float64)

    itemsize = costs.itemsize
    many_tiles = most_tiles(job.largest_size)
    members, group = (n_threads, np.int64(0)) if job.together != 0 else (np.int64(1), thread)
    at = job.own_reals + thread * own_reals(K) * itemsize
    near, at = take(at, (CHUNK // LANES, K, LANES), kind)
    chunk_costs, at = take(at, (CHUNK // LANES, K, LANES), kind)
    exps, at = take(at, (K, LANES), kind)
    own_masses, at = take(at, (K, LANES), kind)
    rows, at = take(at, (3, CHUNK + LANES), kind)
    carry, at = take(at, (K,), kind)
    lane_sums = array_at(job.own_doubles + thread * own_doubles() * 8, (SUMS, LANES), np.float64)
    scratch = Scratch(near, chunk_costs, exps, own_masses, rows, carry, lane_sums)
    while True:
        b = np.int64(0) if job.together != 0 else arrive(gates, NEXT_RECORDING)
        if b >= batch:
            return
        size = (lengths[b] + LANES - 1) // LANES * LANES
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
        at = job.doubles + group * shared_doubles(many_tiles, K) * 8
        masses, at = take(at, (n_tiles, K), np.float64)
        tile_sums, at = take(at, (n_tiles, SUMS), np.float64)
        before, at = take(at, (PLACES, n_tiles + 1, K), np.float64)
        slopes, at = take(at, (PLACES, K), np.float64)
        parts, at = take(at, (PLACES, 5), np.float64)
        q, at = take(at, (K,), np.float64)
        log_q, at = take(at, (K,), np.float64)
        orders, at = take(at, (ORDERS,), np.float64)
        # Those who help write what the one who leads writes, the same.
        for k in range(K):
            q[k] = qs[b, k] if job.q != 0 else np.float64(costs.dtype.type(1.0 / K))
            log_q[k] = math.log(q[k]) if q[k] > 0.0 else 0.0
        hard, compare = math.isnan(options[LAMBDA_FRAMES]), not math.isnan(options[TOLERANCE])
        on_frames = 0.0 if hard else options[LAMBDA_FRAMES]
        initial, p = initials[b if warm else 0], ps[b if given_p else 0]
        allowed_given = allowed[b if masked else 0]
        recording = Recording(
            cost=costs[b], allowed_given=allowed_given, initial=initial, warm=warm, p=p, q=q,
            log_q=log_q, length=lengths[b], size=size, reach=half_widths[b], masked=masked,
            lean=lean, hard=hard, compare=compare,
            near=options[ALPHA] / (radii[b] * lengths[b]), epsilon=options[EPSILON],
            alpha=options[ALPHA], on_frames=on_frames, on_actions=options[LAMBDA_ACTIONS],
            scores=(V0, V1, V2), couplings=W, costs=C, allowed=A, frames=frames, tile=tile,
            n_tiles=n_tiles, slope=slope, masses=masses, sums=tile_sums, before=before,
            slopes=slopes, parts=parts, orders=orders, gates=gates, assignment=assignments[b],
            labels=labels[b],
        )  # fmt: skip
        if members > 1 and thread > 0:
            _help(recording, scratch, thread, members)
            return
        _descend(members, recording, scratch, options, traces[b], reports[b])
        if job.together != 0:
            _publish(recording, OVER, members)
            return


def _sources() -> str:
    """A digest of all that is compiled: Numba itself would look at this file alone."""
    digest = hashlib.sha256()
    for module in (blocks, layout, visit, mirror_descent, sys.modules[__name__]):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


@functools.cache
def entry(single: bool) -> Any:
    """The solver for float32 or float64, compiled or read from the cache: C's ``void (int64)``."""
    kind, sources = (np.float32 if single else np.float64), _sources()

    def solve(address):
        # A closure's values are part of its name in the cache.
        if len(sources) > 0:
            _solve(address, kind)

    signature = types.void(types.int64)
    with event.install_listener("numba:compile", _Announcement()):
        try:
            return cfunc(signature, cache=True, _nrt=False)(solve)
        except RuntimeError:  # no folder can be written to
            return cfunc(signature, _nrt=False)(solve)


class _Announcement(event.Listener):
    """Says why the first call ever takes so long; code that is read is not announced."""

    def __init__(self):
        self._said = False

    def on_start(self, _):
        if not self._said:
            logger.warning("Compiling the solver, once for each precision: some 15 seconds.")
        self._said = True

    def on_end(self, _):
        pass
