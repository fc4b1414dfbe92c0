"""Names of actions: what they make of labels and assignments, and which files are refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.errors import ArgumentError, DataError
from asot.text import as_label
from asot.timeline.names import ActionNames, read_names, write_names
from asot.timeline.segments import UNLABELLED, segment_table

K = 6
words = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cn", "Cs"]), min_size=1, max_size=8
).map(as_label)
# Some that several actions get, and some that actions have without being named.
named = st.sampled_from(["pour", "stir", "action 1", "action 5"]) | words.filter(bool)


@st.composite
def action_names(draw: st.DrawFn) -> ActionNames:
    """Any names for six actions, with chains of merges but no rings."""
    order = draw(st.permutations(range(K)))
    merged = {}
    for place, action in enumerate(order[1:], start=1):
        if draw(st.booleans()):
            merged[action] = order[draw(st.integers(0, place - 1))]
    names = draw(st.dictionaries(st.integers(0, K - 1), named))
    return ActionNames(names, merged, draw(st.frozensets(st.integers(0, K - 1), max_size=3)))


def expected_groups(names: ActionNames) -> dict[int, frozenset[int] | None]:
    """Which actions are one with each action, None for background: by following it all by hand."""
    ends = {}
    for action in range(K):
        end = action
        for _ in range(K):
            end = names.merged.get(end, end)
        ends[action] = (
            None if end in names.background else names.names.get(end, f"action {end + 1}")
        )
    return {
        action: None if end is None else frozenset(a for a in ends if ends[a] == end)
        for action, end in ends.items()
    }


@given(names=action_names(), labels=st.lists(st.integers(-1, K - 1)))
def test_actions_that_are_one_get_one_label(names: ActionNames, labels: list[int]) -> None:
    groups = expected_groups(names)
    found = names.apply(np.array(labels, dtype=np.int64))
    assert found.dtype == np.int64
    for label, new in zip(labels, found.tolist(), strict=True):
        group = None if label == UNLABELLED else groups[label]
        assert (new == UNLABELLED) == (group is None)
        assert group is None or new in group
    targets = {group: names.target(min(group)) for group in groups.values() if group is not None}
    assert len(set(targets.values())) == len(targets), "others stay apart"
    for group, target in targets.items():
        assert {names.target(action) for action in group} == {target}
    shown = [names.name(target) for target in targets.values()]
    assert len(set(shown)) == len(shown), "and are called differently"


@given(names=action_names(), labels=st.lists(st.integers(-1, K - 1)))
def test_applied_twice_is_applied_once(names: ActionNames, labels: list[int]) -> None:
    once = names.apply(np.array(labels, dtype=np.int64))
    np.testing.assert_array_equal(names.apply(once), once)


@given(names=action_names(), data=st.data())
def test_shares_of_actions_that_are_one_are_added(names: ActionNames, data: st.DataObject) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    assignment = rng.dirichlet(np.ones(K), size=5).astype(np.float32)
    before = assignment.copy()
    shares = names.shares(assignment)
    np.testing.assert_array_equal(assignment, before)
    assert shares.dtype == np.float32
    for group in set(expected_groups(names).values()) - {None}:
        assert group is not None
        target = names.target(min(group))
        np.testing.assert_allclose(
            shares[:, target], before[:, sorted(group)].sum(axis=1), rtol=1e-5
        )
    kept = sorted({names.target(action) for action in range(K)} - {UNLABELLED})
    assert not shares[:, [one for one in range(K) if one not in kept]].any()


def test_a_merge_makes_one_segment_with_the_confidence_of_both() -> None:
    names = ActionNames({0: "pour"}, {2: 0}, frozenset({1}))
    labels = np.array([0, 2, 2, 1])
    assignment = np.array(
        [[0.7, 0.2, 0.1], [0.3, 0.1, 0.6], [0.4, 0.1, 0.5], [0.0, 1.0, 0.0]], dtype=np.float32
    )
    table = segment_table(
        "tea",
        names.apply(labels),
        names.shares(assignment),
        action_names={k: names.name(k) for k in range(3)},
    )
    assert [(row.action, row.start_frame, row.end_frame) for row in table] == [("pour", 0, 3)]
    assert table[0].confidence == pytest.approx((0.8 + 0.9 + 0.9) / 3, abs=1e-6)


def test_a_name_that_another_action_has_without_being_named() -> None:
    names = ActionNames({1: "action 4"})
    assert names.apply(np.array([0, 1, 2, 3])).tolist() == [0, 1, 2, 1]
    assert names.name(names.target(3)) == "action 4"
    assert ActionNames({3: "action 2"}).apply(np.array([1, 3])).tolist() == [1, 1]
    assert ActionNames({3: "action 2", 1: "pour"}).apply(np.array([1, 3])).tolist() == [1, 3]


def test_a_background_takes_what_is_merged_into_it() -> None:
    names = ActionNames({}, {2: 1, 1: 0}, frozenset({0}))
    assert names.apply(np.array([2, 1, 0, 3])).tolist() == [-1, -1, -1, 3]


def test_nothing_named_changes_nothing() -> None:
    names = ActionNames()
    assignment = np.full((2, 3), 1 / 3, dtype=np.float32)
    assert not names
    assert names.shares(assignment) is assignment
    assert names.apply(np.array([2, -1, 0])).tolist() == [2, -1, 0]
    assert [names.name(k) for k in range(2)] == ["action 1", "action 2"]


@given(names=action_names())
def test_written_and_read(names: ActionNames, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("names") / "names.json"
    write_names(path, names)
    assert read_names(path, K) == names


def test_a_plain_mapping_and_what_editors_add(tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    path.write_text('\ufeff{"0": "  pour\\n milk ", "1": "", "2": "泡茶 👩‍🔬"}', encoding="utf-8")
    assert read_names(path, 3) == ActionNames({0: "pour milk", 2: "泡茶 👩‍🔬"})
    path.write_text('{"action 1": "pour", "action 3": "stir", "1": "wait"}')
    assert read_names(path, 3) == ActionNames({0: "pour", 1: "wait", 2: "stir"})
    path.write_text("{}")
    assert read_names(path, 3) == ActionNames()


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ([], "values by name"),
        ({"format": 2, "names": {}}, "format"),
        ({"format": 1, "names": ["pour"]}, "names"),
        ({"format": 1, "names": {"0": "pour"}, "report": "x"}, "'report'"),
        ({"format": 1, "merged": 3}, "merged"),
        ({"format": 1, "background": {"0": True}}, "background"),
        ({"6": "pour"}, "speaks of action 7 (label 6), but there are 6 actions"),
        ({"-1": "pour"}, "a key"),
        ({"²": "pour"}, "a key"),
        ({"action 0": "pour"}, 'a key must be an action, as "action 1", or its label, as "0"'),
        ({"action 7": "pour"}, "speaks of action 7 (label 6), but there are 6 actions"),
        ({"pour": "0"}, "a key"),
        ({"9" * 5000: "pour"}, "a key"),
        ({"format": 1, "merged": {"0": 6}}, "speaks of action 7"),
        ({"format": 1, "merged": {"0": None}}, "merged"),
        ({"format": 1, "merged": {"0": 10**300}}, "merged"),
        ({"format": 1, "background": [1.0]}, "background[0]"),
        ({"format": 1, "background": [True]}, "background[0]"),
        ({"0": 3}, "must be text"),
        ({"0": None}, "must be text"),
        ({"0": "  "}, "the name of action 1 must be text, not ''"),
        ({"0": "a\u0000b"}, r"the name of action 1 must be text, not 'a\x00b'"),
        ({"0": "a\u001b[31mb"}, r"the name of action 1 must be text, not 'a\x1b[31mb'"),
        ({"0": "\ud800"}, "is not JSON"),
        ({"format": 1, "merged": {"0": 0}}, "action 1 is merged into itself: undo one of the"),
        ({"format": 1, "merged": {"4": 0, "0": 1, "1": 2, "2": 0}}, "into itself: undo one of"),
    ],
)
def test_files_that_are_refused(values: object, part: str, tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    path.write_text(json.dumps(values))
    with pytest.raises(DataError) as caught:
        read_names(path, K)
    assert caught.value.file == path
    assert part in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"0": "pour"', b"[" * 100_000])
def test_what_is_no_json(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_names(path, K)
    assert caught.value.file == path


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    for place in (tmp_path / "none.json", tmp_path):
        with pytest.raises(DataError) as caught:
            read_names(place, K)
        assert caught.value.file == place


def test_merges_that_run_in_a_circle_are_refused() -> None:
    with pytest.raises(ArgumentError) as caught:
        ActionNames(merged={4: 0, 0: 1, 1: 0})
    assert caught.value.setting == "merged"


def test_the_page_of_the_names_is_known(tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    path.write_text('{"format": 1, "page": "0123", "names": {"0": "pour"}}')
    assert read_names(path, K).page == "0123"


@pytest.mark.parametrize("name", ["pour\nmilk", "pour\u2028 milk\u200b", "\tpour\u00a0milk\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_names_are_labels_on_one_line(tmp_path: Path, name: str, encoding: str) -> None:
    path = tmp_path / "names.json"
    text = json.dumps({"0": name, "1": "pour milk", "2": "u\u0308ben"}, ensure_ascii=False)
    path.write_bytes(text.encode(encoding))
    names = read_names(path, 3)
    assert names == ActionNames({0: "pour milk", 1: "pour milk", 2: "\u00fcben"})
    assert names.target(1) == 0, "one action"
