"""What audiences the API server accepts, as far as one of its clients can tell: tokens for them are nobody's."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from esc_operator.errors import KubeError
from esc_operator.providers.claims import UNREADABLE, unverified_claims
from esc_operator.providers.port import IdentityToken

if TYPE_CHECKING:
    from esc_operator.kube.api import KubeApi
    from esc_operator.kube.connection import Connection


async def read_api_audiences(api: KubeApi, connection: Connection) -> frozenset[str]:
    """The cluster's issuer, which is the audience where nobody has chosen one, and those of the token that we ourselves
    are known by, if it is one."""
    found = set()
    with contextlib.suppress(KubeError):  # not everywhere may everybody read it
        found.add(await api.read_issuer())
    scheme, _, text = (await connection.present()).authorization.partition(" ")
    if scheme == "Bearer":
        claims = unverified_claims(IdentityToken(text, None))
        found |= {claims.issuer, *claims.audiences}
    return frozenset(found - {"", UNREADABLE})
