"""Opens an environment of the cluster as its own ServiceAccount, and returns the outcome.

Between the reconciler and the façade: definitions come from the API server, the identity from TokenRequest, the values
become a Secret's data. Every failure becomes a `Refused` whose message names the place.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from esc_operator.api import NOBODY, check_environment, open_environment
from esc_operator.errors import ForbiddenError, IdentityError, KubeError
from esc_operator.evaluation.context import Principal
from esc_operator.lang.diagnostics import Failed
from esc_operator.lang.excerpts import reading_units
from esc_operator.projection.secret import secret_data
from esc_operator.projection.variables import exported, may_export
from esc_operator.reconciliation.opening.admission import Admissions, NamespaceAdmission
from esc_operator.reconciliation.opening.records import logins_of, versions_of, window_of
from esc_operator.reconciliation.opening.service_rotators import rotate_in_service, warnings_of_rotators
from esc_operator.reconciliation.opening.sources import PulumiSources, Terms
from esc_operator.reconciliation.opening.unseen import unseen_exports
from esc_operator.reconciliation.opening.wording import refusal, status_warnings
from esc_operator.reconciliation.sync.outcome import CheckedValues, OpenedValues, Refused
from esc_operator.resources import reasons
from esc_operator.resources.definition_source import PULUMI, PulumiSource, TextSource, names_exports
from esc_operator.stores.imports import place_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from esc_operator.driver.opener import Opener
    from esc_operator.driver.sharing import Demand
    from esc_operator.driver.worker import Worker
    from esc_operator.kube.identity_tokens import IdentityTokens
    from esc_operator.kube.namespaces import Namespaces
    from esc_operator.lang import Diagnostic
    from esc_operator.providers.port import Identity, IdentityToken
    from esc_operator.reconciliation.opening.account_objects import AccountObjects
    from esc_operator.reconciliation.opening.held_grants import HeldGrants
    from esc_operator.reconciliation.opening.import_store import ImportStore
    from esc_operator.reconciliation.opening.rotator_secrets import EnvironmentStates, RotatorSecrets
    from esc_operator.reconciliation.sync.outcome import Imports
    from esc_operator.resources.environment import EscEnvironment, Key
    from esc_operator.resources.warnings import StatusWarning
    from esc_operator.stores.port import StoredDefinition


def subject_of(account: Key) -> str:
    """The name of a ServiceAccount as a user."""
    return f"system:serviceaccount:{account.namespace}:{account.name}"


class ServiceAccountIdentity:
    """The ServiceAccount of an environment. Never the operator's own, and never a token for the API server."""

    def __init__(
        self, tokens: IdentityTokens, objects: AccountObjects, account: Key, admission: NamespaceAdmission
    ) -> None:
        self._tokens = tokens
        self._objects = objects
        self._account = account
        self._admission = admission

    @property
    def subject(self) -> str:
        return subject_of(self._account)

    @property
    def tenant(self) -> str:
        return self._account.namespace

    async def token(self, audience: str) -> IdentityToken:
        # A provider may ask for another audience than it has declared.
        if refused := self._admission.refuse_audience(audience):
            raise IdentityError(refused.message, reason=refused.reason)
        try:
            return await self._tokens.token(self._account, audience)
        except ForbiddenError as error:
            raise IdentityError(error.message, reason=reasons.TOKEN_REFUSED) from error
        except KubeError as error:
            raise IdentityError(error.message, reason=error.reason, retry_after=error.retry_after) from error

    async def read_object(self, kind: Literal["ConfigMap", "Secret"], name: str) -> Mapping[str, Any] | None:
        try:
            return await self._objects.read(self._account, kind, name)
        except KubeError as error:
            raise IdentityError(error.message, reason=error.reason, retry_after=error.retry_after) from error


