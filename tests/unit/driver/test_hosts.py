"""No host is asked whose name is made of a secret."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from esc_operator.driver.hosts import refuse_secret_host
from esc_operator.evaluation import Secret
from esc_operator.evaluation.plain import from_data
from esc_operator.providers.port import Located
from esc_operator.providers.registry import provider_registry, rotator_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

PLUGINS = [registry.find(name) for registry in (provider_registry(), rotator_registry()) for name in registry.names()]
SAMPLES: dict[str, list[dict[str, Any]]] = {
    "aws-login": [
        {
            "oidc": {
                "roleArn": "arn:aws:iam::123456789012:role/apps",
                "sessionName": "apps",
                "duration": "1h",
                "audience": "sts.amazonaws.com",
                "region": "eu-west-1",
                "policyArns": ["arn:aws:iam::aws:policy/ReadOnlyAccess"],
            }
        }
    ],
    "aws-iam": [{"userArn": "arn:aws:iam::123456789012:user/legacy", "region": "us-east-1", "login": {}}],
    "azure-login": [
        {
            "clientId": "c",
            "tenantId": "t",
            "subscriptionId": "s",
            "oidc": True,
            "scope": "https://x/.default",
            "audience": "a",
        }
    ],
    "gcp-login": [
        {
            "project": 1,
            "oidc": {
                "workloadPoolId": "pool",
                "providerId": "provider",
                "serviceAccount": "a@b.iam.gserviceaccount.com",
                "region": "global",
                "audience": "a",
            },
        },
        {"project": 1, "accessToken": {"accessToken": "t", "serviceAccount": "a@b.iam.gserviceaccount.com"}},
    ],
}
"""Inputs of every plug-in that is located, with a text in each place that can take one."""


def texts(inputs: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(inputs, dict):
        yield from itertools.chain.from_iterable(texts(child, (*path, key)) for key, child in inputs.items())
    elif isinstance(inputs, str):
        yield path


def changed(inputs: Any, path: tuple[str, ...], text: Any) -> Any:
    head, *rest = path
    return {**inputs, head: changed(inputs[head], tuple(rest), text) if rest else text}


def at(inputs: Any, path: tuple[str, ...]) -> Any:
    for key in path:
        inputs = inputs[key]
    return inputs


def another(text: str) -> str:
    """A text of the same kind: the last digit is another one, or else the last letter."""
    digits = [index for index, character in enumerate(text) if character.isdecimal()]
    place = digits[-1] if digits else len(text) - 1
    return text[:place] + ("7" if digits else "q") + text[place + 1 :]


def cases() -> Iterator[Any]:
    for plugin in PLUGINS:
        if isinstance(plugin, Located):
            for inputs in SAMPLES[plugin.name]:
                for path in texts(inputs):
                    yield pytest.param(plugin, inputs, path, id=f"{plugin.name}-{'.'.join(path)}")


@pytest.mark.parametrize(("plugin", "inputs", "path"), list(cases()))
def test_every_input_that_takes_part_in_the_name_of_a_host_is_declared(
    plugin: Any, inputs: dict[str, Any], path: tuple[str, ...]
) -> None:
    other = changed(inputs, path, another(at(inputs, path)))
    takes_part = plugin.endpoint(other, {}) != plugin.endpoint(inputs, {})
    assert takes_part is (".".join(path) in plugin.host_inputs)
    secret = from_data(changed(inputs, path, Secret(at(inputs, path))), None, secret=False, deepest=20)
    refused = refuse_secret_host(plugin, plugin.name, secret)
    assert (refused is not None) is takes_part
    assert refuse_secret_host(plugin, plugin.name, from_data(inputs, None, secret=False, deepest=20)) is None


def test_inputs_that_are_a_secret_as_a_whole_are_refused_as_well() -> None:
    plugin = provider_registry().find("aws-login")
    whole = from_data(Secret(SAMPLES["aws-login"][0]), None, secret=False, deepest=20)
    assert refuse_secret_host(plugin, "aws-login", whole) is not None
    part = from_data({"oidc": Secret(SAMPLES["aws-login"][0]["oidc"])}, None, secret=False, deepest=20)
    assert refuse_secret_host(plugin, "aws-login", part) is not None


def test_the_author_is_told_which_input_and_why() -> None:
    plugin = provider_registry().find("aws-login")
    inputs = changed(SAMPLES["aws-login"][0], ("oidc", "region"), Secret("hunter2"))
    refused = refuse_secret_host(plugin, "aws-login", from_data(inputs, None, secret=False, deepest=20))
    assert refused is not None
    assert refused.reason == "SecretHost"
    assert refused.message == (
        'the input oidc.region of "aws-login" is a secret, and becomes part of a host name: host names are looked up in'
        " DNS and appear in logs, so write it in plain"
    )
