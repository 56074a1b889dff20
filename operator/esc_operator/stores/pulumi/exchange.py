"""The exchange of an identity token for an access token, and its failures. Nothing long-lived is kept.

The organization decides, by the issuers that it registered and by policies on a token's claims.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlencode

from esc_operator.errors import ProviderError
from esc_operator.providers import login_reasons
from esc_operator.providers.claims import forgotten_account, trusted_subject, unverified_claims
from esc_operator.stores.pulumi import reasons
from esc_operator.stores.pulumi.advice import is_page
from esc_operator.stores.pulumi.answers import DamagedError, Fields, read_json
from esc_operator.stores.pulumi.failures import damaged, words_of
from esc_operator.stores.pulumi.names import check_name
from esc_operator.stores.pulumi.requests import FORM, Asked, Call
from esc_operator.stores.pulumi.tokens import AccessToken

if TYPE_CHECKING:
    from datetime import datetime

    from esc_operator.providers.port import HttpAnswer, IdentityToken
    from esc_operator.stores.pulumi.sending import Api

_GRANT: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_ID_TOKEN: Final = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a type
_REQUESTED: Final = "urn:pulumi:token-type:access_token:"
_LONGEST_LIFE: Final = timedelta(days=730)


class TokenKind(StrEnum):
    """Whose access token is asked for."""

    ORGANIZATION = "organization"
    TEAM = "team"
    PERSONAL = "personal"


class TokenRequest(NamedTuple):
    """The wanted access token. `name` is the team's, or the user's login; "" for an organization. `lifetime`: as long
    as the issuer's registration allows if None."""

    organization: str
    kind: TokenKind = TokenKind.ORGANIZATION
    name: str = ""
    lifetime: timedelta | None = None

    @property
    def scope(self) -> str:
        prefix = {TokenKind.ORGANIZATION: "", TokenKind.TEAM: "team:", TokenKind.PERSONAL: "user:"}[self.kind]
        return f"{prefix}{self.name}" if prefix else ""

    @property
    def described(self) -> str:
        whose = {
            TokenKind.ORGANIZATION: "",
            TokenKind.TEAM: f"team {self.name} of ",
            TokenKind.PERSONAL: f"user {self.name} of ",
        }
        return f"of {whose[self.kind]}organization {self.organization}"


def audience_of(organization: str) -> str:
    """The audience that an identity token for this organization must have."""
    return f"urn:pulumi:org:{organization}"


async def exchange(api: Api, identity: IdentityToken, wanted: TokenRequest) -> AccessToken:
    """An access token for an identity token with the audience `audience_of(organization)`. Raises ProviderError."""
    issued_at = api.now()
    asked = Asked(f"exchange an identity token for an access token {wanted.described}", wanted.organization)
    # An exchange that is requested twice costs nothing.
    call = Call(asked, "POST", ("oauth", "token"), body=_form(identity, wanted), content_type=FORM, repeats=True)
    answer = await api.ask(call, None)
    if refused := _refusal(api.origin, identity, wanted, answer):
        raise refused
    api.check(call, answer, None)
    try:
        return _token(answer, issued_at)
    except DamagedError as error:
        raise damaged(api.origin, asked, str(error)) from None


def _form(identity: IdentityToken, wanted: TokenRequest) -> bytes:
    organization = check_name("organization", wanted.organization)
    form = {
        "grant_type": _GRANT,
        "audience": audience_of(organization),
        "subject_token": identity.reveal(),
        "subject_token_type": _ID_TOKEN,
        "requested_token_type": f"{_REQUESTED}{wanted.kind}",
    }
    if wanted.kind is not TokenKind.ORGANIZATION:
        check_name("team" if wanted.kind is TokenKind.TEAM else "user", wanted.name)
        form["scope"] = wanted.scope
    if wanted.lifetime is not None:
        form["expiration"] = str(int(wanted.lifetime.total_seconds()))
    return urlencode(form).encode()


def _token(answer: HttpAnswer, issued_at: datetime) -> AccessToken:
    fields = Fields(read_json(answer.body))
    seconds = fields.whole("expires_in", 0)
    if not 0 <= seconds <= _LONGEST_LIFE.total_seconds():
        raise DamagedError("expires_in is not a number of seconds")
    expires_at = issued_at + timedelta(seconds=seconds) if seconds else None
    try:
        return AccessToken(fields.filled("access_token"), issued_at, expires_at)
    except ProviderError:
        raise DamagedError("access_token is not a token") from None


def _refusal(host: str, identity: IdentityToken, wanted: TokenRequest, answer: HttpAnswer) -> ProviderError | None:
    """The error if the organization does not exchange this token; None for every other answer."""
    if answer.status not in {400, 401, 403} or is_page(answer):
        return None
    text = words_of(answer, hide=identity.reveal())
    claims = unverified_claims(identity)
    told = f' (Pulumi Cloud says: "{text}")' if text else ""
    refused = f"{host} does not exchange the identity token of {claims.subject} for one {wanted.described}"
    if "expired" in text.lower():
        return ProviderError(
            f"{refused} ({answer.status}): it had expired when it arrived; compare the clocks{told}",
            reason=login_reasons.TOKEN_EXPIRED,
        )
    return ProviderError(
        f"{forgotten_account(claims)}{refused} ({answer.status}): register the issuer {claims.issuer} in the "
        f"organization's OIDC issuers, with a policy that allows a token of type {wanted.kind}"
        f"{f' with scope {wanted.scope}' if wanted.scope else ''} where aud is {audience_of(wanted.organization)} and "
        f"sub is {trusted_subject(claims)}{told}",
        reason=reasons.EXCHANGE_REFUSED,
    )
