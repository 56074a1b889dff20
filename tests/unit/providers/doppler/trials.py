"""The trials of Doppler's plug-ins, answered as Doppler answers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from esc_operator.providers.doppler.login import DopplerLogin
from esc_operator.providers.doppler.secrets import DopplerSecrets
from esc_operator.testing import Failure, Trial, json_answer

if TYPE_CHECKING:
    from esc_operator.providers.port import HttpAnswer

IDENTITY = "01234567-89ab-cdef-0123-456789abcdef"
TOKEN = "dp.said.0123456789abcdefghijklmnopqrstuvwxyz0123456789"
VALUE = "value-of-a-secret-at-doppler"
STAND_IN = "stand-in"


def refused(status: int, *messages: str) -> HttpAnswer:
    return json_answer({"messages": list(messages), "success": False}, status)


def failing(name: str, answer: HttpAnswer, reason: str, *says: str) -> Failure:
    return Failure(name=name, answer=answer, reason=reason, says=says)


SECRETS = {
    "login": {"accessToken": TOKEN},
    "project": "web",
    "config": "prd",
    "get": {"key": {"name": "API_KEY"}, "url": {"name": "URL"}},
}


def shown(value: str | None) -> dict[str, str | None]:
    return {"raw": value, "computed": value}


TRIALS = [
    Trial(
        plugin=DopplerLogin,
        inputs={"oidc": {"identityId": IDENTITY}},
        answers=[json_answer({"success": True, "token": TOKEN, "expires_at": "2026-05-01T13:00:00.000Z"})],
        secrets=[TOKEN],
        lease=timedelta(hours=1),
        quotes=lambda text: refused(400, text),
        failures=[
            failing(
                "no such identity",
                refused(404, "Could not find requested identity"),
                "IdentityMissing",
                f"knows no identity {IDENTITY}",
                "correct `oidc.identityId`",
            ),
            failing("another audience", refused(401, "Invalid audience"), "AudienceRefused", "https://api.doppler.com"),
            failing(
                "another subject",
                refused(401, "Subject does not match"),
                "SubjectRefused",
                "set its subject to system:serviceaccount:apps:web",
            ),
            failing("another issuer", refused(401, "Invalid issuer"), "IssuerRefused", "https://oidc.example.com"),
            failing("an expired token", refused(401, "jwt expired"), "TokenExpired", "compare the clocks"),
            failing(
                "any other refusal",
                refused(401, "Unauthorized"),
                "IdentityTokenRefused",
                "it has to trust the issuer https://oidc.example.com/clusters/1",
            ),
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
        plugin=DopplerSecrets,
        inputs=SECRETS,
        answers=[json_answer({"secrets": {"API_KEY": shown(VALUE), "URL": shown("https://web")}, "success": True})],
        secrets=[TOKEN, VALUE],
        quotes=lambda text: refused(400, text),
        failures=[
            failing(
                "secrets that are missing, all at once",
                json_answer({"secrets": {}}),
                "DopplerSecretMissing",
                "has no secret API_KEY: correct `get.key.name`",
                "has no secret URL: correct `get.url.name`",
            ),
            failing(
                "a secret with restricted visibility",
                json_answer({"secrets": {"API_KEY": shown(None), "URL": shown("https://web")}}),
                "DopplerSecretRestricted",
                "the visibility of API_KEY in the config prd",
            ),
            failing(
                "no such secret", refused(404, "Could not find requested secret: URL"), "DopplerSecretMissing", "URL"
            ),
            failing(
                "no such config",
                refused(404, "Could not find requested config 'prd'"),
                "DopplerConfigMissing",
                "the project web at api.doppler.com has no config prd",
            ),
            failing(
                "no such project",
                refused(404, "Could not find requested project 'web'"),
                "DopplerProjectMissing",
                "correct `project`",
            ),
            failing(
                "no access",
                refused(403, "This token does not have access to requested project 'web'"),
                "DopplerAccessDenied",
                "give it access there",
            ),
            failing(
                "an expired token",
                refused(401, "Invalid Auth token"),
                "DopplerTokenRefused",
                "does not know the token in `login.accessToken`",
            ),
            Failure(
                name="a name that is none",
                inputs={**SECRETS, "get": {"key": {"name": "A,B"}}},
                reason="InvalidInputs",
                says=["write one such as API_KEY"],
            ),
        ],
        counterpart=STAND_IN,
    ),
]
