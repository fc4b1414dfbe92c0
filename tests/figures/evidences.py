"""Evidence as a run keeps it, found in generated recordings or drawn at random."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import msgspec
from hypothesis import strategies as st

from asot.discover.number import find_n_actions
from asot.discover.order import find_order
from asot.discover.radius import find_radius
from asot.figures.evidence_file import ModelEvidence
from asot.simulation import make_recordings

LEARNERS = [{"name": "frames, linear", "weight": 0.18}, {"name": "velocity", "weight": 0.54}]
CHOICE = {
    **{"chosen": "team", "names": ["team", "frames alone"], "gain": [31.5, -2.25]},
    **{"alike": [[1, 3]]},
}
TRUST = {
    **{"verdict": "mixed", "estimate": 0.714, "agreement": 0.62},
    **{"borne_out": 0.95, "share": 0.7},
}


@lru_cache
def _found(n_recordings: int, order: str) -> str:
    made = make_recordings(n_recordings, 4, order=order, noise=0.7, random_state=1)
    features = [one.astype("float32") for one in made.features]
    radius = find_radius(features, 4)
    evidence = {
        "radius": radius.to_dict(),
        "order": find_order(features).to_dict(),
        "n_actions": find_n_actions(features, radius.chosen, most=7).to_dict(),
        "learners": LEARNERS,
        "choice": CHOICE,
        "trust": TRUST,
        "frame_rate": 5.0,
    }
    return json.dumps(evidence)


def found_values(n_recordings: int = 5, order: str = "fixed") -> dict[str, Any]:
    """Evidence from generated recordings as plain values; a copy of one's own."""
    return json.loads(_found(n_recordings, order))


def found(n_recordings: int = 5, order: str = "fixed") -> ModelEvidence:
    """Evidence from generated recordings, as a reader of the file gets it."""
    return msgspec.json.decode(_found(n_recordings, order), type=ModelEvidence)


@st.composite
def evidences(draw: st.DrawFn) -> ModelEvidence:
    """Any evidence of the right shape."""

    def values(low: float, high: float, count: int) -> list[float]:
        return draw(st.lists(st.floats(low, high), min_size=count, max_size=count))

    steps = sorted(draw(st.sets(st.integers(1, 5000), min_size=1, max_size=12)))
    numbers = list(range(2, 2 + draw(st.integers(1, 30))))
    names = st.text(st.characters(codec="utf-8"), max_size=60)
    weights = st.floats(0.01, 10)
    candidates = draw(st.lists(names, min_size=1, max_size=4, unique=True))
    share = st.floats(0, 1)
    evidence = {
        "radius": {
            "chosen": draw(st.sampled_from(steps)),
            "radii": steps,
            "score": values(-2, 1, len(steps)),
            "segment_length": values(1, 1e5, len(steps)),
        },
        "order": {
            "share": draw(st.floats(-0.5, 1)),
            "by_chance": values(-0.5, 1, draw(st.sampled_from([0, 1, 30]))),
            "p_value": draw(st.floats(0.001, 1)),
            "strength": draw(st.floats(0, 1)),
            "drift_p_value": draw(st.none() | st.floats(0.001, 1)),
        },
        "n_actions": {
            "chosen": draw(st.sampled_from(numbers)),
            "ties": draw(st.lists(st.sampled_from(numbers), max_size=4, unique=True)),
            "numbers": numbers,
            "score": values(-1, 1, len(numbers)),
            "agreement": values(-0.5, 1, len(numbers)),
            "gain": values(0, 1, len(numbers)),
            "kinds": draw(st.none() | st.floats(1, 30)),
        },
        "learners": [
            {"name": draw(names), "weight": draw(weights)} for _ in range(draw(st.integers(1, 8)))
        ],
        "choice": {
            "chosen": draw(st.sampled_from(candidates)),
            "names": candidates,
            "gain": values(-100, 1000, len(candidates)),
            "alike": draw(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=5)),
        },
        "trust": {
            "verdict": draw(st.sampled_from(["good", "mixed", "weak"])),
            "agreement": draw(st.floats(-0.5, 1)),
            **{name: draw(share) for name in ("estimate", "borne_out", "share")},
            "beyond_noise": draw(st.booleans()),
        },
    }
    for part in draw(st.sets(st.sampled_from(sorted(evidence)))):
        evidence[part] = None
    evidence["frame_rate"] = draw(st.none() | st.floats(0.1, 250))
    return msgspec.convert(evidence, ModelEvidence)
