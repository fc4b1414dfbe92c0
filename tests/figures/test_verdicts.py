"""Verdicts in words."""

from __future__ import annotations

from asot.figures.evidence import tell_verdict
from asot.figures.verdicts import verdict_on
from tests.figures.evidences import found


def test_what_is_said() -> None:
    whole = found()
    told = tell_verdict(whole)
    assert whole.trust is not None
    assert told.word == whole.trust.verdict
    assert told.sentence == "Mixed: about 71 % of the frames are likely right."
    noise = verdict_on("weak", 0.55, beyond_noise=False)
    assert noise.sentence == "Weak: the recordings do not stand out from noise of the same rhythm."
    assert "--n_actions" in noise.advice


def test_what_is_not_known_says_why() -> None:
    single, network = found(), found()
    single.trust = None
    network.trust = network.learners = network.choice = None
    assert "single network" in tell_verdict(None, trained_here=True).sentence
    for evidence, why in ((single, "comes again"), (network, "single network"), (None, "trained")):
        told = tell_verdict(evidence)
        assert told.word == "not known"
        assert why in told.sentence
