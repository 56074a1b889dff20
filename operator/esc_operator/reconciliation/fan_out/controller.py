"""A ClusterEscEnvironment's Secrets: one evaluation, the same Secret in each of its namespaces."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.errors import KubeError
from esc_operator.reconciliation.fan_out.check import check
from esc_operator.reconciliation.fan_out.fill import Fill
from esc_operator.reconciliation.fan_out.plan import warn_of_missing
from esc_operator.reconciliation.fan_out.sites import SiteMemory, SiteSecrets
from esc_operator.reconciliation.sync import decide
from esc_operator.reconciliation.sync.attempt import AttemptParts, SyncAttempt

if TYPE_CHECKING:
    from esc_operator.kube.namespaces import Namespaces
    from esc_operator.reconciliation.fan_out.rollouts import FanOutRollouts
    from esc_operator.reconciliation.sync.cache import CachedEnvironment
    from esc_operator.reconciliation.sync.target_secret import TargetSecret
    from esc_operator.resources.environment import EscEnvironment

LATER = timedelta(seconds=5)


class FanOut:
    def __init__(self, parts: AttemptParts, namespaces: Namespaces, rollouts: FanOutRollouts | None = None) -> None:
        self._parts = parts
        self._secrets = SiteSecrets(parts.shared, namespaces)
        self._rollouts = rollouts
        self._memories: dict[str, SiteMemory] = {}

    def forget(self, uid: str) -> None:
        memory = self._memories.pop(uid, None)
        for key in memory.troubles if memory else ():
            self._secrets.retry_pace.forget(key)
        if self._rollouts is not None:
            self._rollouts.forget(uid)

    def standing(self, environment: EscEnvironment, entry: CachedEnvironment) -> TargetSecret:
        """The Secret that represents all, as far as it is known without a request."""
        return self._secrets.standing(environment, entry.status.seals)

    async def reconcile(self, environment: EscEnvironment, entry: CachedEnvironment) -> None:
        """Bring the Secrets of all its namespaces and its status to what they have to be. Raises KubeError."""
        memory = self._memories.setdefault(environment.uid, SiteMemory())
        attempt = SyncAttempt(self._parts, environment, entry)
        try:
            sites = await self._secrets.look(environment, entry.status, memory)
        except KubeError as error:
            plan = attempt.fail_read(self.standing(environment, entry), error)
            status = decide.with_others(plan.status, entry.status)
            await self._parts.status_writer.write(environment, entry, plan, status)
            return
        fill = Fill(attempt, self._secrets, memory, sites)
        if self._rollouts is not None:
            self._rollouts.take_up(environment, entry.status, sites)
        if environment.suspend:
            plan = decide.plan_suspended(attempt.situation(fill.target))
        else:
            left_over = await self._secrets.leave(environment, fill.sites, entry.status.seals)
            plan = await (fill.run() if sites else check(attempt))
            if left_over or await self._secrets.leave(environment, fill.sites, entry.status.seals):
                plan = replace(plan, wake_at=min(filter(None, (plan.wake_at, attempt.now() + LATER))))
        plan = warn_of_missing(plan, self._secrets.missing(environment))
        await self._parts.status_writer.write_with_rollouts(environment, entry, plan, self._rollouts, fill.sites)
        attempt.follow_up()
