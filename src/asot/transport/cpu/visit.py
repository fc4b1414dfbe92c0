"""One tile of a visit of the CPU solver, and what comes before the first and after the last."""

# Compiled functions are typed by their arguments.
# mypy: disallow-untyped-defs=False, disallow-incomplete-defs=False, ignore-errors=True
from __future__ import annotations

import math

import numpy as np

from asot.transport.cpu import blocks, layout
from asot.transport.cpu.blocks import (
    CHUNK,
    LANES,
    LEAST,
    LOG2E,
    OMEGA,
    PLACES,
    PULL,
    restore,
    sum_row,
)
from asot.transport.cpu.layout import apart, compile_apart, compile_inline
from asot.transport.mirror_descent import LEAST_INITIAL
from asot.transport.step import MOST_COST

# What is done for a tile. Typed, because a plain constant has each function compiled anew for it.
READ, START, STEP, JUDGE, FINISH = (np.int64(phase) for phase in range(5))
_U = np.uint64
_LANES, _CHUNK = _U(LANES), _U(CHUNK)
_FIRST = np.int64(0)


@compile_apart
def read(r, start, stop):
    """Lay a tile's frames out in blocks; harmless where there is no frame."""
    apart()
    real = r.frames.dtype.type
    K = _U(r.cost.shape[1])
    n, given = _U(r.length), r.p.shape[0] > 1
    log_share = real(-math.log(np.float64(r.length)))
    for i in range(_U(start), _U(stop)):
        r.frames[PLACES - 1, i] = real(0)
        r.frames[PULL, i] = real(0)
        r.frames[LEAST, i] = real(0)
        r.frames[OMEGA, i] = real(1) if i < n else real(0)
        r.frames[blocks.LOG_P, i] = log_share
        r.frames[blocks.LOG_WEIGHT, i] = log_share
    if given:
        for i in range(_U(start), min(_U(stop), n)):
            log_p = real(math.log(r.p[i])) if r.p[i] > 0 else real(0)
            r.frames[blocks.LOG_P, i] = log_p
            if r.hard:
                r.frames[OMEGA, i] = real(np.float64(r.p[i]) * r.length)
                r.frames[blocks.LOG_WEIGHT, i] = log_p
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
        if r.hard:
            for lane in range(here):
                least = real(np.inf)
                for k in range(K):
                    if not r.masked or r.allowed[block, k, lane]:
                        least = min(least, r.cost[first + lane, k])
                r.frames[LEAST, first + lane] = least if least < real(np.inf) else real(0)
        if not r.lean:
            _lay_out(r, r.costs, block, first)


@compile_inline
def _lay_out(r, costs, block, first):
    """Lay out a block of the cost, less each frame's least; zero where there is no frame."""
    K = _U(r.cost.shape[1])
    largest = np.finfo(costs.dtype).max
    most = costs.dtype.type(MOST_COST * largest)
    here = min(_LANES, _U(r.length) - _U(first))
    for lane in range(here):
        least = r.frames[LEAST, _U(first) + lane]
        for k in range(K):
            given = r.cost[_U(first) + lane, k]
            # What is not finite stays so, and is found in J.
            too_much = given - least > most and given <= largest
            costs[block, k, lane] = most if too_much else given - least
    if here < _LANES:
        for k in range(K):
            for lane in range(here, _LANES):
                costs[block, k, lane] = costs.dtype.type(0)


