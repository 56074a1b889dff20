"""The command line's connection: what it asks, and what its user is told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import urllib3
from kubernetes.client.exceptions import ApiException

from esc_operator.errors import ConfigurationError, ForbiddenError, IdentityError, NotFoundError, UnavailableError
from esc_operator.kube.session import Session, open_session

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Answer:
    data: bytes


@dataclass
class FakeClient:
    """Stands in for the client's connection: answers, or fails, as it is told."""

    answer: Any = None
    failure: BaseException | None = None
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def call_api(self, path: str, method: str, *, body: Any = None, **_: Any) -> Answer:
        self.asked.append((method, path, body))
        if self.failure:
            raise self.failure
        return Answer(self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode())


def refused(status: int, message: str = "") -> ApiException:
    failure = ApiException(status=status)
    failure.body, failure.headers = json.dumps({"message": message}), {}
    return failure


def test_environments_are_read_and_listed_where_they_are() -> None:
    client = FakeClient(answer={"items": [{"metadata": {"name": "aws"}}]})
    session = Session(client)
    session.read_environment("apps", "aws")
    assert session.list_environments() == [{"metadata": {"name": "aws"}}]
    session.list_environments("apps")
    root = "/apis/esc-operator.dev/v1alpha1"
    assert [path for _, path, _ in client.asked] == [
        f"{root}/namespaces/apps/escenvironments/aws",
        f"{root}/escenvironments",
        f"{root}/namespaces/apps/escenvironments",
    ]


def test_a_token_is_asked_for_with_its_audience() -> None:
    client = FakeClient(answer={"status": {"token": "e30.e30.sig"}})
    assert Session(client).request_token("apps", "web", "sts.amazonaws.com").reveal() == "e30.e30.sig"
    ((method, path, body),) = client.asked
    assert (method, path) == ("POST", "/api/v1/namespaces/apps/serviceaccounts/web/token")
    assert body["spec"]["audiences"] == ["sts.amazonaws.com"]


def test_a_missing_service_account_is_named() -> None:
    with pytest.raises(IdentityError, match="ServiceAccount apps/web does not exist"):
        Session(FakeClient(failure=refused(404))).request_token("apps", "web", "sts.amazonaws.com")


def test_errors_of_the_api_server_are_translated() -> None:
    with pytest.raises(NotFoundError):
        Session(FakeClient(failure=refused(404))).read_environment("apps", "aws")
    with pytest.raises(ForbiddenError, match="you cannot"):
        Session(FakeClient(failure=refused(403, "you cannot"))).list_environments()
    with pytest.raises(UnavailableError, match="could not read escenvironments apps/aws"):
        Session(FakeClient(failure=urllib3.exceptions.NewConnectionError(None, "x"))).read_environment("apps", "aws")
    with pytest.raises(UnavailableError):
        Session(FakeClient(answer=b"<html>")).read_environment("apps", "aws")


def test_a_context_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match='cannot use context "prod" of the kubeconfig'):
        open_session("prod", str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match="cannot use the current context"):
        open_session(None, str(tmp_path / "missing"))
