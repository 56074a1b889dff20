"""The command line's connection: what it asks, and what its user is told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from esc_operator.errors import ForbiddenError, IdentityError, NotFoundError, UnavailableError
from esc_operator.kube.session import REQUEST_TIMEOUT, Session

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass
class Answer:
    data: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class FakeTransport:
    """Answers, or fails, as it is told."""

    answer: Any = None
    failure: BaseException | None = None
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, seconds: float) -> Answer:
        assert headers["Accept"] == "application/json"
        assert seconds == REQUEST_TIMEOUT
        self.asked.append((method, path, body and json.loads(body)))
        if self.failure:
            raise self.failure
        if isinstance(self.answer, Answer):
            return self.answer
        return Answer(json.dumps(self.answer).encode())


def refused(status: int, message: str = "") -> FakeTransport:
    return FakeTransport(Answer(json.dumps({"message": message}).encode(), status))


def test_environments_are_read_and_listed_where_they_are() -> None:
    transport = FakeTransport(answer={"items": [{"metadata": {"name": "aws"}}]})
    session = Session(transport)
    session.read_environment("apps", "aws")
    assert session.list_environments() == [{"metadata": {"name": "aws"}}]
    session.list_environments("apps")
    root = "/apis/esc-operator.dev/v1alpha1"
    assert [path for _, path, _ in transport.asked] == [
        f"{root}/namespaces/apps/escenvironments/aws",
        f"{root}/escenvironments",
        f"{root}/namespaces/apps/escenvironments",
    ]


def test_a_token_is_asked_for_with_its_audience() -> None:
    transport = FakeTransport(answer={"status": {"token": "e30.e30.sig"}})
    assert Session(transport).request_token("apps", "web", "sts.amazonaws.com").reveal() == "e30.e30.sig"
    ((method, path, body),) = transport.asked
    assert (method, path) == ("POST", "/api/v1/namespaces/apps/serviceaccounts/web/token")
    assert body["spec"]["audiences"] == ["sts.amazonaws.com"]


def test_a_missing_service_account_is_named() -> None:
    with pytest.raises(IdentityError, match="ServiceAccount apps/web does not exist"):
        Session(refused(404)).request_token("apps", "web", "sts.amazonaws.com")


def test_errors_of_the_api_server_are_translated() -> None:
    with pytest.raises(NotFoundError):
        Session(refused(404)).read_environment("apps", "aws")
    with pytest.raises(ForbiddenError, match="you cannot"):
        Session(refused(403, "you cannot")).list_environments()
    with pytest.raises(UnavailableError, match="could not read escenvironments apps/aws"):
        Session(FakeTransport(failure=urllib3.exceptions.ProtocolError("x"))).read_environment("apps", "aws")
    with pytest.raises(UnavailableError):
        Session(FakeTransport(Answer(b"<html>"))).read_environment("apps", "aws")
