"""`fn::rotate::external`: a secret that an adapter of one's own rotates.

Inputs, state and outputs are those of Pulumi ESC. The adapter gets the last answer as `state`, null the first time, and
its whole answer is the new state. It has to keep the secret in use alive, and to expect that the same rotation is asked
for again: an answer may be lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from esc_operator.evaluation import Opened, Rotated
from esc_operator.providers.external.adapter import REQUEST, URL, Adapted, ask_adapter
from esc_operator.providers.login_inputs import refuse
from esc_operator.providers.rotating import not_rotated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.providers.port import OpenContext

_STATE: Mapping[str, Any] = {
    "type": "object",
    "properties": {"current": {"type": "object", "description": "What the adapter answered last."}},
}


class ExternalRotator(Adapted):
    """The rotator. One instance serves the whole process."""

    inputs: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "required": ["url"],
        "rotateOnly": ["request"],
        "additionalProperties": False,
        "properties": {"url": URL, "request": REQUEST},
    }
    state: ClassVar[Mapping[str, Any]] = _STATE
    outputs: ClassVar[Mapping[str, Any]] = _STATE

    async def open(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Opened:
        del context
        refuse(self.problems(inputs))
        if not state or not state.get("current"):
            raise not_rotated("secret")
        return Opened({"current": state["current"]})

    async def rotate(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None, context: OpenContext) -> Rotated:
        refuse(self.problems(inputs))
        body = {"request": inputs.get("request") or {}, "state": (state or {}).get("current")}
        return Rotated({"current": await ask_adapter(inputs["url"], body, context)})


ROTATOR = ExternalRotator()
