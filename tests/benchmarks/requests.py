"""What was asked of an API server, as it counts it itself: so nothing is left out that the operator does not tell."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.bare_client import BareClient

WRITES = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE"})
READS = frozenset({"GET", "LIST"})
OURS = frozenset({"secrets", "escenvironments", "escrotations", "events", "serviceaccounts"})
"""What the operator works on; the cluster's own controllers write leases and the like all the time."""

_LABEL = re.compile(r'(\w+)="([^"]*)"')


class Requests:
    """Counts of requests by verb, resource and subresource; subtract an earlier one to see what came in between."""

    def __init__(self, counts: Counter[tuple[str, str, str]]) -> None:
        self._counts = counts

    @classmethod
    async def read(cls, client: BareClient) -> Requests:
        counts: Counter[tuple[str, str, str]] = Counter()
        for line in (await client.text("/metrics")).splitlines():
            if line.startswith("apiserver_request_total{"):
                labels, _, count = line.partition("{")[2].rpartition("} ")
                told = dict(_LABEL.findall(labels))
                if told["resource"] in OURS:
                    counts[told["verb"], told["resource"], told["subresource"]] += int(float(count))
        return cls(counts)

    def __sub__(self, earlier: Requests) -> Requests:
        return Requests(self._counts - earlier._counts)

    @property
    def tokens(self) -> int:
        """Tokens that were asked for: a POST that stores nothing."""
        return sum(count for (_, _, part), count in self._counts.items() if part == "token")

    @property
    def writes(self) -> int:
        return sum(count for (verb, _, part), count in self._counts.items() if verb in WRITES and part != "token")

    @property
    def reads(self) -> int:
        """Of one object, or a page of a list."""
        return sum(count for (verb, _, _), count in self._counts.items() if verb in READS)
