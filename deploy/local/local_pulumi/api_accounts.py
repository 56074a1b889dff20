"""Who asks, what providers there are, and the exchange of an identity token for an access token."""

from typing import Any
from urllib.parse import parse_qsl

from esc_operator.errors import ProviderError
from local_https import Answer
from local_identity import Doubt, TokenError, WebIdentity, parse_token
from local_pulumi.access import KINDS, AccessToken, Kind, Policy, decide, new_token_text
from local_pulumi.calls import Call, user_info
from local_pulumi.refusals import RefusedError, bad_request, not_found

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
ACCESS_TOKEN = "urn:pulumi:token-type:access_token:"
AUDIENCE = "urn:pulumi:org:"
_DEFAULT_SECONDS = 7200
_MOST_SECONDS = 86400
_DOUBTS = {
    Doubt.NO_JWT: "the subject token is not a valid JWT",
    Doubt.NO_URL: "the issuer of the subject token is not a URL",
    Doubt.NO_KEY: "the signing key of the subject token could not be found at its issuer",
    Doubt.NOT_SIGNED: "the signature of the subject token is invalid",
    Doubt.TOO_EARLY: "the subject token is not valid yet",
    Doubt.EXPIRED: "the subject token has expired",
}


# The token exchange


def exchange(call: Call) -> Answer:
    """Checks in the order: the request, the organization, its trust, the signature, the audience, the policies."""
    try:
        return _exchange(call)
    except RefusedError as refusal:
        with call.cloud.lock:
            call.cloud.refusals.append(refusal.message)
        raise


def _exchange(call: Call) -> Answer:
    form = dict(parse_qsl(call.body.decode(errors="replace"), keep_blank_values=True))
    if form.get("grant_type") != GRANT:
        raise bad_request("unsupported grant_type")
    if form.get("subject_token_type") != ID_TOKEN:
        raise bad_request("unsupported subject_token_type")
    kind = _kind(form.get("requested_token_type", ""))
    team, user = _scope(kind, form.get("scope", ""))
    seconds = _expiration(form.get("expiration", ""))
    audience = form.get("audience", "")
    name = audience.removeprefix(AUDIENCE)
    if not audience.startswith(AUDIENCE) or name not in call.cloud.organizations:
        raise bad_request(f"invalid audience '{audience}'")
    organization = call.cloud.organizations[name]
    identity = _believe(call, form.get("subject_token", ""), name)
    policy = decide(organization.issuers[identity.issuer], kind, team, user, _claims(identity))
    if policy is None:
        raise RefusedError(401, f"no authorization policy of organization '{name}' allows the subject token")
    if (team and team not in organization.teams) or (user and user not in organization.members):
        raise bad_request(f"'{team or user}' is not of organization '{name}'")
    granted = _grant(call, policy, name, seconds)
    return Answer(
        {
            "access_token": granted.text,
            "issued_token_type": f"{ACCESS_TOKEN}{kind}",
            "token_type": "token",
            "expires_in": int((granted.expires_at or 0) - call.cloud.clock() + 0.5),
            "scope": form.get("scope", ""),
        }
    )


def _believe(call: Call, token: str, organization: str) -> WebIdentity:
    trusted = call.cloud.organizations[organization].issuers
    try:
        identity = parse_token(token)
        if identity.issuer not in trusted:
            raise RefusedError(
                401, f"the OIDC issuer {identity.issuer} is not trusted by organization '{organization}'"
            )
        call.cloud.issuers.verify(token, identity)
    except TokenError as error:
        words = _DOUBTS.get(error.doubt, f"the subject token lacks the claim '{error.claim}'")
        raise RefusedError(400 if error.doubt is Doubt.NO_JWT else 401, words) from error
    if f"{AUDIENCE}{organization}" not in identity.audiences:
        raise RefusedError(401, f"the audience of the subject token is not {AUDIENCE}{organization}")
    return identity


def _kind(requested: str) -> Kind:
    for kind in KINDS:
        if requested == f"{ACCESS_TOKEN}{kind}":
            return kind
    raise bad_request(f"unsupported requested_token_type '{requested}'")


def _scope(kind: Kind, scope: str) -> tuple[str, str]:
    """The team and the user that the scope names."""
    what, _, name = scope.partition(":")
    if kind == "team" and what == "team" and name:
        return name, ""
    if kind == "personal" and what == "user" and name:
        return "", name
    if kind == "organization" and scope in ("", "admin"):
        return "", ""
    raise bad_request(f"invalid scope '{scope}' for a token of type {kind}")


def _expiration(given: str) -> int:
    if not given:
        return _DEFAULT_SECONDS
    if not (given.isascii() and given.isdigit()) or not 0 < int(given[:9]) <= _MOST_SECONDS:
        raise bad_request(f"invalid expiration '{given}'")
    return int(given)


def _claims(identity: WebIdentity) -> dict[str, Any]:
    return dict(identity.claims)


def _grant(call: Call, policy: Policy, organization: str, seconds: float) -> AccessToken:
    lifetime = call.cloud.settings.token_lifetime
    granted = AccessToken(
        new_token_text(),
        policy.kind,
        organization,
        user=policy.user,
        team=policy.team,
        name="token exchange",
        permissions=policy.permissions,
        environments=policy.environments,
        expires_at=call.cloud.clock() + (seconds if lifetime is None else lifetime),
    )
    with call.cloud.lock:
        call.cloud.issued.append(granted.text)
        if not call.cloud.settings.revokes_exchanged:
            call.cloud.tokens[granted.text] = granted
    return granted


# Users


def read_user(call: Call) -> Answer:
    token = call.token
    assert token is not None
    info: dict[str, Any] = {"name": token.name or token.kind}
    if token.kind != "personal":
        info["organization"] = token.organization
    if token.team:
        info["team"] = token.team
    login = token.user or token.organization
    organization = {"githubLogin": token.organization, "name": token.organization, "avatarUrl": ""}
    shown = user_info(login) | {"id": login, "organizations": [organization], "identities": [], "siteAdmin": False}
    return Answer(shown | {"tokenInfo": info})


def default_organization(call: Call) -> Answer:
    token = call.token
    assert token is not None
    return Answer({"gitHubLogin": token.organization})


# Providers


def list_providers(call: Call) -> Answer:
    return Answer({"providers": list(call.cloud.evaluations.catalogue.providers.names())})


def list_rotators(call: Call) -> Answer:
    return Answer({"rotators": list(call.cloud.evaluations.catalogue.rotators.names())})


def provider_schema(call: Call) -> Answer:
    return _schema(call.cloud.evaluations.catalogue.providers, call.parts["provider"])


def rotator_schema(call: Call) -> Answer:
    return _schema(call.cloud.evaluations.catalogue.rotators, call.parts["rotator"])


def _schema(registry: Any, name: str) -> Answer:
    try:
        plugin = registry.find(name)
    except ProviderError as error:
        raise not_found(f"provider '{name}'") from error
    return Answer({"name": name, "description": "", "inputs": plugin.inputs, "outputs": plugin.outputs})


def discovery(call: Call) -> Answer:
    return Answer(call.cloud.own_issuer.discovery(call.cloud.url))


def keys(call: Call) -> Answer:
    return Answer(call.cloud.own_issuer.keys())
