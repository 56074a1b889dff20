"""The audiences that the API server accepts, as far as a client can find out: no environment gets tokens for them."""

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
    """The cluster's issuer, which is the default audience, and the audiences of the operator's own token, if it has
    one."""
    found = set()
    with contextlib.suppress(KubeError):  # some clusters do not let everyone read it
        found.add(await api.read_issuer())
    scheme, _, text = (await connection.present()).authorization.partition(" ")
    if scheme == "Bearer":
        claims = unverified_claims(IdentityToken(text, None))
        found |= {claims.issuer, *claims.audiences}
    return frozenset(found - {"", UNREADABLE})
