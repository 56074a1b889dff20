"""What the show plays on: a cluster, an AWS, three operators that elect, and fronts of each one's own.

Owns their lives; what is done to them is for `show`.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from cluster.harness import Cluster, Tenant, trusting_aws
from cluster.staging import Staged
from faults.front import Fronts, Passed
from faults.requests import EXCHANGE, SECRET, STATUS, TOKEN, describe_aws, describe_kubernetes
from local_cluster import cluster as clusters
from local_cluster import kubeconfig
from local_operator import LocalOperator

if TYPE_CHECKING:
    import contextlib
    import signal
    from collections.abc import Callable
    from datetime import datetime

PREFIX = "failover-"
NAMESPACE = "failover"
REPLICAS = 3


class Replica:
    """One operator after the other in the same place, as a Deployment would keep them."""

    def __init__(self, name: str, fronts: Fronts, make: Callable[[int], LocalOperator]) -> None:
        self.name = name
        self.fronts = fronts
        self._make = make
        self._operator: LocalOperator | None = None
        self._starting: threading.Thread | None = None
        self._duration = 0
        self._is_let_live = False
        self.failure = ""

    def start(self, duration: int) -> None:
        """Begin to start; `until_ready` waits for it."""
        self._duration, self._is_let_live = duration, True

        def start() -> None:
            try:
                self._operator = self._make(duration).start()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told by who waits
                self.failure = f"{type(error).__name__}: {error}"

        self._starting = threading.Thread(target=start, daemon=True)
        self._starting.start()

    def until_ready(self) -> None:
        if self._starting is not None:
            self._starting.join()
        if self.failure:
            raise RuntimeError(self.failure)

    @property
    def is_ready(self) -> bool:
        starts = self._starting is not None and self._starting.is_alive()
        return not starts and self._operator is not None and self._operator.is_running()

    def leads(self) -> bool:
        return self.is_ready and self._operator is not None and self._operator.leads()

    def tend(self) -> bool:
        """Start it again if it has ended by itself, as a kubelet would; answers whether it had."""
        starts = self._starting is not None and self._starting.is_alive()
        if starts or self._operator is None or self._operator.is_running() or not self._is_let_live:
            return False
        self._operator.kill()
        self.start(self._duration)
        return True

    def signal(self, number: signal.Signals) -> None:
        """From now on its end is expected."""
        assert self._operator is not None, "started"
        self._is_let_live = False
        os.kill(self._operator.pid, number)

    def wait(self, seconds: float) -> int:
        assert self._operator is not None, "started"
        return self._operator.wait(seconds)

    def end(self) -> None:
        self._is_let_live = False
        if self._starting is not None:
            self._starting.join()
        if self._operator is not None:
            self._operator.kill()

    def writes(self, since: datetime, *names: str) -> list[Passed]:
        """What it has written since then, oldest first."""
        wanted = names or (TOKEN, SECRET, STATUS)
        passed = list(self.fronts.passed)
        return [one for one in passed if one.at > since and one.seen.name in wanted and one.status < 300]

    def exchanges(self) -> dict[str, list[float]]:
        """When it was given an answer by AWS, by the role."""
        found: defaultdict[str, list[float]] = defaultdict(list)
        for one in list(self.fronts.passed):
            if one.seen.name == EXCHANGE and one.status < 300:
                found[one.seen.namespace].append(one.at.timestamp())
        return found

    def requests(self, since: datetime) -> int:
        return sum(one.at > since for one in list(self.fronts.passed))


class Stage(Staged):
    """Use it in a `with` block."""

    def set_up(self, stack: contextlib.ExitStack) -> None:
        self._folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="esc-failover-")))
        name = f"{PREFIX}{os.getpid()}"
        stack.callback(clusters.delete, name)
        local = clusters.create(name)
        self._context = kubeconfig.context_name(name)
        self._admin = local.admin_kubeconfig
        self.cluster = self.open_cluster(stack)
        self._issuer = self.cluster.issuer()
        self.aws = stack.enter_context(trusting_aws(self.cluster, self._folder))
        installer = LocalOperator(self._admin, self._context, self._folder)
        installer.install()
        config = yaml.safe_load((self._folder / "operator.kubeconfig").read_text())
        self._token: str = config["users"][0]["user"]["token"]
        self.cluster.create_namespace(NAMESPACE)
        self.replicas = [self._make_replica(stack, number) for number in range(REPLICAS)]

    def open_cluster(self, stack: contextlib.ExitStack) -> Cluster:
        """A connection of the administrator, for one thread."""
        cluster = Cluster(self._admin, self._context)
        stack.callback(cluster.close)
        return cluster

    def tenant(self, name: str) -> Tenant:
        """An environment's place, with a role that nobody else assumes."""
        role = self.aws.create_role(name, self._issuer, f"system:serviceaccount:{NAMESPACE}:default", max_session=43200)
        return Tenant(self.cluster, self.aws, NAMESPACE, role)

    def _make_replica(self, stack: contextlib.ExitStack, number: int) -> Replica:
        fronts = Fronts()
        stack.callback(fronts.close)
        kubernetes = fronts.open(self._issuer, self.cluster.authority(), describe_kubernetes)
        aws = fronts.open(self.aws.endpoint_url, None, describe_aws)
        folder = self._folder / f"replica-{number}"
        folder.mkdir()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "fronted", "cluster": {"server": kubernetes}}],
            "users": [{"name": "operator", "user": {"token": self._token}}],
            "contexts": [{"name": "fronted", "context": {"cluster": "fronted", "user": "operator"}}],
            "current-context": "fronted",
        }
        (folder / "operator.kubeconfig").write_text(yaml.safe_dump(config))

        def make(duration: int) -> LocalOperator:
            arguments = ("--leader-election", f"--lease-duration={duration}")
            settings = {**self.aws.environment, "AWS_ENDPOINT_URL": aws}
            return LocalOperator(self._admin, self._context, folder, settings=settings, arguments=arguments)

        replica = Replica(folder.name, fronts, make)
        stack.callback(replica.end)
        return replica


def delete_left_over() -> None:
    """Delete the clusters of shows that were killed."""
    for found in clusters.known():
        process = found.name.removeprefix(PREFIX)
        if found.name.startswith(PREFIX) and process.isdecimal() and not Path(f"/proc/{process}").exists():
            clusters.delete(found.name)
