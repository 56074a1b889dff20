"""A Deployment that follows an environment in Pulumi Cloud: its revisions, and the expiries of the keys in it.

The environment is evaluated by the local Pulumi Cloud, which logs in to the AWS as itself; the pods call S3 without a
pause with what the operator gets from there. Owns the course and the counts.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cluster.harness import wait_until
from cluster.pulumi import join
from demo.calling import calling_pod
from e2e.pods import DEPLOYMENTS, taking, workload
from e2e.stage import BUCKET
from e2e.watching import PodWatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from cluster.harness import Tenant
    from e2e.stage import Stage
    from local_aws import Mint

NAMESPACE, ENVIRONMENT, NAME = "pulumi", "shop/prod", "shop"
REPLICAS = 2
PATIENCE = 180.0
PAST_EXPIRY = 3.0
"""Seconds that pods go on calling after a key has expired: whoever still held it would be refused."""

TEXT = """
values:
  aws:
    login:
      fn::open::aws-login:
        oidc: {{duration: 1h, roleArn: "{role}", sessionName: shop-prod}}
  environmentVariables:
    REVISION: revision-{number}
    AWS_ACCESS_KEY_ID: ${{aws.login.accessKeyId}}
    AWS_SECRET_ACCESS_KEY: ${{aws.login.secretAccessKey}}
    AWS_SESSION_TOKEN: ${{aws.login.sessionToken}}
"""


@dataclass(frozen=True)
class Followed:
    """What was counted, and what it had to be."""

    wanted: int
    revisions: Sequence[str]
    """Those that the pods' logs told of, in order."""
    expiries: int
    """Of keys that pods had used, while pods went on calling."""
    mints: int
    opens: int
    accepted: int
    refused: Counter[str]
    """Refusals of S3, by code."""
    refusals: Sequence[str]
    """Of the Pulumi Cloud, which has to refuse nothing here."""
    least: int
    restarts: int

    @property
    def wrong(self) -> list[str]:
        return list(self._wrong())

    def _wrong(self) -> Iterator[str]:
        if len(self.revisions) < self.wanted or self.expiries < self.wanted:
            yield f"{len(self.revisions)} revisions and {self.expiries} expiries of {self.wanted}"
        if self.refused or self.refusals:
            yield f"refused by S3: {dict(self.refused)}; by Pulumi Cloud: {list(self.refusals)}"
        if self.opens != self.mints:
            yield f"the environment was opened {self.opens} times, for {self.mints} keys"
        if self.least < REPLICAS:
            yield f"only {self.least} of {REPLICAS} pods served at some moment"
        if self.restarts:
            yield f"{self.restarts} containers were restarted"

    def draw(self) -> str:
        return (
            f"Pulumi Cloud  {len(self.revisions)} revisions and {self.expiries} expiries followed: {self.opens} opens, "
            f"{len(self.refusals)} refused\n"
            f"S3 calls      {self.accepted + self.refused.total()} with {self.mints} keys: {self.accepted} accepted, "
            f"{self.refused.total()} refused; {self.least} of {REPLICAS} pods served at the worst moment"
        )


