"""Opens an environment of Pulumi Cloud, which evaluates it, and reports what it found."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from esc_operator.cli.cloud.files import PulumiFiles
from esc_operator.cli.cloud.listing import environments_of
from esc_operator.cli.cloud.organizations import find_environment
from esc_operator.cli.cloud.session import CloudSession, with_advice
from esc_operator.cli.opened import NotOpenedError, OpenedEnvironment
from esc_operator.cli.sources import Sources
from esc_operator.errors import ConfigurationError, EscError, ProviderError
from esc_operator.evaluation.values import Value
from esc_operator.formats.spelling import Known, hint
from esc_operator.kube.kubeconfig import read_contexts
from esc_operator.projection.leftovers import find_leftovers
from esc_operator.stores.pulumi import DefinitionError
from esc_operator.stores.pulumi import reasons as cloud_reasons

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.cli.cloud.session import CloudLogin
    from esc_operator.cli.outside import Outside
    from esc_operator.lang.diagnostics import Diagnostics
    from esc_operator.stores.pulumi import EnvironmentName
    from esc_operator.stores.references import Reference

_MISSING: Final = frozenset({cloud_reasons.ENVIRONMENT_NOT_FOUND, cloud_reasons.ORGANIZATION_NOT_FOUND})


def open_in_cloud(reference: Reference, login: CloudLogin, outside: Outside) -> OpenedEnvironment:
    """Open an environment; its diagnostics go to stderr. Raises EscError, NotOpenedError if one is an error."""
    session = CloudSession(login, PulumiFiles(outside.settings), outside)
    return session.run(_open(reference, session))


async def _open(reference: Reference, session: CloudSession) -> OpenedEnvironment:
    name = await find_environment(reference, session)
    try:
        opened = await session.cloud.open(name, reference.version)
        value = await session.cloud.read_session(opened)
    except DefinitionError as error:
        diagnostics = _by_full_name(name, error.diagnostics)
        texts = await _texts(name, reference.version, diagnostics, session)
        OpenedEnvironment(Value({}, None), Sources(str(name), texts, {})).report(diagnostics)
        raise NotOpenedError(f"{name} could not be opened") from error
    except ProviderError as error:
        if error.reason in _MISSING:
            raise with_advice(error, await _meant(name, session) or _as_context(name, session)) from error
        raise
    found = OpenedEnvironment(value, Sources(str(name), {}, {}))
    found.report((*_by_full_name(name, opened.diagnostics), *find_leftovers(value, opened=True)))
    return found


def _by_full_name(name: EnvironmentName, diagnostics: Diagnostics) -> Diagnostics:
    """The diagnostics with the whole name of the environment where the service calls it by a part of it."""
    parts = {"", name.name, f"{name.project}/{name.name}"}
    return tuple(
        found._replace(range=found.range._replace(environment=str(name)))
        if found.range and found.range.environment in parts
        else found
        for found in diagnostics
    )


async def _texts(
    name: EnvironmentName, version: str, diagnostics: Diagnostics, session: CloudSession
) -> Mapping[str, str]:
    """The definition that the diagnostics point into; none if they do not, or it may not be read."""
    if str(name) in {found.range.environment for found in diagnostics if found.range}:
        with suppress(EscError):
            return {str(name): (await session.cloud.read(name, version)).text}
    return {}


async def _meant(name: EnvironmentName, session: CloudSession) -> str:
    """The end of the message about an environment that does not exist: the one that was probably meant."""
    with suppress(EscError):
        known = [str(each) for each in await environments_of(session, name.organization)]
        return hint(str(name), Known(known, f"the environments of {name.organization} are"))
    return ""


def _as_context(name: EnvironmentName, session: CloudSession) -> str:
    """The same for a reference that was meant for a cluster."""
    with suppress(ConfigurationError):
        if name.organization in read_contexts(session.outside.settings).namespaces:
            return (
                f"; {name.organization} is a context of your kubeconfig: for its cluster write "
                f"{name.project}/{name.name} --context {name.organization}"
            )
    return ""
