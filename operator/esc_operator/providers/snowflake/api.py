"""Snowflake's SQL API, as far as it is used: one statement, and its rows.

Everything is sent through `OpenContext.send`, because an input names the account and so the host.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from esc_operator.providers.json_api import ask, malformed, request
from esc_operator.providers.snowflake.errors import explain_refusal
from esc_operator.providers.snowflake.names import host_of_account

if TYPE_CHECKING:
    from collections.abc import Sequence

    from esc_operator.providers.port import OpenContext
    from esc_operator.providers.snowflake.errors import Asked

SECONDS = 15
"""How long Snowflake may work on a statement; the whole request has no more than 20."""

_DONE = "090001"


@dataclass(frozen=True, slots=True)
class Snowflake:
    """One account as one login sees it. `kind` is that of the token, where Snowflake does not see it by itself."""

    account: str
    context: OpenContext
    token: str = field(repr=False)
    kind: str = ""
    role: str = ""

    async def run(self, statement: str, asked: Asked) -> Sequence[Sequence[Any]]:
        """The rows. Raises ProviderError."""
        url = f"https://{host_of_account(self.account)}/api/v2/statements"
        body = {"statement": statement, "timeout": SECONDS, **({"role": self.role} if self.role else {})}
        kind = {"X-Snowflake-Authorization-Token-Type": self.kind} if self.kind else {}
        reply = await ask(self.context, request("POST", url, bearer=self.token, body=body, headers=kind))
        if reply.status != 200:
            raise explain_refusal(reply, asked, self.context.now())
        match reply.content:
            case {"code": str() as code, "data": [*rows]} if code == _DONE and all(
                isinstance(row, list) for row in rows
            ):
                return rows
        raise malformed(asked, "it is not a finished statement with its rows")


def by_key_pair(account: str, context: OpenContext, token: str, role: str) -> Snowflake:
    return Snowflake(account, context, token, "KEYPAIR_JWT", role)


def by_token(account: str, context: OpenContext, token: str, role: str, *, is_identity: bool) -> Snowflake:
    """Snowflake sees of a token of OAuth, and of an access token, what it is. An identity token says it in front."""
    return Snowflake(account, context, f"WIF.OIDC.{token}" if is_identity else token, "", role)
