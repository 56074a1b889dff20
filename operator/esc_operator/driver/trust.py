"""Whose definitions may open providers in the name of an environment: before anything is told, shared or asked for.

An import carries definitions, and a definition that opens a provider acts as whoever is filled. So the importer says
which namespaces it takes such definitions from. What counts is where the call itself stands, however deep: what an
import merely hands to a call of the importer's own is the importer's affair.
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
    """What the environment `root` says: it trusts these namespaces beside its own place and the whole cluster's."""

    root: str
    namespaces: frozenset[str]

    def refuse(self, call: OpenProvider | OpenRotator | RotateState) -> Failed | None:
        """Why a call must not be made, or None."""
        place = place_of(call.environment)
        if may_act_for(place_of(self.root), place, self.namespaces):
            return None
        return Failed(
            f'the call of "{call.provider}" stands in a definition of namespace "{place}", which {self.root} does not '
            f'trust to act as its ServiceAccount: if it does, write spec.trustedNamespaces: ["{place}"] in it; else '
            "import nothing that opens providers",
            reasons.IMPORT_NOT_TRUSTED,
        )