@compile_inline
def _restore_row(r, place, k, first, n_blocks, rows, row):
    """Make the coupling of the frames of whole blocks, from ``first`` on, some of them outside."""
    for block in range(n_blocks):
        at = block * LANES
        i = first + at
        if i < 0 or i >= r.size:
            for lane in range(LANES):
                rows[row, at + lane] = rows.dtype.type(0)
        else:
            restore(
                r.scores[place], _U(i // LANES), _U(k), r.frames, _U(place), _U(i), rows, _U(row),
                _U(at),
            )  # fmt: skip


@compile_inline
def _lean_sum_between(r, own, place, k, start, stop):
    """Sum the coupling of frames ``[start, stop)`` of an action, where it is not kept."""
    total = 0.0
    for first in range(start // LANES * LANES, stop, CHUNK):
        _restore_row(r, place, k, first, CHUNK // LANES, own.rows, _FIRST)
        here = max(start, first) - first
        count = min(stop, first + CHUNK) - first - here
        total += sum_row(own.rows[0], _U(here), _U(count))
    return total


@compile_apart
def _windows_before(r, own, place, start):
    """Sum, for each action, over the neighbours, and itself, of the frame before ``start``."""
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


@compile_inline
def _neighbours(r, own, place, k, start, n_blocks):
    """Sum over neighbours for one action of a chunk."""
    # Rows are zero for a chunk on either side: as far as one needs to look.
    enter = min(start + r.reach, r.size)
    leave = max(start - r.reach - 1, -CHUNK)
    if r.lean:
        at_enter, at_leave = enter // LANES * LANES, leave // LANES * LANES
        _restore_row(r, place, k, at_enter, n_blocks + 1, own.rows, _FIRST)
        _restore_row(r, place, k, at_leave, n_blocks + 1, own.rows, np.int64(1))
        _restore_row(r, place, k, start, n_blocks, own.rows, np.int64(2))
        blocks.moving_sums(
            own.rows, _U(0), _U(enter - at_enter), own.rows, _U(1), _U(leave - at_leave), own.rows,
            _U(2), _U(0), own.near, _U(k), _U(n_blocks), own.carry, own.sums[blocks.ALIKE],
        )  # fmt: skip
        return
    W = r.couplings[place]
    blocks.moving_sums(
        W, _U(k), _U(enter + CHUNK), W, _U(k), _U(leave + CHUNK), W, _U(k), _U(start + CHUNK),
        own.near, _U(k), _U(n_blocks), own.carry, own.sums[blocks.ALIKE],
    )  # fmt: skip


@compile_apart
def visit_tile(r, own, tile, phase, source, target, step, keep, by_cost, by_near):
    """Do one tile: J's temporal part of the source; the target, a step further."""
    apart()
    real = r.frames.dtype.type
    K = r.cost.shape[1]
    start, stop = tile * r.tile, min(r.size, (tile + 1) * r.tile)
    own.sums[:] = 0.0
    own.masses[:] = real(0)
    totals = r.sums[tile]
    totals[:] = 0.0
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
            if not r.hard:
                _frame_side(r, own, source, first, n_blocks, totals)
        if phase == JUDGE:
            continue
        for n_block in range(n_blocks):
            i = first + n_block * LANES
            block = i // LANES
            if r.lean:
                _lay_out(r, own.costs, _FIRST, i)
            blocks.advance(
                r.scores[source], r.scores[target], _U(block), own.costs if r.lean else r.costs,
                _U(0 if r.lean else block), own.near, _U(n_block), r.couplings[target],
                _U(0 if r.lean else i + CHUNK), own.exps, own.masses, r.slope, r.frames, _U(i),
                _U(source), _U(target), own.sums, real(keep), real(by_cost), real(by_near), by_pull,
                r.hard, r.allowed, r.masked,
            )  # fmt: skip
        if r.compare and phase == STEP:
            totals[blocks.CHANGE] = max(
                totals[blocks.CHANGE], _change(r, source, target, first, n_blocks)
            )
    for which in (blocks.LINEAR, blocks.ENTROPY, blocks.ALIKE):
        totals[which] = sum_row(own.sums[which], _U(0), _U(LANES))
    if phase in (START, STEP):
        for k in range(K):
            r.masses[tile, k] = sum_row(own.masses[k], _U(0), _U(LANES))


@compile_apart
def _change(r, source, target, first, n_blocks):
    """Return by how much a step moved an assignment at most."""
    apart()
    most = r.frames.dtype.type(0)
    for k in range(r.cost.shape[1]):
        for i in range(first, first + n_blocks * LANES):
            omega = r.frames[OMEGA, i]
            if omega > 0:
                moved = r.couplings[target, k, i + CHUNK] - r.couplings[source, k, i + CHUNK]
                most = max(most, abs(moved) / omega)
    return np.float64(most)


@compile_apart
def _frame_side(r, own, place, first, n_blocks, totals):
    """Compute what is constant along a row of the gradient, and what it adds to J.

    Only where the frame side is relaxed.
    """
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
        # Apart by action, and never negative: differences of large sums would drown a small
        # one, and a coupling that explodes would look like a fall of J.
        for k in range(K):
            for lane in range(_LANES):
                w = r.couplings[place, k, i + _CHUNK + lane]
                mass[lane] += w
                unlike[lane] += w * max(neighbours[lane] - own.near[n_block, k, lane], real(0))
        for lane in range(_LANES):
            temporal += np.float64(unlike[lane])
            log_weight = r.frames[blocks.LOG_WEIGHT, i + lane]
            pull = real(r.near) * neighbours[lane] + real(r.epsilon) * log_weight
            if i + lane < _U(r.length):
                share = mass[lane] * real(1.0 / r.length)
                ratio = math.log(max(share, tiny)) - r.frames[blocks.LOG_P, i + lane]
                pull += real(r.on_frames) * real(ratio)
                fine += np.float64(share) * (ratio - 1.0)
            r.frames[PULL, i + lane] = pull
    totals[blocks.UNLIKE] += temporal
    totals[blocks.FRAME_PENALTY] += fine


@compile_apart
def finish(r, own, place, tile):
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
                restore(V, block, k, r.frames, _U(place), first, own.exps, k, _U(0))
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


@compile_apart
def blank(r):
    """Fill what lies past a recording's end."""
    apart()
    for i in range(r.length, r.labels.shape[0]):
        r.labels[i] = -1
        for k in range(r.cost.shape[1]):
            r.assignment[i, k] = r.assignment.dtype.type(0)


@compile_apart
def do(r, own, tile):
    """Do what is ordered, for one tile."""
    apart()
    phase, source = np.int64(r.orders[layout.PHASE]), np.int64(r.orders[layout.SOURCE])
    if phase == READ:
        read(r, tile * r.tile, min(r.size, (tile + 1) * r.tile))
    elif phase == FINISH:
        finish(r, own, source, tile)
    else:
        visit_tile(
            r, own, tile, phase, source, np.int64(r.orders[layout.TARGET]), r.orders[layout.LENGTH],
            r.orders[layout.KEEP], r.orders[layout.BY_COST], r.orders[layout.BY_NEAR],
        )  # fmt: skip
