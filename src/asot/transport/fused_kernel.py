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
tile, a number of frames that depends on nothing but N, are kept apart and added up in the tiles'
order: results do not depend on how many threads there are.

A lean recording keeps no couplings: they are had again from the scores, wherever they are read.
``fused_blocks`` has the innermost loops, ``fused_layout`` what lies where.
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
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numba import cfunc, njit, types
from numba.core import event

from asot.transport import fused_blocks, fused_layout, mirror_descent
from asot.transport.fused_blocks import (
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
    LOG_P,
    LOG_WEIGHT,
    OMEGA,
    PLACES,
    PULL,
    STEEPEST,
    SUMS,
    UNLIKE,
    advance,
    moving_sums,
    restore,
    sum_row,
)
from asot.transport.fused_layout import (
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
    array,
    arrive,
    ask,
    gates_of,
    look,
    own_doubles,
    own_reals,
    publish,
    read_job,
    row_width,
    shared_doubles,
    shared_reals,
    take,
)
from asot.transport.mirror_descent import GROWTH, LEAST_INITIAL, MAX_HALVINGS

logger = logging.getLogger(__name__)

# One value a recording: columns of ``report``, after the five parts of J.
OUTCOME, ITERATIONS, STEP_SIZE, MOVED, REPORTED = range(5, 10)
# Typed, because a plain constant has each function compiled anew for it.
READ, START, JUDGE_START, STEP, JUDGE, FINISH = (np.int64(phase) for phase in range(6))
_U = np.uint64
_LANES, _CHUNK = _U(LANES), _U(CHUNK)
_FIRST, _LAST = np.int64(0), np.int64(PLACES - 1)
CONVERGED, ITERATION_LIMIT, STALLED, NOT_FINITE = range(4)
# What ``options`` holds; NaN where the argument is None.
(EPSILON, ALPHA, LAMBDA_FRAMES, LAMBDA_ACTIONS, TOLERANCE, FIRST_STEP, MAX_ITERATIONS, OPTIONS) = (
    range(8)
)
# In place of isfinite, which subtracts: not to be trusted with any order of sums.
LARGEST = np.finfo(np.float64).max
# Spins at the gate before the processor is offered to others.
PATIENCE = 2000

# Nothing is allocated in compiled code, so that nothing needs counting. Sums are taken in the order
# written, so that code compiled here and code read from the cache agree to the last bit.
_OPTIONS: dict[str, Any] = {"_nrt": False, "nogil": True, "error_model": "numpy"}


def _compile(function: Callable[..., Any]) -> Any:
    return njit(**_OPTIONS)(function)


def _inline(function: Callable[..., Any]) -> Any:
    return njit(forceinline=True, **_OPTIONS)(function)


if os.name == "posix":
    _yield_processor = types.ExternalFunction("sched_yield", types.int32())
else:

    @_compile
    def _yield_processor():
        return 0


