"""The environments of Pulumi Cloud that a token may see.

Their names are shown at a terminal, so what is not one, such as a sequence that moves the cursor, is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from esc_operator.cli.cloud.files import PulumiFiles
from esc_operator.cli.cloud.session import CloudSession
from esc_operator.errors import ProviderError

if TYPE_CHECKING:
    from esc_operator.cli.cloud.session import CloudLogin
    from esc_operator.cli.outside import Outside
    from esc_operator.stores.pulumi import EnvironmentName


def list_in_cloud(organization: str, project: str, login: CloudLogin, outside: Outside) -> list[EnvironmentName]:
    """The environments of an organization, or of all ("") that the token may see, sorted. Raises EscError."""
    session = CloudSession(login, PulumiFiles(outside.settings), outside)
    found = session.run(environments_of(session, organization))
    return [each for each in found if not project or each.project == project]


async def environments_of(session: CloudSession, organization: str) -> list[EnvironmentName]:
    """As `list_in_cloud`, for a session."""
    return sorted(found.name for found in await session.cloud.list(organization) if _is_name(found.name))


def _is_name(name: EnvironmentName) -> bool:
    try:
        name.path()
    except ProviderError:
        return False
    return True
