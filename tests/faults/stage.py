"""What the faults are played on: a cluster, an AWS, fronts before both, and the operator. One for each lane.

Owns their lives. Between two plays it is put in order: everything runs, nothing is in the way.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cluster.harness import Cluster, trusting_aws, wait_until
from cluster.staging import Staged
from faults.clock import Clock
from faults.front import Drop, Fronts, Reaction
from faults.requests import describe_aws, describe_kubernetes
from local_cluster import cluster as clusters
from local_cluster import interruptions, kubeconfig
from local_operator import LocalOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from faults.scenario import Fault

PREFIX = "faults-"
_numbers = itertools.count(1)


class Stage(Staged):
    """Use it in a `with` block. `lock` is for boto3, whose clients are not made by two threads at once."""

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self._log_read = 0
        self._api_server: list[str] | None = None
        self._own_command: list[str] = []

    def set_up(self, stack: contextlib.ExitStack) -> None:
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="esc-faults-")))
        name = f"{PREFIX}{os.getpid()}-{next(_numbers)}"
        stack.callback(clusters.delete, name)
        self.local = clusters.create(name)
        self.cluster = Cluster(self.local.admin_kubeconfig, kubeconfig.context_name(name))
        stack.callback(self.cluster.close)
        self.issuer = self.cluster.issuer()
        self.aws = stack.enter_context(trusting_aws(self.cluster, self.folder))
        self.aws.client("sts")
        self.fronts = Fronts()
        stack.callback(self.fronts.close)
        self._kubernetes_url = self.fronts.open(self.issuer, self.cluster.authority(), describe_kubernetes)
        self.tls_url = self.fronts.open(self.issuer, self.cluster.authority(), describe_kubernetes, tls=True)
        self._aws_url = self.fronts.open(self.aws.endpoint_url, None, describe_aws)
        self._token = self._install()
        self.clock = Clock(self.folder / "clock")
        self._operator_clock = False
        self.operator = self.make_operator()
        self.operator.start()
        stack.callback(self._end_operator)

    def _end_operator(self) -> None:
        self.operator.kill()  # whichever it is by then

    def make_operator(
        self,
        *,
        clock: bool = False,
        arguments: tuple[str, ...] = (),
        own: dict[str, object] | None = None,
    ) -> LocalOperator:
        """An operator that is not started yet, behind the fronts, or where its kubeconfig says."""
        folder = Path(tempfile.mkdtemp(prefix="operator-", dir=self.folder))
        config = yaml.safe_load(self.local.admin_kubeconfig.read_text())
        entry = {"cluster": "fronted", "user": "operator"}
        config |= {
            "clusters": [{"name": "fronted", "cluster": {"server": self._kubernetes_url}}],
            "users": [{"name": "operator", "user": {"token": self._token}}],
            "contexts": [{"name": "fronted", "context": entry}],
            "current-context": "fronted",
            **(own or {}),
        }
        (folder / "operator.kubeconfig").write_text(yaml.safe_dump(config))
        settings = {**self.aws.environment, "AWS_ENDPOINT_URL": self._aws_url}
        return LocalOperator(
            self.cluster.kubeconfig,
            self.cluster.context,
            folder,
            settings=settings | (self.clock.settings if clock else {}),
            arguments=arguments,
        )

    def prepare(self, fault: Fault) -> None:
        """Put everything in order for the next fault."""
        interruptions.resume(self.local, interruptions.ETCD)
        self.start_api_server()
        if self._own_command:
            self.restart_api_server()
            self._own_command = []
        self.aws.clear_faults()
        self.aws.settings(lifetime=fault.lifetime)
        self.fronts.clear()
        self.clock.set_back()
        if self._operator_clock != fault.clock:
            self.operator.stop()
            self.operator, self._log_read = self.make_operator(clock=fault.clock), 0
            self._operator_clock = fault.clock
        if not self.operator.is_running():
            self.operator.kill()
            self.operator.start()

    @contextlib.contextmanager
    def replaced_by(self, operator: LocalOperator) -> Iterator[LocalOperator]:
        """While the block lasts, another operator works in place of the usual one."""
        usual, read = self.operator, self._log_read
        usual.stop()
        self.operator, self._log_read = operator, 0
        try:
            operator.start()
            yield operator
        finally:
            operator.stop()
            self.operator, self._log_read = usual, read
            usual.start()

    def kill_operator(self) -> Reaction:
        """An action: the operator dies here, and nothing more of what it sent is read."""
        os.kill(self.operator.pid, signal.SIGKILL)
        self.fronts.forget_connections()
        return Drop()

    def restart_operator(self) -> None:
        """Start it anew after it was killed."""
        self.operator.kill()
        self.operator.start()

    def kill_api_server(self) -> None:
        self._api_server = interruptions.kill(self.local, interruptions.API_SERVER)

    def start_api_server(self) -> None:
        """Start it again where it was killed."""
        command, self._api_server = self._api_server, None
        if command:
            interruptions.start_again(self.local, command)

    def restart_api_server(self, *options: str) -> None:
        """Start it anew with these options besides its own, and with no others that it was given before."""
        command = interruptions.kill(self.local, interruptions.API_SERVER)
        self._own_command = self._own_command or command
        interruptions.start_again(self.local, [*self._own_command, *options])

    def until_quiet(self, seconds: float = 0.4) -> None:
        """Wait until the operator has not asked anybody for anything for a while."""
        wait_until(lambda: self.fronts.is_quiet(seconds), "the operator has come to rest")

    def log_of_operator(self) -> str:
        return self.operator.log.read_text(errors="replace")

    def read_new_log_lines(self, *parts: str) -> list[str]:
        """Lines of the operator's log with one of those parts, since the last time."""
        log = self.log_of_operator()
        new, self._log_read = log[self._log_read :], len(log)
        return [line for line in new.splitlines() if any(part in line for part in parts)]

    def _install(self) -> str:
        installer = LocalOperator(self.cluster.kubeconfig, self.cluster.context, self.folder)
        installer.install()
        config: dict[str, Any] = yaml.safe_load((self.folder / "operator.kubeconfig").read_text())
        token: str = config["users"][0]["user"]["token"]
        return token


def delete_left_over() -> None:
    """Delete the clusters of runs that were killed."""
    for found in clusters.known():
        process = found.name.removeprefix(PREFIX).partition("-")[0]
        if found.name.startswith(PREFIX) and process.isdecimal() and not Path(f"/proc/{process}").exists():
            clusters.delete(found.name)
