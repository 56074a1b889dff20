"""One run of a fault, and its subjects: environments with a namespace, a role and a judgement of their own."""

from __future__ import annotations

import contextlib
import itertools
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3

from cluster.harness import PATIENCE, Tenant, wait_until
from esc_operator.kube.identity_tokens import SHARED
from esc_operator.kube.paths import NAMESPACES, SERVICE_ACCOUNTS
from esc_operator.resources import ROTATE_REQUESTED_AT
from faults.front import Phase, Reaction, Rule
from faults.requests import EXCHANGE, SECRET, TOKEN
from local_aws import REGION, Mint

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from faults.scenario import Findings
    from faults.stage import Stage

_numbers = itertools.count(1)
KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


@dataclass
class Run:
    """`number` counts from 0: a play that has several ways to go takes them in turn."""

    stage: Stage
    number: int
    findings: Findings
    subjects: list[Subject] = field(default_factory=list)

    def lost(self, what: str) -> None:
        self.findings.add("lost", what)

    def doubled(self, count: int, what: str) -> None:
        for _ in range(count):
            self.findings.add("doubled", what)

    def wrong(self, what: str) -> None:
        self.findings.add("wrong", what)

    def subject(self, service_account: str = "default", name: str = "aws") -> Subject:
        """A new namespace with a role; its environment is not applied yet. Only `default` is there from the start."""
        namespace = f"fault-{next(_numbers)}"
        stage = self.stage
        stage.cluster.must("POST", NAMESPACES.path(), {"metadata": {"name": namespace}})
        # The controllers would make it, but take their time after the API server was away.
        stage.cluster.request("POST", SERVICE_ACCOUNTS.path(namespace), {"metadata": {"name": "default"}})
        subject = f"system:serviceaccount:{namespace}:{service_account}"
        with stage.lock:
            role = stage.aws.create_role(namespace, stage.issuer, subject, max_session=43200)
        found = Subject(self, Tenant(stage.cluster, stage.aws, namespace, role), service_account, name)
        self.subjects.append(found)
        return found

    def fill(self) -> Subject:
        """A new subject whose Secret is filled."""
        return self.fill_some(1)[0]

    def fill_some(self, count: int) -> list[Subject]:
        """New subjects whose Secrets are filled at the same time."""
        subjects = [self.subject() for _ in range(count)]
        for subject in subjects:
            subject.apply()
        for subject in subjects:
            subject.until_settled(mints=1)
        return subjects

    def rule(
        self,
        name: str,
        phase: Phase,
        action: Callable[[], Reaction | Awaitable[Reaction]],
        subject: Subject,
        **more: Any,
    ) -> Any:
        """While the block lasts, something happens to a request for a subject."""
        if name == TOKEN:
            subject.until_no_token_is_shared()
        return self.stage.fronts.rules(Rule(name, phase, action, subject.namespace, **more))

    def clean_up(self) -> None:
        for subject in self.subjects:
            self.stage.cluster.request("DELETE", f"{NAMESPACES.path()}/{subject.namespace}")


