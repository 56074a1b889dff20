"""What is told of requests: kinds and verbs, whatever objects are called."""

from __future__ import annotations

import asyncio

import pytest

from esc_operator.errors import UnavailableError
from esc_operator.kube.api import KubeApi
from esc_operator.kube.client_config import ClientConfig
from esc_operator.kube.connection import Connection
from esc_operator.kube.paths import ENVIRONMENTS, SECRETS, SERVICE_ACCOUNTS
from esc_operator.kube.requests import Request
from esc_operator.telemetry import Telemetry
from unit.telemetry.notes import Notes


def told(method: str, path: str, *, watch: bool = False) -> object:
    notes = Notes()
    with Request(Telemetry(notes), method, path, watch=watch) as request:
        request.answered(200)
    (only,) = notes.of("requested")
    return only


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", SECRETS.path("apps", "aws"), ("get", "secrets", "200")),
        ("GET", SECRETS.path("apps"), ("list", "secrets", "200")),
        ("GET", SECRETS.path(), ("list", "secrets", "200")),
        ("GET", SECRETS.path("namespaces", "secrets"), ("get", "secrets", "200")),
        ("PATCH", ENVIRONMENTS.path("apps", "aws", "status"), ("patch", "escenvironments/status", "200")),
        ("PATCH", ENVIRONMENTS.path(None, "aws", "status"), ("patch", "escenvironments/status", "200")),
        ("POST", SERVICE_ACCOUNTS.path("apps", "default", "token"), ("create", "serviceaccounts/token", "200")),
        ("DELETE", SECRETS.path("apps", "aws"), ("delete", "secrets", "200")),
    ],
)
def test_verb_and_resource_are_those_of_kubernetes(method: str, path: str, expected: object) -> None:
    assert told(method, path) == expected


def test_a_watch_is_a_verb_of_its_own() -> None:
    assert told("GET", SECRETS.path(), watch=True) == ("watch", "secrets", "200")


def test_a_request_without_an_answer_is_told_as_such() -> None:
    notes = Notes()

    async def ask() -> None:
        api = KubeApi(Connection(ClientConfig("http://127.0.0.1:9")), Telemetry(notes))
        try:
            with pytest.raises(UnavailableError):
                await api.read(SECRETS, "apps", "aws")
            with pytest.raises(UnavailableError):
                async for _ in api.watch_lines(SECRETS, None):
                    pass
        finally:
            await api.close()

    asyncio.run(ask())
    assert notes.of("requested") == [("get", "secrets", "none"), ("watch", "secrets", "none")]
