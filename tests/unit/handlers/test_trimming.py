"""What kopf gets of a watch: an identity and a text, and no event at all of what is an echo."""

from __future__ import annotations

import json
from typing import Any

import pytest

from esc_operator.handlers.trimming import TEXT, trim_line

BODY: dict[str, Any] = {
    "apiVersion": "esc-operator.dev/v1alpha1",
    "kind": "EscEnvironment",
    "metadata": {"namespace": "apps", "name": "a", "uid": "u", "resourceVersion": "7", "labels": {"l": "ü"}},
    "spec": {"environment": {"values": {"a": "}"}}},
}


def line(kind: str, body: dict[str, Any], **how: Any) -> bytes:
    return json.dumps({"type": kind, "object": body}, **how).encode()


def trimmed(given: bytes, *, is_echo: bool = False) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(trim_line(given, lambda _: is_echo))
    return event


@pytest.mark.parametrize("how", [{"separators": (",", ":")}, {"separators": (",", ":"), "ensure_ascii": False}, {}])
def test_of_an_object_an_identity_is_left_and_its_text_whatever_the_line_looks_like(how: dict[str, Any]) -> None:
    event = trimmed(line("MODIFIED", BODY, **how))
    assert event["type"] == "MODIFIED"
    assert event["object"]["metadata"] == {"namespace": "apps", "name": "a", "uid": "u", "resourceVersion": "7"}
    assert json.loads(event["object"][TEXT]) == BODY


def test_the_text_is_the_one_that_came() -> None:
    text = json.dumps(BODY, separators=(",", ":"), ensure_ascii=False)
    assert trimmed(f'{{"type":"ADDED","object":{text}}}'.encode())["object"][TEXT] == text


@pytest.mark.parametrize("kind", ["ERROR", "BOOKMARK"])
def test_what_is_no_object_is_left(kind: str) -> None:
    given = line(kind, {"code": 410})
    assert trim_line(given, lambda _: True) == given


def test_an_echo_is_only_a_place_in_the_history() -> None:
    event = trimmed(line("MODIFIED", BODY), is_echo=True)
    assert event == {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "7"}}}


@pytest.mark.parametrize("kind", ["ADDED", "DELETED"])
def test_what_comes_or_goes_is_never_an_echo(kind: str) -> None:
    assert trimmed(line(kind, BODY), is_echo=True)["type"] == kind