class Nobody:
    """The identity of a ClusterEscEnvironment that names no ServiceAccount; most need none."""

    subject = ""
    tenant = ""

    async def token(self, audience: str) -> IdentityToken:
        raise IdentityError(
            f"there is no ServiceAccount for a login (with audience {audience}): set spec.serviceAccount",
            reason=reasons.INVALID_SPEC,
        )


class EnvironmentOpening:
    """Opens environments, with one opener for all of them. `imports` makes the store of one evaluation, for a place;
    `organization` is the cluster's name. `grants` records what is opened and can be revoked."""

    def __init__(  # noqa: PLR0913, PLR0917 - what an opening stands on
        self,
        imports: Callable[[str], ImportStore],
        tokens: IdentityTokens,
        objects: AccountObjects,
        opener: Opener,
        allowances: Namespaces,
        states: RotatorSecrets,
        organization: str = NOBODY.organization,
        grants: HeldGrants | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._imports = imports
        self._tokens = tokens
        self._objects = objects
        self._opener = opener
        self._allowances = allowances
        self._states = states
        self._organization = organization
        self._grants = grants
        self._sleep = sleep

    async def look(self, environment: EscEnvironment) -> Imports:
        """The imports of an environment, found without opening anything. Raises KubeError."""
        store = self._imports(environment.key.namespace)
        root = await store.read_root(environment)
        if isinstance(root, Failed):
            return store.imports
        await check_environment(
            root, store, self._opener, environment.key.namespace, principal=self._principal(environment)
        )
        if store.trouble:
            raise store.trouble
        return store.imports

    async def check(self, environment: EscEnvironment, worker: Worker) -> CheckedValues | Refused:
        """Evaluate it without opening anything."""
        store = self._imports(environment.key.namespace)
        root = await self._read(environment, store)
        return root if isinstance(root, Refused) else await self._check(environment, root, store, worker)

    async def _read(self, environment: EscEnvironment, store: ImportStore) -> StoredDefinition | Refused:
        """The definition of the environment itself."""
        try:
            root = await store.read_root(environment)
        except KubeError as error:
            return Refused(error.reason, f"the definition could not be read: {error.message}", imports=store.imports)
        if isinstance(root, Failed):
            # Only a change corrects it, of the environment or of the object that it refers to, and both are noticed.
            return Refused(root.reason, root.message, retryable=False, imports=store.imports)
        return root

    def _principal(self, environment: EscEnvironment) -> Principal:
        account = environment.account
        return Principal(subject_of(account) if account else "", self._organization)

    async def _check(
        self, environment: EscEnvironment, root: StoredDefinition, store: ImportStore, worker: Worker
    ) -> CheckedValues | Refused:
        tenant = environment.key.namespace
        result = await check_environment(root, store, self._opener, tenant, worker, self._principal(environment))
        if not result.ok:
            refused = await self._refusal(result.errors, store, root)
            return replace(refused, warnings=status_warnings(result.warnings, root, store.confidential))
        exports, warnings = await self._opener.large_work.run(
            lambda: (may_export(result.value), status_warnings(result.warnings, root, store.confidential)),
            2 * result.value.writing_units,
            tenant,
        )
        return CheckedValues(exports, store.imports, warnings, result.has_rotators)

    async def __call__(self, environment: EscEnvironment, demand: Demand, worker: Worker) -> OpenedValues | Refused:
        with self._grants.opening() if self._grants else contextlib.nullcontext():
            return await self._open(environment, demand, worker)

    async def _open(self, environment: EscEnvironment, demand: Demand, worker: Worker) -> OpenedValues | Refused:
        store = self._imports(environment.key.namespace)
        root = await self._read(environment, store)
        if isinstance(root, Refused):
            return root
        source = environment.source if root.text is None else TextSource(root.text)
        if not names_exports(source) and (checked := await self._find_nothing(environment, root, store, worker)):
            return checked
        try:
            identity, admission = await self._identify(environment.account)
        except KubeError as error:
            return Refused(error.reason, f"the namespace's allow-lists could not be read: {error.message}")
        admissions = Admissions(admission, self._allowances.read_allowances) if admission else None
        # Only a rotation demands credentials issued after a time, and only then rotators make new secrets.
        states = self._states.of(environment, rotates=demand.fresh_after is not None)
        principal = self._principal(environment)
        terms = Terms(environment.key, demand, environment.refresh.interval, self._opener.now())
        rotate = partial(rotate_in_service, states, environment)
        sources = PulumiSources(store.sources, self._opener, self._identify, terms, rotate, self._sleep)
        result = await open_environment(
            root, store, self._opener, identity, demand, states, admissions, worker, principal, sources
        )
        if not result.ok:
            refused = await self._refusal(result.errors, store, root)
            warnings = status_warnings(result.warnings, root, store.confidential)
            return replace(refused, warnings=warnings, unwritten=refused.retryable and states.has_failed)
        is_remote = any(record.provider == PULUMI for record in result.opens)
        unrotated = await _unrotated(states, environment)
        (data, problems), warnings = await self._opener.large_work.run(
            lambda: (
                secret_data(exported(result.value)),
                (
                    *unrotated,
                    *status_warnings(result.warnings, root, store.confidential),
                    *sources.warnings_of(root.name),
                ),
            ),
            3 * result.value.writing_units,
            identity.tenant,
        )
        if is_remote:
            problems = (*problems, *unseen_exports(result.value))
        if problems:
            return replace(await self._refusal(problems, store, root), warnings=warnings)
        if self._grants:
            self._grants.hold(environment, result.opens)
        opened = sources.opened.get(root.name)
        return OpenedValues(
            data=data,
            window=window_of(result),
            rereads=is_remote or any(record.lease is None for record in result.opens),
            imports=store.imports,
            logins=logins_of(result.opens),
            states=states.place,
            allowances=admission.digest if admission else "",
            warnings=warnings,
            origin=store.sources[root.name].source.origin if opened else "",
            revision=opened.revision if opened else "",
            secret_versions=versions_of(result.opens, environment.key),
        )

    async def _identify(self, account: Key | None) -> tuple[Identity, NamespaceAdmission | None]:
        """The identity of a ServiceAccount, and what its namespace allows. Raises KubeError."""
        if account is None:
            return Nobody(), None
        admission = NamespaceAdmission(account.namespace, await self._allowances.read_allowances(account.namespace))
        return ServiceAccountIdentity(self._tokens, self._objects, account, admission), admission

    async def _find_nothing(
        self, environment: EscEnvironment, root: StoredDefinition, store: ImportStore, worker: Worker
    ) -> OpenedValues | None:
        """The result for an environment that only others need: nothing is opened for it. None: it has to be opened."""
        other = self._imports(environment.key.namespace)
        other.source = store.source
        checked = await self._check(environment, root, other, worker)
        if isinstance(checked, Refused) or checked.exports or checked.rotates:
            return None  # opening it reports the errors in full
        return OpenedValues({}, None, rereads=False, imports=checked.imports, warnings=checked.warnings)

    async def _refusal(self, errors: Iterable[Diagnostic], store: ImportStore, root: StoredDefinition) -> Refused:
        """In the thread for large work if the text is large, because it is read once more for the line to show."""
        units = reading_units(root.text) if root.text is not None else 0
        return await self._opener.large_work.run(
            lambda: refusal(errors, store.imports, root, store.confidential), units, place_of(root.name)
        )


async def _unrotated(states: EnvironmentStates, environment: EscEnvironment) -> tuple[StatusWarning, ...]:
    """The warning that rotators of its own source have not rotated as requested."""
    source = environment.source
    try:
        return (
            await warnings_of_rotators(states, environment, source.origin) if isinstance(source, PulumiSource) else ()
        )
    except KubeError:
        return ()  # what cannot be read here is read again at the next refresh
