"""vault-login: what it gives out, what it asks for, and why it is refused."""

from __future__ import annotations

import asyncio
import traceback
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.errors import ProviderError
from esc_operator.evaluation import UNSEEN, Lease, Login, Opened, Secret
from esc_operator.providers.port import Attributed, Checked, Located, LogsIn, Paced, Renews
from esc_operator.providers.vault.login import PROVIDER
from unit.providers.conftest import ISSUER, NOW, SUBJECT
from unit.providers.vault.answering import ADDRESS, SECRETS, VaultContext, answer, refusal, serving, token

if TYPE_CHECKING:
    from esc_operator.providers.port import HttpAnswer

JWT: dict[str, Any] = {"address": ADDRESS, "jwt": {"role": "web"}}
KUBERNETES: dict[str, Any] = {"address": ADDRESS, "kubernetes": {"role": "web"}}
CHILD: dict[str, Any] = {"address": ADDRESS, "token": {"token": "hvs.parent"}}
HOUR = timedelta(hours=1)


def open_vault(inputs: dict[str, Any], context: VaultContext) -> Opened:
    return asyncio.run(PROVIDER.open(inputs, context))


def refused(inputs: dict[str, Any], context: VaultContext) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        open_vault(inputs, context)
    text = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(context.sent)
    assert not [secret for secret in SECRETS if secret in text]
    return caught.value


def login_refused(found: HttpAnswer, inputs: dict[str, Any] = JWT) -> tuple[str, str]:
    error = refused(inputs, serving(auth__jwt__login=found, auth__kubernetes__login=found))
    return error.reason, error.message


def test_it_is_all_that_a_login_can_be() -> None:
    for port in (Checked, Located, Attributed, Paced, LogsIn, Renews):
        assert isinstance(PROVIDER, port)


def test_an_identity_becomes_a_token_with_its_lease() -> None:
    context = serving(auth__jwt__login=token(3600))
    opened = open_vault(JWT, context)
    assert opened.value == {"address": ADDRESS, "token": Secret("hvs.minted")}
    assert opened.lease == Lease(NOW, NOW + HOUR)
    assert not opened.secret
    (request,) = context.sent
    assert (request.method, request.url) == ("POST", f"{ADDRESS}/v1/auth/jwt/login")
    assert context.bodies("auth/jwt/login") == [{"role": "web", "jwt": context.identity.text}]
    assert "X-Vault-Token" not in request.headers
    assert not [secret for secret in SECRETS if secret in repr((opened, request, opened.renewal))]


def test_the_identity_token_is_for_the_address_unless_another_audience_is_given() -> None:
    context = serving(auth__jwt__login=token())
    open_vault(JWT, context)
    open_vault({**JWT, "address": "https://Vault.test:8200/"}, context)
    open_vault({"address": ADDRESS, "jwt": {"role": "web", "audience": "vault"}}, context)
    assert context.identity.audiences == [ADDRESS, ADDRESS, "vault"]


def test_mount_and_namespace_are_asked_for_and_the_namespace_is_an_output() -> None:
    context = serving(auth__clusters__one__login=token())
    inputs = {"address": ADDRESS, "namespace": "team-a", "jwt": {"role": "web", "mount": "clusters/one"}}
    assert open_vault(inputs, context).value["namespace"] == "team-a"
    assert context.sent[0].headers["X-Vault-Namespace"] == "team-a"


def test_a_role_is_named_by_its_url() -> None:
    role = f"{ADDRESS}/v1/auth/jwt/role/web"
    assert PROVIDER.login(JWT) == Login(role, ADDRESS, gives_token=True)
    assert PROVIDER.login({**JWT, "address": "HTTPS://VAULT.test:8200/"}) == PROVIDER.login(JWT)
    assert PROVIDER.login(KUBERNETES) == Login(f"{ADDRESS}/v1/auth/kubernetes/role/web", ADDRESS, gives_token=True)
    spaced = PROVIDER.login({**JWT, "namespace": "a/b"})
    assert spaced is not None
    assert spaced.role == f"{ADDRESS}/v1/a/b/auth/jwt/role/web"
    assert PROVIDER.login(CHILD) is None


def test_endpoint_and_account_are_those_of_the_inputs() -> None:
    assert PROVIDER.endpoint({**JWT, "address": "https://vault.example.com"}, {}) == "vault.example.com"
    assert PROVIDER.account({**JWT, "namespace": "a"}) == "namespace a"
    assert PROVIDER.account(JWT) == ""


