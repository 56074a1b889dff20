"""A ClusterEscEnvironment's Secrets: one evaluation, the same Secret in each of its namespaces.

Decides by the same rules as for a single Secret, with one that is intact standing for all. What lags behind, be it new,
edited, deleted or refused before, is filled from that one's data: for a namespace nothing is opened or minted.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field, replace
from datetime import timedelta
from secrets import token_hex
from typing import TYPE_CHECKING, Protocol

from esc_operator.errors import ConflictError, EscError, KubeError, NotFoundError, UnavailableError
from esc_operator.reconciliation.fan_out.plan import (
    Site,
    Trouble,
    best_of,
    digest_versions,
    lagging,
    make_site,
    plan_idle,
    summarise,
    tell_namespaces,
)
from esc_operator.reconciliation.sync import decide
from esc_operator.reconciliation.sync.gather import TargetSecret
from esc_operator.reconciliation.sync.observation import failed_attempt, observe, wanted_by
from esc_operator.reconciliation.sync.outcome import Opened, Refused
from esc_operator.reconciliation.sync.secret_body import secret_body
from esc_operator.reconciliation.sync.situation import NO_SECRET, Situation
from esc_operator.renewal.schedule import Window, retry_at
from esc_operator.renewal.why import Sync, is_current, why_sync
from esc_operator.resources import reasons
from esc_operator.resources.sync_record import digest_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from esc_operator.kube.namespaces import Namespaces
    from esc_operator.kube.secret_informer import SecretMetadata
    from esc_operator.reconciliation.fan_out.rollouts import FanOutRollouts
    from esc_operator.reconciliation.sync.act import Actor
    from esc_operator.reconciliation.sync.cache import Cache, CachedEnvironment
    from esc_operator.reconciliation.sync.decide import Plan
    from esc_operator.reconciliation.sync.gather import Gatherer
    from esc_operator.reconciliation.sync.status_writer import StatusWriter
    from esc_operator.renewal.why import Observation
    from esc_operator.resources.environment import EscEnvironment, Key
    from esc_operator.resources.status import Status
    from esc_operator.resources.sync_record import SyncRecord

logger = logging.getLogger(__name__)

AT_ONCE = 16
"""So many requests for all fan-outs together are under way: less than half of the connections; others need some too."""

GIVE_UP_AFTER = 16
"""So many writes in a row without an answer are no trouble of single namespaces."""

LATER = timedelta(seconds=5)
SALT_BYTES = 16


class Core(Protocol):
    """What a fan-out shares with the work on single Secrets."""

    cache: Cache
    status_writer: StatusWriter

    async def evaluate(
        self, environment: EscEnvironment, entry: CachedEnvironment, target: TargetSecret, sync: Sync
    ) -> Opened | Refused:
        """Open it, and note what was seen of its imports."""

    def tell_sync(self, sync: Sync, seen: Observation, began: datetime, *, well: bool) -> None:
        """Tell the meter what came of an attempt, and how late it was."""


@dataclass(slots=True)
class _Memory:
    """`trusted`: the versions at which Secrets were seen in order. `troubles` are those of single namespaces.
    `outcome`: what came of the evaluation, if there was one."""

    trusted: dict[Key, str] = field(default_factory=dict)
    troubles: dict[Key, Trouble] = field(default_factory=dict)
    is_fresh: bool = True
    outcome: Opened | Refused | None = None


class FanOut:
    def __init__(  # noqa: PLR0913, PLR0917 - what it puts together
        self,
        core: Core,
        gatherer: Gatherer,
        actor: Actor,
        namespaces: Namespaces,
        now: Callable[[], datetime],
        rollouts: FanOutRollouts | None = None,
    ) -> None:
        self._core = core
        self._gatherer = gatherer
        self._actor = actor
        self._namespaces = namespaces
        self._now = now
        self._rollouts = rollouts
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._memories: dict[str, _Memory] = {}

    def forget(self, uid: str) -> None:
        self._memories.pop(uid, None)
        if self._rollouts is not None:
            self._rollouts.forget(uid)

    def standing(self, environment: EscEnvironment, entry: CachedEnvironment) -> TargetSecret:
        """The Secret that stands for all, as far as it is known without asking."""
        found = self._gatherer.belonging(environment.reference)
        sites = [make_site(environment.within(one.key.namespace), TargetSecret(one)) for one in found]
        best = best_of(sites, entry.status.seals)
        return best.target if best else NO_SECRET

    async def reconcile(self, environment: EscEnvironment, entry: CachedEnvironment) -> Opened | Refused | None:
        """Bring the Secrets of all its namespaces and its status to what they have to be; answers what came of opening
        it, if that was due. Raises KubeError."""
        memory = self._memories.setdefault(environment.uid, _Memory())
        memory.outcome = None
        sites = await self._look(environment, entry, memory)
        best = best_of(sites, entry.status.seals)
        if self._rollouts is not None:
            self._rollouts.take_up(environment, entry.status, sites)
        if environment.suspend:
            now = self._now()
            target = best.target if best else NO_SECRET
            plan = decide.plan_suspended(Situation(environment, entry.status, target, now))
            await self._tell(environment, entry, plan, sites)
            return None
        left_over = await self._leave(environment, sites, entry)
        if not sites:
            plan = plan_idle(environment, entry.status, self._now())
        else:
            sites, plan = await self._fill_all(environment, entry, memory, sites, best)
        if left_over or await self._leave(environment, sites, entry):
            plan = replace(plan, wake_at=min(filter(None, (plan.wake_at, self._now() + LATER))))
        await self._tell(environment, entry, plan, sites)
        return memory.outcome

    async def _tell(self, environment: EscEnvironment, entry: CachedEnvironment, plan: Plan, sites: list[Site]) -> None:
        """As the core's, with what there is to tell of rollouts."""
        if self._rollouts is None:
            await self._core.status_writer.tell(environment, entry, plan, plan.status)
            return
        old = entry.status
        status, look_at = await self._rollouts.advance(environment, old, plan.status, sites)
        wake_at = min(filter(None, (plan.wake_at, look_at)), default=None)
        await self._core.status_writer.tell(environment, entry, replace(plan, wake_at=wake_at), status)
        for event in self._rollouts.tell(environment, old, status):
            await self._actor.post(environment, event)

    # What there is.

    async def _look(self, environment: EscEnvironment, entry: CachedEnvironment, memory: _Memory) -> list[Site]:
        """All namespaces that are to have the Secret, with what is there."""
        names = self._matching(environment)
        keys = {name: environment.within(name).target_key for name in names}
        if memory.is_fresh:
            memory.trusted = self._trusted_by(entry.status, keys.values())
            memory.is_fresh = False
        memory.troubles = {key: one for key, one in memory.troubles.items() if key in set(keys.values())}
        return list(await asyncio.gather(*(self._look_at(environment.within(name), memory) for name in names)))

    def _matching(self, environment: EscEnvironment) -> list[str]:
        spread = environment.spread
        if spread is None:
            return []
        return [name for name, one in self._namespaces if not one.terminating and spread.reaches(name, one.labels)]

    def _trusted_by(self, status: Status, keys: Iterable[Key]) -> dict[Key, str]:
        """After a start: all Secrets at their present versions, if the status says that these were seen in order."""
        versions = {
            key: known.version
            for key in keys
            if (known := self._gatherer.known(key)) and known.record and known.record.seal in status.seals[:1]
        }
        return versions if digest_versions(versions) == status.secret_resource_version else {}

    async def _look_at(self, local: EscEnvironment, memory: _Memory) -> Site:
        key = local.target_key
        known = self._gatherer.known(key)
        if known is not None and known.version == memory.trusted.get(key):
            return make_site(local, await self._gatherer.read_target(key, known.version))
        async with self._turns:
            site = make_site(local, await self._gatherer.read_target(key, memory.trusted.get(key, "")))
        if site.record and site.target.secret:
            memory.trusted[key] = site.target.secret.version
        return site

    # What has to be there.

    async def _fill_all(
        self,
        environment: EscEnvironment,
        entry: CachedEnvironment,
        memory: _Memory,
        sites: list[Site],
        best: Site | None,
    ) -> tuple[list[Site], Plan]:
        now = self._now()
        target = best.target if best else NO_SECRET
        entry.record = (best.record if best else None) or entry.record
        seen = self._observe(environment, entry, target)
        verdict = why_sync(seen, now)
        free = [site for site in sites if not site.refused]
        if isinstance(verdict, Sync) and free:
            memory.outcome = outcome = await self._core.evaluate(environment, entry, target, verdict)
            if isinstance(outcome, Opened):
                taken = await self._take_over(environment, entry, memory, sites, best, outcome)
                self._core.tell_sync(verdict, seen, now, well=entry.failed is None)
                return taken
            plan = self._refuse(environment, entry, target, outcome)
            self._core.tell_sync(verdict, seen, now, well=False)
        elif isinstance(verdict, Sync):
            refused = sites[0].refused or Refused(reasons.SECRET_NOT_OWNED, "no namespace can be filled")
            plan = self._refuse(environment, entry, target, refused)
        else:
            situation = Situation(environment, entry.status, target, now)
            plan = decide.plan_waiting(situation, verdict.until, failing=bool(seen.failed))
        record = best.record if best else None
        if best and record and is_current(seen, self._now()):
            due = self._due(lagging(sites, record.seal), memory)
            if due:
                sites = await self._fill(sites, memory, record, await self._copy(best, record), due)
        return sites, self._told(entry, memory, sites, plan, record)

    def _observe(self, environment: EscEnvironment, entry: CachedEnvironment, target: TargetSecret) -> Observation:
        record = target.secret.record if target.secret else None
        references = {*(entry.status.imports or ()), *(record.imports if record else ())}
        known = self._core.cache.imported(environment.key, references)
        wanted = wanted_by(environment, entry.status, known)
        return observe(replace(wanted, forbidden=self._is_forbidden(environment, entry)), target, entry)

    def _is_forbidden(self, environment: EscEnvironment, entry: CachedEnvironment) -> bool:
        """Whether the namespace of its ServiceAccount does not allow a role that it holds, or may not."""
        account = environment.account
        return account is not None and self._namespaces.forbids(account.namespace, entry.status)

    def _refuse(
        self, environment: EscEnvironment, entry: CachedEnvironment, target: TargetSecret, refused: Refused
    ) -> Plan:
        now = self._now()
        log = {"environment": str(environment.key), "reason": refused.reason}
        logger.warning("%s: %s: %s", environment.key, refused.reason, refused.message, extra=log)
        plan = decide.plan_refused(Situation(environment, entry.status, target, now), refused)
        failed = failed_attempt(plan.status)
        if failed is not None:
            after = now + timedelta(seconds=refused.retry_after) if refused.retry_after else None
            entry.failed = replace(failed, retryable=refused.retryable, retry_after=after, outage=refused.outage)
        return plan

    async def _take_over(  # noqa: PLR0913, PLR0917 - what all of the work on one environment has to do with
        self,
        environment: EscEnvironment,
        entry: CachedEnvironment,
        memory: _Memory,
        sites: list[Site],
        best: Site | None,
        opened: Opened,
    ) -> tuple[list[Site], Plan]:
        """New values, or the same as before: all namespaces get them, those that have them already no write."""
        now = self._now()
        held = best.record if best else None
        salt = token_hex(SALT_BYTES)
        situation = Situation(environment, entry.status, best.target if best else NO_SECRET, now)
        record = decide.next_record(situation, opened, salt, entry.record)
        if held is not None and decide.says_the_same(held, record):
            record = held
        plan = decide.plan_opened(situation, opened, salt, entry.record)
        seals = tuple(dict.fromkeys((record.seal, *entry.status.seals)))[:2]
        if seals != entry.status.seals:
            # Before any Secret has it: a process that dies in between must find out which Secrets are its own.
            await self._seal(environment, entry, seals)
        sites = await self._fill(sites, memory, record, opened.data, lagging(sites, record.seal))
        if not any(site.holds(record.seal) for site in sites):
            refused = Refused(reasons.SECRET_REFUSED, _first_message(memory), imports=opened.imports)
            plan = self._refuse(environment, entry, situation.target, refused)
        else:
            # Only now: what has reached no Secret has to be read again.
            entry.failed, entry.read_at, entry.opened_at, entry.record = None, now, now, record
        plan = replace(plan, status=replace(plan.status, seals=seals))
        return sites, self._told(entry, memory, sites, plan, record)

    async def _seal(self, environment: EscEnvironment, entry: CachedEnvironment, seals: tuple[str, ...]) -> None:
        status = replace(entry.status, seals=seals)
        await self._actor.write_status(environment, entry.status if entry.is_written else None, status)
        entry.status, entry.is_written = status, True

    async def _copy(self, best: Site, record: SyncRecord) -> Mapping[str, str]:
        target, data = await self._gatherer.read_data(best.key)
        found = target.secret.record if target.secret else None
        if found is None or found.seal != record.seal or digest_data(data) != record.digest:
            raise ConflictError(f"Secret {best.key} has just been changed")
        return data

    def _due(self, sites: list[Site], memory: _Memory) -> list[Site]:
        now = self._now()
        return [site for site in sites if (one := memory.troubles.get(site.key)) is None or one.due <= now]

    async def _fill(
        self, sites: list[Site], memory: _Memory, record: SyncRecord, data: Mapping[str, str], chosen: list[Site]
    ) -> list[Site]:
        """Write the chosen ones; answers all sites as they are then. One namespace's trouble keeps no other waiting."""
        unanswered: list[UnavailableError] = []
        written: dict[Key, Site] = {}

        async def fill(site: Site) -> None:
            async with self._turns:
                if len(unanswered) >= GIVE_UP_AFTER:
                    return
                secret = site.target.secret
                try:
                    body = secret_body(site.local, secret, record, data)
                    made = await self._actor.write(body, creates=secret is None)
                except KubeError as error:
                    unanswered.append(error) if isinstance(error, UnavailableError) else unanswered.clear()
                    self._note_trouble(memory, site, record, error)
                    return
            unanswered.clear()
            memory.troubles.pop(site.key, None)
            memory.trusted[site.key] = made.version
            written[site.key] = make_site(site.local, await self._gatherer.read_target(site.key, made.version))

        await asyncio.gather(*(fill(site) for site in chosen))
        if len(unanswered) >= GIVE_UP_AFTER or (unanswered and len(unanswered) == len(chosen)):
            raise unanswered[-1]
        return [written.get(site.key, site) for site in sites]

    def _note_trouble(self, memory: _Memory, site: Site, record: SyncRecord, error: KubeError) -> None:
        now, before = self._now(), memory.troubles.get(site.key)
        failures = before.failures + 1 if before else 1
        held = site.record
        end = Window(held.issued_at, held.expires_at).usable_until if held and held.expires_at else None
        due = retry_at(now, failures, end, str(site.key), record.lifetime)
        if error.retry_after:
            due = max(due, now + timedelta(seconds=error.retry_after))
        passing = isinstance(error, UnavailableError | ConflictError | NotFoundError)
        reason = error.reason if passing else reasons.SECRET_REFUSED
        memory.troubles[site.key] = Trouble(failures, due, reason, error.message)
        log = {"environment": site.local.key.name, "reason": reason}
        logger.warning("%s: %s", site.local.key.name, error.message, extra=log)

    def _told(
        self, entry: CachedEnvironment, memory: _Memory, sites: list[Site], plan: Plan, record: SyncRecord | None
    ) -> Plan:
        now = self._now()
        seal = record.seal if record else ""
        for site in sites:
            if site.holds(seal):
                memory.troubles.pop(site.key, None)  # the write whose answer was lost had taken effect
        for site in sites:
            if site.refused and site.key not in memory.troubles:
                memory.troubles[site.key] = Trouble(1, now, site.refused.reason, site.refused.message)
        for site in sites:
            if (one := memory.troubles.get(site.key)) and site.refused and one.due <= now:
                due = retry_at(now, one.failures, None, str(site.key))
                memory.troubles[site.key] = replace(one, due=due, failures=one.failures + 1)
        entry.namespace_failures = max((one.failures for one in memory.troubles.values()), default=0)
        in_order = {site.key: site.target.secret.version for site in sites if site.target.secret and site.holds(seal)}
        status = replace(plan.status, secret_resource_version=digest_versions(in_order))
        waits = [one.due for one in memory.troubles.values() if one.due > now]
        plan = replace(plan, status=status, wake_at=min(filter(None, (plan.wake_at, *waits)), default=None))
        return tell_namespaces(plan, entry.status, summarise(sites, memory.troubles, seal), now)

    # What has to be there no more.

    async def _leave(self, environment: EscEnvironment, sites: list[Site], entry: CachedEnvironment) -> bool:
        """Take the Secret away from namespaces that are to have it no more, and under a former name; whether any is
        left over. Where a namespace is going, all in it goes by itself."""
        wanted = {site.key for site in sites}
        newest = entry.status.seals[:1]
        filled = {site.local.key.namespace for site in sites if (record := site.record) and record.seal in newest}
        reached = {site.local.key.namespace for site in sites}
        left_over = False
        for secret in self._gatherer.belonging(environment.reference):
            place = self._namespaces.find(secret.key.namespace)
            is_former = secret.key.namespace in reached
            if secret.key in wanted or secret.holds_states or environment.uid not in secret.owners:
                continue
            if place is None or place.terminating:
                continue
            if is_former and secret.key.namespace not in filled:
                continue  # the one under the new name comes first
            left_over |= not await self._take_away(environment, secret)
        return left_over

    async def _take_away(self, environment: EscEnvironment, secret: SecretMetadata) -> bool:
        try:
            if environment.spread is not None and environment.target.deletion_policy == "Retain":
                await self._actor.release_secret(secret, environment.uid)
            else:
                await self._actor.delete_secret(secret)
        except EscError as error:
            log = {"environment": str(environment.key), "reason": error.reason}
            logger.warning("%s: Secret %s is left over: %s", environment.key, secret.key, error.message, extra=log)
            return False
        return True


def _first_message(memory: _Memory) -> str:
    return next((one.message for one in memory.troubles.values()), "no namespace could be filled")
