"""The operator as one process: it builds the parts, runs them, and shuts them down."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import kopf

from esc_operator.driver.networks import Fence, parse_networks
from esc_operator.driver.opener import Opener
from esc_operator.driver.places import Places
from esc_operator.driver.pool import BlockingPool
from esc_operator.driver.sharing import SharedLogins
from esc_operator.driver.slices import LargeWork
from esc_operator.election.decision import Terms
from esc_operator.errors import ForbiddenError, NotFoundError
from esc_operator.handlers.exposition import Exposition, is_reachable
from esc_operator.handlers.health import Watched, serve_health
from esc_operator.handlers.interpreter import settle
from esc_operator.handlers.kinds import KINDS, Kinds
from esc_operator.handlers.leading import leading, make_elector, own_namespace, require
from esc_operator.handlers.loop_thread import this_thread
from esc_operator.handlers.memory_limit import used_share
from esc_operator.handlers.metrics import Metrics
from esc_operator.handlers.metrics_access import MetricsAccess
from esc_operator.handlers.outdated import Outdated
from esc_operator.handlers.snapshot import SnapshotParts, take_snapshot
from esc_operator.handlers.tracing import traced
from esc_operator.handlers.watchdog import Watchdog, reporter
from esc_operator.handlers.watching import make_registry, make_settings
from esc_operator.kube.accounts import MissingAccounts
from esc_operator.kube.api import KubeApi
from esc_operator.kube.connect import read_connection
from esc_operator.kube.connection import MAX_CONNECTIONS
from esc_operator.kube.identity_tokens import IdentityTokens
from esc_operator.kube.namespaces import Namespaces
from esc_operator.kube.own_audiences import read_api_audiences
from esc_operator.kube.paths import CLUSTER_ENVIRONMENTS, ENVIRONMENTS
from esc_operator.kube.published_schemas import PublishedSchemas
from esc_operator.kube.pulses import Pulses
from esc_operator.kube.secret_informer import SecretInformer
from esc_operator.kube.source_informer import SourceInformer
from esc_operator.reconciliation.controller.interruptions import GuardedOpening, Interruptions
from esc_operator.reconciliation.controller.reconciler import Reconciler
from esc_operator.reconciliation.controller.recovery import Recovery
from esc_operator.reconciliation.controller.under_way import UnderWay
from esc_operator.reconciliation.controller.workers import Workers
from esc_operator.reconciliation.opening.account_objects import AccountObjects
from esc_operator.reconciliation.opening.definitions import Definitions
from esc_operator.reconciliation.opening.held_grants import HeldGrants
from esc_operator.reconciliation.opening.import_store import ImportStore
from esc_operator.reconciliation.opening.opening import EnvironmentOpening
from esc_operator.reconciliation.opening.rotator_secrets import RotatorSecrets
from esc_operator.reconciliation.rollouts.status import Rollouts
from esc_operator.reconciliation.rotations.controller import RotationController
from esc_operator.reconciliation.rotations.gather import RotationGatherer
from esc_operator.reconciliation.sync.act import Actor
from esc_operator.reconciliation.sync.gather import Gatherer
from esc_operator.reconciliation.sync.shared import make_shared
from esc_operator.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.election.elector import Elector
    from esc_operator.handlers.options import Options
    from esc_operator.kube.connection import Connection

logger = logging.getLogger(__name__)

DRAIN_SECONDS = 15.0
"""How long a stopping operator waits for running work; less than a pod's grace period."""


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts that run concurrently while the process works."""

    opener: Opener
    secrets: SecretInformer
    sources: SourceInformer
    namespaces: Namespaces
    reconciler: Reconciler
    grants: HeldGrants
    rotations: RotationController
    accounts: MissingAccounts
    pulses: Pulses
    kinds: Kinds
    outdated: Outdated
    exposition: Exposition


async def run(options: Options, environ: Mapping[str, str]) -> None:
    """Run until a signal or a failure ends it. Raises EscError if it cannot start."""
    metrics = Metrics()
    async with traced(environ) as tracer:
        await _run(options, environ, metrics, Telemetry(metrics, tracer))


async def _run(options: Options, environ: Mapping[str, str], metrics: Metrics, telemetry: Telemetry) -> None:
    connection = await read_connection(options.kubeconfig, options.context)
    stopping = _on_signals()
    async with contextlib.AsyncExitStack() as closing:
        lease = await _lease_connection(options, closing) if options.leader_election else None
        elector = make_elector(lease.api, options) if lease else None
        guard = Guard(UnderWay(), Interruptions(elector.leave_note if elector else None))
        asyncio.get_running_loop().set_task_factory(guard.under_way.make_task)
        api = KubeApi(connection, telemetry, permit=partial(require, elector), places=Places(MAX_CONNECTIONS))
        closing.push_async_callback(api.close)
        await _require_rights(api, options)
        parts = _put_together(api, options, environ, metrics=metrics, telemetry=telemetry, elector=elector, guard=guard)
        audiences = options.api_audiences or await read_api_audiences(api, connection)
        parts.namespaces.api_audiences = frozenset(audiences)
        closing.callback(parts.opener.pool.close)
        watched = Watched(
            lambda: parts.reconciler.scheduler.age,
            parts.pulses.most_idle,
            elector,
            lambda: parts.kinds.missing,
            lambda: parts.outdated.messages,
        )
        await closing.enter_async_context(serve_health(options.health_address, watched))
        await closing.enter_async_context(parts.exposition.served(options.metrics_address))
        # A standby has everything but its watches.
        warming = asyncio.create_task(parts.opener.warm(parts.opener.catalogue.providers.names()), name="warm-up")
        warming.add_done_callback(lambda _: settle())
        closing.callback(warming.cancel)
        async with leading(elector, stopping) as leads:
            if leads:
                logger.info("esc-operator works on %s", connection.server)
                with _watchdog(guard, lease, elector, options).watching():
                    await _run_all(options, parts, connection, watched, stopping)


@dataclass(frozen=True, slots=True)
class LeaseConnection:
    """A connection of its own: a renewal must not queue behind the work."""

    connection: Connection
    api: KubeApi


async def _lease_connection(options: Options, closing: contextlib.AsyncExitStack) -> LeaseConnection:
    connection = await read_connection(options.kubeconfig, options.context)
    api = KubeApi(connection)
    closing.push_async_callback(api.close)
    return LeaseConnection(connection, api)


@dataclass(frozen=True, slots=True)
class Guard:
    """The evaluations that may block the operator: running ones, and those that interrupted it before."""

    under_way: UnderWay
    interruptions: Interruptions


def _watchdog(guard: Guard, lease: LeaseConnection | None, elector: Elector | None, options: Options) -> Watchdog:
    """It starts with the note of the previous leaders."""
    place = None
    if lease is not None and elector is not None:
        guard.interruptions.take_over(elector.note, utc_now())
        place = (lease.connection, elector.place)
    terms = Terms(options.lease_duration)
    return Watchdog(
        guard.under_way,
        reporter(guard.interruptions, place, utc_now, terms.patience),
        longest=terms.duration / 3,  # half of the time after which a leader that does not renew exits
        memory=used_share(),
        thread=this_thread(),
    )


def _on_signals() -> asyncio.Event:
    """Set when the process is asked to stop. kopf handles the same signals while it runs."""
    stopping, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    return stopping


def _put_together(  # noqa: PLR0913 - everything there is
    api: KubeApi,
    options: Options,
    environ: Mapping[str, str],
    *,
    metrics: Metrics,
    telemetry: Telemetry,
    elector: Elector | None,
    guard: Guard,
) -> Parts:
    pulses, kinds = Pulses(), Kinds()
    namespaces = Namespaces(api, options.namespaces, required=options.require_allow_lists, pulses=pulses)
    fence = Fence(options.allowed_urls, parse_networks(options.private_networks))
    opener = Opener(
        pool=BlockingPool(),
        logins=SharedLogins(utc_now),
        settings=environ,
        now=utc_now,
        rate=options.provider_rate,
        telemetry=telemetry,
        fence=lambda namespace: fence.allowing(namespaces.urls(namespace)),
        large_work=LargeWork(guard.under_way.aside),
    )
    secrets = SecretInformer(api, options.namespaces, pulses=pulses)
    gatherer, actor = Gatherer(api, secrets), Actor(api, secrets, utc_now)
    rollouts = Rollouts(api, utc_now, options.rollouts, telemetry)
    tokens = IdentityTokens(api, utc_now)
    shared = make_shared(gatherer, actor, utc_now, telemetry)
    home = own_namespace(options)
    sources = SourceInformer(api, confined=bool(options.namespaces), pulses=pulses)
    definitions = Definitions(api, sources, home)
    imports = partial(
        ImportStore, api, reach=options.namespaces, importable=shared.cache.importable, definitions=definitions
    )
    grants = HeldGrants(api, opener, utc_now)
    objects = AccountObjects(api, tokens)
    opening = EnvironmentOpening(
        imports, tokens, objects, opener, namespaces, RotatorSecrets(api, home), options.cluster_name, grants
    )
    reconciler = Reconciler(
        shared,
        GuardedOpening(opening, guard.under_way, guard.interruptions, utc_now),
        rollouts,
        definitions=definitions,
        namespaces=None if options.namespaces else namespaces,
        forbids=namespaces.forbids,
        on_removed=grants.release,
    )
    recovery = Recovery(shared)
    namespaces.listen(reconciler.event_handlers.on_namespaces, recovery.on_namespace)
    secrets.listen(reconciler.event_handlers.on_secret)
    opener.listen(recovery.on_recovery)
    accounts = MissingAccounts(api, recovery.missing_accounts, recovery.on_account, utc_now)
    rotating = RotationGatherer(api, gatherer, secrets, reconciler.cache, namespaces.labels)
    rotations = RotationController(
        api, rotating, utc_now, telemetry, history=options.rotation_history, on_begin=opener.logins.renounce
    )
    worked_on = (ENVIRONMENTS,) if options.namespaces else KINDS.values()
    outdated = Outdated(PublishedSchemas(api), {one.kind: one.plural for one in worked_on})
    seen = SnapshotParts(reconciler, opener, rollouts, rotations, pulses, kinds, outdated)
    exposition = Exposition(
        metrics,
        lambda: take_snapshot(seen, leads=elector is None or elector.holds),
        reconciler.cache.entries,
        utc_now,
        options.metrics_environments,
        access=_metrics_access(api, options),
    )
    return Parts(
        opener=opener,
        secrets=secrets,
        sources=sources,
        namespaces=namespaces,
        reconciler=reconciler,
        grants=grants,
        rotations=rotations,
        accounts=accounts,
        pulses=pulses,
        kinds=kinds,
        outdated=outdated,
        exposition=exposition,
    )


def _metrics_access(api: KubeApi, options: Options) -> MetricsAccess | None:
    wanted = options.metrics_authorization
    if wanted is None:
        wanted = is_reachable(options.metrics_address)
    return MetricsAccess(api, utc_now) if wanted else None


async def _require_rights(api: KubeApi, options: Options) -> None:
    """Raises KubeError if the API server does not answer, or does not let the operator list environments. A kind that
    is not served yet is no error."""
    for namespace in options.namespaces or (None,):
        kinds = (ENVIRONMENTS,) if namespace else (ENVIRONMENTS, CLUSTER_ENVIRONMENTS)
        try:
            for kind in kinds:
                with contextlib.suppress(NotFoundError):
                    await api.require_list(kind, namespace)
        except ForbiddenError:
            if namespace is None:
                raise
            continue  # another kind may be served; the watch reports this one
        return


async def _run_all(
    options: Options, parts: Parts, connection: Connection, watched: Watched, stopping: asyncio.Event
) -> None:
    """Run until a signal. A part that fails ends all: an operator without its watch must not look alive."""
    reconciler = parts.reconciler
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(parts.secrets.run(), name="secret-informer")]
        tasks.append(group.create_task(parts.namespaces.run(), name="namespaces"))
        await parts.secrets.listed.wait()
        await parts.namespaces.listed.wait()
        tasks.append(group.create_task(reconciler.run(Workers(general=options.workers)), name="reconciler"))
        tasks.append(group.create_task(parts.sources.run(), name="definitions"))
        tasks.append(group.create_task(parts.grants.run(), name="revocations"))
        tasks.append(group.create_task(parts.rotations.run(), name="rotations"))
        tasks.append(group.create_task(parts.accounts.run(), name="missing-accounts"))
        tasks.append(group.create_task(parts.outdated.run(), name="outdated-kinds"))

        async def stop() -> None:
            # Running work is finished: credentials that were just minted are not lost.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reconciler.queue.close(), DRAIN_SECONDS)
            for task in tasks:
                task.cancel()
            # kopf waits for five seconds until its own wait for this has ended.
            stopping.set()

        watched.works = True
        # An EscRotation covers all namespaces, so there are none if the operator works on some only.
        rotations = None if options.namespaces else parts.rotations
        settings = make_settings()
        registry = make_registry(reconciler, rotations, connection, parts.pulses, parts.kinds, stop)
        await watch_environments(options, settings, registry, stopping)


async def watch_environments(
    options: Options, settings: kopf.OperatorSettings, registry: kopf.OperatorRegistry, stopping: asyncio.Event
) -> None:
    """Watch until a signal; if kopf ends by a failure, the process exits, and is restarted."""
    try:
        await kopf.operator(
            registry=registry,
            settings=settings,
            # Without it, kopf looks up the user's name, which a container need not have. Its type is not public.
            identity="esc-operator",  # type: ignore[arg-type]
            clusterwide=not options.namespaces,
            namespaces=options.namespaces,
            stop_flag=stopping,
        )
    except Exception as error:  # noqa: BLE001 - whatever it is
        # Only its type, because its text may quote an object.
        logger.critical("The watch of environments has failed (%s). Exiting.", type(error).__name__)
        raise SystemExit(1) from None
