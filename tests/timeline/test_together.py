"""Corrections of several people: what most say, what they differ in, and what is the same."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from asot.timeline.corrections import Corrected, Corrections, Patch
from asot.timeline.names import ActionNames
from asot.timeline.together import NO_LOOK, bring_together

K = 3


def patches(*values: tuple[int, int, int], frames: int = 10) -> dict[str, Corrected]:
    return {"tea": Corrected(frames, tuple(Patch(*value) for value in values))}


def drawn(rng: np.random.Generator, names: ActionNames, frames: int) -> Corrections:
    edges = np.sort(rng.choice(frames + 1, 8, replace=False)).tolist()
    actions = rng.integers(-1, K + names.added, 4).tolist()
    values = zip(edges[::2], edges[1::2], actions, strict=True)
    return Corrections(names, patches(*values, frames=frames))


def test_one_person_is_taken_at_their_word(rng: np.random.Generator) -> None:
    names = ActionNames({0: "pour", 3: "shake"}, {1: 0}, frozenset({2}), 2)
    one = drawn(rng, names, 40)
    found = bring_together([one], K)
    assert found.corrections == one
    assert found.renamed == {}


def test_a_frame_is_what_most_say_and_of_the_first_where_as_many(rng: np.random.Generator) -> None:
    people = [drawn(rng, ActionNames(), 40) for _ in range(4)]
    found = bring_together(people, K).corrections.recordings["tea"]
    unseen = np.full(40, NO_LOOK)
    said = [one.recordings["tea"].apply(unseen).tolist() for one in people]
    expected = []
    for frame in zip(*said, strict=True):
        votes = [one for one in frame if one != NO_LOOK] or [NO_LOOK]
        # A Counter keeps the order of the first that comes.
        expected.append(Counter(votes).most_common(1)[0][0])
    assert found.apply(unseen).tolist() == expected
    assert not {NO_LOOK} & {one.action for one in found.segments}


def test_names_merges_and_background_are_votes_of_those_who_say_something() -> None:
    people = [
        Corrections(ActionNames({0: "pour", 1: "stir"})),
        Corrections(ActionNames({0: "fill"}, {1: 2})),
        Corrections(ActionNames({0: "fill"}, {}, frozenset({2}))),
        Corrections(ActionNames()),
    ]
    found = bring_together(people, K)
    assert found.corrections.names == ActionNames({0: "fill", 1: "stir"}, {}, frozenset({2}))
    assert found.renamed == {
        0: ("pour", "fill", "fill", "", "fill"),
        1: ("stir", "part of action 3", "", "", "stir"),
    }


def test_merges_never_close_a_circle() -> None:
    people = [Corrections(ActionNames({}, {0: 1})), Corrections(ActionNames({}, {1: 2, 2: 0}))]
    assert bring_together(people, K).corrections.names.merged == {0: 1, 1: 2}


def test_added_actions_are_the_same_where_their_names_are() -> None:
    one = Corrections(ActionNames({3: "shake", 4: "wait"}, added=2), patches((0, 4, 3), (4, 6, 4)))
    two = Corrections(ActionNames({4: "shake"}, added=2), patches((0, 4, 4), (4, 6, 3)))
    found = bring_together([one, two], K)
    assert found.corrections.names == ActionNames({3: "shake", 4: "wait"}, added=3)
    assert found.looks["tea"].tolist() == [
        [3] * 4 + [4] * 2 + [-2] * 4,
        [3] * 4 + [5] * 2 + [-2] * 4,
    ]
    again = bring_together([two, one], K).corrections.names
    assert again == ActionNames({4: "shake", 5: "wait"}, added=3)


def test_people_mean_an_action_by_the_name_that_they_gave_it() -> None:
    one = Corrections(ActionNames({0: "pour", 1: "stir"}), patches((0, 5, 0)))
    two = Corrections(ActionNames({0: "stir", 1: "pour"}), patches((0, 5, 1)))
    found = bring_together([one, two], K)
    assert found.looks["tea"].tolist() == [[0] * 5 + [-2] * 5] * 2
    assert found.renamed == {0: ("pour", "stir", "pour"), 1: ("stir", "pour", "stir")}
    merged = Corrections(ActionNames({}, {2: 0}), patches((0, 5, 2)))
    agreed = bring_together([one, merged], K)
    assert (agreed.looks["tea"][:, :5] == 0).all(), "merged actions are one"


@pytest.mark.parametrize("reverse", [False, True])
def test_notes_stay_with_the_segment_that_they_are_most_of(reverse: bool) -> None:
    noted = {"tea": Corrected(10, (Patch(0, 7, 0, "left hand"), Patch(8, 9, 2)))}
    other = {"tea": Corrected(10, (Patch(0, 2, 1, "early"), Patch(5, 9, 0, "slow")))}
    people = [Corrections(recordings=noted, by="Ada"), Corrections(recordings=other, by="Ben")]
    found = bring_together(people[:: -1 if reverse else 1], K).corrections
    notes = {(one.start, one.end, one.action): one.note for one in found.recordings["tea"].segments}
    if reverse:
        assert notes == {(0, 2, 1): "early", (2, 9, 0): "slow; left hand"}
    else:
        assert notes == {(0, 8, 0): "left hand; early; slow", (8, 9, 2): ""}
    assert found.by == ("Ben, Ada" if reverse else "Ada, Ben")


def test_people_may_look_at_recordings_of_their_own() -> None:
    one = Corrections(recordings=patches((0, 3, 1), (3, 5, 1)))
    two = Corrections(recordings={"egg": Corrected(4, (Patch(1, 2, 0),))})
    found = bring_together([one, two], K)
    assert found.corrections.recordings == {**one.recordings, **two.recordings}
    assert found.looks["egg"].tolist() == [[-2] * 4, [-2, 0, -2, -2]]
