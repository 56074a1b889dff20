"""How `pytest -n` shares the tests out to its workers: which of them stay together, and which go first.

What tests on a real API server stand on, each worker makes once, for itself: a cluster, clouds and an operator, or the
stage of two tenants. So nothing is shared between workers, and a test may stop its operator or let its cloud fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler.loadscope import LoadScopeScheduling

from local_cluster.choose import ExistingCluster, choose_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest
    from xdist.remote import Producer

ONE_CLUSTER = "the cluster that was named"
FIRST = (
    "tests/tenants/",
    "tests/cluster/",
    "tests/faults/",
    "tests/e2e/",
    "tests/local/",
    "tests/simulation/",
    "tests/unit/reconciliation/",
)
"""Folders of tests that mostly wait or take long, in the order in which they begin: what is quick fills up the end."""


class SharingOut(LoadScopeScheduling):  # type: ignore[misc]  # it has no types
    """Hands a unit of tests after the other to whichever worker is about to be done."""

    def __init__(self, config: pytest.Config, log: Producer | None) -> None:
        super().__init__(config, log)
        # Units go out in the order of the collection, which is `put_slow_ones_first`'s; not by their number of tests.
        config.option.loadscopereorder = False
        self._one_cluster = isinstance(choose_cluster(), ExistingCluster)

    def _split_scope(self, nodeid: str) -> str:
        return unit_of(nodeid, one_cluster=self._one_cluster)


def unit_of(nodeid: str, *, one_cluster: bool) -> str:
    """The name of the unit that a test belongs to; a unit is run by one worker, in its order.

    That is its module; of the tenants' attempts, all of one module of attempts; and of the tests in `tests/unit` and
    `tests/simulation`, whose fixtures cost nothing, all cases of one test. With a cluster that was named there is one
    operator to share.
    """
    path, _, rest = nodeid.partition("::")
    if path.startswith("tests/cluster/") and one_cluster:
        return ONE_CLUSTER
    if path.startswith("tests/tenants/"):
        return f"{path}::{rest.partition('[')[2].partition('-')[0]}"
    if path.startswith(("tests/unit/", "tests/simulation/")):
        return nodeid.partition("[")[0]
    return path


def put_slow_ones_first(items: list[pytest.Item]) -> None:
    """Leave the order otherwise."""
    items.sort(key=lambda item: _place(item.nodeid))


def _place(nodeid: str, folders: Sequence[str] = FIRST) -> int:
    return next((place for place, folder in enumerate(folders) if nodeid.startswith(folder)), len(folders))
