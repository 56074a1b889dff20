"""Opens an environment of the cluster as its own ServiceAccount, and says what came of it.

Between the reconciler and the driver: definitions come from the API server, the identity from TokenRequest, the values
become a Secret's data. Whatever fails becomes a `Refused` whose message names the place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.driver.immediate import Immediate
from esc_operator.driver.loops import run_async
from esc_operator.driver.performer import Performer
from esc_operator.errors import ForbiddenError, IdentityError, KubeError
from esc_operator.evaluation import Evaluator, Mode
from esc_operator.lang import parse_object
from esc_operator.projection.secret import secret_data
from esc_operator.projection.variables import exported
from esc_operator.reconciliation.definitions import PATH_PREFIX, Definitions
from esc_operator.reconciliation.outcome import Opened, Refused
from esc_operator.renewal.schedule import Window
from esc_operator.resources import reasons

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from esc_operator.driver.opener import Opener
    from esc_operator.driver.sharing import Demand
    from esc_operator.evaluation import Evaluation
    from esc_operator.kube.api import KubeApi
    from esc_operator.lang import Diagnostic
    from esc_operator.projection.variables import Variable
    from esc_operator.providers.port import IdentityToken
    from esc_operator.resources.environment import EscEnvironment


class ServiceAccountIdentity:
    """The ServiceAccount of an environment. Never the operator's own, and never a token for the API server."""

    def __init__(self, api: KubeApi, namespace: str, name: str) -> None:
        self._api = api
        self._namespace = namespace
        self._name = name

    @property
    def subject(self) -> str:
        return f"system:serviceaccount:{self._namespace}:{self._name}"

    async def token(self, audience: str) -> IdentityToken:
        try:
            return await self._api.request_token(self._namespace, self._name, audience)
        except ForbiddenError as error:
            raise IdentityError(error.message, reason=reasons.TOKEN_REFUSED) from error
        except KubeError as error:
            raise IdentityError(error.message, reason=error.reason, retry_after=error.retry_after) from error


class EnvironmentOpening:
    """Opens environments, with one opener for all of them."""

    def __init__(self, api: KubeApi, opener: Opener) -> None:
        self._api = api
        self._opener = opener
        self._immediate = Immediate(catalogue=opener.catalogue)

    async def __call__(self, environment: EscEnvironment, demand: Demand) -> Opened | Refused:
        definitions = Definitions(self._api, environment)
        parsed, findings = parse_object(definitions.root, environment.definition, PATH_PREFIX)
        evaluator = Evaluator(parsed, name=definitions.root, mode=Mode.OPEN, qualify=definitions.qualify)
        identity = ServiceAccountIdentity(self._api, environment.key.namespace, environment.service_account)
        performer = Performer(self._opener, identity, demand, definitions)
        evaluation = await run_async(evaluator, self._immediate.perform, performer.perform)
        found = [finding for finding in (*findings, *evaluation.diagnostics) if finding.is_error]
        data: Mapping[str, str] = {}
        if not found:
            data, refused = secret_data(variables_of(evaluation))
            found = [finding for finding in refused if finding.is_error]
        if found:
            return refusal(found, definitions.generations)
        return Opened(
            data=data,
            window=earliest(evaluation),
            rereads=any(record.lease is None for record in evaluation.opens),
            imports=definitions.generations,
        )


def variables_of(evaluation: Evaluation) -> tuple[Variable, ...]:
    """What pods take through envFrom; the content of files is not for a variable."""
    if evaluation.value is None:
        return ()
    return tuple(variable for variable in exported(evaluation.value) if not variable.is_file)


def earliest(evaluation: Evaluation) -> Window | None:
    """The life of whatever expires first."""
    leases = [record.lease for record in evaluation.opens if record.lease]
    first = min(leases, key=lambda lease: lease.expires_at, default=None)
    return Window(first.issued_at, first.expires_at) if first else None


def refusal(errors: Iterable[Diagnostic], imports: Mapping[str, int]) -> Refused:
    """What a person is told: the first error with its place, and how many more there are.

    A mistake in a definition is not tried again: it takes a change to mend it, and a change is noticed.
    """
    first, *others = errors
    message = f"{place(first)}{first.summary}"
    if others:
        message += f" (and {len(others)} more; `esc open` shows all of them)"
    waits = [error.cause.retry_after for error in (first, *others) if error.cause and error.cause.retry_after]
    return Refused(
        reason=first.reason or reasons.INVALID_DEFINITION,
        message=message,
        retryable=all(error.cause is not None for error in (first, *others)),
        retry_after=max(waits, default=None),
        imports=imports,
    )


def place(finding: Diagnostic) -> str:
    return f"{finding.path}: " if finding.path else ""
