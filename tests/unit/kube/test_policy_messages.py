"""What is read of policies: seldom, and never a reason to fail."""

from __future__ import annotations

import asyncio
from typing import Any

from esc_operator.errors import ForbiddenError, KubeError
from esc_operator.kube.policy_messages import KNOWN_SECONDS, MOST_KNOWN, PolicyMessages, parse_policy
from esc_operator.kube.refusals import NO_WORDS, PolicyWords

OWNERS = {"spec": {"validations": [{"expression": "a", "message": "every Secret needs the label owner"}]}}


class Policies:
    def __init__(self, body: dict[str, Any] | KubeError) -> None:
        self.body = body
        self.read: list[str] = []
        self.time = 100.0

    async def __call__(self, name: str) -> dict[str, Any]:
        self.read.append(name)
        if isinstance(self.body, KubeError):
            raise self.body
        return self.body

    def clock(self) -> float:
        return self.time


def find(policies: Policies, *names: str) -> list[PolicyWords]:
    async def story() -> list[PolicyWords]:
        messages = PolicyMessages(policies, policies.clock)
        found = []
        for name in names:
            found.append(await messages.find(name))
            policies.time += KNOWN_SECONDS / 4
        return found

    return asyncio.run(story())


def test_a_policy_is_read_once_in_a_while_however_often_it_denies() -> None:
    policies = Policies(OWNERS)
    found = find(policies, "a", "a", "a", "a", "a", "a")
    assert policies.read == ["a", "a"]
    assert set(found) == {PolicyWords(("every Secret needs the label owner",), ("a",))}


def test_a_policy_that_may_not_be_read_has_no_words_and_is_not_asked_for_again_at_once() -> None:
    policies = Policies(ForbiddenError("no right"))
    assert find(policies, "a", "a", "a") == [NO_WORDS] * 3
    assert policies.read == ["a"]


def test_many_policies_take_no_more_than_some_memory() -> None:
    policies = Policies(OWNERS)
    find(policies, *(f"p{number}" for number in range(MOST_KNOWN * 2)))
    assert len(policies.read) == MOST_KNOWN * 2


def test_without_a_message_it_is_the_expression_that_the_api_server_tells() -> None:
    body = {
        "spec": {
            "validations": [
                {"expression": " a == 'b' ", "messageExpression": "object.data"},
                {"expression": "c", "message": "  trimmed  "},
            ],
            "matchConditions": [{"name": "x", "expression": "d"}],
        }
    }
    assert parse_policy(body) == PolicyWords(("failed expression: a == 'b'", "trimmed"), (" a == 'b' ", "c", "d"))


def test_a_damaged_policy_has_no_words() -> None:
    assert parse_policy({}) == NO_WORDS
    assert parse_policy({"spec": {"validations": [None, 1]}}) == NO_WORDS
