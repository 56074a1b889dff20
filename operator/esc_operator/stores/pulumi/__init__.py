"""The client of Pulumi Cloud's API on environments, and of whatever else speaks it.

Owns the requests, their answers as frozen values, and one translation of each failure. It knows nothing of Kubernetes,
opens no connection (its one transport is the `send` that it is given), keeps no token and logs nothing. Invariants: no
name changes the path of a request, an answer that is not what the API promises is a failure that names the field, and
no secret reaches a message or a `repr`.

    api = Api("https://api.pulumi.com", send, now, ONE_TRY)
    tokens = RenewedTokens(lambda: exchange(api, identity, TokenRequest("acme", TokenKind.TEAM, "platform")), now)
    cloud = PulumiCloud(api, tokens)
    session = await cloud.open(EnvironmentName("acme", "shop", "prod"), version="stable", duration=timedelta(hours=1))
    value = await cloud.read_session(session)
"""

from esc_operator.stores.pulumi.client import PulumiCloud
from esc_operator.stores.pulumi.exchange import TokenKind, TokenRequest, audience_of, exchange
from esc_operator.stores.pulumi.failures import DefinitionError
from esc_operator.stores.pulumi.names import API_URL, EnvironmentName
from esc_operator.stores.pulumi.records import Session
from esc_operator.stores.pulumi.sending import ONE_TRY, Api, Retrying, Send
from esc_operator.stores.pulumi.tokens import AccessToken, GivenToken, RenewedTokens, Tokens

__all__ = [
    "API_URL",
    "ONE_TRY",
    "AccessToken",
    "Api",
    "DefinitionError",
    "EnvironmentName",
    "GivenToken",
    "PulumiCloud",
    "RenewedTokens",
    "Retrying",
    "Send",
    "Session",
    "TokenKind",
    "TokenRequest",
    "Tokens",
    "audience_of",
    "exchange",
]
