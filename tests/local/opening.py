"""Opens providers over real sockets, as the operator does: its `Outbound` sends, a local issuer signs the tokens."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from esc_operator.driver.outbound import Outbound
from esc_operator.providers.port import IdentityToken
from esc_operator.testing import FakeContext

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from esc_operator.evaluation import Opened, Rotated
    from esc_operator.testing import FakeIdentity
    from local_https import HttpsServer
    from local_issuer import LocalIssuer

SUBJECT = "system:serviceaccount:apps:web"


class SignedIdentity:
    """An identity whose tokens can be verified."""

    def __init__(self, issuer: LocalIssuer, subject: str = SUBJECT) -> None:
        self.issuer = issuer
        self.subject = subject
        self.tenant = "apps"
        self.audiences: list[str] = []

    async def token(self, audience: str) -> IdentityToken:
        self.audiences.append(audience)
        return IdentityToken(self.issuer.token(self.subject, audience), None)


def opened(
    plugin: Any, inputs: dict[str, Any], identity: SignedIdentity, server: HttpsServer, **settings: str
) -> Opened:
    """What the provider gives. Raises ProviderError."""
    answer: Opened = _run(lambda context: plugin.open(inputs, context), identity, server, settings)
    return answer


def rotated(
    plugin: Any, inputs: dict[str, Any], state: dict[str, Any] | None, identity: SignedIdentity, server: HttpsServer
) -> dict[str, Any]:
    """The rotator's new state. Raises ProviderError."""
    answer: Rotated = _run(lambda context: plugin.rotate(inputs, state, context), identity, server, {})
    new: dict[str, Any] = answer.state
    return new


def _run(
    call: Callable[[FakeContext], Awaitable[Any]],
    identity: SignedIdentity,
    server: HttpsServer,
    settings: Mapping[str, str],
) -> Any:
    async def run() -> Any:
        given = {"SSL_CERT_FILE": str(server.ca_file), **settings}
        context = FakeContext(Outbound(None, given).send, identity=_as_fake(identity), settings=given, seconds=0)
        context.time = datetime.now(UTC)
        return await call(context)

    return asyncio.run(run())


def _as_fake(identity: Any) -> FakeIdentity:
    fake: FakeIdentity = identity
    return fake
