"""Shards: the shares of a job that processes on several machines do, without talking.

Who does what is decided by names and sizes alone, which all of them see.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass

from asot.errors import ConfigurationError


@dataclass(frozen=True)
class Shard:
    """The share ``number``, from 1 on, of ``count``; printed as ``3/8``."""

    number: int
    count: int

    @classmethod
    def of(cls, text: str) -> Shard:
        """Read ``i/n``; it is a ConfigurationError if there is no such share."""
        first, slash, count = text.partition("/")
        digits = slash and all(one.isascii() and one.isdecimal() for one in (first, count))
        if not digits or len(count) > 9 or not 1 <= int(first) <= int(count):
            message = f"--shard must be i/n with i from 1 to n, not {text}."
            raise ConfigurationError(message, setting="shard")
        return cls(int(first), int(count))

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def take(self, sizes: Mapping[str, float]) -> set[str]:
        """Return the names of this share, of jobs with ``sizes``; those of all shares are as large.

        The largest comes first, and each goes to the share that has least by then.

        Examples
        --------
        >>> sizes = {"long": 9, "a": 3, "b": 3, "c": 3}
        >>> sorted(Shard(1, 2).take(sizes)), sorted(Shard(2, 2).take(sizes))
        (['long'], ['a', 'b', 'c'])
        """
        own, loads = set(), [(0.0, 0, number) for number in range(1, self.count + 1)]
        for name in sorted(sizes, key=lambda one: (-sizes[one], one)):
            load, jobs, number = loads[0]
            heapq.heapreplace(loads, (load + sizes[name], jobs + 1, number))
            if number == self.number:
                own.add(name)
        return own


@dataclass(frozen=True)
class ShardResult:
    """What became of a shard: ``own`` of ``total`` jobs, of which ``left`` are done by nobody."""

    what: str
    own: int
    left: int
    total: int
