"""The command line's connection: what it asks, and what its user is told."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import urllib3

from esc_operator.errors import ForbiddenError, IdentityError, NotFoundError, UnavailableError
from esc_operator.kube.client_config import ClientConfig
from esc_operator.kube.session import PAGE, Session

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

    config = ClientConfig("https://api.example:6443")
    answer: Any = None
    failure: BaseException | None = None
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        assert headers["Accept"] == "application/json"
        self.asked.append((method, path, body and json.loads(body)))
        if self.failure:
            raise self.failure
        if isinstance(self.answer, Answer):
            return self.answer
        return Answer(json.dumps(self.answer).encode())


def refused(status: int, message: str = "") -> FakeTransport:
    return FakeTransport(Answer(json.dumps({"message": message}).encode(), status))


def test_environments_are_read_and_listed_where_they_are() -> None:
    transport = FakeTransport(answer={"items": [{"metadata": {"name": "aws"}}], "metadata": {}})
    session = Session(transport)
    session.read_environment("apps", "aws")
    assert session.list_environments() == [{"metadata": {"name": "aws"}}]
    session.list_environments("apps")
    root = "/apis/esc-operator.dev/v1alpha1"
    assert [path for _, path, _ in transport.asked] == [
        f"{root}/namespaces/apps/escenvironments/aws",
        f"{root}/escenvironments?limit={PAGE}",
        f"{root}/namespaces/apps/escenvironments?limit={PAGE}",
    ]


def test_a_long_list_is_asked_for_in_pages() -> None:
    pages = [
        {"items": [{"metadata": {"name": "a"}}], "metadata": {"continue": "next/page"}},
        {"items": [{"metadata": {"name": "b"}}], "metadata": {}},
    ]

    class Paged(FakeTransport):
        def request(self, *asked: Any, **more: Any) -> Answer:
            self.answer = pages.pop(0)
            return super().request(*asked, **more)

    transport = Paged()
    assert [one["metadata"]["name"] for one in Session(transport).list_namespaces()] == ["a", "b"]
    assert transport.asked[1][1] == f"/api/v1/namespaces?limit={PAGE}&continue=next%2Fpage"


def test_a_token_is_asked_for_with_its_audience() -> None:
    transport = FakeTransport(answer={"metadata": {}, "status": {"token": "e30.e30.sig"}})
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
    for strange in (b"<html>", b"[1]", b"", b"hello", b'{"hello": 1}'):
        with pytest.raises(UnavailableError, match=r"at https://api\.example:6443 is no .*\(NotKubernetes\)"):
            Session(FakeTransport(Answer(strange))).read_environment("apps", "aws")
    with pytest.raises(UnavailableError, match="NotKubernetes"):
        Session(FakeTransport({"hello": 1})).list_environments()
