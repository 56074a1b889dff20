"""The trials of Infisical's plug-ins, answered as Infisical answers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.providers.infisical.login import InfisicalLogin
from esc_operator.providers.infisical.secrets import InfisicalSecrets
from esc_operator.testing import Failure, Trial, json_answer

if TYPE_CHECKING:
    from esc_operator.providers.port import HttpAnswer

SITE = "https://infisical.example.com"
IDENTITY = "7f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
TOKEN = "access-token-of-infisical-0123456789abcdefghijklmnopqrstuvwxyz"
CLIENT_SECRET = "client-secret-of-infisical"
VALUE = "value-of-a-secret-at-infisical"
STAND_IN = "stand-in"

LOGIN = {"siteUrl": SITE, "oidc": {"identityId": IDENTITY}}
STATIC = {"static": {"clientId": "client-1", "clientSecret": CLIENT_SECRET}}
SECRETS = {
    "login": {"accessToken": TOKEN, "siteUrl": SITE},
    "get": {
        "key": {"projectId": "project-1", "environment": "prod", "secretPath": "/web", "secretKey": "API_KEY"},
        "other": {"projectId": "project-1", "environment": "prod", "secretKey": "OTHER"},
    },
}
GRANTED = json_answer({"accessToken": TOKEN, "expiresIn": 7200, "accessTokenMaxTTL": 86400, "tokenType": "Bearer"})


def refused(status: int, message: str) -> HttpAnswer:
    return json_answer({"reqId": "req-1", "statusCode": status, "message": message, "error": "Refused"}, status)


def failing(name: str, answer: HttpAnswer, reason: str, *says: str) -> Failure:
    return Failure(name=name, answer=answer, reason=reason, says=says)


TRIALS = [
    Trial(
        plugin=InfisicalLogin,
        inputs=LOGIN,
        answers=[GRANTED],
        secrets=[TOKEN],
        lease=timedelta(hours=2),
        quotes=lambda text: refused(401, text),
        failures=[
            failing(
                "no such identity, or none with OIDC Auth",
                refused(404, "OIDC auth method not found for identity, did you configure OIDC auth?"),
                "IdentityMissing",
                f"knows no identity {IDENTITY}",
                "configure OIDC for the identity there",
            ),
            failing(
                "another subject",
                refused(403, "Access denied: OIDC subject not allowed."),
                "SubjectRefused",
                "does not admit system:serviceaccount:apps:web: set its subject to system:serviceaccount:apps:web",
            ),
            failing(
                "another audience",
                refused(401, "Access denied: OIDC audience not allowed."),
                "AudienceRefused",
                f"does not accept the audience {SITE}",
            ),
            failing(
                "another issuer",
                refused(401, "Access denied: jwt issuer invalid. expected: https://other.example.com"),
                "IssuerRefused",
                "set its issuer and discovery URL to https://oidc.example.com/clusters/1",
            ),
            failing(
                "the issuer cannot be reached",
                refused(401, "Access denied: Failed to fetch OIDC discovery document from https://oidc.example.com."),
                "IssuerUnreachable",
                "make its discovery document and keys reachable",
            ),
            failing(
                "an expired token", refused(401, "Access denied: jwt expired"), "TokenExpired", "compare the clocks"
            ),
            failing(
                "a claim that is not allowed",
                refused(401, "Access denied: OIDC claim not allowed."),
                "IdentityTokenRefused",
                "OIDC claim not allowed",
            ),
            Failure(
                name="a site with a path",
                inputs={**LOGIN, "siteUrl": f"{SITE}/api"},
                reason="InvalidInputs",
                says=["write a scheme and a host"],
            ),
            Failure(
                name="the audience of Infisical's cloud at another site",
                inputs={**LOGIN, "oidc": {"identityId": IDENTITY, "audience": "https://app.infisical.com"}},
                reason="InvalidInputs",
                says=["could log in there with the token", "leave the audience out"],
            ),
            Failure(name="neither", inputs={"siteUrl": SITE}, reason="InvalidInputs", says=["exactly one of `oidc`"]),
            Failure(
                name="subjectAttributes",
                inputs={"oidc": {"identityId": IDENTITY, "subjectAttributes": ["x"]}},
                reason="SubjectAttributesUnsupported",
                says=["leave it out"],
            ),
        ],
        counterpart=STAND_IN,
    ),
    Trial(
        title="at Infisical's cloud",
        plugin=InfisicalLogin,
        inputs={"oidc": {"identityId": IDENTITY}},
        answers=[GRANTED],
        secrets=[TOKEN],
        lease=timedelta(hours=2),
    ),
    Trial(
        title="a client secret",
        plugin=InfisicalLogin,
        inputs=STATIC,
        answers=[GRANTED],
        secrets=[TOKEN, CLIENT_SECRET],
        lease=timedelta(hours=2),
        quotes=lambda text: refused(500, text),
        failures=[
            failing(
                "a wrong client secret",
                refused(401, "Invalid credentials"),
                "InfisicalClientRefused",
                "does not accept the client ID and the client secret in `static`",
            ),
        ],
    ),
    Trial(
        plugin=InfisicalSecrets,
        inputs=SECRETS,
        answers=[json_answer({"secret": {"secretKey": "API_KEY", "secretValue": VALUE, "version": 3}})],
        secrets=[TOKEN, VALUE],
        quotes=lambda text: refused(400, text),
        failures=[
            failing(
                "secrets that are missing, all at once",
                refused(404, "Secret with name 'API_KEY' not found"),
                "InfisicalSecretMissing",
                "infisical.example.com has no secret API_KEY at /web in the environment prod",
                "infisical.example.com has no secret OTHER at / in",
            ),
            failing(
                "no such folder",
                refused(404, "Folder with path '/web' in environment with slug 'prod' not found"),
                "InfisicalPathMissing",
                "has no folder /web in the environment prod of the project project-1",
            ),
            failing(
                "no such project",
                refused(404, "Project with ID 'project-1' not found"),
                "InfisicalProjectMissing",
                "correct `get.key.projectId`",
            ),
            failing(
                "no permission",
                refused(403, "You are not allowed to read on secrets"),
                "InfisicalAccessDenied",
                "allows Read Value on secrets",
            ),
            failing(
                "a value that is hidden",
                json_answer({"secret": {"secretValue": "<hidden-by-infisical>", "secretValueHidden": True}}),
                "InfisicalAccessDenied",
                "may not read the value of API_KEY",
            ),
            failing(
                "an expired token",
                refused(401, "Your token has expired"),
                "InfisicalTokenRefused",
                "does not know the token in `login.accessToken`",
            ),
        ],
        counterpart=STAND_IN,
    ),
]
