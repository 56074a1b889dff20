"""Opens an environment of the cluster as its own ServiceAccount, and says what came of it.

Between the reconciler and the façade: definitions come from the API server, the identity from TokenRequest, the values
become a Secret's data. Whatever fails becomes a `Refused` whose message names the place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.api import find_imports, open_environment
from esc_operator.errors import ForbiddenError, IdentityError, KubeError
from esc_operator.lang.reasons import CYCLIC_IMPORT, IMPORT_FAILED, LIMIT_EXCEEDED
from esc_operator.projection.secret import secret_data
from esc_operator.projection.variables import exported
from esc_operator.reconciliation.opening.admission import REFUSALS, Admissions, NamespaceAdmission
from esc_operator.reconciliation.sync.outcome import OpenedValues, Refused
from esc_operator.renewal.schedule import Window
from esc_operator.resources import reasons
from esc_operator.resources.environment import Key, key_of
from esc_operator.resources.status import LoginStatus
from esc_operator.stores.imports import PATH_PREFIX
from esc_operator.stores.port import StoredDefinition
from esc_operator.stores.references import INVALID_REFERENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from esc_operator.api import Result
    from esc_operator.driver.opener import Opener
    from esc_operator.driver.sharing import Demand
    from esc_operator.driver.worker import Worker
    from esc_operator.evaluation import OpenRecord
    from esc_operator.kube.identity_tokens import IdentityTokens
    from esc_operator.kube.namespaces import Namespaces
    from esc_operator.lang import Diagnostic
    from esc_operator.providers.port import IdentityToken
    from esc_operator.reconciliation.opening.import_store import ImportStore
    from esc_operator.reconciliation.opening.rotator_secrets import RotatorSecrets
    from esc_operator.reconciliation.sync.outcome import Imports
    from esc_operator.resources.environment import EscEnvironment


_UNTIL_CHANGED = REFUSALS | {reasons.IMPORT_NOT_TRUSTED}


_OF_IMPORTS = frozenset(
    {
        CYCLIC_IMPORT,
        IMPORT_FAILED,
        reasons.IMPORT_NOT_FOUND,
        reasons.IMPORT_NOT_ALLOWED,
        INVALID_REFERENCE,
    }
)
_SEE_OWNER = "ask its owner, who sees the cause in its status, or by `esc open`"


_LONGEST = 2_000
"""Characters of one error's message: names in it may be as long as a definition."""


class ServiceAccountIdentity:
    """The ServiceAccount of an environment. Never the operator's own, and never a token for the API server."""

    def __init__(self, tokens: IdentityTokens, account: Key, admission: NamespaceAdmission) -> None:
        self._tokens = tokens
        self._account = account
        self._admission = admission

    @property
    def subject(self) -> str:
        return f"system:serviceaccount:{self._account.namespace}:{self._account.name}"

    @property
    def tenant(self) -> str:
        return self._account.namespace

    async def token(self, audience: str) -> IdentityToken:
        # Whatever a provider has told before of the audience that it would ask for.
        if refused := self._admission.refuse_audience(audience):
            raise IdentityError(refused.message, reason=refused.reason)
        try:
            return await self._tokens.token(self._account, audience)
        except ForbiddenError as error:
            raise IdentityError(error.message, reason=reasons.TOKEN_REFUSED) from error
        except KubeError as error:
            raise IdentityError(error.message, reason=error.reason, retry_after=error.retry_after) from error


class Nobody:
    """Of a ClusterEscEnvironment that does not say as whom it logs in; most have no need to."""

    subject = ""
    tenant = ""

    async def token(self, audience: str) -> IdentityToken:
        raise IdentityError(
            f"there is no ServiceAccount for a login (with audience {audience}): set spec.serviceAccount",
            reason=reasons.INVALID_SPEC,
        )


