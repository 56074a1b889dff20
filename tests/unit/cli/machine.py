"""A machine with `esc` on it, in memory but for a folder: its settings, and clusters that answer as they are told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from esc_operator.cli.entry import run
from esc_operator.cli.outside import Outside
from esc_operator.errors import ConfigurationError, KubeError, NotFoundError
from esc_operator.providers.port import IdentityToken
from unit.cli.cloud.service import FakeCloud

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pytest

KUBECONFIG = """\
current-context: kind
contexts:
- {name: kind, context: {cluster: kind, user: kind, namespace: apps}}
- {name: "arn:aws:eks:x/prod", context: {cluster: x, user: y}}
"""


@dataclass
class FakeSession:
    """A cluster that knows its environments by (namespace, name), those of the whole cluster by ("", name), and gives
    out tokens that say what was asked."""

    environments: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    tokens: list[tuple[str, str, str]] = field(default_factory=list)
    metadata: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    statuses: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    annotated: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    created: list[Mapping[str, Any]] = field(default_factory=list)
    progress: list[Mapping[str, Any]] = field(default_factory=list)
    secrets: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    config_maps: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    refusal: KubeError | None = None

    def list_namespaces(self) -> Sequence[Mapping[str, Any]]:
        if self.refusal:
            raise self.refusal
        return [{"metadata": {"name": name, "labels": labels or None}} for name, labels in self.namespaces.items()]

    def read_environment(self, namespace: str, name: str) -> Mapping[str, Any]:
        try:
            spec = self.environments[namespace, name]
        except KeyError:
            raise NotFoundError(f"no {namespace}/{name}") from None
        place = {"namespace": namespace} if namespace else {}
        metadata = {**place, "name": name, "generation": 1, "uid": f"uid-of-{name}"}
        more = self.metadata.get((namespace, name), {})
        told = self.statuses.get((namespace, name), {})
        status = {"observedGeneration": 1, "logins": [{"provider": "aws-login"}], **told}
        return {"metadata": {**metadata, **more}, "spec": spec, "status": status}

    def read_secret(self, namespace: str, name: str) -> Mapping[str, Any]:
        if self.refusal:
            raise self.refusal
        if (namespace, name) not in self.secrets:
            raise NotFoundError(f"no {namespace}/{name}")
        return self.secrets[namespace, name]

    def read_config_map(self, namespace: str, name: str) -> Mapping[str, Any]:
        if (namespace, name) not in self.config_maps:
            raise NotFoundError(f"could not read configmaps {namespace}/{name}: not found")
        return self.config_maps[namespace, name]

    def annotate_environment(self, namespace: str, name: str, annotations: Mapping[str, str]) -> None:
        if self.refusal:
            raise self.refusal
        self.annotated.append((namespace, name, annotations))

    def create_rotation(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.refusal:
            raise self.refusal
        self.created.append(body)
        return {**body, "metadata": {"name": "esc-rotate-x"}}

    def read_rotation(self, name: str) -> Mapping[str, Any]:
        """Each read comes one step further, and the last one stays."""
        status = self.progress.pop(0) if len(self.progress) > 1 else self.progress[0]
        return {"metadata": {"name": name}, "status": status}

    def list_environments(self, namespace: str | None = None) -> Sequence[Mapping[str, Any]]:
        wanted = [key for key in self.environments if (key[0] if namespace is None else key[0] == namespace)]
        return [self.read_environment(*key) for key in wanted]

    def request_token(self, namespace: str, service_account: str, audience: str) -> IdentityToken:
        self.tokens.append((namespace, service_account, audience))
        return IdentityToken("h.e30.s", None)


@dataclass
class Answer:
    """What a command left behind."""

    status: int
    out: str
    err: str


class Esc:
    """`esc` in a machine of its own: a home, settings, and clusters by context."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.home = home
        self.environments = home / "environments"
        self.settings = {
            "ESC_HOME": str(home),
            "PULUMI_HOME": str(home / "pulumi"),
            "KUBECONFIG": str(home / "kubeconfig"),
            "PATH": "/usr/bin:/bin",
        }
        self.cloud = FakeCloud()
        self.typed: list[str] = []
        """What the person at the terminal types when asked; nobody is there without it."""
        self.clusters: dict[str, FakeSession] = {}
        self.connect: Callable[[str], FakeSession] = self.clusters.__getitem__
        self._capsys = capsys
        self.seconds = 0.0
        (home / "kubeconfig").write_text(KUBECONFIG)

    def _type(self, prompt: str) -> str:
        if not self.typed:
            raise ConfigurationError("there is no terminal to ask at")
        self.cloud.asked.append(prompt)
        return self.typed.pop(0)

    def _sleep(self, seconds: float) -> None:
        self.seconds += seconds

    def write(self, name: str, text: str) -> None:
        path = self.environments / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def __call__(self, *arguments: str) -> Answer:
        self._capsys.readouterr()
        outside = Outside(
            self.settings,
            self.connect,
            self.cloud.api,
            self._type,
            sleep=self._sleep,
            clock=lambda: self.seconds,
            now=lambda: self.cloud.now,
        )
        status = run(arguments, outside)
        captured = self._capsys.readouterr()
        return Answer(status, captured.out, captured.err)
