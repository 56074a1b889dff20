"""The trials of AWS's plug-ins, on a server that answers in AWS's XML."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from esc_operator.providers.aws.clients import SignedClients, UnsignedClients
from esc_operator.providers.aws.iam import AwsIam
from esc_operator.providers.aws.login import AwsLogin
from esc_operator.testing import Failure, Trial, text_answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from esc_operator.providers.port import HttpAnswer, HttpRequest

ROLE = "arn:aws:iam::123456789012:role/apps"
SECRET_KEY, SESSION_TOKEN = "minted-secret-access-key", "minted-session-token"
OIDC = {
    "roleArn": ROLE,
    "sessionName": "apps",
    "duration": "1h",
    "audience": "sts.amazonaws.com",
    "region": "eu-west-1",
}

GRANTED = text_answer(
    '<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">'
    "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId>"
    f"<SecretAccessKey>{SECRET_KEY}</SecretAccessKey><SessionToken>{SESSION_TOKEN}</SessionToken>"
    "<Expiration>2026-05-01T13:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
    "</AssumeRoleWithWebIdentityResponse>",
    content_type="text/xml",
)


def refused(code: str, message: str, status: int = 400) -> HttpAnswer:
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    return text_answer(body, status, content_type="text/xml")


def quoting(text: str) -> HttpAnswer:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;")
    return refused("ValidationError", f"Value '{escaped}' failed to satisfy constraint")


def endpoint(url: str) -> Mapping[str, str]:
    return {"AWS_ENDPOINT_URL": url, "AWS_REGION": "eu-west-1"}


# For all checks: making a client takes a tenth of a second.
_UNSIGNED, _HASTY_UNSIGNED = UnsignedClients(), UnsignedClients(connect_timeout=1, read_timeout=0.2)
_SIGNED, _HASTY_SIGNED = SignedClients(), SignedClients(connect_timeout=1, read_timeout=0.2)


class Iam:
    """One user's access keys; as AWS keeps them, two at most."""

    def __init__(self) -> None:
        self.keys = ["AKIAFIRSTKEY00000001", "AKIASECONDKEY0000002"]

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        asked = {name: texts[0] for name, texts in parse_qs((request.body or b"").decode()).items()}
        match asked.get("Action"):
            case "ListAccessKeys":
                return _result(
                    "ListAccessKeys", f"<AccessKeyMetadata>{''.join(map(_key, self.keys))}</AccessKeyMetadata>"
                )
            case "DeleteAccessKey":
                self.keys.remove(asked["AccessKeyId"])
                return _result("DeleteAccessKey", "")
            case "CreateAccessKey" if len(self.keys) < 2:
                self.keys.append("AKIATHIRDKEY00000003")
                made = "<SecretAccessKey>created-secret-access-key</SecretAccessKey>"
                return _result("CreateAccessKey", f"<AccessKey>{_fields(self.keys[-1])}{made}</AccessKey>")
        return refused("InvalidAction", "it is not one of these")


def _fields(key: str) -> str:
    return (
        f"<UserName>deploy</UserName><AccessKeyId>{key}</AccessKeyId><Status>Active</Status>"
        "<CreateDate>2026-05-01T12:00:00Z</CreateDate>"
    )


def _key(key: str) -> str:
    return f"<member>{_fields(key)}</member>"


def _result(action: str, content: str) -> HttpAnswer:
    body = f"<{action}Response><{action}Result>{content}</{action}Result></{action}Response>"
    return text_answer(body, content_type="text/xml")


LOGIN = {
    "accessKeyId": "ASIALOGIN",
    "secretAccessKey": "login-secret-access-key",
    "sessionToken": "login-session-token",
}
STATE = {
    "current": {"accessKeyId": "AKIASECONDKEY0000002", "secretAccessKey": "second-secret-access-key"},
    "previous": {"accessKeyId": "AKIAFIRSTKEY00000001", "secretAccessKey": "first-secret-access-key"},
}
USER = {"userArn": "arn:aws:iam::123456789012:user/ci/deploy", "region": "us-east-1"}

A_SENTENCE = "a sentence about an invalid one says more than a pattern"


def login_failure(name: str, reason: str, says: str, **oidc: Any) -> Failure:
    return Failure(name=name, reason=reason, says=[says], inputs={"oidc": {**OIDC, **oidc}})


