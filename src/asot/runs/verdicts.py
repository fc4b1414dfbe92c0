"""The verdict on a folder's results, with what their actions give reason to try."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from asot.figures.evidence import tell_verdict
from asot.figures.evidence_file import ModelEvidence
from asot.figures.verdicts import VerdictText
from asot.runs.predictions import PredictionFolder
from asot.timeline.names import default_name
from asot.timeline.segments import UNLABELLED, run_lengths

# An action of such segments, beside those of the middle action, and of so little of the frames, may
# be nothing but the changes between others.
SHORT = 0.2
LITTLE = 0.1


def verdict_of(
    folder: PredictionFolder, model: str, evidence: ModelEvidence | None, trained_here: bool
) -> VerdictText:
    """Tell how right the results of a model are; see :func:`asot.figures.evidence.tell_verdict`."""
    verdict, n_actions = tell_verdict(evidence, trained_here), folder.n_actions(model)
    if verdict.word != "not known" and _changed(folder, model, n_actions):
        sentence = f"{verdict.sentence} Estimated before anything was merged or corrected."
        verdict = replace(verdict, sentence=sentence)
    if evidence is None or evidence.n_actions is not None:  # where it was found, one more is there
        return verdict
    segments, frames = np.zeros(n_actions), np.zeros(n_actions)
    for name, own in folder.models().items():
        if own == model:
            starts, ends, labels = run_lengths(folder.labels(name))
            known = labels != UNLABELLED
            np.add.at(segments, labels[known], 1)
            np.add.at(frames, labels[known], (ends - starts)[known])
    used = np.flatnonzero(segments)
    lengths = frames[used] / segments[used]
    short = used[(lengths < SHORT * np.median(lengths)) & (frames[used] < LITTLE * frames.sum())]
    if not len(short):
        return verdict
    name = default_name(int(short[0])).capitalize()
    hint = (
        f"{name} is short wherever it comes, and may be the change between others: then two of "
        f"them may have become one, and one more may help (--n_actions {n_actions + 1})."
    )
    return replace(verdict, advice=f"{hint} {verdict.advice}")


def _changed(folder: PredictionFolder, model: str, n_actions: int) -> bool:
    """Tell whether people merged actions of a model, or corrected segments, also to learn from."""
    targets = map(folder.names(model, n_actions).target, range(n_actions))
    own = (name for name, one in folder.models().items() if one == model)
    return any(target not in (action, UNLABELLED) for action, target in enumerate(targets)) or any(
        folder.corrected_path(name).is_file() for name in own
    )