@dataclass
class Subject:
    """One environment with a login of its own: nobody else assumes its role."""

    run: Run
    tenant: Tenant
    service_account: str
    name: str

    @property
    def namespace(self) -> str:
        return self.tenant.namespace

    def apply(self, **more: Any) -> None:
        self.tenant.apply(self.name, self.tenant.login(), serviceAccountName=self.service_account, **more)

    def rotate(self, request: str) -> None:
        self.tenant.annotate(self.name, annotations={ROTATE_REQUESTED_AT: request})

    def mints(self) -> list[Mint]:
        return [mint for mint in self.tenant.aws.mints().mints if mint.role == self.tenant.role]

    def condition(self, kind: str) -> dict[str, Any]:
        return self.tenant.condition(self.name, kind)

    def secret(self) -> dict[str, Any] | None:
        return self.tenant.secret(self.name)

    def exchanges(self) -> list[datetime]:
        """When AWS was asked, whatever it answered."""
        return [one.at for one in self.passed(EXCHANGE)]

    def passed(self, name: str) -> list[Any]:
        return [
            one
            for one in list(self.run.stage.fronts.passed)
            if (one.seen.name, one.seen.namespace) == (name, self.namespace)
        ]

    # Waiting.

    def until_no_token_is_shared(self) -> None:
        """Wait until the next exchange asks for a token of its own."""
        last = max((one.at for one in self.passed(TOKEN)), default=None)
        if last is not None:
            time.sleep(max(0.0, (last + SHARED - datetime.now(UTC)).total_seconds() + 0.2))

    def until_settled(self, mints: int, patience: float = PATIENCE) -> None:
        """Wait until all is well: so many mints, the last of them in the Secret, and a status that tells so."""
        wait_until(
            lambda: not self.complaint(mints), f"{self.namespace} is well", lambda: self.complaint(mints), patience
        )

    def until_valid(self, request: str = "") -> None:
        """Wait until the Secret holds some mint whole, and the last request for new ones has been honoured."""

        def is_valid() -> bool:
            if self.secret() is None or not self.tenant.is_ready(self.name):
                return False
            honoured = self.tenant.status(self.name).get("observedRotateRequest") or ""
            return self._belong_together(self.tenant.values(self.name)) and honoured >= request

        wait_until(is_valid, f"{self.namespace} is valid", lambda: self.tenant.status(self.name))

    def until_told(self, *reasons: str, ready: str, patience: float = PATIENCE) -> None:
        """Wait until the conditions tell why nothing is refreshed, and whether what is held still works."""

        def told() -> bool:
            refreshed, works = self.condition("Refreshed"), self.condition("Ready").get("status")
            return refreshed.get("reason") in reasons and works == ready

        wait_until(
            told, f"{self.namespace} tells {' or '.join(reasons)}", lambda: self.tenant.status(self.name), patience
        )
        self._check_time_left()

    def _check_time_left(self) -> None:
        status = self.tenant.status(self.name)
        if self.secret() is None:
            return
        expires_at = status.get("expiresAt") or "no time"
        told = " ".join(condition["message"] for condition in status["conditions"])
        if expires_at not in told:
            self.run.wrong(f"the conditions do not tell the time left: {told!r} says nothing of {expires_at}")

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """The Secret is the same at the end as at the beginning, byte for byte: its version says that nobody wrote."""
        before = self.secret()
        yield
        if self.secret() != before:
            self.run.lost(f"{self.namespace}: the Secret was not kept as it was")

    # Judging.

    def complaint(self, mints: int) -> str:
        """What is not as it has to be in the end; nothing if all is well."""
        made, secret = self.mints(), self.secret()
        if len(made) < mints:
            return f"{len(made)} mints instead of {mints}"
        if secret is None:
            return "there is no Secret"
        held = self.tenant.values(self.name).get("AWS_ACCESS_KEY_ID")
        if held != made[-1].access_key_id:
            return f"the Secret holds {held}, and the last mint is {made[-1].access_key_id}"
        return self._complaint_of_status(made[-1])

    def _complaint_of_status(self, last: Mint) -> str:
        environment = self.tenant.environment(self.name)
        status = environment.get("status") or {}
        conditions = {one["type"]: one for one in status.get("conditions") or ()}
        if any(conditions.get(kind, {}).get("status") != "True" for kind in ("Ready", "Refreshed")):
            return f"the conditions are {conditions}"
        told = status.get("expiresAt"), status.get("observedRotateRequest"), status.get("observedGeneration")
        metadata = environment["metadata"]
        request = (metadata.get("annotations") or {}).get(ROTATE_REQUESTED_AT)
        true = f"{last.expires_at[:19]}Z", request, metadata["generation"]
        return f"the status tells {told}, and true is {true}" if told != true else ""

    def judge(self, mints: int, *, writes: int | None = None, patience: float = PATIENCE) -> None:
        """The end of a run: a valid Secret, a true status, exactly so many mints and so many writes of the Secret."""
        try:
            self.until_settled(mints, patience)
        except AssertionError as error:
            self.run.lost(str(error))
            return
        self.run.stage.until_quiet()
        self.judge_count(mints)
        self._judge_values()
        written = sum(one.status < 300 for one in self.passed(SECRET))
        if writes is not None and written != writes:
            self.run.doubled(max(written - writes, 0), f"{self.namespace}: {written} writes instead of {writes}")
        self._judge_events()
        if complaint := self.complaint(mints):
            self.run.wrong(f"{self.namespace}: {complaint}")

    def judge_count(self, mints: int) -> None:
        """Not one mint more than had to be."""
        made = len(self.mints())
        self.run.doubled(max(made - mints, 0), f"{self.namespace}: {made} mints instead of {mints}")
        if made < mints:
            self.run.wrong(f"{self.namespace}: {made} mints instead of {mints}")

    def _judge_values(self) -> None:
        values = self.tenant.values(self.name)
        if tuple(sorted(values)) != KEYS or not self._belong_together(values):
            self.run.lost(f"{self.namespace}: the Secret is torn")
        elif not self._is_accepted(values):
            self.run.lost(f"{self.namespace}: AWS refuses what the Secret holds")

    def _belong_together(self, values: dict[str, str]) -> bool:
        """Whether all three come from one mint."""
        secrets = self.tenant.aws.minted_secrets()
        held = tuple(values.get(key) for key in KEYS)
        keys = [mint.access_key_id for mint in self.tenant.aws.mints().mints]
        # Mints go on while these two are asked for.
        return held in set(zip(keys, secrets[::2], secrets[1::2], strict=False))

    def _is_accepted(self, values: dict[str, str]) -> bool:
        with self.run.stage.lock:
            client = boto3.client(
                "sts",
                endpoint_url=self.tenant.aws.endpoint_url,
                region_name=REGION,
                aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
                aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
                aws_session_token=values["AWS_SESSION_TOKEN"],
            )
        try:
            arn: str = client.get_caller_identity()["Arn"]
        except client.exceptions.ClientError:
            return False
        finally:
            client.close()
        return f"/{self.namespace}/" in arn

    def _judge_events(self) -> None:
        told = [(event["reason"], event["message"]) for event in self.tenant.events(self.name)]
        for one in sorted(set(told)):
            self.run.doubled(
                told.count(one) - 1, f"{self.namespace}: the event {one[0]} was posted {told.count(one)} times"
            )

    def remaining(self) -> float:
        """Seconds until what was minted last expires."""
        return (datetime.fromisoformat(self.mints()[-1].expires_at) - datetime.now(UTC)).total_seconds()

    def until_expired(self, seconds_after: float = 0.0) -> None:
        time.sleep(max(self.remaining() + seconds_after, 0))