LOGIN_FAILURES = [
    Failure(
        name="the role's trust policy does not name the subject",
        answer=refused("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", 403),
        reason="RoleTrustRefused",
        says=["in the role's trust policy", "system:serviceaccount:apps:web"],
    ),
    Failure(
        name="the account has no OIDC provider for the issuer",
        answer=refused("InvalidIdentityToken", "No OpenIDConnect provider found in your account for https://x"),
        reason="IdentityProviderMissing",
        says=["create one with exactly that URL"],
    ),
    Failure(
        name="AWS cannot fetch the issuer's keys",
        answer=refused("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider"),
        reason="IssuerUnreachable",
        says=["must be readable from the internet"],
    ),
    Failure(
        name="the audience is not one of the OIDC provider's",
        answer=refused("InvalidIdentityToken", "Incorrect token audience"),
        reason="AudienceRefused",
        says=["add it to the provider's client IDs"],
    ),
    Failure(
        name="the identity token has expired",
        answer=refused("ExpiredTokenException", "Token expired"),
        reason="TokenExpired",
        says=["compare the clocks"],
    ),
    Failure(
        name="the role allows no session of this length",
        answer=refused("ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration"),
        reason="DurationTooLong",
        says=["lower `duration`"],
    ),
    Failure(
        name="AWS limits the rate of calls",
        answer=refused("Throttling", "Rate exceeded"),
        reason="Throttled",
        says=["tried again later"],
        throttled=True,
    ),
    Failure(
        name="AWS cannot reach the issuer at the moment",
        answer=refused("IDPCommunicationError", "try later"),
        reason="IDPCommunicationError",
        says=["tried again later"],
        outage=True,
    ),
    login_failure("subjectAttributes", "SubjectAttributesUnsupported", "leave it out", subjectAttributes=["x"]),
    login_failure("the ARN is not one of a role", "InvalidRoleArn", "it looks like arn:aws:iam", roleArn="deploy"),
    login_failure("a duration of a day", "DurationTooLong", "12h at most", duration="24h"),
    login_failure("a region that is none", "InvalidRegion", "eu-west-1", region="not a region!"),
]

TRIALS = [
    Trial(
        plugin=lambda: AwsLogin(_UNSIGNED),
        inputs={"oidc": OIDC},
        answers=[GRANTED],
        secrets=[SECRET_KEY, SESSION_TOKEN],
        lease=timedelta(hours=1),
        failures=LOGIN_FAILURES,
        quotes=quoting,
        throttled=refused("Throttling", "Rate exceeded", 429),
        hasty=lambda: AwsLogin(_HASTY_UNSIGNED),
        settings=endpoint,
        differs={
            "inputs.oidc.duration": "a role allows an hour, unless its owner raised that; " + A_SENTENCE,
            "inputs.oidc.roleArn": A_SENTENCE,
            "inputs.oidc.policyArns.[]": A_SENTENCE,
            "inputs.oidc.sessionName": "characters that AWS refuses are replaced",
        },
        counterpart="emulator: moto, behind a front that verifies tokens",
    ),
    Trial(
        title="static keys",
        plugin=lambda: AwsLogin(_UNSIGNED),
        inputs={"static": {"accessKeyId": "AKIAEXAMPLE", "secretAccessKey": SECRET_KEY, "sessionToken": SESSION_TOKEN}},
        secrets=[SECRET_KEY, SESSION_TOKEN],
        failures=[Failure(name="neither", reason="InvalidInputs", says=["exactly one of `oidc`"], inputs={})],
    ),
    Trial(
        plugin=lambda: AwsIam(_SIGNED.client),
        inputs={**USER, "login": LOGIN},
        hasty=lambda: AwsIam(_HASTY_SIGNED.client),
        state=STATE,
        service=Iam,
        secrets=[
            *("login-secret-access-key", "login-session-token", "first-secret-access-key", "second-secret-access-key"),
            "created-secret-access-key",
        ],
        quotes=quoting,
        throttled=refused("Throttling", "Rate exceeded", 429),
        settings=endpoint,
        failures=[
            Failure(
                name="there is no such user",
                answer=refused("NoSuchEntity", "no", 404),
                reason="UserMissing",
                says=["check `userArn`"],
            ),
            Failure(
                name="the login may not rotate",
                answer=refused("AccessDenied", "no", 403),
                at=1,
                reason="AWSAccessDenied",
                says=["it needs iam:ListAccessKeys"],
            ),
            Failure(
                name="the ARN is not one of a user",
                inputs={"login": LOGIN, "userArn": "deploy"},
                reason="InvalidInputs",
                says=["is not the ARN of a user"],
            ),
        ],
        counterpart="emulator: moto",
    ),
]
