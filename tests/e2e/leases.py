"""The show of leases: pods run statements in a real PostgreSQL with credentials of a real Vault, which are renewed and
taken anew again and again.

Owns the course of it, the counting, and what the counts have to be.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cluster.harness import Tenant, wait_until
from demo.calling import python_pod
from e2e.pods import deploy, pods, taking
from e2e.watching import PodWatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from e2e.stage import Stage
    from local_postgres import LocalPostgres
    from local_vault import LocalVault

ENVIRONMENT, ROLE, REPLICAS = "database", "web", 3
PATIENCE = 180.0

STATEMENTS = """
import os, pathlib, signal, sys, time
import psycopg2
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
def connect():
    return psycopg2.connect(host="127.0.0.1", port=os.environ["PGPORT"], dbname="postgres", connect_timeout=10)
lasting = connect()
lasting.autocommit = True
while True:
    for connection in (lasting, connect()):
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            assert cursor.fetchone() == (os.environ["PGUSER"],)
        if connection is not lasting:
            connection.close()
    pathlib.Path("/tmp/called").touch()
    time.sleep(0.5)
"""
"""A refused statement ends it. One connection lasts as long as the pod; each other one logs in."""


@dataclass(frozen=True)
class Findings:
    """What the show has counted. `users` are the roles in the database that pods have had, in order; `ends` the times
    that the Secret's values were to expire at."""

    wanted_renewals: int
    wanted_users: int
    users: Sequence[str]
    ends: Sequence[str]
    restarts: int
    bad_exits: frozenset[int]
    refusals: Sequence[str]
    least_ready: int
    pods_made: int
    left: Sequence[str] = ()
    troubles: Sequence[str] = field(default=())

    @property
    def renewals(self) -> int:
        """How often the end of the same values was put off."""
        return len(self.ends) - len(self.users)

    @property
    def wrong(self) -> list[str]:
        return list(_wrong(self))


def _wrong(found: Findings) -> Iterator[str]:
    yield from found.troubles
    if found.renewals < found.wanted_renewals:
        yield f"{found.renewals} renewals instead of {found.wanted_renewals} or more"
    if len(found.users) < found.wanted_users:
        yield f"{len(found.users)} credentials instead of {found.wanted_users} or more"
    if found.refusals:
        yield f"PostgreSQL refused or ended {len(found.refusals)} connections: {found.refusals[0]}"
    if found.restarts or found.bad_exits:
        yield f"pods have restarted: {found.restarts}; exit statuses {sorted(found.bad_exits)}"
    if found.least_ready < REPLICAS:
        yield f"{found.least_ready} pods were ready at the worst moment instead of {REPLICAS}"
    if found.pods_made != REPLICAS * len(found.users):
        yield f"{found.pods_made} pods were made for {len(found.users)} credentials instead of {REPLICAS} for each"
    if found.left:
        yield f"{len(found.left)} roles were left behind in the database"


def draw(found: Findings) -> str:
    return (
        f"leases     {found.renewals} renewals of {len(found.users)} credentials: {len(found.users) - 1} re-creations\n"
        f"pods       {found.pods_made} made, {found.restarts} restarts, at least {found.least_ready} ready\n"
        f"PostgreSQL {len(found.refusals)} connections refused, {len(found.left)} roles left behind"
    )


def play(  # noqa: PLR0917 - a stage, and what is wanted
    stage: Stage, tenant: Tenant, vault: LocalVault, postgres: LocalPostgres, ttl: int, renewals: int, users: int
) -> Findings:
    """Vault lets credentials live for two and a half terms, so it renews each twice for a whole one."""
    account = f"system:serviceaccount:{tenant.namespace}:apps"
    vault.create_role(ROLE, account, f'path "database/creds/{ROLE}" {{ capabilities = ["read"] }}', token_ttl="1h")
    vault.create_database_role(ROLE, f"{ttl}s", f"{ttl * 5 // 2}s")
    tenant.allow(urls=vault.url)
    rollout = {"policy": "OnChange", "minInterval": "1s"}
    tenant.apply(ENVIRONMENT, _definition(vault), serviceAccountName="apps", rollout=rollout)
    tenant.until_ready(ENVIRONMENT)
    with PodWatch(stage.cluster, tenant.namespace) as watch:
        settings = {"PGPORT": str(postgres.port)}
        deploy(tenant, "web", python_pod(STATEMENTS, settings, **taking(ENVIRONMENT)), replicas=REPLICAS)
        wait_until(
            lambda: sum(pod.serves for pod in watch.pods("web")) == REPLICAS,
            "all pods have run a statement",
            lambda: watch.failure or watch.pods(),
            PATIENCE,
        )
        watch.count_from_now()
        seen = _watch(tenant, watch, ttl, renewals, users)
        least, made = watch.least_serving("web"), watch.pods("web")
        tenant.delete(ENVIRONMENT)
        stage.kubectl("delete", "deployment", "web", "-n", tenant.namespace)
        wait_until(lambda: not pods(tenant), "all pods are gone", lambda: pods(tenant), PATIENCE)
        refusals = postgres.refusals()
        _wait_for_the_end(postgres, ttl)
        return Findings(
            renewals,
            users,
            seen.users,
            seen.ends,
            sum(pod.restarts for pod in made),
            frozenset(code for pod in made for code in pod.bad_exits),
            refusals,
            least,
            len(made),
            postgres.roles(),
            seen.troubles,
        )


def _definition(vault: LocalVault) -> dict[str, object]:
    login = {"fn::open::vault-login": {"address": vault.url, "jwt": {"role": ROLE}}}
    read = {"db": {"path": f"database/creds/{ROLE}"}}
    return {
        "values": {
            "login": login,
            "vault": {"fn::open::vault-secrets": {"login": "${login}", "read": read}},
            "environmentVariables": {"PGUSER": "${vault.db.username}", "PGPASSWORD": "${vault.db.password}"},
        }
    }


@dataclass
class _Seen:
    users: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)


def _watch(tenant: Tenant, watch: PodWatch, ttl: int, renewals: int, users: int) -> _Seen:
    """What the Secret has, until there was enough of it and all pods have the newest values."""
    seen, deadline = _Seen(), time.monotonic() + (renewals + users + 4) * ttl + PATIENCE
    while time.monotonic() < deadline and not watch.failure:
        user, end = tenant.values(ENVIRONMENT)["PGUSER"], tenant.status(ENVIRONMENT).get("expiresAt", "")
        if user not in seen.users:
            seen.users.append(user)
            say(f"credentials {len(seen.users)}, after {len(seen.ends)} leases")
        if end not in seen.ends:
            seen.ends.append(end)
        enough = len(seen.ends) - len(seen.users) >= renewals and len(seen.users) >= users
        rolled = tenant.condition(ENVIRONMENT, "RolledOut").get("status") == "True"
        current = sum(pod.gone is None and not pod.deleting for pod in watch.pods("web")) == REPLICAS
        if enough and rolled and current:
            return seen
        time.sleep(0.5)
    seen.troubles.append(watch.failure or f"not settled in time: {tenant.status(ENVIRONMENT).get('conditions')}")
    return seen


def _wait_for_the_end(postgres: LocalPostgres, ttl: int) -> None:
    """The newest role is revoked; one before it ends by itself, within a term."""
    deadline = time.monotonic() + ttl + 30
    while postgres.roles() and time.monotonic() < deadline:
        time.sleep(0.5)


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)
