"""A provider that reads objects of one kind; the providers say which, and whether what they read is a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.evaluation import Opened
from esc_operator.providers.kubernetes.objects import RATE, problems_of, read_values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from esc_operator.evaluation import InputProblem, Login
    from esc_operator.providers.kubernetes.objects import Kind
    from esc_operator.providers.port import OpenContext


class ObjectReader:
    """A provider. One instance serves the whole process."""

    kind: ClassVar[Kind]
    is_secret: ClassVar[bool]
    host_inputs: ClassVar[tuple[str, ...]] = ()
    outputs: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "description": "By name, the value of the key, or all keys with their values.",
        "additionalProperties": True,
    }
    rate: ClassVar[float] = RATE

    def endpoint(self, inputs: Mapping[str, Any], settings: Mapping[str, str]) -> str | None:
        """None: only the cluster's own API server is asked."""
        return None

    def login(self, inputs: Mapping[str, Any]) -> Login | None:
        """None: it presents no identity token to anyone."""
        return None

    def problems(self, inputs: Mapping[str, Any]) -> Iterable[InputProblem]:
        return problems_of(self.kind, inputs)

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        read = await read_values(self.kind, inputs, context)
        return Opened(read.values, secret=self.is_secret, versions=read.versions)
