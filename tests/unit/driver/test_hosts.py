"""No host is asked whose name is made of a secret. That each plug-in declares those inputs is a check of its trials."""

from __future__ import annotations

from esc_operator.driver.hosts import refuse_secret_host
from esc_operator.evaluation import Secret
from esc_operator.evaluation.plain import from_data
from esc_operator.providers.registry import provider_registry

OIDC = {"roleArn": "arn:aws:iam::123456789012:role/apps", "sessionName": "apps", "region": "eu-west-1"}


def test_inputs_that_are_a_secret_as_a_whole_are_refused_as_well() -> None:
    plugin = provider_registry().find("aws-login")
    whole = from_data(Secret({"oidc": OIDC}), None, secret=False, deepest=20)
    assert refuse_secret_host(plugin, "aws-login", whole) is not None
    part = from_data({"oidc": Secret(OIDC)}, None, secret=False, deepest=20)
    assert refuse_secret_host(plugin, "aws-login", part) is not None


def test_the_author_is_told_which_input_and_why() -> None:
    plugin = provider_registry().find("aws-login")
    inputs = {"oidc": {**OIDC, "region": Secret("hunter2")}}
    refused = refuse_secret_host(plugin, "aws-login", from_data(inputs, None, secret=False, deepest=20))
    assert refused is not None
    assert refused.reason == "SecretHost"
    assert refused.message == (
        'the input oidc.region of "aws-login" is a secret, and becomes part of a host name: host names are looked up in'
        " DNS and appear in logs, so write it in plain"
    )
