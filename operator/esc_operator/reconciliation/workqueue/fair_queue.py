"""Waiting keys, handed out by turns among tenants: the tenant with the fewest turns goes first.

Owns the order of one lane of the work queue; it knows nothing of workers. Among tenants that have had as many turns,
and within one tenant, the lowest rank goes first. A tenant that comes back after a while has not saved up any turns.

A started attempt that waits to continue goes ahead of those that its tenant has not started: it keeps an evaluation in
memory. Everything takes O(log n), including the occasional sweep.
"""

from __future__ import annotations

import heapq
import itertools
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

K = TypeVar("K")

SMALL = 64
"""Nothing is swept up to this size."""


class Kind(Enum):
    """What a tenant's next key is."""

    BEGUN = "begun"
    """An attempt to continue."""
    FIRST = "first"
    """One to start, of a tenant without a running one."""
    FURTHER = "further"
    """One to start in addition to others of its tenant."""


class Place(NamedTuple):
    """The position of a waiting key: by its rank, then in the order of arrival."""

    rank: float
    number: int
    begun: bool


class _Next(NamedTuple, Generic[K]):
    kind: Kind
    place: Place
    key: K


@dataclass(slots=True)
class _Tenant(Generic[K]):
    """`turns` counts those that it has had; an entry in the queue's heaps is valid only with this `version`."""

    name: str
    turns: int = 0
    version: int = 0
    next: _Next[K] | None = None
    begun: list[tuple[Place, K]] = field(default_factory=list)
    fresh: list[tuple[Place, K]] = field(default_factory=list)


class _Entry(NamedTuple):
    """A tenant's place in a heap. The version is of the queue, so no two are equal."""

    order: tuple[float, ...]
    version: int
    tenant: str


class FairQueue(Generic[K]):
    """`may_begin` says for a tenant what another started key would be, FIRST or FURTHER; None if it may not start any.
    `may_work` says whether it may have another worker at all. Call `review` when an answer changes."""

    def __init__(
        self, tenant_of: Callable[[K], str], may_begin: Callable[[str], Kind | None], may_work: Callable[[str], bool]
    ) -> None:
        self._tenant_of = tenant_of
        self._may_begin = may_begin
        self._may_work = may_work
        self._places: dict[K, Place] = {}
        self._tenants: dict[str, _Tenant[K]] = {}
        self._numbers = itertools.count()
        self._versions = itertools.count(1)
        self._turn = 0
        self._sweep_at = SMALL
        self._by_turns: dict[Kind, list[_Entry]] = {kind: [] for kind in Kind}
        self._by_rank: dict[Kind, list[_Entry]] = {kind: [] for kind in Kind}

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: object) -> bool:
        return key in self._places

    def rank(self, key: K) -> float:
        """The rank of a waiting key."""
        return self._places[key].rank

    def put(self, key: K, rank: float, *, begun: bool = False) -> None:
        """Add a key that does not wait yet."""
        self.put_back(key, Place(rank, next(self._numbers), begun))

    def put_back(self, key: K, place: Place) -> None:
        """Add a key at its former position."""
        name = self._tenant_of(key)
        tenant = self._tenants.get(name)
        if tenant is None:
            tenant = self._tenants[name] = _Tenant(name)
        self._places[key] = place
        heapq.heappush(tenant.begun if place.begun else tenant.fresh, (place, key))
        self._look(tenant)

    def remove(self, key: K) -> Place:
        """Remove a key without a turn; returns its position."""
        place = self._places.pop(key)
        self.review(self._tenant_of(key))
        return place

    def review(self, name: str) -> None:
        """Find out again which key of a tenant is next."""
        if tenant := self._tenants.get(name):
            self._look(tenant)

    def review_all(self) -> None:
        """As `review`, for every tenant."""
        for tenant in self._tenants.values():
            self._look(tenant)

    def has_any(self, kinds: Collection[Kind]) -> bool:
        """Whether there is a key of these kinds to hand out."""
        return any(self._top(self._by_turns[kind]) for kind in kinds)

    def pop(self, kinds: Collection[Kind], *, by_rank: bool = False) -> tuple[K, Place] | None:
        """The next key of these kinds, and its position: by turns, or the one with the lowest rank of all tenants.
        Either counts as a turn of its tenant."""
        heaps = self._by_rank if by_rank else self._by_turns
        tops = [top for kind in kinds if (top := self._top(heaps[kind]))]
        if not tops:
            return None
        tenant = self._tenants[min(tops).tenant]
        if tenant.next is None:
            raise AssertionError("what a heap holds of a tenant is true only while something is next for it")
        _, place, key = tenant.next
        if not by_rank:
            self._turn = max(self._turn, tenant.turns)
        tenant.turns += 1
        del self._places[key]
        self._look(tenant, had_turn=True)
        self._sweep()
        return key, place

    def _look(self, tenant: _Tenant[K], *, had_turn: bool = False) -> None:
        found = self._find_next(tenant)
        if found == tenant.next and not had_turn:
            return
        if tenant.next is None:
            tenant.turns = max(tenant.turns, self._turn)
        tenant.next, tenant.version = found, next(self._versions)
        if found is not None:
            rank, number, _ = found.place
            self._push(self._by_turns[found.kind], _Entry((tenant.turns, rank, number), tenant.version, tenant.name))
            self._push(self._by_rank[found.kind], _Entry((rank, number), tenant.version, tenant.name))

    def _find_next(self, tenant: _Tenant[K]) -> _Next[K] | None:
        for heap in (tenant.begun, tenant.fresh):
            while heap and self._places.get(heap[0][1]) != heap[0][0]:
                heapq.heappop(heap)  # it was removed, or is in another entry
        if not (tenant.begun or tenant.fresh) or not self._may_work(tenant.name):
            return None
        if tenant.begun:
            return _Next(Kind.BEGUN, *tenant.begun[0])
        if tenant.fresh and (kind := self._may_begin(tenant.name)):
            return _Next(kind, *tenant.fresh[0])
        return None

    def _push(self, heap: list[_Entry], entry: _Entry) -> None:
        if len(heap) > SMALL + 2 * len(self._tenants):
            heap[:] = [one for one in heap if self._is_true(one)]
            heapq.heapify(heap)
        heapq.heappush(heap, entry)

    def _top(self, heap: list[_Entry]) -> _Entry | None:
        while heap and not self._is_true(heap[0]):
            heapq.heappop(heap)
        return heap[0] if heap else None

    def _is_true(self, entry: _Entry) -> bool:
        tenant = self._tenants.get(entry.tenant)
        return tenant is not None and tenant.version == entry.version

    def _sweep(self) -> None:
        """Forget tenants without waiting keys that would come back as new ones do."""
        if len(self._tenants) <= self._sweep_at:
            return
        for tenant in list(self._tenants.values()):
            if not tenant.begun and not tenant.fresh and tenant.turns <= self._turn:
                del self._tenants[tenant.name]
        self._sweep_at = max(SMALL, 2 * len(self._tenants))
