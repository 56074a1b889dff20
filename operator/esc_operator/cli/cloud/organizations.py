"""Which environment of Pulumi Cloud a reference means: `[organization/][project/]name[@version]`.

`name` is in the project `default` of the default organization. `a/b` is project and name, or, in references from before
there were projects, organization and name; if `a` is an organization of the user, the service is asked which exists.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from esc_operator.errors import ConfigurationError, ProviderError
from esc_operator.stores.pulumi import EnvironmentName
from esc_operator.stores.pulumi import reasons as cloud_reasons
from esc_operator.stores.references import DEFAULT_PROJECT

if TYPE_CHECKING:
    from esc_operator.cli.cloud.session import CloudSession
    from esc_operator.stores.references import Reference

DEFAULT_ORGANIZATION: Final = "PULUMI_DEFAULT_ORGANIZATION"

_MISSING: Final = frozenset({cloud_reasons.ENVIRONMENT_NOT_FOUND, cloud_reasons.ORGANIZATION_NOT_FOUND})


async def find_environment(reference: Reference, session: CloudSession) -> EnvironmentName:
    """The environment of a reference. Raises EscError."""
    if reference.organization:
        if "/" in reference.organization:
            raise ConfigurationError(
                f'"{reference}" has too many parts for Pulumi Cloud: write organization/project/name, or name a '
                "context of your kubeconfig with --context"
            )
        return EnvironmentName(reference.organization, reference.project, reference.name)
    organization = await default_organization(session)
    meant = EnvironmentName(organization, reference.project or DEFAULT_PROJECT, reference.name)
    if not reference.project or not await _is_organization(reference.project, session):
        return meant
    return await _decide(meant, EnvironmentName(reference.project, DEFAULT_PROJECT, reference.name), session)


async def default_organization(session: CloudSession) -> str:
    """The organization of references that name none. Raises EscError."""
    url = session.login.url
    chosen = session.outside.settings.get(DEFAULT_ORGANIZATION) or session.files.default_organization(url)
    if chosen:
        return chosen
    return await _chosen_there(session) or await _user_name(session)


async def _chosen_there(session: CloudSession) -> str | None:
    try:
        return await session.cloud.default_organization()
    except ProviderError as error:
        # An older service does not know this path. If it is none at all, the next request tells.
        if error.reason == cloud_reasons.NOT_THE_API:
            return None
        raise


async def _user_name(session: CloudSession) -> str:
    if session.account is not None and session.account.username:
        return session.account.username
    return (await session.cloud.user()).login


async def _is_organization(name: str, session: CloudSession) -> bool:
    """Whether the user belongs to an organization of this name."""
    account = session.account
    known = account.organizations if account and account.organizations else (await session.cloud.user()).organizations
    return name.lower() in {each.lower() for each in known}


async def _decide(meant: EnvironmentName, old: EnvironmentName, session: CloudSession) -> EnvironmentName:
    if meant == old or not await _exists(old, session):
        return meant
    if await _exists(meant, session):
        raise ConfigurationError(
            f'"{old.organization}/{old.name}" is ambiguous: there are {meant} and {old}; write one of these'
        )
    sys.stderr.write(
        f"Warning: {old.organization}/{old.name} was taken for {old}, since there is no environment {meant}: write "
        f"{old}\n"
    )
    return old


async def _exists(name: EnvironmentName, session: CloudSession) -> bool:
    try:
        await session.cloud.read(name)
    except ProviderError as error:
        # What may not be read may be opened all the same.
        if error.reason == cloud_reasons.ACCESS_DENIED:
            return True
        if error.reason in _MISSING:
            return False
        raise
    return True
