"""Two replicas on a real API server: one works, and when it goes, however it goes, the other goes on where it was."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import pytest

from cluster.harness import start_replicas, stays, variables, wait_until
from esc_operator.kube.paths import LEASES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cluster.harness import Cluster, Tenant
    from local_operator import LocalOperator

SECONDS = 4
"""The duration of the lease; shorter than anybody would choose, for the tests to be short."""


class Pair:
    def __init__(self, *both: LocalOperator) -> None:
        self.both = both

    def leader(self) -> LocalOperator:
        wait_until(lambda: sum(one.leads() for one in self.both) == 1, "one of them leads")
        return next(one for one in self.both if one.leads())

    def other(self, one: LocalOperator) -> LocalOperator:
        return next(other for other in self.both if other is not one)


@pytest.fixture
def pair(tenant: Tenant, operator: LocalOperator, folder: Path, tmp_path: Path) -> Iterator[Pair]:
    """Two that elect, while the one that serves the other tests is away; it is back when the tenant goes."""
    operator.stop()
    try:
        with start_replicas(tenant.cluster, folder, tmp_path, tenant.aws.environment, SECONDS) as both:
            yield Pair(*both)
    finally:
        operator.start()


def lease(cluster: Cluster) -> dict[str, object]:
    found = cluster.find(LEASES, "esc-system", "esc-operator")
    assert found is not None
    spec: dict[str, object] = found["spec"]
    return spec


def rotated(tenant: Tenant, request: str) -> None:
    tenant.annotate("aws", annotations={"esc-operator.dev/rotate-requested-at": request})
    wait_until(lambda: tenant.status("aws").get("observedRotateRequest") == request, "the request is honoured")


def test_a_leader_that_was_killed_is_replaced_and_nothing_is_minted_twice(pair: Pair, tenant: Tenant) -> None:
    first = pair.leader()
    second = pair.other(first)
    tenant.apply("aws", tenant.login())
    tenant.until_ready("aws")
    assert tenant.mints() == 1
    assert not second.leads()
    assert "\nesc_operator_leader 1.0\n" in first.scrape()
    assert "\nesc_operator_leader 0.0\n" in second.scrape()
    first.kill()
    killed = time.monotonic()
    tenant.apply("new", variables(A="1"))
    tenant.until_ready("new")
    assert time.monotonic() - killed < SECONDS + 5
    assert second.leads()
    assert tenant.mints() == 1
    first.start()  # it comes back, and stands by
    assert not first.leads()
    rotated(tenant, "now")
    assert tenant.mints() == 2


def test_a_leader_that_is_asked_to_end_hands_over_at_once(pair: Pair, tenant: Tenant, cluster: Cluster) -> None:
    tenant.apply("aws", tenant.login())
    tenant.until_ready("aws")
    for _ in range(3):
        leader = pair.leader()
        before = lease(cluster)["leaseTransitions"]
        asked = time.monotonic()
        os.kill(leader.pid, signal.SIGTERM)
        wait_until(pair.other(leader).leads, "the other leads")
        assert time.monotonic() - asked < SECONDS * 2 / 3
        assert leader.wait(20) == 0
        assert lease(cluster)["leaseTransitions"] == before + 1  # type: ignore[operator]
        leader.start()
    assert tenant.mints() == 1


def test_the_last_one_that_ends_leaves_the_lease_to_whoever_comes(pair: Pair, cluster: Cluster) -> None:
    leader = pair.leader()
    pair.other(leader).stop()
    leader.stop()
    assert "holderIdentity" not in lease(cluster)
    leader.start()
    # It is ready as soon as it knows of the lease, and by then it has taken one that nobody holds.
    wait_until(leader.leads, "it leads again", patience=2)
    leader.kill()
    leader.start()
    assert not leader.leads()  # its predecessor's time is not over yet
    wait_until(leader.leads, "its predecessor's time is over")


def test_a_leader_that_was_stopped_for_too_long_ends_without_a_word(pair: Pair, tenant: Tenant) -> None:
    tenant.apply("aws", tenant.login())
    tenant.until_ready("aws")
    leader = pair.leader()
    os.kill(leader.pid, signal.SIGSTOP)
    # While it is stopped it is asked for something, which it must not do when it goes on.
    tenant.annotate("aws", annotations={"esc-operator.dev/rotate-requested-at": "now"})
    wait_until(lambda: tenant.status("aws").get("observedRotateRequest") == "now", "the other has taken over")
    held = tenant.environment("aws"), tenant.secret("aws")
    os.kill(leader.pid, signal.SIGCONT)
    assert leader.wait(5) == signal.SIGALRM
    stays(lambda: (tenant.environment("aws"), tenant.secret("aws")) == held, 1.0)
    assert tenant.mints() == 2
