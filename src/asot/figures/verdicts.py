"""A verdict on a result in plain words, with what to try: for the page and the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Word = Literal["good", "mixed", "weak", "not known"]

_ALIKE = "check that the recordings show the same activity and that the right columns are used"
_NUMBER = "give the number of actions (--n_actions) if you know it"
_OTHER_NUMBER = "try another number of actions (--n_actions)"
_ADVICE: dict[Word, str] = {
    "good": "Name the actions; look where the confidence of a recording dips.",
    "mixed": "Look at the least sure recordings first. It may help to {number}, or to add "
    "recordings of the same activity.",
    "weak": "Look before you rely on anything: {alike}, {number}, or try other features.",
    "not known": "Look at examples of each action before you rely on them.",
}


@dataclass(frozen=True, slots=True)
class VerdictText:
    """How right a result is, as far as can be told without labels."""

    word: Word
    sentence: str
    advice: str


def verdict_on(
    word: Word, estimate: float, beyond_noise: bool = True, number_given: bool = False
) -> VerdictText:
    """Tell of a result of which ``estimate``, a share of its frames, is taken to be right.

    Examples
    --------
    >>> verdict_on("good", 0.917).sentence
    'Good: about 92 % of the frames are likely right.'
    """
    sentence = f"about {100 * estimate:.0f} % of the frames are likely right"
    if not beyond_noise:
        sentence = "the recordings do not stand out from noise of the same rhythm"
    number = _OTHER_NUMBER if number_given else _NUMBER
    advice = _ADVICE[word].format(alike=_ALIKE, number=number)
    return VerdictText(word, f"{word.capitalize()}: {sentence}.", advice)


def verdict_preliminary(n_learners: int) -> VerdictText:
    """Tell that a result is the first learner's alone, while others are trained."""
    sentence = (
        f"Preliminary: the first of {n_learners} learners alone has segmented the recordings."
    )
    advice = (
        "Do not name actions yet: the page of all learners takes this one's place when the command "
        "ends, and its actions are others. If the command was interrupted, give it again."
    )
    return VerdictText("not known", sentence, advice)


def verdict_unknown(why: str) -> VerdictText:
    """Tell that nothing is known of how right a result is, and why."""
    return VerdictText("not known", f"How right it is, is not known: {why}.", _ADVICE["not known"])
