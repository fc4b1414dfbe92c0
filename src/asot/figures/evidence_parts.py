"""What each part of the evidence says. A part of the wrong shape raises Python's own errors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from asot.figures.evidence_chart import (
    Axis,
    Chart,
    Finding,
    frames_text,
    histogram,
    length_text,
    linear_axis,
    log_axis,
)

CLEAR = 0.05  # p of an order that is there


def tell_radius(values: Mapping[str, Any], rate: float | None) -> Finding:
    """The time scale, from ``RadiusEvidence`` as plain numbers."""
    radii, chosen = _numbers(values, "radii"), int(values["chosen"])
    agreement = _numbers(values, "agreement", len(radii))
    lengths = _numbers(values, "segment_length", len(radii))
    if min(*radii, *lengths, 1.0) <= 0:
        raise ValueError("radii and lengths must be above 0")
    at = radii.index(chosen)
    best = max(range(len(radii)), key=lambda one: (agreement[one], one == at))
    scale = frames_text(chosen) if rate is None else f"{length_text(chosen, rate)} "
    scale += "" if rate is None else f"({frames_text(chosen)})"
    long = length_text(lengths[at], rate)
    if best == at:
        sentence = f"Segments are about {long} long; the labelling changes least around {scale}."
    else:
        ratio = [length / radius for length, radius in zip(lengths, radii, strict=True)]
        if best > at:
            fault = "smooths short actions away"
        elif ratio[best] < ratio[at]:
            fault = "gives segments hardly longer than itself"
        else:
            fault = "sees little of a segment at once"
        sentence = (
            f"Segments are about {long} long, {ratio[at]:.1f} times the time scale of {scale}; "
            f"the labelling there agrees with those at scales nearby by {agreement[at]:.2f}. "
            f"It is {agreement[best]:.2f} around {length_text(radii[best], rate)}, "
            f"but so {'coarse' if best > at else 'fine'} a scale {fault}."
        )
    across = log_axis(
        "time scale, frames" + ("" if rate is None else " and seconds"), radii, unit=rate
    )
    mark = (float(chosen), length_text(chosen, rate))
    names = [length_text(one, rate) for one in radii]
    in_units = lengths if rate is None else [one / rate for one in lengths]
    unit = "frames" if rate is None else "seconds"
    upwards = log_axis(unit, in_units)
    charts = (
        Chart(
            "Agreement between scales nearby",
            across,
            _agreement_axis(agreement),
            _points(radii, names, agreement, [f"{one:.2f}" for one in agreement]),
            mark=mark,
        ),
        Chart(
            f"Mean segment, {unit}",
            across,
            upwards,
            _points(
                radii, names, in_units, [f"segments of {length_text(n, rate)}" for n in lengths]
            ),
            mark=mark,
        ),
    )
    rows = zip(map(frames_text, radii), names, agreement, lengths, strict=True)
    return Finding(
        "Time scale",
        sentence,
        "The recordings were segmented at each scale. Agreement is the adjusted Rand index with "
        "the labellings at scales nearby and from another start: 1 is the same labelling.",
        charts,
        head=("Time scale", *(() if rate is None else ("The same",)), "Agreement", "Mean segment"),
        rows=tuple(
            (frames, *(() if rate is None else (name,)), f"{a:.3f}", length_text(one, rate))
            for frames, name, a, one in rows
        ),
    )


def tell_order(values: Mapping[str, Any], rate: float | None) -> Finding:
    """The common order, from ``OrderEvidence`` as plain numbers."""
    turned = _numbers(values, "by_chance", least=0)
    (share,), (p,), (strength,) = (
        _numbers(values, one) for one in ("share", "p_value", "strength")
    )
    if not turned:
        return Finding(
            "Order",
            "No order was looked for: it takes two recordings that change along the way.",
        )
    chance = f"p = {p:.1g}" if p < 0.1 else f"p = {p:.2f}"
    if p <= CLEAR:
        sentence = f"The recordings share an order ({chance})."
    elif strength > 0:
        sentence = f"The recordings may share an order ({chance}), so it counts for less."
    else:
        sentence = f"The recordings share no common order ({chance}), so none is assumed."
    low, high = min(*turned, share), max(*turned, share)
    room = 0.04 * (high - low) or 0.05
    across = linear_axis("share of the variation", low - room, high + room)
    bars = histogram(turned, across.low, across.high)
    chart = Chart(
        f"{len(turned):,} times turned round at random",
        across,
        linear_axis("times", 0.0, max(n for *_, n in bars), most=4, whole=True),
        bars=tuple(bars),
        mark=(share, f"as they are: {share:.2f}"),
    )
    return Finding(
        "Order",
        sentence,
        "How much of what changes along a recording the others share. The bars are the same for "
        "recordings turned round at random, which keeps everything but a common order; p is the "
        "part of them that is as high.",
        (chart,),
        head=("What", "Value"),
        rows=(
            ("Share, as they are", f"{share:.3f}"),
            ("Share, turned at random, largest", f"{max(turned):.3f}"),
            ("p", f"{p:.3f}"),
            ("Strength, from 0 to 1", f"{strength:.2f}"),
        ),
    )


def tell_number(values: Mapping[str, Any], rate: float | None) -> Finding:
    """The number of actions, from ``NumberEvidence`` as plain numbers."""
    numbers, chosen = _numbers(values, "numbers"), int(values["chosen"])
    stability = _numbers(values, "stability", len(numbers))
    silhouette = _numbers(values, "silhouette", len(numbers))
    used = _numbers(values, "used", len(numbers))
    stable, compact = int(values["stable"]), int(values["compact"])
    if chosen not in numbers:
        raise ValueError(f"chosen is {chosen}, which was not tried")
    sentence = (
        f"{chosen} actions: between {stable}, the most that several starts find alike, and "
        f"{compact}, the most whose segments are compact."
        if stable != compact
        else f"{chosen} actions: the most that several starts find alike, and whose segments are "
        "compact."
    )
    room = 0.04 * max(1.0, max(numbers) - min(numbers))
    across = linear_axis(
        "number of actions", min(numbers) - room, max(numbers) + room, most=8, whole=True
    )
    curves = [("Agreement between starts", stability, _agreement_axis(stability))]
    top = max(*silhouette, 0.1)
    upwards = linear_axis("silhouette", min(*silhouette, 0.0), top)
    curves.append(("Silhouette of segments", silhouette, upwards))
    return Finding(
        "Number of actions",
        sentence,
        "For each number the recordings were segmented from several starts. Agreement is the "
        "adjusted mutual information of these labellings: 1 is the same labelling, and alike is "
        "0.95 or more. The silhouette says how much nearer segments lie to their own action than "
        "to others; compact is three quarters of the best. The geometric mean of the two is taken, "
        "rounded up: an action too many is easily merged.",
        tuple(
            Chart(
                title,
                across,
                upwards,
                _points(numbers, [f"{n:g}" for n in numbers], curve, [f"{y:.2f}" for y in curve]),
                mark=(float(chosen), f"{chosen} actions"),
            )
            for title, curve, upwards in curves
        ),
        head=("Actions", "Agreement", "Silhouette", "In use"),
        rows=tuple(
            (f"{n:g}", f"{a:.3f}", f"{s:.3f}", f"{u:.1f}")
            for n, a, s, u in zip(numbers, stability, silhouette, used, strict=True)
        ),
    )


def tell_background(values: Mapping[str, Any], rate: float | None) -> Finding:
    """The background, from ``BackgroundEvidence`` as plain numbers."""
    (share,), (apart,), (near,), (far,) = (
        _numbers(values, one) for one in ("share", "separation", "near", "far")
    )
    edges, counts = _numbers(values, "edges", least=0), _numbers(values, "counts", least=0)
    if not counts:
        return Finding("Background", "No background was looked for: it takes eight recordings.")
    if len(edges) != len(counts) + 1:
        raise ValueError("edges must be one more than counts")
    found = values["cost"] is not None
    chart = Chart(
        "Frames by their distance to other recordings",
        linear_axis("1 - cosine", edges[0], edges[-1]),
        linear_axis("frames", 0.0, max(counts), most=4, whole=True),
        bars=tuple(zip(edges[:-1], edges[1:], counts, strict=True)),
        mark=(_numbers(values, "cost")[0], "background beyond") if found else None,
    )
    return Finding(
        "Background",
        f"About {100 * share:.0f} % of the frames belong to no action."
        if found
        else "All frames belong to actions, as far as can be told.",
        "How far a frame is from what other recordings show. Two groups that stand well apart are "
        "actions and background.",
        (chart,),
        head=("What", "Value"),
        rows=(
            ("Mean of the near group", f"{near:.3f}"),
            ("Mean of the far group", f"{far:.3f}"),
            ("How far apart; enough from 2.3", f"{apart:.2f}"),
        ),
    )


def tell_learners(values: list[Mapping[str, Any]], rate: float | None) -> Finding:
    """The learners that vote, from the name and weight of each, and the agreement if known."""
    names = [str(one["name"]) for one in values]
    weights = [_numbers(one, "weight")[0] for one in values]
    total = sum(weights)
    if not weights or min(weights) < 0 or total <= 0:
        raise ValueError("weights must be 0 or more, and not all of them 0")
    shares = tuple((name, one / total) for name, one in zip(names, weights, strict=True))
    name, most = max(shares, key=lambda one: one[1])
    if len(shares) == 1:
        sentence = f"One learner decides: {name}."
    else:
        sentence = f"{len(shares)} learners vote; {name} counts most ({100 * most:.0f} %)."
    known = all("agreement" in one for one in values)
    agreement = [_numbers(one, "agreement")[0] for one in values] if known else []
    return Finding(
        "Learners",
        sentence,
        "A learner counts the more, the more its labels agree with those of the others."
        if known and len(shares) > 1
        else "",
        shares=shares,
        head=("Learner", "Share", "Agreement") if known else (),
        rows=tuple(
            (name, f"{100 * share:.1f} %", f"{one:.3f}")
            for (name, share), one in zip(shares, agreement, strict=False)
        ),
    )


def _numbers(
    values: Mapping[str, Any], key: str, length: int | None = None, *, least: int = 1
) -> list[float]:
    """A number, or a list of ``length`` numbers, as finite floats."""
    given = values[key]
    found = [float(one) for one in (given if isinstance(given, list) else [given])]
    if not all(map(math.isfinite, found)):
        raise ValueError(f"{key} must be finite")
    if len(found) < least or length not in (None, len(found)):
        raise ValueError(f"{key} has {len(found)} values, not {length or least}")
    return found


def _mean(values: list[float]) -> str:
    return f"{sum(values) / len(values):.2f}"


def _agreement_axis(values: list[float]) -> Axis:
    low = math.floor(4 * min(*values, 0.75)) / 4
    return linear_axis("agreement", low, max(*values, 1.0), most=4)


def _points(
    x: list[float], names: list[str], y: list[float], texts: list[str]
) -> tuple[tuple[float, float, str], ...]:
    words = [f"{name}: {text}" for name, text in zip(names, texts, strict=True)]
    return tuple(zip(x, y, words, strict=True))
