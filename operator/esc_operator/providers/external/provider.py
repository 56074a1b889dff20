"""`fn::open::external`: what an adapter of one's own answers to a request.

Inputs and outputs are those of Pulumi ESC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.evaluation import Opened
from esc_operator.providers.external.adapter import REQUEST, URL, Adapted, ask_adapter
from esc_operator.providers.login_inputs import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.providers.port import OpenContext


class External(Adapted):
    """The provider. One instance serves the whole process."""

    inputs: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "required": ["url"],
        "additionalProperties": False,
        "properties": {
            "url": URL,
            "request": REQUEST,
            "secret": {"type": "boolean", "default": True, "description": "Whether the response is a secret."},
        },
    }
    outputs: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "required": ["response"],
        "properties": {"response": {"type": "object", "description": "What the adapter answered."}},
    }

    async def open(self, inputs: Mapping[str, Any], context: OpenContext) -> Opened:
        refuse(self.problems(inputs))
        response = await ask_adapter(inputs["url"], inputs.get("request") or {}, context)
        return Opened({"response": response}, secret=inputs.get("secret", True) is not False)


PROVIDER = External()
