"""Shards: all work is shared out once, evenly, whoever asks."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asot.errors import ConfigurationError
from asot.shards import Shard

SIZES = st.dictionaries(st.text(max_size=3), st.integers(0, 10**9), max_size=40)


@given(sizes=SIZES, count=st.integers(1, 12), order=st.randoms(use_true_random=False))
def test_shards_share_all_out_evenly(
    sizes: dict[str, int], count: int, order: random.Random
) -> None:
    shares = [Shard(number, count).take(sizes) for number in range(1, count + 1)]
    assert sorted(name for one in shares for name in one) == sorted(sizes)
    loads = [sum(sizes[name] for name in one) for one in shares]
    assert max(loads) - min(loads) <= max(sizes.values(), default=0)
    names = order.sample(sorted(sizes), len(sizes))
    assert Shard(1, count).take({name: sizes[name] for name in names}) == shares[0]


@given(count=st.integers(0, 40), shards=st.integers(1, 12), size=st.integers(0, 2))
def test_shards_of_equal_jobs_have_as_many(count: int, shards: int, size: int) -> None:
    sizes = {f"{number:02}": size for number in range(count)}
    own = [len(Shard(number, shards).take(sizes)) for number in range(1, shards + 1)]
    assert max(own) - min(own) <= 1


def test_shards_are_read_as_they_are_printed() -> None:
    assert str(Shard.of("3/8")) == "3/8"


NONE = ["0/2", "3/2", "1", "1/", "/2", "a/b", "-1/2", "1.5/2", "1/2/3", "1/²", "1/" + "9" * 5000]


@pytest.mark.parametrize("text", NONE, ids=lambda text: text[:5])
def test_shards_that_are_none(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--shard must be i/n with i from 1 to n, not "):
        Shard.of(text)
