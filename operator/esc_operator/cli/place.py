"""`--context` and `--namespace`: where a reference points if it does not say so itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from esc_operator.errors import ConfigurationError
from esc_operator.stores.references import CLUSTER_PROJECT

if TYPE_CHECKING:
    from esc_operator.stores.references import Reference


class Place(NamedTuple):
    """A context of the kubeconfig, and a namespace (in a folder: a project); "" for what is not given."""

    context: str = ""
    namespace: str = ""

    def complete(self, reference: Reference) -> Reference:
        """The reference, with what it leaves out. Raises ConfigurationError if it says otherwise."""
        if self.context and reference.organization not in {"", self.context}:
            raise _contradiction(reference, "context", reference.organization, f"--context {self.context}")
        if self.namespace and reference.project == CLUSTER_PROJECT:
            raise ConfigurationError(f"{reference} belongs to no namespace: leave --namespace {self.namespace} out")
        if self.namespace and reference.project not in {"", self.namespace}:
            raise _contradiction(reference, "namespace", reference.project, f"--namespace {self.namespace}")
        return reference._replace(
            organization=reference.organization or self.context, project=reference.project or self.namespace
        )


ANYWHERE = Place()


def _contradiction(reference: Reference, what: str, named: str, option: str) -> ConfigurationError:
    return ConfigurationError(f"{reference} names the {what} {named}, and {option} another one: leave one of them out")