@_compile
def _read(r, start, stop):
    """Lay a tile's frames out in blocks; harmless where there is no frame."""
    apart()
    real = r.frames.dtype.type
    K = _U(r.cost.shape[1])
    n, given = _U(r.length), r.p.shape[0] > 1
    log_share = real(-math.log(np.float64(r.length)))
    for i in range(_U(start), _U(stop)):
        r.frames[PLACES - 1, i] = real(0)
        r.frames[PULL, i] = real(0)
        r.frames[OMEGA, i] = real(1) if i < n else real(0)
        r.frames[LOG_P, i] = log_share
        r.frames[LOG_WEIGHT, i] = log_share
    if given:
        for i in range(_U(start), min(_U(stop), n)):
            log_p = real(math.log(r.p[i])) if r.p[i] > 0 else real(0)
            r.frames[LOG_P, i] = log_p
            if r.hard:
                r.frames[OMEGA, i] = real(np.float64(r.p[i]) * r.length)
                r.frames[LOG_WEIGHT, i] = log_p
    U = r.scores[PLACES - 1]
    for block in range(_U(start) // _LANES, _U(stop) // _LANES):
        first = block * _LANES
        here = min(_LANES, n - first)
        for k in range(K):
            log_q = real(r.log_q[k] * LOG2E)
            for lane in range(_LANES):
                U[block, k, lane] = log_q
        if r.warm:
            for k in range(K):
                for lane in range(here):
                    value = np.float64(r.initial[first + lane, k])
                    U[block, k, lane] = math.log(max(value, LEAST_INITIAL)) * LOG2E
        if r.masked:
            for k in range(K):
                for lane in range(_LANES):
                    r.allowed[block, k, lane] = lane >= here or r.allowed_given[first + lane, k]
        if not r.lean:
            _lay_out(r, r.costs, block, first)


@_inline
def _lay_out(r, costs, block, first):
    """A block of the cost; zero where there is no frame."""
    K = _U(r.cost.shape[1])
    here = min(_LANES, _U(r.length) - _U(first))
    for lane in range(here):
        for k in range(K):
            costs[block, k, lane] = r.cost[_U(first) + lane, k]
    if here < _LANES:
        for k in range(K):
            for lane in range(here, _LANES):
                costs[block, k, lane] = costs.dtype.type(0)


@_inline
def _restore_row(r, place, k, first, n_blocks, rows, row):
    """Coupling of the frames of whole blocks, from ``first`` on, some of them outside."""
    for block in range(n_blocks):
        at = block * LANES
        i = first + at
        if i < 0 or i >= r.size:
            for lane in range(LANES):
                rows[row, at + lane] = rows.dtype.type(0)
        else:
            restore(
                r.scores[place], np.uint64(i // LANES), np.uint64(k), r.frames, np.uint64(place),
                np.uint64(i), rows, np.uint64(row), np.uint64(at),
            )  # fmt: skip


@_inline
def _lean_sum_between(r, own, place, k, start, stop):
    """Mass of the frames ``[start, stop)`` of an action, where couplings are not kept."""
    total = 0.0
    for first in range(start // LANES * LANES, stop, CHUNK):
        _restore_row(r, place, k, first, CHUNK // LANES, own.rows, _FIRST)
        here = max(start, first) - first
        count = min(stop, first + CHUNK) - first - here
        total += sum_row(own.rows[0], _U(here), _U(count))
    return total


@_compile
def _windows_before(r, own, place, start):
    """For each action, the sum over the neighbours, and itself, of the frame before ``start``."""
    apart()
    lo, hi = max(0, start - 1 - r.reach), min(start + r.reach, r.length)
    first, last = lo // r.tile, hi // r.tile
    # Whole tiles, and what they lack or have too much.
    far = hi - lo > 2 * r.tile
    before = r.before[place]
    for k in range(r.cost.shape[1]):
        total = before[last, k] - before[first, k] if far else 0.0
        from_, to = (last * r.tile, hi) if far else (lo, hi)
        if r.lean:
            total += _lean_sum_between(r, own, place, k, from_, to)
            if far:
                total -= _lean_sum_between(r, own, place, k, first * r.tile, lo)
        else:
            total += sum_row(r.couplings[place, k], _U(from_ + CHUNK), _U(to - from_))
            if far:
                start_of = first * r.tile
                count = _U(lo - start_of)
                total -= sum_row(r.couplings[place, k], _U(start_of + CHUNK), count)
        own.carry[k] = total


@_inline
def _neighbours(r, own, place, k, start, n_blocks):
    """Sums over neighbours for one action of a chunk."""
    # Rows are zero for a chunk on either side: as far as one needs to look.
    enter = min(start + r.reach, r.size)
    leave = max(start - r.reach - 1, -CHUNK)
    if r.lean:
        at_enter, at_leave = enter // LANES * LANES, leave // LANES * LANES
        _restore_row(r, place, k, at_enter, n_blocks + 1, own.rows, _FIRST)
        _restore_row(r, place, k, at_leave, n_blocks + 1, own.rows, np.int64(1))
        _restore_row(r, place, k, start, n_blocks, own.rows, np.int64(2))
        moving_sums(
            own.rows, np.uint64(0), np.uint64(enter - at_enter), own.rows, np.uint64(1),
            np.uint64(leave - at_leave), own.rows, np.uint64(2), np.uint64(0), own.near,
            np.uint64(k), np.uint64(n_blocks), own.carry, own.sums[ALIKE],
        )  # fmt: skip
        return
    W = r.couplings[place]
    moving_sums(
        W, np.uint64(k), np.uint64(enter + CHUNK), W, np.uint64(k), np.uint64(leave + CHUNK), W,
        np.uint64(k), np.uint64(start + CHUNK), own.near, np.uint64(k), np.uint64(n_blocks),
        own.carry, own.sums[ALIKE],
    )  # fmt: skip


@_compile
def _visit(r, own, tile, phase, source, target, step, keep, by_cost, by_near):
    """One tile: J's temporal part of the source; the target, a step further."""
    apart()
    real = r.frames.dtype.type
    K = r.cost.shape[1]
    start, stop = tile * r.tile, min(r.size, (tile + 1) * r.tile)
    own.sums[:] = 0.0
    own.masses[:] = real(0)
    totals = r.sums[tile]
    totals[:] = 0.0
    totals[STEEPEST] = -np.inf
    if phase == START:
        own.near[:] = real(0)
    else:
        _windows_before(r, own, source, start)
    by_pull = real(0) if r.hard else real(step * LOG2E)
    for first in range(start, stop, CHUNK):
        n_blocks = (min(stop, first + CHUNK) - first) // LANES
        if phase != START:
            for k in range(K):
                _neighbours(r, own, source, k, first, n_blocks)
            if phase == JUDGE_START or not r.hard:
                _frame_side(r, own, source, first, n_blocks, totals)
        if phase == JUDGE_START:
            _steepest(r, own, source, first, n_blocks, totals)
        if phase in (JUDGE_START, JUDGE):
            continue
        for n_block in range(n_blocks):
            i = first + n_block * LANES
            block = i // LANES
            if r.lean:
                _lay_out(r, own.costs, _FIRST, i)
            advance(
                r.scores[source], r.scores[target], np.uint64(block),
                own.costs if r.lean else r.costs, np.uint64(0 if r.lean else block), own.near,
                np.uint64(n_block), r.couplings[target], np.uint64(0 if r.lean else i + CHUNK),
                own.exps, own.masses, r.slope, r.frames, np.uint64(i), np.uint64(source),
                np.uint64(target), own.sums, real(keep), real(by_cost), real(by_near), by_pull,
                r.hard, r.allowed, r.masked,
            )  # fmt: skip
        if r.compare and phase == STEP:
            totals[CHANGE] = max(totals[CHANGE], _change(r, source, target, first, n_blocks))
    for which in (LINEAR, ENTROPY, ALIKE):
        totals[which] = sum_row(own.sums[which], _U(0), _U(LANES))
    if phase in (START, STEP):
        for k in range(K):
            r.masses[tile, k] = sum_row(own.masses[k], _U(0), _U(LANES))


@_compile
def _change(r, source, target, first, n_blocks):
    """By how much a step moved an assignment at most."""
    apart()
    most = r.frames.dtype.type(0)
    for k in range(r.cost.shape[1]):
        for i in range(first, first + n_blocks * LANES):
            omega = r.frames[OMEGA, i]
            if omega > 0:
                moved = r.couplings[target, k, i + CHUNK] - r.couplings[source, k, i + CHUNK]
                most = max(most, abs(moved) / omega)
    return np.float64(most)


@_compile
def _frame_side(r, own, place, first, n_blocks, totals):
    """What is constant along a row of the gradient, and what it adds to J."""
    apart()
    real = r.frames.dtype.type
    K = _U(r.cost.shape[1])
    tiny = np.finfo(r.frames.dtype).tiny
    neighbours, mass, unlike = own.rows[0], own.rows[1], own.rows[2]
    temporal, fine = 0.0, 0.0
    for n_block in range(_U(n_blocks)):
        i = _U(first) + n_block * _LANES
        for lane in range(_LANES):
            neighbours[lane] = mass[lane] = unlike[lane] = real(0)
        for k in range(K):
            for lane in range(_LANES):
                neighbours[lane] += own.near[n_block, k, lane]
        if not r.hard:
            # Apart by action, and never negative: differences of large sums would drown a small
            # one, and a coupling that explodes would look like a fall of J.
            for k in range(K):
                for lane in range(_LANES):
                    w = r.couplings[place, k, i + _CHUNK + lane]
                    mass[lane] += w
                    unlike[lane] += w * max(neighbours[lane] - own.near[n_block, k, lane], real(0))
        for lane in range(_LANES):
            # Where frames are hard: all pairs of neighbours, alike or not.
            pairs = r.frames[OMEGA, i + lane] * neighbours[lane] if r.hard else unlike[lane]
            temporal += np.float64(pairs)
            pull = (
                real(r.near) * neighbours[lane] + real(r.epsilon) * r.frames[LOG_WEIGHT, i + lane]
            )
            r.frames[PULL, i + lane] = pull
        if not r.hard:
            for lane in range(_LANES):
                if i + lane < _U(r.length):
                    share = mass[lane] * real(1.0 / r.length)
                    ratio = math.log(max(share, tiny)) - r.frames[LOG_P, i + lane]
                    r.frames[PULL, i + lane] += real(r.on_frames) * real(ratio)
                    fine += np.float64(share) * (ratio - 1.0)
    totals[UNLIKE] += temporal
    totals[FRAME_PENALTY] += fine


@_compile
def _steepest(r, own, place, first, n_blocks, totals):
    """The largest entry of the gradient, on frames that exist."""
    apart()
    real = r.frames.dtype.type
    V, most = r.scores[place], own.rows[0]
    by_cost, epsilon, near = real(1.0 - r.alpha), real(r.epsilon * LN2), real(r.near)
    for lane in range(_LANES):
        most[lane] = -np.inf
    for n_block in range(_U(n_blocks)):
        i = _U(first) + n_block * _LANES
        block = i // _LANES
        if r.lean:
            _lay_out(r, own.costs, _FIRST, np.int64(i))
        C, c_block = (own.costs, _U(0)) if r.lean else (r.costs, block)
        for k in range(_U(r.cost.shape[1])):
            slope = real(r.slopes[place, k])
            for lane in range(_LANES):
                steep = epsilon * (V[block, k, lane] - r.frames[place, i + lane])
                steep += by_cost * C[c_block, k, lane] - near * own.near[n_block, k, lane]
                steep += r.frames[PULL, i + lane] + slope
                counts = r.frames[OMEGA, i + lane] > 0
                counts = counts and (not r.masked or r.allowed[block, k, lane])
                most[lane] = max(most[lane], steep if counts else real(-np.inf))
    for lane in range(_LANES):
        totals[STEEPEST] = max(totals[STEEPEST], np.float64(most[lane]))


@_compile
def _finish(r, own, place, tile):
    """Hand back a tile's assignment and labels.

    A lean recording's assignment may lie where its scores are: a block takes the same room in both.
    """
    apart()
    real = r.frames.dtype.type
    K = _U(r.cost.shape[1])
    start, stop = tile * r.tile, min(r.length, (tile + 1) * r.tile)
    V = r.scores[place]
    best, label, weight = own.rows[0], own.rows[1], own.rows[2]
    for first in range(_U(start), _U(stop), _LANES):
        here = min(_LANES, _U(r.length) - first)
        block = first // _LANES
        for lane in range(_LANES):
            best[lane], label[lane] = -np.inf, -1
        for k in range(K):
            for lane in range(_LANES):
                leads = V[block, k, lane] > best[lane]
                leads = leads and (not r.masked or r.allowed[block, k, lane])
                best[lane] = V[block, k, lane] if leads else best[lane]
                label[lane] = real(k) if leads else label[lane]
        for lane in range(here):
            r.labels[first + lane] = np.int64(label[lane])
        for lane in range(_LANES):
            weight[lane] = real(1) / r.frames[OMEGA, first + lane]
        for k in range(K):
            if r.lean:
                restore(
                    V, block, k, r.frames, _U(place), first, own.exps, k, _U(0)
                )  # fmt: skip
                for lane in range(_LANES):
                    own.exps[k, lane] *= weight[lane]
                    if r.masked and not r.allowed[block, k, lane]:
                        own.exps[k, lane] = real(0)
            else:
                for lane in range(_LANES):
                    own.exps[k, lane] = r.couplings[place, k, first + _CHUNK + lane] * weight[lane]
        for lane in range(here):
            for k in range(K):
                r.assignment[first + lane, k] = own.exps[k, lane]


@_compile
def _blank(r):
    """What lies past a recording's end."""
    apart()
    for i in range(r.length, r.labels.shape[0]):
        r.labels[i] = -1
        for k in range(r.cost.shape[1]):
            r.assignment[i, k] = r.assignment.dtype.type(0)


@_compile
def _do(r, own, tile):
    """What is ordered, for one tile."""
    apart()
    phase, source = np.int64(r.orders[PHASE]), np.int64(r.orders[SOURCE])
    if phase == READ:
        _read(r, tile * r.tile, min(r.size, (tile + 1) * r.tile))
    elif phase == FINISH:
        _finish(r, own, source, tile)
    else:
        _visit(
            r, own, tile, phase, source, np.int64(r.orders[TARGET]), r.orders[LENGTH],
            r.orders[KEEP], r.orders[BY_COST], r.orders[BY_NEAR],
        )  # fmt: skip


@_compile
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


@_compile
def _publish(r, visit, n_threads):
    """Open a visit's tiles to all threads."""
    for thread in range(n_threads):
        first = thread * r.n_tiles // n_threads
        publish(r.gates, CLAIMS + CLAIM * thread, (visit << VISIT) | first)


@_compile
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


@_compile
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


@_inline
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


@_inline
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


@_compile
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
    _blank(r)
    if outcome == NOT_FINITE:
        arrive(r.gates, FAILURES)
    for j in range(5):
        report[j] = r.parts[accepted, j]
    report[OUTCOME], report[ITERATIONS] = outcome, iterations
    report[STEP_SIZE], report[MOVED] = step, moved


@_compile
def _solve(address, kind):
    """Solve a batch as one of its threads: recordings in turn, together or each by itself."""
    job = read_job(address)
    batch, K, lean, tile = job.batch, job.actions, job.lean != 0, job.tile
    masked, warm, given_p = job.allowed != 0, job.initial != 0, job.p != 0
    gates = array(job.gates, (gates_of(job.threads),), np.int64)
    if job.number_of_threads != 0:
        thread, n_threads = ask(job.thread_number), ask(job.number_of_threads)
    else:
        thread, n_threads = arrive(gates, ARRIVALS), job.threads
    options = array(job.settings, (OPTIONS,), np.float64)
    radii = array(job.radii, (batch,), np.float64)
    lengths = array(job.lengths, (batch,), np.int64)
    half_widths = array(job.half_widths, (batch,), np.int64)
    shape = (batch, job.frames, K)
    costs, assignments = array(job.cost, shape, kind), array(job.assignments, shape, kind)
    initials, allowed = array(job.initial, shape, kind), array(job.allowed, shape, np.bool_)
    ps = array(job.p, (batch, job.frames if given_p else 1), kind)
    qs = array(job.q, (batch, K), np.float64)
    labels = array(job.labels, (batch, job.frames), np.int64)
    traces = array(job.traces, (batch, np.int64(options[MAX_ITERATIONS]) + 1), np.float64)
    reports = array(job.reports, (batch, REPORTED), np.float64)

    itemsize = costs.itemsize
    most_tiles = (job.largest_size + tile - 1) // tile
    members, group = (n_threads, np.int64(0)) if job.together != 0 else (np.int64(1), thread)
    at = job.own_reals + thread * own_reals(K) * itemsize
    near, at = take(at, (CHUNK // LANES, K, LANES), kind)
    chunk_costs, at = take(at, (CHUNK // LANES, K, LANES), kind)
    exps, at = take(at, (K, LANES), kind)
    own_masses, at = take(at, (K, LANES), kind)
    rows, at = take(at, (3, CHUNK + LANES), kind)
    carry, at = take(at, (K,), kind)
    lane_sums = array(job.own_doubles + thread * own_doubles() * 8, (SUMS, LANES), np.float64)
    scratch = Scratch(near, chunk_costs, exps, own_masses, rows, carry, lane_sums)
    while True:
        b = np.int64(0) if job.together != 0 else arrive(gates, NEXT_RECORDING)
        if b >= batch:
            return
        size = (lengths[b] + LANES - 1) // LANES * LANES
        n_tiles = (size + tile - 1) // tile
        at = job.reals + group * shared_reals(job.largest_size, K, lean) * itemsize
        C, at = take(at, (1 if lean else size // LANES, K, LANES), kind)
        W, at = take(at, (PLACES, K, row_width(size, lean)), kind)
        frames, at = take(at, (FRAME_ROWS, size), kind)
        slope, at = take(at, (K,), kind)
        shape = (size // LANES, K, LANES)
        before_it = group * job.largest_size * K
        V0 = array(job.scores_0 + before_it * itemsize, shape, kind)
        V1 = array(job.scores_1 + before_it * itemsize, shape, kind)
        V2 = array(job.scores_2 + before_it * itemsize, shape, kind)
        A = array(job.flags + before_it, shape, np.bool_)
        at = job.doubles + group * shared_doubles(most_tiles, K) * 8
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
    for module in (fused_blocks, fused_layout, mirror_descent, sys.modules[__name__]):
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

    def on_start(self, event):
        if not self._said:
            logger.warning("Compiling the solver, once for each precision: some 15 seconds.")
        self._said = True

    def on_end(self, event):
        pass
