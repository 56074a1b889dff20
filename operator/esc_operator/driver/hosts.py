"""Refuses secrets in host names: names are looked up in DNS, where others can read them, and appear in logs.

Pure. A provider declares which inputs become part of a host name (`providers.port.Located.host_inputs`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.evaluation import Failed, InputProblem
from esc_operator.providers import reasons
from esc_operator.providers.port import Located

if TYPE_CHECKING:
    from esc_operator.evaluation import Value


def refuse_secret_host(plugin: object, name: str, inputs: Value) -> Failed | None:
    """Why a plug-in must not be called with these inputs; None if it may be."""
    return next((Failed(problem.message, problem.reason) for problem in secret_host(plugin, name, inputs)), None)


def secret_host(plugin: object, name: str, inputs: Value) -> tuple[InputProblem, ...]:
    """The first input that would show a secret as a host name."""
    if not isinstance(plugin, Located) or not inputs.contains_secrets:
        return ()
    for path in plugin.host_inputs:
        if _is_secret(inputs, path):
            message = (
                f'the input {path} of "{name}" is a secret, and becomes part of a host name: host names are looked up'
                " in DNS and appear in logs, so write it in plain"
            )
            return (InputProblem(tuple(path.split(".")), message, reasons.SECRET_HOST),)
    return ()


def _is_secret(inputs: Value, path: str) -> bool:
    found: Value | None = inputs
    for key in path.split("."):
        if found is None or found.is_secret:
            break
        found = found.lookup((key,))
    return found is not None and found.contains_secrets
