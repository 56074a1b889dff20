"""The trials of AWS's plug-ins, on a server that answers in AWS's XML."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from esc_operator.providers.aws.clients import SignedClients, UnsignedClients
from esc_operator.providers.aws.iam import AwsIam
from esc_operator.providers.aws.login import AwsLogin
from esc_operator.providers.aws.parameters import AwsParameterStore
from esc_operator.providers.aws.secrets import AwsSecrets
from esc_operator.testing import Failure, Trial, json_answer, text_answer

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


class Stores:
    """Secrets Manager and Parameter Store, as far as they are read."""

    def __call__(self, request: HttpRequest) -> HttpAnswer:
        asked = json.loads(request.body or b"{}")
        match request.headers.get("x-amz-target", "").rpartition(".")[2]:
            case "BatchGetSecretValue":
                return json_answer({"SecretValues": [_secret(name) for name in asked["SecretIdList"]], "Errors": []})
            case "GetSecretValue":
                return json_answer(_secret(asked["SecretId"]))
            case "GetParameters":
                return json_answer(
                    {"Parameters": [_parameter(name) for name in asked["Names"]], "InvalidParameters": []}
                )
        return json_refused("UnknownOperationException")


def _secret(name: str) -> dict[str, Any]:
    return {
        "ARN": f"arn:aws:secretsmanager:eu-west-1:123456789012:secret:{name}-a1b2c3",
        "Name": name,
        "VersionId": "4f1c",
        "SecretString": f"the-value-of-{name}",
    }


def _parameter(name: str) -> dict[str, Any]:
    base = name.partition(":")[0]
    arn = f"arn:aws:ssm:eu-west-1:123456789012:parameter{base}"
    return {"Name": base, "ARN": arn, "Version": 3, "Type": "SecureString", "Value": f"the-value-of-{base}"}


def json_refused(code: str, message: str = "no", status: int = 400) -> HttpAnswer:
    return json_answer({"__type": code, "message": message}, status)


def json_quoting(text: str) -> HttpAnswer:
    return json_refused("ValidationException", f"Value '{text}' failed to satisfy constraint")


def refused_secret(code: str, message: str) -> HttpAnswer:
    values, error = [_secret("prod/db")], {"SecretId": "prod/mail", "ErrorCode": code, "Message": message}
    return json_answer({"SecretValues": values, "Errors": [error]})


SECRETS = {
    "region": "eu-west-1",
    "login": LOGIN,
    "get": {"db": {"secretId": "prod/db"}, "mail": {"secretId": "prod/mail"}},
}
PARAMETERS = {
    "region": "eu-west-1",
    "login": LOGIN,
    "get": {"url": {"name": "/prod/url", "decrypt": True}, "key": {"name": "/prod/key:3", "decrypt": True}},
}
NOT_FOUND = "Secrets Manager can't find the specified secret."
NO_KEY = "The ciphertext refers to a customer master key that does not exist or you are not allowed to access."

READER_FAILURES = [
    Failure(
        name="the login has expired",
        answer=json_refused("ExpiredTokenException"),
        reason="AWSLoginRefused",
        says=["is made anew at the next attempt"],
    ),
    Failure(
        name="AWS limits the rate of calls",
        answer=json_refused("ThrottlingException", "Rate exceeded"),
        reason="Throttled",
        says=["tried again later"],
        throttled=True,
    ),
    Failure(
        name="AWS fails",
        answer=json_refused("InternalServiceError", status=500),
        reason="AWSUnavailable",
        says=["tried again later"],
        outage=True,
    ),
]


def reader_failures(inputs: Mapping[str, Any], named: str, arn: str) -> list[Failure]:
    return [
        Failure(
            name="a region that is none",
            inputs={**inputs, "region": "not a region!"},
            reason="InvalidRegion",
            says=["eu-west-1"],
        ),
        Failure(
            name="the failover region is the region",
            inputs={**inputs, "failoverRegion": "eu-west-1"},
            reason="InvalidInputs",
            says=["name another one"],
        ),
        Failure(
            name="an ARN of another region",
            inputs={**inputs, "get": {"db": {named: arn}}},
            reason="InvalidInputs",
            says=["of another region than `region`, eu-west-1"],
        ),
        Failure(
            name="501 of them",
            inputs={**inputs, "get": {str(number): {named: "x"} for number in range(501)}},
            reason="InvalidInputs",
            says=["500 at most, and these are 501"],
        ),
    ]


def refused_secrets(name: str, code: str, message: str, reason: str, *says: str) -> Failure:
    return Failure(name=name, answer=refused_secret(code, message), reason=reason, says=says)


SECRET_FAILURES = [
    *READER_FAILURES,
    refused_secrets(
        "there is no such secret",
        "ResourceNotFoundException",
        NOT_FOUND,
        "AWSSecretMissing",
        'the secret "prod/mail" does not exist in eu-west-1',
        "check its name and `region`",
    ),
    refused_secrets(
        "it has no version in use",
        "ResourceNotFoundException",
        "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
        "AWSSecretVersionMissing",
        "has no version in use (AWSCURRENT)",
    ),
    refused_secrets(
        "the login may not read it",
        "AccessDeniedException",
        "User: x is not authorized to perform: secretsmanager:GetSecretValue",
        "AWSAccessDenied",
        "allow secretsmanager:GetSecretValue on it",
    ),
    refused_secrets(
        "its key may not be used",
        "AccessDeniedException",
        "Access to KMS is not allowed",
        "AWSDecryptionRefused",
        "allow kms:Decrypt on the KMS key",
    ),
    refused_secrets(
        "its key cannot be used",
        "DecryptionFailure",
        "Secrets Manager can't decrypt the protected secret text",
        "AWSDecryptionRefused",
        "is disabled, deleted",
    ),
    refused_secrets(
        "it is marked for deletion",
        "InvalidRequestException",
        "You can't perform this operation on the secret because it was marked for deletion.",
        "AWSSecretDeleted",
        "restore it",
    ),
    *reader_failures(SECRETS, "secretId", "arn:aws:secretsmanager:us-east-1:123456789012:secret:x-a1b2c3"),
]

PARAMETER_FAILURES = [
    *READER_FAILURES,
    Failure(
        name="there is no such parameter, or not that version",
        answer=json_answer({"Parameters": [_parameter("/prod/url")], "InvalidParameters": ["/prod/key:3"]}),
        reason="AWSParameterMissing",
        says=['the parameter "/prod/key" does not exist in eu-west-1', "has no version or label 3"],
    ),
    Failure(
        name="the login may not read it",
        answer=json_refused("AccessDeniedException", "User: x is not authorized to perform: ssm:GetParameters"),
        reason="AWSAccessDenied",
        says=["allow ssm:GetParameters on it"],
    ),
    Failure(
        name="its key may not be used",
        answer=json_refused("AccessDeniedException", NO_KEY),
        reason="AWSDecryptionRefused",
        says=["allow kms:Decrypt on the KMS key"],
    ),
    Failure(
        name="its key cannot be used",
        answer=json_refused("InvalidKeyId", "the key is disabled"),
        reason="AWSDecryptionRefused",
        says=["is disabled, deleted"],
    ),
    *reader_failures(PARAMETERS, "name", "arn:aws:ssm:us-east-1:123456789012:parameter/x"),
]

LOGIN_SECRETS = ["login-secret-access-key", "login-session-token"]
FAILS_OVER = {"failoverRegion": "us-east-1"}

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
    Trial(
        plugin=lambda: AwsSecrets(_SIGNED.client),
        inputs=SECRETS,
        hasty=lambda: AwsSecrets(_HASTY_SIGNED.client),
        service=Stores,
        secrets=[*LOGIN_SECRETS, "the-value-of-prod/db", "the-value-of-prod/mail"],
        quotes=json_quoting,
        throttled=json_refused("ThrottlingException", "Rate exceeded"),
        settings=endpoint,
        failures=SECRET_FAILURES,
        counterpart="emulator: moto, behind a front that verifies signatures",
    ),
    Trial(
        title="a pinned version, in another region if this one does not serve",
        plugin=lambda: AwsSecrets(_SIGNED.client),
        inputs={**SECRETS, **FAILS_OVER, "get": {"db": {"secretId": "prod/db", "versionStage": "AWSPREVIOUS"}}},
        hasty=lambda: AwsSecrets(_HASTY_SIGNED.client),
        service=Stores,
        secrets=[*LOGIN_SECRETS, "the-value-of-prod/db"],
        quotes=json_quoting,
        throttled=json_refused("ThrottlingException", "Rate exceeded"),
        settings=endpoint,
        failures=[
            Failure(
                name="there is no such version",
                answer=json_refused("ResourceNotFoundException", "can't find the value for staging label: AWSPREVIOUS"),
                reason="AWSSecretVersionMissing",
                says=['has no version "AWSPREVIOUS" in eu-west-1', "check `versionId` and `versionStage`"],
            )
        ],
    ),
    Trial(
        plugin=lambda: AwsParameterStore(_SIGNED.client),
        inputs=PARAMETERS,
        hasty=lambda: AwsParameterStore(_HASTY_SIGNED.client),
        service=Stores,
        secrets=[*LOGIN_SECRETS, "the-value-of-/prod/url", "the-value-of-/prod/key"],
        quotes=json_quoting,
        throttled=json_refused("ThrottlingException", "Rate exceeded"),
        settings=endpoint,
        failures=PARAMETER_FAILURES,
        counterpart="emulator: moto, behind a front that verifies signatures",
    ),
]
