"""The world of `world.py` with many namespaces in it, and a ClusterEscEnvironment that fills a Secret in most of them;
and the same where workloads take that Secret."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from unit.reconciliation.rollout_world import RolloutWorld, rolling, taking
from unit.reconciliation.rotation_world import RotationWorld
from unit.reconciliation.world import World, login, static

if TYPE_CHECKING:
    from collections.abc import Mapping

MANY = 50
TEAMS = {"namespaceSelector": {"matchLabels": {"team": "yes"}}}


class Teams(World):
    """A cluster with many namespaces, and a ClusterEscEnvironment `wide`."""

    def __init__(self, many: int = MANY) -> None:
        super().__init__()
        self.is_of_the_cluster = True
        self.names = [f"team-{number:02}" for number in range(many)]
        for name in self.names:
            self.api.put_namespace(name, {"team": "yes"})
        self.api.put_namespace("other")

    def put_wide(self, spec: Mapping[str, Any] | None = None, **target: Any) -> None:
        self.api.put_environment("wide", {**(spec or login()), "target": target or TEAMS}, "")

    @property
    def wide(self) -> dict[str, Any]:
        status: dict[str, Any] = self.api.environment("wide", "").get("status", {})
        return status

    def conditions(self) -> tuple[str, str, str, str]:
        found = {one["type"]: one for one in self.wide["conditions"]}
        ready, refreshed = found.get("Ready", {}), found.get("Refreshed", {})
        return (
            ready.get("status", ""),
            ready.get("reason", ""),
            refreshed.get("status", ""),
            refreshed.get("reason", ""),
        )

    def held(self, namespace: str) -> dict[str, str] | None:
        body = self.api.secret("wide", namespace)
        return {key: base64.b64decode(text).decode() for key, text in body["data"].items()} if body else None

    def everywhere(self) -> set[str]:
        return {str(self.held(name)) for name in self.names}

    def summary(self) -> tuple[int, int, int]:
        found = self.wide["namespaces"]
        return found["matched"], found["synced"], found["failing"]


class RollingTeams(Teams, RolloutWorld):
    """In each of its namespaces a Deployment `web` takes the Secret. `at_once` workloads are rolled at a time."""

    def __init__(self, many: int = MANY, at_once: int = 10) -> None:
        super().__init__(many)
        self.at_once = at_once
        for name in self.names:
            self.put_web(name)

    def put_web(self, namespace: str, **more: Any) -> None:
        self.api.put_workload("web", taking("wide"), namespace=namespace, **more)

    async def fill(self, value: str, /, target: Mapping[str, Any] = TEAMS, **rollout: Any) -> None:
        """Let all namespaces have that value."""
        self.put_wide(rolling(static(A=value), **rollout), **target)
        await self.settle()

    @property
    def rolled(self) -> dict[str, Any]:
        """The condition RolledOut."""
        found = [one for one in self.wide.get("conditions", ()) if one["type"] == "RolledOut"]
        return found[0] if found else {}

    def rolled_told(self) -> tuple[str, str, int]:
        """Status and reason of RolledOut, and in how many namespaces all is right."""
        return (
            self.rolled.get("status", ""),
            self.rolled.get("reason", ""),
            self.wide["namespaces"].get("rolledOut", -1),
        )

    def behind(self) -> dict[str, str]:
        return {one["namespace"]: one["reason"] for one in self.wide["namespaces"].get("behind", ())}

    def arrive_everywhere(self) -> None:
        """New pods come wherever they were asked for."""
        for name in self.names:
            self.api.arrive("web", namespace=name)

    def revisions(self) -> set[str]:
        """What the templates of all namespaces name; "" for one that was never rolled."""
        found = (self.api.marks("web", namespace=name).get("wide") for name in self.names)
        return {stamp.revision if stamp else "" for stamp in found}


class RotatingTeams(RollingTeams, RotationWorld):
    """The same, with EscRotations."""
