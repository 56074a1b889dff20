"""What one namespace can do to be in everybody's way, each for so many seconds, with the rights of its `admin`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.bare_client import MERGE, BareClient, for_each
from benchmarks.minting import ACCOUNT
from esc_operator.kube.paths import ENVIRONMENTS, WORKLOADS
from esc_operator.resources import GROUP, ROTATE_REQUESTED_AT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

ATTACKER = "red"
AT_ONCE = 20
ROUND_SECONDS = 10.0
ROTATIONS, LOGINS, VALUES, DEPLOYMENTS, THROTTLED, BIG = 600, 4_000, 20_000, 20, 50, 120
BIG_BYTES = 1_300_000
OWN_ACCOUNT, THROTTLED_ACCOUNT = "222222222222", "999999999999"
ON_CHANGE = {"policy": "OnChange", "minInterval": "1s"}


def login(session: str, account: str) -> dict[str, Any]:
    role = f"arn:aws:iam::{account}:role/bench"
    return {"fn::open::aws-login": {"oidc": {"duration": "1h", "roleArn": role, "sessionName": session}}}


def environment(name: str, namespace: str, values: Mapping[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "EscEnvironment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"serviceAccountName": ACCOUNT, "environment": {"values": values}, **spec},
    }


def logging_in(name: str, namespace: str, account: str) -> dict[str, Any]:
    """With a session of its own, so it shares its login with nobody."""
    values = {
        "aws": login(f"{namespace}.{name}", account),
        "environmentVariables": {"AWS_ACCESS_KEY_ID": "${aws.accessKeyId}"},
    }
    return environment(name, namespace, values)


@dataclass
class Attacks:
    """`refusals` counts what the API server has refused, by its status."""

    client: BareClient
    refusals: Counter[str] = field(default_factory=Counter)

    def all(self) -> dict[str, Callable[[float], Awaitable[None]]]:
        """Each attack by its name; it is called with the seconds that it has."""
        return {
            f"{ROTATIONS} rotations": self.rotations,
            f"{LOGINS:,} logins": self.logins,
            f"{VALUES:,} changing values": self.changing_values,
            f"{DEPLOYMENTS} dead Deployments": self.dead_deployments,
            "a throttled account": self.throttled_account,
            f"{BIG} objects of 1.3 MB": self.big_objects,
        }

    async def together(self, seconds: float) -> None:
        """All of them at once."""
        await asyncio.gather(*(attack(seconds) for attack in self.all().values()))

    async def furnish(self) -> None:
        """What is there before, and does no harm yet."""
        names = [f"rotated-{number:03d}" for number in range(ROTATIONS)]
        await for_each(names, AT_ONCE, lambda name: self._create(logging_in(name, ATTACKER, OWN_ACCOUNT)))
        secret = {"secretRef": {"name": "rolled"}}
        for number in range(DEPLOYMENTS):
            labels = {"app": f"dead-{number}"}
            pod = {"containers": [{"name": "app", "image": "none", "envFrom": [secret]}]}
            body = {
                "metadata": {"name": labels["app"], "namespace": ATTACKER},
                "spec": {
                    "replicas": 1,
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": pod},
                },
            }
            await self._try("POST", WORKLOADS[0].path(ATTACKER), body)
        await self._create(environment("rolled", ATTACKER, {}, rollout=ON_CHANGE))
        await self._create(environment("changing", ATTACKER, {}))

    async def rotations(self, seconds: float) -> None:
        """New credentials are asked for 600 environments, and again every ten seconds. A tenant that does nothing but
        write as fast as it can holds up the API server itself, whoever listens, which is not what is measured here."""
        ends, rotated = time.monotonic() + seconds, [f"rotated-{number:03d}" for number in range(ROTATIONS)]
        while (began := time.monotonic()) < ends:
            change = {"metadata": {"annotations": {ROTATE_REQUESTED_AT: str(time.time())}}}
            await self._for_each(rotated, ends, partial(self._change, change=change))
            await asyncio.sleep(max(0.0, min(began + ROUND_SECONDS, ends) - time.monotonic()))

    async def logins(self, seconds: float) -> None:
        """One environment with 4,000 logins."""
        values = {f"login{number}": login(f"red.{number}", OWN_ACCOUNT) for number in range(LOGINS)}
        await self._create(environment("many-logins", ATTACKER, values))
        await asyncio.sleep(seconds)
        await self._delete("many-logins")

    async def changing_values(self, seconds: float) -> None:
        """20,000 values, changed as fast as the API server takes them."""
        ends, number = time.monotonic() + seconds, 0
        while time.monotonic() < ends:
            values = {f"value{index}": f"{number}-{index}" for index in range(VALUES)}
            await self._change("changing", {"spec": {"environment": {"values": values}}})
            number += 1

    async def dead_deployments(self, seconds: float) -> None:
        """A revision that twenty Deployments never come to hold, and then the next."""
        ends, number = time.monotonic() + seconds, 0
        while time.monotonic() < ends:
            values = {"environmentVariables": {"REVISION": str(time.time())}}
            await self._change("rolled", {"spec": {"environment": {"values": values}}})
            await asyncio.sleep(2)
            number += 1

    async def throttled_account(self, seconds: float) -> None:
        """Fifty logins of an account that is throttled."""
        names = [f"throttled-{number:02d}" for number in range(THROTTLED)]
        await for_each(names, AT_ONCE, lambda name: self._create(logging_in(name, ATTACKER, THROTTLED_ACCOUNT)))
        await asyncio.sleep(seconds)
        await for_each(names, AT_ONCE, self._delete)

    async def big_objects(self, seconds: float) -> None:
        """120 suspended environments, as large as the API server takes them."""
        ends = time.monotonic() + seconds
        blob, names = "x" * BIG_BYTES, [f"big-{number:03d}" for number in range(BIG)]
        await self._for_each(
            names, ends, lambda name: self._create(environment(name, ATTACKER, {"blob": blob}, suspend=True)), at_once=4
        )
        await asyncio.sleep(max(0.0, ends - time.monotonic()))
        await for_each(names, 4, self._delete)

    async def _for_each(
        self, names: Iterable[str], ends: float, work: Callable[[str], Awaitable[None]], at_once: int = AT_ONCE
    ) -> None:
        async def unless_over(name: str) -> None:
            if time.monotonic() < ends:
                await work(name)

        await for_each(names, at_once, unless_over)

    async def _create(self, body: Mapping[str, Any]) -> None:
        await self._try("POST", ENVIRONMENTS.path(ATTACKER), body)

    async def _change(self, name: str, change: Mapping[str, Any]) -> None:
        await self._try("PATCH", ENVIRONMENTS.path(ATTACKER, name), change, MERGE)

    async def _delete(self, name: str) -> None:
        await self._try("DELETE", ENVIRONMENTS.path(ATTACKER, name))

    async def _try(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> None:
        try:
            await self.client.send(method, path, body, content_type)
        except RuntimeError as refusal:
            self.refusals[str(refusal).partition(": ")[2][:3]] += 1
        except (TimeoutError, OSError):
            self.refusals["no answer"] += 1
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.1)