def test_a_child_token_is_made_of_a_given_one() -> None:
    context = serving(auth__token__create=token(1800))
    inputs = {
        "address": ADDRESS,
        "token": {
            "token": "hvs.parent",
            "displayName": "web",
            "maxTtl": "30m",
            "policies": ["read"],
            "metadata": {"team": "a"},
        },
    }
    assert open_vault(inputs, context).lease == Lease(NOW, NOW + timedelta(minutes=30))
    assert context.bodies("auth/token/create") == [
        {
            "ttl": "1800s",
            "explicit_max_ttl": "1800s",
            "display_name": "web",
            "policies": ["read"],
            "meta": {"team": "a"},
        }
    ]
    assert context.sent[0].headers["X-Vault-Token"] == "hvs.parent"
    assert context.identity.audiences == []


def test_a_child_lasts_two_hours_and_is_named_pulumi_unless_told() -> None:
    context = serving(auth__token__create=token(7200))
    open_vault(CHILD, context)
    assert context.bodies("auth/token/create") == [
        {"ttl": "7200s", "explicit_max_ttl": "7200s", "display_name": "pulumi"}
    ]


def test_a_token_that_never_expires_has_no_lease() -> None:
    assert open_vault(CHILD, serving(auth__token__create=token(0))).lease is None


def test_a_term_without_end_is_cut_at_ten_years() -> None:
    lease = open_vault(JWT, serving(auth__jwt__login=token(10**15))).lease
    assert lease is not None
    assert lease.expires_at - NOW == timedelta(days=3650)


def test_a_token_that_is_none_is_not_accepted_and_never_becomes_a_header() -> None:
    assert login_refused(token(text="hvs.minted\r\nX-Other: 1"))[0] == "MalformedAnswer"
    parent = {"address": ADDRESS, "token": {"token": "hvs.parent\n"}}
    error = refused(parent, serving())
    assert (error.reason, error.message) == (
        "InvalidInputs",
        "`token.token` has a space, a line break or another sign that is in no token: write it without",
    )


# Renewals.


def renewed(granted: HttpAnswer, first: HttpAnswer | None = None) -> tuple[Opened | None, VaultContext]:
    context = serving(auth__jwt__login=first or token(3600), auth__token__renew_self=granted)
    opened = open_vault(JWT, context)
    context.time = NOW + timedelta(minutes=40)
    return asyncio.run(PROVIDER.renew(JWT, opened, context)), context


def test_a_token_is_renewed_for_the_term_that_it_had() -> None:
    found, context = renewed(token(3600))
    assert found is not None
    assert found.value["token"] == Secret("hvs.minted")
    later = NOW + timedelta(minutes=40)
    assert found.lease == Lease(later, later + HOUR, made_at=NOW)
    assert context.bodies("auth/token/renew-self") == [{"increment": "3600s"}]
    assert context.sent[-1].headers["X-Vault-Token"] == "hvs.minted"


def test_a_renewal_keeps_when_the_token_was_made() -> None:
    found, context = renewed(token(3600))
    assert found is not None
    context.time = NOW + timedelta(minutes=80)
    again = asyncio.run(PROVIDER.renew(JWT, found, context))
    assert again is not None
    assert again.lease is not None
    assert again.lease.made_at == NOW


@pytest.mark.parametrize(
    "granted", [token(3000), refusal(403, "permission denied"), refusal(400, "invalid lease ID"), answer("<html>")]
)
def test_a_token_that_gets_no_whole_term_is_replaced(granted: HttpAnswer) -> None:
    assert renewed(granted)[0] is None


def test_a_token_that_cannot_be_renewed_is_not_asked_about() -> None:
    found, context = renewed(refusal(500), token(3600, renewable=False))
    assert found is None
    assert len(context.sent) == 1


@pytest.mark.parametrize("status", [429, 472, 473, 502, 503])
def test_a_vault_that_does_not_serve_fails_a_renewal_and_nothing_new_is_made(status: int) -> None:
    with pytest.raises(ProviderError) as caught:
        renewed(refusal(status, "Vault is sealed"))
    assert caught.value.outage


def test_a_token_revokes_itself() -> None:
    context = serving(auth__jwt__login=token())
    opened = open_vault(JWT, context)
    context.answers["auth/token/revoke-self"] = [answer(status=204)]
    asyncio.run(PROVIDER.revoke(JWT, opened, context))
    assert context.sent[-1].headers["X-Vault-Token"] == "hvs.minted"


