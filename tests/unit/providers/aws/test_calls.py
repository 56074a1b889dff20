from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from esc_operator.errors import ProviderError
from esc_operator.providers.aws.iam import AwsIam
from esc_operator.providers.aws.parameters import AwsParameterStore
from esc_operator.providers.aws.secrets import AwsSecrets
from esc_operator.testing import FakeContext

LOGIN = {"accessKeyId": "ASIAX", "secretAccessKey": "login-secret", "sessionToken": "token"}
READING = {"region": "eu-west-1", "login": LOGIN}


def closed_port() -> int:
    """One on which nothing listens."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port: int = reserved.getsockname()[1]
    return port


CALLS: dict[str, Any] = {
    "secrets": lambda context: AwsSecrets().open({**READING, "get": {"x": {"secretId": "x"}}}, context),
    "parameters": lambda context: AwsParameterStore().open({**READING, "get": {"x": {"name": "x"}}}, context),
    "iam": lambda context: AwsIam().rotate(
        {"login": LOGIN, "userArn": "arn:aws:iam::123456789012:user/x"}, None, context
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_service_that_cannot_be_reached_is_told_as_that_and_not_as_an_answer(name: str) -> None:
    port = closed_port()
    context = FakeContext(settings={"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"})
    with pytest.raises(ProviderError) as caught:
        asyncio.run(CALLS[name](context))
    context.close()
    assert (caught.value.reason, caught.value.outage) == ("AWSUnavailable", True)
    assert f"127.0.0.1:{port} could not be reached for" in caught.value.message
    assert "(EndpointConnectionError): check the network, a proxy, and the region" in caught.value.message
