"""What one namespace can do to be in everybody's way, each for so many seconds, with the rights of its `admin`.

The attackers are a process of their own, which shares nothing with whoever measures. Its bodies are made before
anything begins and its answers are read but not parsed, so that what it takes of the machine is what the API server has
to do for it.

A tenant that only writes as fast as it can holds up the API server itself, whoever listens, which says nothing about
the operator. So an attack has few writes under way, and after each it rests for as long as that took: the API server
always has room for others, on a slow machine as on a fast one. `neighbour` shows beside each row how the API server
bears it while no operator runs.

`python -m benchmarks.neighbour_attacks KUBECONFIG` takes lines with a name and seconds, and answers each when the
attack is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from benchmarks.bare_client import MERGE, BareClient, for_each
from benchmarks.minting import ACCOUNT
from esc_operator.kube.connection import MAX_CONNECTIONS
from esc_operator.kube.paths import ENVIRONMENTS, WORKLOADS
from esc_operator.resources import GROUP, ROTATE_REQUESTED_AT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from types import TracebackType

ATTACKER = "red"
FURNISH, TOGETHER = "furnish", "together"
AT_ONCE = 20
"""Writes under way while nothing is measured."""
FEW = 4
"""Of small objects, while something is; large ones go one after the other."""
ROUND_SECONDS, CHANGE_SECONDS = 10.0, 1.0
"""In which all are rotated, and all values changed, once."""
ROTATIONS, LOGINS, VALUES, DEPLOYMENTS, THROTTLED, BIG = 600, 4_000, 20_000, 20, 50, 120
BIG_BYTES = 1_300_000
NAMES = (
    f"{ROTATIONS} rotations",
    f"{LOGINS:,} logins",
    f"{VALUES:,} changing values",
    f"{DEPLOYMENTS} dead Deployments",
    "a throttled account",
    f"{BIG} objects of 1.3 MB",
)
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


def encoded(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Bodies:
    """Those that take long to make. `changes` are two of all values, which differ in each."""

    logins: bytes = field(
        default_factory=lambda: encoded(
            environment(
                "many-logins",
                ATTACKER,
                {f"login{number}": login(f"red.{number}", OWN_ACCOUNT) for number in range(LOGINS)},
            )
        )
    )
    changes: tuple[bytes, ...] = field(
        default_factory=lambda: tuple(
            encoded({"spec": {"environment": {"values": {f"value{at}": f"{turn}-{at}" for at in range(VALUES)}}}})
            for turn in range(2)
        )
    )
    blob: bytes = b"x" * BIG_BYTES

    def big(self, name: str) -> bytes:
        """A suspended environment, as large as the API server takes them."""
        return encoded(environment(name, ATTACKER, {"blob": "BLOB"}, suspend=True)).replace(b"BLOB", self.blob)


@dataclass
class Attacks:
    """`writes` counts what the API server has taken, `refusals` what it has refused, by its status."""

    client: BareClient
    bodies: Bodies = field(default_factory=Bodies)
    writes: int = 0
    refusals: Counter[str] = field(default_factory=Counter)

    def each(self) -> dict[str, Callable[[float], Awaitable[None]]]:
        """Each attack by its name; it is called with the seconds that it has."""
        attacks = (
            self.rotations,
            self.logins,
            self.changing_values,
            self.dead_deployments,
            self.throttled_account,
            self.big_objects,
        )
        return dict(zip(NAMES, attacks, strict=True))

    def named(self, name: str) -> Callable[[float], Awaitable[None]]:
        return {**self.each(), TOGETHER: self.together, FURNISH: self.furnish}[name]

    async def together(self, seconds: float) -> None:
        """All of them at once."""
        await asyncio.gather(*(attack(seconds) for attack in self.each().values()))

    async def furnish(self, _: float) -> None:
        """What is there before, and does no harm yet."""
        names = [f"rotated-{number:03d}" for number in range(ROTATIONS)]
        path = ENVIRONMENTS.path(ATTACKER)
        bodies = [encoded(logging_in(name, ATTACKER, OWN_ACCOUNT)) for name in names]
        await for_each(bodies, AT_ONCE, lambda body: self._write("POST", path, body))
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
            await self._write("POST", WORKLOADS[0].path(ATTACKER), encoded(body))
        for more in (environment("rolled", ATTACKER, {}, rollout=ON_CHANGE), environment("changing", ATTACKER, {})):
            await self._write("POST", path, encoded(more))

    async def rotations(self, seconds: float) -> None:
        """New credentials are asked for 600 environments, and again every ten seconds."""
        ends, rotated = time.monotonic() + seconds, [f"rotated-{number:03d}" for number in range(ROTATIONS)]
        while (began := time.monotonic()) < ends:
            change = encoded({"metadata": {"annotations": {ROTATE_REQUESTED_AT: str(time.time())}}})
            await self._for_each(rotated, ends, partial(self._change, change=change), at_once=FEW)
            await _pause_until(min(began + ROUND_SECONDS, ends))

    async def logins(self, seconds: float) -> None:
        """One environment with 4,000 logins."""
        await self._create(self.bodies.logins)
        await asyncio.sleep(seconds)
        await self._delete("many-logins")

    async def changing_values(self, seconds: float) -> None:
        """20,000 values, all changed again each second, or more slowly where the API server does not bear that."""
        ends, number = time.monotonic() + seconds, 0
        while (began := time.monotonic()) < ends:
            await self._change("changing", self.bodies.changes[number % 2])
            await _pause_until(min(began + CHANGE_SECONDS, ends))
            number += 1

    async def dead_deployments(self, seconds: float) -> None:
        """A revision that twenty Deployments never come to hold, and then the next."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            values = {"environmentVariables": {"REVISION": str(time.time())}}
            await self._change("rolled", encoded({"spec": {"environment": {"values": values}}}))
            await asyncio.sleep(2)

    async def throttled_account(self, seconds: float) -> None:
        """Fifty logins of an account that is throttled."""
        ends, names = time.monotonic() + seconds, [f"throttled-{number:02d}" for number in range(THROTTLED)]
        create = [encoded(logging_in(name, ATTACKER, THROTTLED_ACCOUNT)) for name in names]
        await for_each(create, FEW, self._create)
        await _pause_until(ends)
        await for_each(names, FEW, self._delete)

    async def big_objects(self, seconds: float) -> None:
        """120 suspended environments, as large as the API server takes them."""
        ends, names = time.monotonic() + seconds, [f"big-{number:03d}" for number in range(BIG)]
        created: list[str] = []

        async def create(name: str) -> None:
            created.append(name)
            await self._create(self.bodies.big(name))

        await self._for_each(names, ends, create, at_once=1)
        await _pause_until(ends)
        await for_each(created, 1, self._delete)

    async def _for_each(
        self, names: Iterable[str], ends: float, work: Callable[[str], Awaitable[None]], at_once: int
    ) -> None:
        async def unless_over(name: str) -> None:
            if time.monotonic() < ends:
                await work(name)

        await for_each(names, at_once, unless_over)

    async def _create(self, body: bytes) -> None:
        await self._write_and_rest("POST", ENVIRONMENTS.path(ATTACKER), body)

    async def _change(self, name: str, change: bytes) -> None:
        await self._write_and_rest("PATCH", ENVIRONMENTS.path(ATTACKER, name), change, MERGE)

    async def _delete(self, name: str) -> None:
        await self._write_and_rest("DELETE", ENVIRONMENTS.path(ATTACKER, name))

    async def _write_and_rest(self, *what: Any) -> None:
        began = time.monotonic()
        await self._write(*what)
        await asyncio.sleep(time.monotonic() - began)

    async def _write(self, method: str, path: str, body: bytes = b"", content_type: str = "application/json") -> None:
        try:
            await self.client.send_encoded(method, path, body, content_type)
            self.writes += 1
        except RuntimeError as refusal:
            self.refusals[str(refusal).partition(": ")[2][:3]] += 1
        except (TimeoutError, OSError):
            self.refusals["no answer"] += 1


