"""The evidence for the settings of a run's models, in sentences, curves and shares.

The values of ``evidence.json`` become findings, which the command line, the pictures and the page
show alike.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asot.figures.evidence_file import (
    BackgroundTest,
    CandidateScores,
    LearnerWeight,
    ModelEvidence,
    NumberCurve,
    OrderTest,
    RadiusCurve,
    TrustEstimate,
)
from asot.figures.verdicts import VerdictText, verdict_on, verdict_unknown

CLEAR = 0.05  # largest p of a clear order
BINS = 24  # of a histogram
MOST_ALIKE = 3  # pairs of actions that are named
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)

Tick = tuple[float, str]


@dataclass(frozen=True, slots=True)
class Axis:
    """An axis of a chart; the words of its ticks stand on one line or two."""

    label: str
    low: float
    high: float
    ticks: tuple[Tick, ...]
    log: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """A curve of points (x, y, words) or bars (from, to, height), with the choice (x, words)."""

    title: str
    x: Axis
    y: Axis
    points: tuple[tuple[float, float, str], ...] = ()
    bars: tuple[tuple[float, float, float], ...] = ()
    mark: Tick | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """A setting: its choice in a sentence, a guide to its charts (at most two), and a table."""

    heading: str
    sentence: str
    reading: str = ""
    charts: tuple[Chart, ...] = ()
    shares: tuple[tuple[str, float], ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def findings(evidence: ModelEvidence) -> list[Finding]:
    """Make a finding for each setting that the evidence of a model is about."""
    rate = evidence.frame_rate
    told = [
        _tell_trust(evidence.trust) if evidence.trust else None,
        _tell_radius(evidence.radius, rate) if evidence.radius else None,
        _tell_order(evidence.order) if evidence.order else None,
        _tell_number(evidence.n_actions) if evidence.n_actions else None,
        _tell_background(evidence.background) if evidence.background else None,
        _tell_learners(evidence.learners) if evidence.learners else None,
        _tell_choice(evidence.choice) if evidence.choice else None,
    ]
    return [one for one in told if one is not None]


def tell_verdict(evidence: ModelEvidence | None, trained_here: bool = False) -> VerdictText:
    """Tell how right the result of a model is, which may have been trained on other recordings.

    Nothing may be found from the recordings where a single network is trained here.
    """
    if evidence is None and not trained_here:
        return verdict_unknown("it is estimated for the recordings that a model was trained on")
    trust = None if evidence is None else evidence.trust
    if evidence is not None and trust is not None:
        given = evidence.n_actions is None
        return verdict_on(trust.verdict, trust.estimate, trust.beyond_noise, given)
    if evidence is None or (evidence.learners is None and evidence.choice is None):
        return verdict_unknown("a single network has nothing to compare with")
    return verdict_unknown("no action of this single recording comes again")


def _tell_trust(values: TrustEstimate) -> Finding:
    return Finding(
        "How right",
        verdict_on(values.verdict, values.estimate, values.beyond_noise).sentence,
        "Estimated from how far the learners agree with the result, and how well segments of some "
        "recordings tell those of the others apart. It is calibrated on recordings with known "
        "labels; whether the actions are those that a person would name, and at what detail, it "
        "cannot know.",
        head=("What", "Value"),
        rows=(
            ("Estimated share of right frames", f"{values.estimate:.2f}"),
            ("Agreement of the learners with the result", f"{values.agreement:.2f}"),
            ("Recordings bear each other out, of 1", f"{values.borne_out:.2f}"),
        ),
    )


def _tell_choice(values: CandidateScores) -> Finding:
    sentence = {
        "team": "The result is that of the team.",
        "frames alone": "Frames are clear enough alone: prototypes without training vote.",
    }.get(values.chosen, f"{values.chosen.capitalize()} alone describes them best.")
    if values.alike:
        pairs = [f"{a + 1} and {b + 1}" for a, b in values.alike[:MOST_ALIKE]]
        sentence += f" Actions that may be one: {', '.join(pairs)}."
    return Finding(
        "Result",
        sentence,
        "Simpler methods are held against the team. Each is scored by how much shorter it "
        "describes the frames than a single action does, in nats for each segment of the team. "
        "Frames alone take its place where already the nearest centre of each frame, which is not "
        "in the table, describes them nearly as well; the paper's network, where it is six nats "
        "better.",
        head=("Candidate", "Nats a segment"),
        rows=tuple((n, f"{one:.1f}") for n, one in zip(values.names, values.gain, strict=True)),
    )


_TAKEN = {None: "is taken", "training": "decoding takes", "decoding": "training takes"}


def _tell_radius(values: RadiusCurve, rate: float | None) -> Finding:
    radii, chosen, score, lengths = values.radii, values.chosen, values.score, values.segment_length
    at = radii.index(chosen)
    best = max(range(len(radii)), key=lambda i: (score[i], i == at))
    scale = length_text(chosen, rate)
    scale += "" if rate is None else f" ({frames_text(chosen)})"
    sentence = "The recordings are described best "
    if best == at:
        sentence += f"at a time scale of {scale}."
    else:
        reach = "up" if at > best else "down"
        sentence += (
            f"around {length_text(radii[best], rate)}, and nearly as well {reach} to {scale}, "
            f"which {_TAKEN[values.fixed]}."
        )
    if values.fixed:
        sentence += f" The recipe fixes that of {values.fixed}."
    unit, units = ("frames", "frames") if rate is None else ("seconds", "frames and seconds")
    across = log_axis(f"time scale, {units}", radii, unit=rate)
    in_units = lengths if rate is None else [one / rate for one in lengths]
    mark = (float(chosen), length_text(chosen, rate))
    names, shown = [length_text(r, rate) for r in radii], [length_text(n, rate) for n in lengths]
    shares = [max(one, 0.0) for one in score]
    scored = [f"{name}: {one:.2f}" for name, one in zip(names, score, strict=True)]
    long_at = [f"{name}: segments of {one}" for name, one in zip(names, shown, strict=True)]
    upwards = linear_axis("score", 0.0, max(*shares, 1.0), most=4)
    charts = tuple(
        Chart(title, across, axis, tuple(zip(radii, curve, words, strict=True)), mark=mark)
        for title, axis, curve, words in (
            ("How well frames are described", upwards, shares, scored),
            (f"Mean segment, {unit}", log_axis(unit, in_units), in_units, long_at),
        )
    )
    columns = [map(frames_text, radii), names, [f"{one:.3f}" for one in score], shown]
    titles = ["Time scale", "The same", "Score", "Mean segment"]
    if rate is None:
        del columns[1], titles[1]
    return Finding(
        "Time scale",
        sentence,
        "The recordings were segmented at each scale. The score is how much shorter the segments "
        "describe the frames than a single action does, as a share of the best: too fine a scale "
        "pays for needless segments, too coarse a one describes the frames badly.",
        charts,
        head=tuple(titles),
        rows=tuple(zip(*columns, strict=True)),
    )


def _tell_order(values: OrderTest) -> Finding:
    drawn, share, p = values.by_chance, values.share, values.p_value
    if not drawn:
        return Finding(
            "Order", "No order was looked for: it takes two recordings that change along the way."
        )
    drift = values.drift_p_value
    chance = f"p = {p:.1g}" if p < CLEAR else f"p = {p:.2f}" if p > 0.1 else f"p = {p:.2g}"
    if p <= CLEAR:
        sentence = f"The recordings share an order ({chance})."
    else:
        assumed = "a loose one is allowed for" if values.strength > 0 else "none is assumed"
        sentence = f"There is no sign of a common order ({chance}): {assumed}."
    low, high = min(*drawn, share), max(*drawn, share)
    room = 0.04 * (high - low) or 0.05
    across = linear_axis("share of the variation", low - room, high + room)
    counts, edges = np.histogram(drawn, BINS, (across.low, across.high))
    ends = edges.tolist()
    chart = Chart(
        f"{len(drawn):,} times by chance",
        across,
        linear_axis("times", 0.0, float(counts.max()), most=4, whole=True),
        bars=tuple(zip(ends[:-1], ends[1:], counts.tolist(), strict=True)),
        mark=(share, f"as they are: {share:.2f}"),
    )
    return Finding(
        "Order",
        sentence,
        "How much of what changes along a recording the others share. The bars are the same by "
        "chance: the changes are taken apart into waves, and each wave of each recording is turned "
        "upside down or not, which keeps everything but what is shared; p is the part of them that "
        "is as high. If recordings also move alike within segments, they drift, and slow changes "
        "do not count.",
        (chart,),
        head=("What", "Value"),
        rows=(
            ("Share, as they are", f"{share:.3f}"),
            ("Share by chance, largest", f"{max(drawn):.3f}"),
            ("p", f"{p:.3f}"),
            ("p of a drift", "-" if drift is None else f"{drift:.3f}"),
        ),
    )


def _tell_number(values: NumberCurve) -> Finding:
    numbers, chosen, score = values.numbers, values.chosen, values.score
    parts = [f"{chosen} actions score best"]
    if values.ties:
        *most, last = map(str, values.ties)
        ties = f"{', '.join(most)} and {last}" if most else last
        parts.append(f"{ties} would do nearly as well")
    sentence = f"{'; '.join(parts)}."
    room = 0.04 * max(1.0, max(numbers) - min(numbers))
    across = linear_axis(
        "number of actions", min(numbers) - room, max(numbers) + room, most=8, whole=True
    )
    both = [*values.agreement, *values.gain]
    upwards = linear_axis("score", min(*score, 0.0), max(*score, 0.1), most=4)
    curves = (
        ("Score", score, upwards),
        ("Agreement between views", values.agreement, linear_axis("agreement", min(*both, 0.0), 1)),
    )
    return Finding(
        "Number of actions",
        sentence,
        "For each number the recordings were segmented on four views. Three quarters of the score "
        "are the agreement between views, the adjusted Rand index over pairs of frames of two "
        "recordings (1 is the same labelling); a quarter is how much shorter the segments describe "
        "the frames, as a share of the most. "
        + (
            ""
            if values.kinds is None
            else "The score falls with the distance from the number of kinds of segments that come "
            f"again in other recordings, about {values.kinds:.1f}; changes between two actions may "
            "count as kinds, too. "
        )
        + "It falls a little with the distance from seven, which decides where the rest is flat. "
        "The number is a guess: on a third of the sets that it was measured on it was three or "
        "more off. Give it if you know it.",
        tuple(
            Chart(
                title,
                across,
                axis,
                tuple((n, y, f"{n}: {y:.2f}") for n, y in zip(numbers, curve, strict=True)),
                mark=(float(chosen), f"{chosen} actions"),
            )
            for title, curve, axis in curves
        ),
        head=("Actions", "Score", "Agreement", "Gain"),
        rows=tuple(
            (str(n), f"{s:.3f}", f"{a:.3f}", f"{g:.3f}")
            for n, s, a, g in zip(numbers, score, values.agreement, values.gain, strict=True)
        ),
    )


def _tell_background(values: BackgroundTest) -> Finding:
    edges, counts, cost = values.edges, values.counts, values.cost
    if not counts:
        return Finding("Background", "No background was looked for: it takes eight recordings.")
    chart = Chart(
        "Frames by their distance to other recordings",
        linear_axis("1 - cosine", edges[0], edges[-1]),
        linear_axis("frames", 0.0, max(counts), most=4, whole=True),
        bars=tuple(zip(edges[:-1], edges[1:], counts, strict=True)),
        mark=None if cost is None else (cost, "background beyond"),
    )
    return Finding(
        "Background",
        "All frames belong to actions, as far as can be told."
        if cost is None
        else f"About {100 * values.share:.0f} % of the frames belong to no action.",
        "How far a frame is from what other recordings show. Two groups that stand well apart are "
        "actions and background.",
        (chart,),
        head=("What", "Value"),
        rows=(
            ("Mean of the near group", f"{values.near:.3f}"),
            ("Mean of the far group", f"{values.far:.3f}"),
            ("How far apart; enough from 2.3", f"{values.separation:.2f}"),
        ),
    )


def _tell_learners(learners: list[LearnerWeight]) -> Finding:
    total = sum(one.weight for one in learners)
    shares = tuple((one.name, one.weight / total) for one in learners)
    name, most = max(shares, key=lambda one: one[1])
    if len(shares) == 1:
        sentence = f"One learner decides: {name}."
    else:
        sentence = f"{len(shares)} learners vote; {name} counts most ({100 * most:.0f} %)."
    agreement = [one.agreement for one in learners if one.agreement is not None]
    if len(agreement) < len(learners):
        return Finding("Learners", sentence, shares=shares)
    reading = (
        "A learner counts the more, the more its labels agree with those of the others and, where "
        "several recordings stand out from noise, the better they describe the frames. Learners of "
        "one name have different time scales."
    )
    rows = tuple(
        (name, f"{100 * share:.1f} %", f"{one:.3f}")
        for (name, share), one in zip(shares, agreement, strict=True)
    )
    head = ("Learner", "Share", "Agreement")
    reading = reading if len(shares) > 1 else ""
    return Finding("Learners", sentence, reading, shares=shares, head=head, rows=rows)


def linear_axis(label: str, low: float, high: float, *, most: int = 5, whole: bool = False) -> Axis:
    """Make an axis with at most ``most`` ticks; it is widened where ``low`` equals ``high``."""
    if high - low <= 1e-9 * max(abs(low), abs(high), 1.0):
        low, high = low - 0.5, high + 0.5
    reach = (high - low) / most
    scale = 10.0 ** math.floor(math.log10(reach))
    step = next(one * scale for one in _STEPS if one * scale >= reach * (1 - 1e-9))
    if whole:
        step = max(1.0, math.ceil(step))
    # Rounding must not lose a tick: 3 times 0.1 is a little more than 0.3.
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [min(max(one * step, low), high) for one in range(first, last + 1)]
    return Axis(label, low, high, tuple((one, _short(one)) for one in values))


def log_axis(label: str, values: Sequence[float], *, unit: float | None = None) -> Axis:
    """Make an axis of equal factors around positive values, with ticks at 1, 2, 5, 10, ...

    With ``unit``, the values in a second, a second line of each tick shows the seconds.
    """
    low, high = min(values) / 1.15, max(values) * 1.15
    powers = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in (1, 2, 5)]
    ticks = [one for one in ticks if low <= one <= high]
    if len(ticks) < 3:
        ticks = [one for one, _ in linear_axis(label, low, high, most=3).ticks]
    ticks = ticks[:: math.ceil(len(ticks) / (6 if unit is None else 4))]
    words = [_short(one) for one in ticks]
    if unit is not None:
        seconds = [_short(float(f"{one / unit:.2g}")) for one in ticks]
        words = [f"{one}\n{second} s" for one, second in zip(words, seconds, strict=True)]
    return Axis(label, low, high, tuple(zip(ticks, words, strict=True)), log=True)


def _short(value: float) -> str:
    """Write a tick in five characters or so: 0.25, 1500, 15k."""
    return f"{value:.6g}" if abs(value) < 9999.5 else f"{value / 1000:.6g}k"


def frames_text(frames: float) -> str:
    """Write a number of frames for people."""
    shown = f"{frames:.2g}" if frames < 9.95 else f"{round(frames):,}"
    return f"{shown} frame" + ("" if shown == "1" else "s")


def length_text(frames: float, frame_rate: float | None) -> str:
    """Write a length for people: in seconds where the frame rate is known, else in frames."""
    if frame_rate is None:
        return frames_text(frames)
    seconds = frames / frame_rate
    if seconds < 59.5:
        return f"{seconds:.2g} s" if seconds < 9.95 else f"{round(seconds)} s"
    if seconds < 3599.5:
        return "{} min {} s".format(*divmod(round(seconds), 60))
    return "{} h {:02} min".format(*divmod(round(seconds / 60), 60))
