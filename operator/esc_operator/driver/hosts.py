"""No host's name is made of a secret: names are looked up in DNS, where others read along, and stand in logs.

Pure. A provider declares of which inputs it makes one (`providers.port.Located.host_inputs`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.evaluation import Failed
from esc_operator.providers import reasons
from esc_operator.providers.port import Located

if TYPE_CHECKING:
    from esc_operator.evaluation import Value


def refuse_secret_host(plugin: object, name: str, inputs: Value) -> Failed | None:
    """Why a plug-in must not be called with these inputs; None where it may be."""
    if not isinstance(plugin, Located) or not inputs.contains_secrets:
        return None
    for path in plugin.host_inputs:
        if _is_secret(inputs, path):
            return Failed(
                f'the input {path} of "{name}" is a secret, and the name of the host that is asked is made of it: names'
                " of hosts are looked up in DNS and stand in logs, so write it in plain",
                reasons.SECRET_HOST,
            )
    return None


def _is_secret(inputs: Value, path: str) -> bool:
    found: Value | None = inputs
    for key in path.split("."):
        if found is None or found.is_secret:
            break
        found = found.lookup((key,))
    return found is not None and found.contains_secrets
