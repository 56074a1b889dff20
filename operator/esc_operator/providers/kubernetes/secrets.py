"""`fn::open::kubernetes-secrets`: keys of Secrets of the environment's own namespace, as its ServiceAccount may read
them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.evaluation import Opened
from esc_operator.providers.kubernetes.objects import RATE, inputs_of, problems_of, read_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from esc_operator.evaluation import InputProblem, Login
    from esc_operator.providers.port import OpenContext

OUTPUTS: Mapping[str, Any] = {
    "type": "object",
    "description": "By name, the value of the key, or all keys with their values.",
    "additionalProperties": True,
}


class KubernetesSecrets:
    """The provider. One instance serves the whole process."""

    name: ClassVar[str] = "kubernetes-secrets"
    host_inputs: ClassVar[tuple[str, ...]] = ()
    inputs: ClassVar[Mapping[str, Any]] = inputs_of("Secret")
    outputs: ClassVar[Mapping[str, Any]] = OUTPUTS
    rate: ClassVar[float] = RATE

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        """None: only the cluster's own API server is asked."""
        return None

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """None: it presents no identity token to anyone."""
        return None

    def problems(self, inputs: Mapping[str, Any]) -> Iterable[InputProblem]:
        return problems_of("Secret", inputs)

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        read = await read_values("Secret", inputs, context)
        return Opened(read.values, versions=read.versions)


PROVIDER = KubernetesSecrets()