async def _pause_until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))


@dataclass(frozen=True)
class Effort:
    """What an attack has done: writes that the API server has taken, and those that it has refused."""

    writes: int
    refused: int


class Attackers:
    """Their process, for as long as its `async with` block."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig

    async def __aenter__(self) -> Self:
        command = ("-m", "benchmarks.neighbour_attacks", str(self._kubeconfig))
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(sys.executable, *command, stdin=pipe, stdout=pipe)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def attack(self, name: str, seconds: float) -> Effort:
        """Until it is over."""
        asked, told = self._process.stdin, self._process.stdout
        assert asked is not None
        assert told is not None
        asked.write(json.dumps({"name": name, "seconds": seconds}).encode() + b"\n")
        await asked.drain()
        line = await told.readline()
        if not line:
            raise RuntimeError("the attackers' process has ended")
        return Effort(**json.loads(line))


async def serve(kubeconfig: Path) -> None:
    """Until the lines end."""
    async with BareClient(kubeconfig, MAX_CONNECTIONS) as client:
        attacks = Attacks(client)
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked = json.loads(line)
            writes, refused = attacks.writes, attacks.refusals.total()
            await attacks.named(asked["name"])(asked["seconds"])
            effort = {"writes": attacks.writes - writes, "refused": attacks.refusals.total() - refused}
            print(json.dumps(effort), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
