"""azure-app-secret: two secrets work at any time, and one whose answer was lost is removed."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.errors import ProviderError
from esc_operator.providers.azure.app_secret import ROTATOR, choose_unwanted
from esc_operator.testing import FakeContext, json_answer, text_answer
from unit.providers.azure.trials import GRANTED, ROTATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from esc_operator.providers.port import HttpAnswer, HttpRequest


class ProcessEnded(BaseException):
    """Stands for the end of the process."""


class Graph:
    """The secrets of one application, by ID with their names. `ends_after` is the number of the request after which
    the process ends: it was carried out, and its answer is lost."""

    def __init__(self) -> None:
        self.secrets: dict[str, str] = {"id-of-others": "made by hand"}
        self.made = 0
        self.ends_after: int | None = None
        self.sent: list[HttpRequest] = []
        self.seen: Callable[[], None] = lambda: None

    async def send(self, request: HttpRequest) -> HttpAnswer:
        self.sent.append(request)
        answer = self._answer(request)
        self.seen()
        if self.ends_after is not None:
            self.ends_after -= 1
            if self.ends_after < 0:
                self.ends_after = None
                raise ProcessEnded
        return answer

    def _answer(self, request: HttpRequest) -> HttpAnswer:
        body = json.loads(request.body or b"{}") if "graph" in request.url else {}
        if "/oauth2/" in request.url:
            return GRANTED
        if request.url.endswith("/removePassword"):
            del self.secrets[body["keyId"]]
            return text_answer("", 204)
        if request.url.endswith("/addPassword"):
            self.made += 1
            self.secrets[f"id-{self.made}"] = body["passwordCredential"]["displayName"]
            return json_answer({"keyId": f"id-{self.made}", "secretText": f"text-of-{self.made}"})
        return json_answer(
            {"passwordCredentials": [{"keyId": key, "displayName": name} for key, name in self.secrets.items()]}
        )

    def rotate(self, state: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
        rotated = asyncio.run(ROTATOR.rotate({**ROTATION, **more}, state, FakeContext(self.send)))
        assert isinstance(rotated.state, dict)
        return rotated.state


def ids(state: dict[str, Any] | None) -> list[str]:
    return [one["secretId"] for one in (state or {}).values()]


def test_the_first_rotation_makes_a_secret_and_removes_none() -> None:
    graph = Graph()
    state = graph.rotate(None)
    assert state == {
        "current": {
            "secretId": "id-1",
            "secretValue": "text-of-1",
            "createdAt": "2026-05-01T12:00:02Z",
            "expiresAt": "2026-07-30T12:00:02Z",
        }
    }
    assert graph.secrets.keys() == {"id-of-others", "id-1"}


def test_each_rotation_keeps_the_secret_in_use_and_removes_the_one_before() -> None:
    graph = Graph()
    first = graph.rotate(None)
    second = graph.rotate(first)
    assert (ids(second), second["previous"]) == (["id-2", "id-1"], first["current"])
    third = graph.rotate(second)
    assert ids(third) == ["id-3", "id-2"]
    assert graph.secrets.keys() == {"id-of-others", "id-2", "id-3"}


def test_it_asks_graph_for_this_application_with_a_token_for_graph() -> None:
    graph = Graph()
    graph.rotate(None)
    token, listing, adding = graph.sent
    assert b"scope=https%3A%2F%2Fgraph.microsoft.com%2F.default" in (token.body or b"")
    of = f"https://graph.microsoft.com/v1.0/applications(appId='{ROTATION['clientId']}')"
    assert listing.url == f"{of}?%24select=passwordCredentials"
    assert adding.url == f"{of}/addPassword"
    assert json.loads(adding.body or b"")["passwordCredential"]["endDateTime"] == "2026-07-30T12:00:02Z"


@given(st.lists(st.one_of(st.none(), st.integers(0, 4)), min_size=1, max_size=12))
def test_wherever_the_process_ends_the_secret_in_use_works_and_nothing_piles_up(ends: list[int | None]) -> None:
    """`None` is a rotation that is finished and stored; a number is that of the request after which all is lost."""
    graph = Graph()
    state: dict[str, Any] | None = graph.rotate(None)
    graph.seen = lambda: None

    def in_use() -> None:
        assert state is not None
        assert state["current"]["secretId"] in graph.secrets
        assert "id-of-others" in graph.secrets

    graph.seen = in_use
    for end in ends:
        graph.ends_after = end
        try:
            state = graph.rotate(state)
        except ProcessEnded:
            assert len(graph.secrets) <= 4
        else:
            assert set(ids(state)) <= graph.secrets.keys()
        graph.ends_after = None
    state = graph.rotate(state)
    assert graph.secrets.keys() == {"id-of-others", *ids(state)}


def test_without_a_state_and_for_another_state_nothing_is_removed() -> None:
    others = [{"keyId": "a", "displayName": "esc-operator"}, {"keyId": "b", "displayName": "esc-operator, after x"}]
    assert choose_unwanted(others, None) == []
    assert choose_unwanted(others, {"current": {"secretId": "y"}, "previous": {"secretId": "z"}}) == []


def test_before_the_first_rotation_there_is_nothing_to_open() -> None:
    with pytest.raises(ProviderError) as caught:
        asyncio.run(ROTATOR.open({"clientId": ROTATION["clientId"]}, None, FakeContext()))
    assert caught.value.reason == "NotRotated"


def test_opening_needs_no_login() -> None:
    inputs = {"clientId": ROTATION["clientId"]}
    assert ROTATOR.account(inputs) == ""
    assert not list(ROTATOR.problems(inputs))
    opened = asyncio.run(ROTATOR.open(inputs, {"current": {"secretId": "a", "secretValue": "b"}}, FakeContext()))
    assert (opened.value["current"]["secretValue"], opened.secret) == ("b", True)
