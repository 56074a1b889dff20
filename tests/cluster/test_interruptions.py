"""A provider that never gives the event loop back ends the leader, and the next one knows better than to begin there.

The provider is a plug-in as anybody may install one: what is evaluated has a budget, and a provider's code has none.
"""

from __future__ import annotations

import json
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from cluster.harness import create_tenant, start_replicas, stays, variables, wait_until
from esc_operator.election.record import NOTE
from esc_operator.kube.paths import LEASES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cluster.harness import Cluster, Tenant
    from local_operator import LocalOperator

SECONDS = 8
"""The duration of the lease: it leaves a third of it for a machine that does much else."""

PROVIDER = """
import asyncio
import time

class Broken:
    name = "broken"
    inputs = {"type": "object", "properties": {"way": {"type": "string"}}, "additionalProperties": False}
    outputs = {"type": "string"}

    def login(self, inputs):
        return None

    async def open(self, inputs, context):
        await getattr(self, inputs["way"])()

    async def computes(self):
        while True:
            pass

    async def sleeps(self):
        time.sleep(3600)

    async def computes_in_a_task(self):
        await asyncio.gather(asyncio.sleep(0), self.computes())

PROVIDER = Broken()
"""


def broken(way: str) -> dict[str, Any]:
    return variables(A={"fn::open::broken": {"way": way}})


def install_provider(folder: Path) -> Path:
    """A distribution with the provider, in a folder for PYTHONPATH."""
    made = folder / "plugins"
    described = made / "broken_provider-1.dist-info"
    described.mkdir(parents=True)
    (made / "broken_provider.py").write_text(PROVIDER)
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-provider\nVersion: 1\n")
    (described / "entry_points.txt").write_text("[esc_operator.providers]\nbroken = broken_provider:PROVIDER\n")
    return made


class Replicas:
    """Two, each of which is begun anew where it has ended, as in a pod. `ended`: the statuses with which they did."""

    def __init__(self, *both: LocalOperator) -> None:
        self.both = both
        self.ended: list[int] = []

    def keep(self) -> None:
        for one in self.both:
            if not one.is_running():
                self.ended.append(one.wait(1))
                one.start()

    def wait_until(self, happened: Any, what: str, tell: Any = lambda: "", patience: float = 30.0) -> None:
        def kept() -> bool:
            self.keep()
            return bool(happened())

        wait_until(kept, what, tell, patience)

    def leader(self) -> LocalOperator:
        self.wait_until(lambda: sum(one.leads() for one in self.both) == 1, "one of them leads")
        return next(one for one in self.both if one.leads())


@pytest.fixture
def replicas(tenant: Tenant, operator: LocalOperator, folder: Path, tmp_path: Path) -> Iterator[Replicas]:
    """Two that elect and have the provider, while the one that serves the other tests is away."""
    operator.stop()
    settings = {**tenant.aws.environment, "PYTHONPATH": str(install_provider(tmp_path))}
    try:
        with start_replicas(tenant.cluster, folder, tmp_path, settings, SECONDS) as both:
            yield Replicas(*both)
    finally:
        operator.start()


def noted(cluster: Cluster, tenant: Tenant) -> list[dict[str, Any]]:
    """What stands on the Lease for the next leader, of one namespace."""
    found = cluster.find(LEASES, "esc-system", "esc-operator")
    assert found is not None
    notes: list[dict[str, Any]] = json.loads((found["metadata"].get("annotations") or {}).get(NOTE, "[]"))
    return [note for note in notes if note["environment"].startswith(f"{tenant.namespace}/")]


def until_ended(leader: LocalOperator, tenant: Tenant, cluster: Cluster) -> None:
    """The environment `broken` ends the leader, which names it."""
    assert leader.wait(SECONDS + 10) == signal.SIGALRM
    *_, last = leader.log.read_text().splitlines()
    assert f'EscEnvironment "{tenant.namespace}/broken" is being evaluated (generation 1)' in last
    assert "it has blocked everything else for" in last
    (note,) = noted(cluster, tenant)
    assert (note["environment"], note["generation"], note["times"]) == (f"{tenant.namespace}/broken", 1, 1)


def test_what_held_up_a_leader_until_it_ended_is_named_and_left_alone_by_the_next_one(
    replicas: Replicas, tenant: Tenant, cluster: Cluster
) -> None:
    neighbour = create_tenant(cluster, tenant.aws, f"{tenant.namespace}-neighbour")
    first = replicas.leader()
    neighbour.apply("old", neighbour.login())
    neighbour.until_ready("old")
    tenant.apply("broken", broken("computes"))
    until_ended(first, tenant, cluster)
    first.start()
    replicas.leader()
    neighbour.apply("new", variables(A="1"))
    began = time.monotonic()
    replicas.wait_until(lambda: neighbour.is_ready("new"), "the neighbour's new environment is ready", patience=10)
    assert time.monotonic() - began < 5
    replicas.wait_until(
        lambda: tenant.condition("broken", "Refreshed").get("reason") == "OperatorInterrupted",
        "it is told why it is not evaluated",
        lambda: tenant.status("broken"),
    )
    message = tenant.condition("broken", "Refreshed")["message"]
    assert "an operator that evaluated this definition was interrupted: it has blocked everything else for" in message
    assert "or at once when its spec changes" in message
    stays(lambda: all(one.is_running() for one in replicas.both), SECONDS * 2)
    assert replicas.ended == []
    assert neighbour.mints() == 1

    tenant.apply("broken", variables(A="mended"))
    began = time.monotonic()
    replicas.wait_until(lambda: tenant.is_ready("broken"), "the new definition is tried", patience=10)
    assert time.monotonic() - began < 5
    assert tenant.values("broken") == {"A": "mended"}
    replicas.wait_until(lambda: noted(cluster, tenant) == [], "the note is dropped")
    neighbour.give_up()


@pytest.mark.parametrize("way", ["sleeps", "computes_in_a_task"])
def test_it_is_named_however_it_holds_the_loop(replicas: Replicas, tenant: Tenant, cluster: Cluster, way: str) -> None:
    leader = replicas.leader()
    tenant.apply("broken", broken(way))
    until_ended(leader, tenant, cluster)
    tenant.delete("broken")
    leader.start()
    replicas.leader()
    stays(lambda: all(one.is_running() for one in replicas.both), 2)
