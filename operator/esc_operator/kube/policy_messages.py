"""The messages that stand in ValidatingAdmissionPolicies: what one of them says may be told where it stands there.

Owns reading them, each at most once in a while, however many writes one policy denies. Where one cannot be read,
because the operator has no right to (in namespaced mode) or it is gone, nothing more is told than its name.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from esc_operator.errors import KubeError
from esc_operator.kube.paths import Resource
from esc_operator.kube.refusals import NO_WORDS, PolicyWords

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

POLICIES: Final = Resource(
    "/apis/admissionregistration.k8s.io/v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy"
)

KNOWN_SECONDS: Final = 10.0
"""How long what was read of a policy counts. A message that was changed meanwhile is not found, and not told."""
MOST_KNOWN: Final = 64


class PolicyMessages:
    """`read` reads a policy by its name. `clock` counts seconds."""

    def __init__(
        self, read: Callable[[str], Awaitable[Mapping[str, Any]]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._read = read
        self._clock = clock
        self._known: dict[str, tuple[float, PolicyWords]] = {}

    async def find(self, name: str) -> PolicyWords:
        """The words of a policy; none where they cannot be had."""
        now, known = self._clock(), self._known.get(name)
        if known and now < known[0] + KNOWN_SECONDS:
            return known[1]
        try:
            words = parse_policy(await self._read(name))
        except KubeError:
            words = NO_WORDS
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[name] = now, words
        return words


def parse_policy(body: Mapping[str, Any]) -> PolicyWords:
    """What stands in a policy. The API server trims messages, and says which expression fails where there is none."""
    spec = body.get("spec") or {}
    validations = [one for one in spec.get("validations") or () if isinstance(one, dict)]
    expressions = [str(one.get("expression") or "") for one in validations]
    messages = [
        str(one.get("message") or "").strip() or f"failed expression: {expression.strip()}"
        for one, expression in zip(validations, expressions, strict=True)
    ]
    conditions = [one for one in spec.get("matchConditions") or () if isinstance(one, dict)]
    expressions += [str(one.get("expression") or "") for one in conditions]
    return PolicyWords(tuple(filter(None, messages)), tuple(filter(None, expressions)))
