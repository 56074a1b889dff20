"""Whose definitions may open providers as an environment's identity; checked before anything is shared or requested.

A definition that opens a provider acts as the environment that is filled, also when it is imported. So the importer
lists the namespaces whose definitions may do so. The definition that contains the call counts, at any depth; values of
an import that become inputs of the importer's own call need no trust.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from esc_operator.lang.diagnostics import Failed
from esc_operator.resources import reasons
from esc_operator.resources.sharing import may_act_for
from esc_operator.stores.imports import place_of

if TYPE_CHECKING:
    from esc_operator.evaluation import OpenProvider, OpenRotator, RotateState


class Trust(NamedTuple):
    """The trust of the environment `root`: in these namespaces, its own, and ClusterEscEnvironments."""

    root: str
    namespaces: frozenset[str]

    def refuse(self, call: OpenProvider | OpenRotator | RotateState) -> Failed | None:
        """Why a call must not be made, or None."""
        place = place_of(call.environment)
        if may_act_for(place_of(self.root), place, self.namespaces):
            return None
        return Failed(
            f'a definition of namespace "{place}" calls "{call.provider}", and {self.root} does not trust that '
            f'namespace to act as its ServiceAccount: add "{place}" to its spec.trustedNamespaces if it should, else '
            "import nothing that opens providers",
            reasons.IMPORT_NOT_TRUSTED,
        )