# Refusals: each as OpenBao 2.7.2 says it, and the sentence that a person reads.


@pytest.mark.parametrize(
    ("found", "reason", "message"),
    [
        (
            refusal(400, 'role "web" could not be found'),
            "VaultRoleMissing",
            (
                'the auth method auth/jwt at vault.test:8200 has no role "web": correct `jwt.role`, or create'
                " auth/jwt/role/web"
            ),
        ),
        (
            refusal(400, "error validating token: invalid audience (aud) claim: audience claim does not match"),
            "AudienceRefused",
            (
                "auth/jwt/role/web at vault.test:8200 does not accept the audience sts.amazonaws.com: set its"
                " bound_audiences to that, or `jwt.audience` to one that it accepts"
            ),
        ),
        (
            refusal(400, "error validating token: invalid issuer (iss) claim"),
            "IssuerRefused",
            f"auth/jwt at vault.test:8200 is not for the issuer {ISSUER}: correct its bound_issuer",
        ),
        (
            refusal(400, "error validating token: error verifying token signature: no known key"),
            "IdentityTokenRefused",
            (
                "auth/jwt at vault.test:8200 has no key that the identity token is signed with: give it the current"
                f" keys of {ISSUER} (jwks_url, oidc_discovery_url or jwt_validation_pubkeys)"
            ),
        ),
        (
            refusal(400, "error validating token: invalid expiration time (exp) claim: token is expired"),
            "TokenExpired",
            f"the identity token of {SUBJECT} had expired when it reached vault.test:8200: compare the clocks",
        ),
        (
            refusal(400, "error validating token: invalid subject (sub) claim"),
            "VaultRoleRefused",
            (
                f"auth/jwt/role/web at vault.test:8200 does not admit {SUBJECT}: admit {SUBJECT} in its bound_subject"
                " and bound_claims (Vault says: error validating token: invalid subject (sub) claim)"
            ),
        ),
        (
            refusal(400, "could not load configuration"),
            "VaultAuthMethodMissing",
            "auth/jwt at vault.test:8200 is not configured: write auth/jwt/config",
        ),
        (
            refusal(403, "permission denied"),
            "VaultAuthMethodMissing",
            "vault.test:8200 has no auth method at auth/jwt: correct `jwt.mount`, or enable it there",
        ),
        (
            refusal(404, "namespace not found"),
            "VaultNamespaceMissing",
            (
                "vault.test:8200 has no namespace of the login: correct `namespace`, or leave it out for the root"
                " namespace"
            ),
        ),
        (
            refusal(418, "I am s.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
            "VaultRefused",
            "vault.test:8200 refused auth/jwt/login: I am [secret]",
        ),
        (
            answer("", 307, location="https://other.example.com/"),
            "VaultRedirected",
            (
                "vault.test:8200 redirects to another address, which is not followed, because the token would go"
                " there: write in `address` the one that answers, such as that of the active node or of a load balancer"
            ),
        ),
        (
            refusal(500, "internal error"),
            "VaultEngineFailed",
            (
                "vault.test:8200 failed at auth/jwt/login (500): what the engine there needs, such as a database, may"
                " not answer; look into Vault's log"
            ),
        ),
    ],
)
def test_each_refusal_says_what_to_do(found: HttpAnswer, reason: str, message: str) -> None:
    assert login_refused(found) == (reason, message)


@pytest.mark.parametrize(
    ("found", "reason", "message"),
    [
        (
            refusal(503, "Vault is sealed"),
            "VaultSealed",
            "vault.test:8200 is sealed or not initialized: unseal it; this is tried again later",
        ),
        (
            refusal(473),
            "VaultStandby",
            (
                "vault.test:8200 is a standby that does not serve this request (473): write the address of the active"
                " node or of a load balancer in `address`; this is tried again later"
            ),
        ),
        (
            answer("<html>", 502),
            "VaultUnavailable",
            "vault.test:8200 does not serve (502); this is tried again later",
        ),
        (
            answer("<html>sign in</html>"),
            "MalformedAnswer",
            (
                "vault.test:8200 sent an answer to auth/jwt/login that makes no sense: it is not a JSON object; a"
                " proxy or another service may be answering in its place"
            ),
        ),
        (
            answer({"auth": None}),
            "MalformedAnswer",
            (
                "vault.test:8200 sent an answer to auth/jwt/login that makes no sense: it has no token with a lease;"
                " a proxy or another service may be answering in its place"
            ),
        ),
    ],
)
def test_what_does_not_serve_is_an_outage(found: HttpAnswer, reason: str, message: str) -> None:
    error = refused(JWT, serving(auth__jwt__login=found))
    assert (error.reason, error.message, error.outage) == (reason, message, True)


def test_a_rate_limit_pauses_as_long_as_vault_asks_for() -> None:
    error = refused(JWT, serving(auth__jwt__login=refusal(429, "request path: rate limited", **{"retry-after": "7"})))
    assert (error.reason, error.throttled, error.retry_after) == ("Throttled", True, 7.0)


@pytest.mark.parametrize(
    ("found", "reason", "part"),
    [
        (refusal(403, "service account name not authorized"), "VaultRoleRefused", "bound_service_account_names and"),
        (refusal(400, 'invalid role name "web"'), "VaultRoleMissing", "correct `kubernetes.role`"),
        (refusal(403, "invalid audience (aud) claim"), "AudienceRefused", "set its audience to that"),
        (refusal(403, "permission denied"), "VaultAuthMethodMissing", "or its review of the token fails"),
    ],
)
def test_the_kubernetes_method_names_its_own_fields(found: HttpAnswer, reason: str, part: str) -> None:
    got, message = login_refused(found, KUBERNETES)
    assert got == reason
    assert part in message


def test_a_parent_that_vault_does_not_know_is_told_from_one_without_the_policy() -> None:
    denied = refusal(403, "permission denied")
    unknown = refused(CHILD, serving(auth__token__create=denied, auth__token__lookup_self=denied))
    assert unknown.reason == "VaultTokenRefused"
    assert unknown.login_refused
    assert unknown.message == (
        "vault.test:8200 does not know the token in `token.token`: it is wrong, has expired or was revoked (a"
        " token ends with its parent)"
    )
    known = refused(CHILD, serving(auth__token__create=denied, auth__token__lookup_self=answer({"data": {}})))
    assert known.reason == "VaultPermissionDenied"
    assert known.message == (
        "the policies of the token do not allow auth/token/create at vault.test:8200: add path"
        ' "auth/token/create" { capabilities = ["update"] } to one of them'
    )


# Inputs.


@pytest.mark.parametrize(
    ("inputs", "where", "message"),
    [
        ({"address": ADDRESS}, (), "vault-login requires exactly one of `jwt`, `kubernetes`"),
        ({**JWT, **CHILD}, (), "vault-login requires exactly one of"),
        ({**JWT, "address": "vault.example.com"}, ("address",), "`address` is not the address of a Vault: write a"),
        ({**JWT, "address": f"{ADDRESS}/v1"}, ("address",), "without a path"),
        ({**JWT, "address": "https://me@vault.example.com"}, ("address",), "write a scheme and a host"),
        ({**JWT, "address": "https://vault.example.com:99999"}, ("address",), "write a scheme and a host"),
        ({**JWT, "namespace": "a/../b"}, ("namespace",), "write its path, such as team-a or team-a/web"),
        ({"address": ADDRESS, "jwt": {"role": "a/b"}}, ("jwt", "role"), "`role` is not the name of a role"),
        ({"address": ADDRESS, "jwt": {"role": "a", "mount": "../sys"}}, ("jwt", "mount"), "the path of an auth method"),
        (
            {"address": ADDRESS, "jwt": {"role": "a", "subjectAttributes": ["x"]}},
            ("jwt", "subjectAttributes"),
            "`subjectAttributes` is not supported",
        ),
        (
            {"address": ADDRESS, "token": {"token": UNSEEN, "maxTtl": "forever"}},
            ("token", "maxTtl"),
            '`maxTtl` "forever" is not a duration of a second or more: write it like 2h, 30m or 1h30m',
        ),
    ],
)
def test_bad_inputs_are_told_at_their_place(inputs: dict[str, Any], where: tuple[str, ...], message: str) -> None:
    (problem,) = PROVIDER.problems(inputs)
    assert problem.path == where
    assert message in problem.message


def test_what_is_not_known_yet_is_no_problem() -> None:
    assert not list(PROVIDER.problems({"address": UNSEEN, "jwt": {"role": UNSEEN}}))