def follow(stage: Stage, *, times: int, lifetime: float) -> Followed:
    """Write so many revisions, each when the one before has reached the pods; the keys live so many seconds."""
    tenant, cloud = stage.tenant(NAMESPACE), stage.pulumi
    organization = join(tenant, cloud, str(stage.cluster.write_authority(stage.folder)))
    subject = f"pulumi:environments:org:{organization.name}:env:{ENVIRONMENT}"
    stage.aws.trust(cloud.issuer, cloud.ca_file)
    role = stage.aws.create_role("pulumi-esc", cloud.issuer, subject, max_session=43200)
    cloud.set_environment(stage.aws.environment)
    stage.aws.settings(lifetime=lifetime)
    stage.aws.forget_counts()
    organization.put(TEXT.format(role=role, number=0), ENVIRONMENT)
    source = organization.source(ENVIRONMENT, lifetime=f"{lifetime:.0f}s")
    organization.apply(NAME, source, rollout={"policy": "OnChange", "minInterval": "1s"})
    tenant.until_ready(NAME)
    with PodWatch(stage.cluster, tenant.namespace) as watch:
        spec = {
            "replicas": REPLICAS,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        }
        body = workload(NAME, calling_pod(stage.endpoint, BUCKET, **taking(NAME)), **spec)
        tenant.cluster.must("POST", DEPLOYMENTS.path(tenant.namespace), body)
        until(lambda: sum(pod.serves for pod in watch.pods()) == REPLICAS, "all pods have called S3", watch)
        watch.count_from_now()
        told = []
        for number in range(1, times + 1):
            revision = organization.put(TEXT.format(role=role, number=number), ENVIRONMENT)
            until(
                lambda wanted=revision: has_reached(stage, tenant, wanted), f"revision {revision} is with pods", watch
            )
            until(lambda wanted=number: line_of(stage, tenant, wanted), f"a pod tells of revision {revision}", watch)
            told.append(f"revision-{number}")
            say(f"revision {revision} is with the pods, which say: {line_of(stage, tenant, number)}")
        until(lambda: expired(stage, role) >= times, f"{times} keys have expired", watch)
        return count(stage, watch, role, times, told)


def line_of(stage: Stage, tenant: Tenant, number: int) -> str:
    """The last line of a pod that tells of this revision; "" if there is none. A pod of the one before may end between
    the list of pods and the look at its log."""
    try:
        log = stage.kubectl("logs", "-n", tenant.namespace, "-l", f"app={NAME}", "--tail=1")
    except AssertionError:
        return ""
    said = (line for line in log.splitlines() if line.split()[-1:] == [f"revision-{number}"])
    return next(said, "")


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def until(happened: object, what: str, watch: PodWatch) -> None:
    wait_until(happened, what, lambda: watch.failure or watch.pods(), PATIENCE)  # type: ignore[arg-type]


def has_reached(stage: Stage, tenant: Tenant, revision: int) -> bool:
    """Whether the Secret is of that revision, and all pods are of that Secret."""
    status = tenant.status(NAME)
    if status.get("definitionRevision") != str(revision):
        return False
    rolled = tenant.condition(NAME, "RolledOut")
    return rolled.get("status") == "True" and not status.get("rolloutStartedAt")


def mints_of(stage: Stage, role: str) -> list[Mint]:
    return [mint for mint in stage.aws.mints().mints if mint.role == role]


def expired(stage: Stage, role: str) -> int:
    """How many keys that S3 was called with have expired a while ago."""
    calls, late = stage.aws.calls(), time.time() - PAST_EXPIRY
    return sum(
        "s3" in calls.get(mint.access_key_id, {}) and datetime.fromisoformat(mint.expires_at).timestamp() < late
        for mint in mints_of(stage, role)
    )


def count(stage: Stage, watch: PodWatch, role: str, wanted: int, told: Sequence[str]) -> Followed:
    # Pods of another show may still call with keys of their own; what was refused with any other counts.
    others = {mint.access_key_id for mint in stage.aws.mints().mints if mint.role != role}
    calls = {key: services["s3"] for key, services in stage.aws.calls().items() if "s3" in services}
    used = [calls[key] for key in calls if key not in others]
    asked = [one for one in stage.pulumi.requests() if one.path.startswith("/api/")]
    return Followed(
        wanted=wanted,
        revisions=list(dict.fromkeys(told)),
        expiries=expired(stage, role),
        mints=len(mints_of(stage, role)),
        opens=sum(one.method == "POST" and one.path.endswith("/open") for one in asked),
        accepted=sum(one.accepted for one in used),
        refused=sum((Counter(one.refused) for one in used), Counter()),
        refusals=[f"{one.status} {one.method} {one.path}" for one in asked if one.status >= 400],
        least=watch.least_serving(NAME),
        restarts=sum(pod.restarts for pod in watch.pods()),
    )
