"""Which web identities a trust policy lets in."""

import json
from typing import Any

import pytest

from local_aws import trust_policies

PROVIDER = "arn:aws:iam::123456789012:oidc-provider/issuer.example"
CLAIMS = {
    "issuer.example:sub": ("system:serviceaccount:apps:web",),
    "issuer.example:aud": ("sts.amazonaws.com", "other"),
}


def policy(condition: dict[str, Any] | None = None, **changes: Any) -> str:
    statement: dict[str, Any] = {
        "Effect": "Allow",
        "Principal": {"Federated": PROVIDER},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": condition or {},
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement | changes]})


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"StringEquals": {"issuer.example:sub": "system:serviceaccount:apps:web"}},
        {"StringEquals": {"ISSUER.example:SUB": ["x", "system:serviceaccount:apps:web"]}},
        {"StringEquals": {"issuer.example:aud": "sts.amazonaws.com"}},
        {"StringLike": {"issuer.example:sub": "system:serviceaccount:apps:*"}},
        {"StringLike": {"issuer.example:sub": "system:serviceaccount:app?:web"}},
        {"StringNotEquals": {"issuer.example:sub": "system:serviceaccount:apps:other"}},
        {"StringEqualsIfExists": {"issuer.example:amr": "x"}},
        {"ForAnyValue:StringEquals": {"issuer.example:aud": ["other"]}},
        {"ForAllValues:StringEquals": {"issuer.example:aud": ["other", "sts.amazonaws.com"]}},
    ],
)
def test_a_condition_that_holds_lets_in(condition: dict[str, Any]) -> None:
    assert trust_policies.allows(policy(condition), PROVIDER, CLAIMS)


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {"issuer.example:sub": "system:serviceaccount:apps:*"}},
        {"StringEquals": {"issuer.example": "system:serviceaccount:apps:web"}},
        {"StringLike": {"issuer.example:sub": "system:serviceaccount:[a]pps:web"}},
        {"StringNotEquals": {"issuer.example:sub": "system:serviceaccount:apps:web"}},
        {"ForAllValues:StringEquals": {"issuer.example:aud": ["other"]}},
        {
            "StringEquals": {
                "issuer.example:sub": "system:serviceaccount:apps:web",
                "issuer.example:aud": "sts.amazon.com",
            }
        },
        {"DateLessThan": {"aws:CurrentTime": "2999-01-01T00:00:00Z"}},
    ],
)
def test_a_condition_that_does_not_hold_or_cannot_be_evaluated_lets_nobody_in(condition: dict[str, Any]) -> None:
    assert not trust_policies.allows(policy(condition), PROVIDER, CLAIMS)


@pytest.mark.parametrize(
    "document",
    [
        policy(Principal={"Federated": f"{PROVIDER}.evil"}),
        policy(Principal={"AWS": "*"}),
        policy(Principal="*"),
        policy(Action="sts:AssumeRole"),
        policy(Effect="Deny"),
        "not a policy",
        json.dumps({"Statement": []}),
    ],
)
def test_another_principal_action_or_effect_lets_nobody_in(document: str) -> None:
    assert not trust_policies.allows(document, PROVIDER, CLAIMS)


def test_a_deny_outweighs_an_allow() -> None:
    allow, deny = (json.loads(policy(Effect=effect))["Statement"][0] for effect in ("Allow", "Deny"))
    assert not trust_policies.allows(json.dumps({"Statement": [allow, deny]}), PROVIDER, CLAIMS)