class EnvironmentOpening:
    """Opens environments, with one opener for all of them. `imports` makes the store of one evaluation, for a place."""

    def __init__(
        self,
        imports: Callable[[str], ImportStore],
        tokens: IdentityTokens,
        opener: Opener,
        allowances: Namespaces,
        states: RotatorSecrets,
    ) -> None:
        self._imports = imports
        self._tokens = tokens
        self._opener = opener
        self._allowances = allowances
        self._states = states

    async def look(self, environment: EscEnvironment) -> Imports:
        """What an environment imports, found out without opening anything. Raises KubeError."""
        store = self._imports(environment.key.namespace)
        await find_imports(_root(environment), store, self._opener, environment.key.namespace)
        if store.trouble:
            raise store.trouble
        return store.imports

    async def __call__(self, environment: EscEnvironment, demand: Demand, worker: Worker) -> OpenedValues | Refused:
        store = self._imports(environment.key.namespace)
        root = _root(environment)
        account, admission, allowed = environment.account, None, ""
        if account is not None:
            try:
                allowances = await self._allowances.read_allowances(account.namespace)
                admission, allowed = NamespaceAdmission(account.namespace, allowances), allowances.digest
            except KubeError as error:
                return Refused(error.reason, f"the namespace's allow-lists could not be read: {error.message}")
        identity = ServiceAccountIdentity(self._tokens, account, admission) if account and admission else Nobody()
        admissions = Admissions(admission, self._allowances.read_allowances) if admission else None
        # Only a rotation asks for what was made after a time, and only then rotators make new secrets.
        states = self._states.of(environment, rotates=demand.fresh_after is not None)
        result = await open_environment(root, store, self._opener, identity, demand, states, admissions, worker)
        if not result.ok:
            return refusal(result.errors, store.imports)
        data, problems = await self._opener.large_work.run(
            lambda: secret_data(exported(result.value)), 2 * result.value.writing_units, identity.tenant
        )
        if problems:
            return refusal(problems, store.imports)
        return OpenedValues(
            data=data,
            window=window_of(result),
            rereads=any(record.lease is None for record in result.opens),
            imports=store.imports,
            logins=logins_of(result.opens),
            states=self._states.place_of(environment),
            allowances=allowed,
        )


def _root(environment: EscEnvironment) -> StoredDefinition:
    return StoredDefinition(
        environment.key.full_name,
        definition=environment.definition,
        path_prefix=PATH_PREFIX,
        trusted=environment.trusted,
    )


def window_of(result: Result) -> Window | None:
    """The life of the values: that of the lease which ends first. What a rotator logs in with, to make a new secret,
    does not limit the life of that secret."""
    inside = tuple(f'{rotation.path}["fn::rotate' for rotation in result.rotations)
    leases = [record.lease for record in result.opens if record.lease and not record.path.startswith(inside)]
    first = min(leases, key=lambda lease: lease.expires_at, default=None)
    return Window(first.issued_at, first.expires_at) if first else None


def logins_of(opens: Iterable[OpenRecord]) -> tuple[LoginStatus, ...]:
    """Each once, in order."""
    return tuple(
        sorted({LoginStatus(one.provider, one.login.role if one.login else "", one.hides_login) for one in opens})
    )


def refusal(errors: Iterable[Diagnostic], imports: Imports) -> Refused:
    """The message for the user: the first error with its place, and how many more there are.

    A mistake in a definition is not retried: only a change corrects it, and a change is noticed. Neither is a login
    that the namespace does not allow, nor a call that the environment does not trust."""
    # A limit comes first: other errors may only follow from what was not evaluated.
    first, *others = sorted(errors, key=lambda error: error.reason != LIMIT_EXCEEDED)
    reason, message = words(first)
    if len(message) > _LONGEST:
        message = f"{message[: _LONGEST - 1]}…"
    if others:
        message += f" (and {len(others)} more; `esc open` shows all of them)"
    retryable = all(error.cause is not None and error.reason not in _UNTIL_CHANGED for error in (first, *others))
    waits = [error.cause.retry_after for error in (first, *others) if error.cause and error.cause.retry_after]
    return Refused(
        reason=reason,
        message=message,
        retryable=retryable,
        retry_after=max(waits, default=None),
        outage=retryable and any(error.cause.outage for error in (first, *others) if error.cause),
        imports=imports,
    )


def words(finding: Diagnostic) -> tuple[str, str]:
    """Reason and message for the environment's owner. An environment that none of their own place imports is not named:
    the owner of its importer sees the error in full."""
    reason = finding.reason or reasons.INVALID_DEFINITION
    if not finding.through:
        return reason, f"{place(finding)}{finding.summary}"
    importer = key_of(finding.through, "").describe()
    if reason == reasons.IMPORT_NOT_TRUSTED:  # it names the namespace, which the owner has to decide about
        return reason, f"{importer}: in an environment that it imports: {finding.summary}"
    if reason in _OF_IMPORTS:
        return IMPORT_FAILED, f"{importer}: an environment that it imports cannot be loaded; {_SEE_OWNER}"
    return reason, f"{importer}: an environment that it imports has an error ({reason}); {_SEE_OWNER}"


def place(finding: Diagnostic) -> str:
    """Where it is, for people: at which path, and in which environment if that is an imported one."""
    imported = f"{key_of(finding.environment, '').describe()}: " if finding.environment else ""
    return imported + (f"{finding.path}: " if finding.path else "")
