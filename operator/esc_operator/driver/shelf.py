"""The cached answers of one namespace, by what was asked, and how much they weigh together."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

from esc_operator.evaluation import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from esc_operator.evaluation import Lease, Opened


class LoginKey(NamedTuple):
    """`tenant`: the namespace of the caller."""

    provider: str
    subject: str
    digest: str
    tenant: str


@runtime_checkable
class Weighty(Protocol):
    """A value that may be large."""

    @property
    def weight(self) -> int:
        """How many logins it counts as in the cache."""


def _weight_of(opened: Opened) -> int:
    return opened.value.weight if isinstance(opened.value, Weighty) else 1


class Shelf:
    """The cached answers of one namespace, and how much they weigh together."""

    def __init__(self) -> None:
        self.kept: dict[LoginKey, tuple[Opened, Lease]] = {}
        self.weight = 0
        self._ends: list[tuple[datetime, int, LoginKey]] = []
        self._count = itertools.count()

    def keep(self, key: LoginKey, opened: Opened, lease: Lease) -> None:
        earlier = self.kept.get(key)
        if earlier and earlier[1].issued_at > lease.issued_at:
            return  # a login that was overtaken by a fresher one
        self.weight += _weight_of(opened) - (_weight_of(earlier[0]) if earlier else 0)
        self.kept[key] = opened, lease
        heapq.heappush(self._ends, (lease.expires_at, next(self._count), key))
        if len(self._ends) > 2 * len(self.kept) + 1:
            # Logins that were replaced long before they expire; only a storm of rotations makes this many.
            self._ends = [(kept.expires_at, next(self._count), key) for key, (_, kept) in self.kept.items()]
            heapq.heapify(self._ends)

    def drop_expired(self, now: datetime) -> None:
        while self._ends and self._ends[0][0] <= now:
            self._drop_next()

    def drop_first(self) -> None:
        """Drop the one that expires first."""
        many = len(self.kept)
        while len(self.kept) == many:
            self._drop_next()

    def _drop_next(self) -> None:
        """A login that was replaced since is skipped."""
        expires_at, _, key = heapq.heappop(self._ends)
        if key in self.kept and self.kept[key][1].expires_at == expires_at:
            self.drop(key)

    def drop(self, key: LoginKey) -> bool:
        """Drop one; whether it was there."""
        found = self.kept.pop(key, None)
        if found is not None:
            self.weight -= _weight_of(found[0])
        return found is not None

    def drop_logins_in(self, inputs: Mapping[str, Any], subject: str) -> None:
        """Drop those of an identity whose secrets are in these inputs."""
        texts = frozenset(_texts(inputs))
        for key in [key for key in self.kept if key.subject == subject]:
            if not texts.isdisjoint(_secrets(self.kept[key][0])):
                self.drop(key)


def _secrets(opened: Opened) -> Iterator[str]:
    """The secret texts of an answer."""
    yield from _texts(opened.value) if opened.secret else _marked(opened.value)


def _marked(data: Any) -> Iterator[str]:
    """The texts in the parts that are marked as secret."""
    match data:
        case Secret():
            yield from _texts(data.value)
        case dict():
            for part in data.values():
                yield from _marked(part)
        case list() | tuple():
            for part in data:
                yield from _marked(part)


def _texts(data: Any) -> Iterator[str]:
    """All texts in data; an empty one says nothing."""
    match data:
        case str() if data:
            yield data
        case Secret():
            yield from _texts(data.value)
        case dict():
            for part in data.values():
                yield from _texts(part)
        case list() | tuple():
            for part in data:
                yield from _texts(part)
