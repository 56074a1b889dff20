"""`${context...}`: the evaluation's own data, and what its host adds."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from esc_operator.evaluation.plain import from_data
from esc_operator.evaluation.tasks import Scope
from esc_operator.evaluation.values import Value

_RESERVED: Final = ("currentEnvironment", "rootEnvironment")
_DEEPEST: Final = 20


class Principal(NamedTuple):
    """Who opens an environment, and where: `${context.pulumi.user.login}` and `${context.pulumi.organization.login}`.
    `organization` is what comes first in a reference, such as the name of the cluster."""

    user: str = ""
    organization: str = "default"

    @property
    def context(self) -> Mapping[str, Any]:
        return {"pulumi": {"user": {"login": self.user}, "organization": {"login": self.organization}}}


def check_context(context: Mapping[str, Any]) -> None:
    """Raises ValueError if the host's context takes a key that belongs to the evaluator, or is not JSON-like data."""
    for key in _RESERVED:
        if key in context:
            raise ValueError(f'reserved context key: "{key}"')
    from_data(context, None, secret=False, deepest=_DEEPEST)


def context_of(scope: Scope, host: Mapping[str, Any]) -> Value:
    """The context as one environment sees it."""
    if scope.context is None:
        own = {"currentEnvironment": {"name": scope.identity}, "rootEnvironment": {"name": scope.root_name}}
        scope.context = from_data({**host, **own}, None, secret=False, deepest=_DEEPEST)
    return scope.context
