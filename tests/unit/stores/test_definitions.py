"""From the source of a definition to the definition as it is stored."""

from __future__ import annotations

import pytest

from esc_operator.resources.definition_source import ObjectSource, TextSource, parse_source
from esc_operator.resources.environment import Key
from esc_operator.stores.definitions import stored_definition
from esc_operator.stores.port import Failed, StoredDefinition

KEY = Key("apps", "app")


def test_an_object_is_stored_with_its_field() -> None:
    source = parse_source({"environment": {"values": {"a": 1}}})
    assert source == ObjectSource({"values": {"a": 1}})
    assert stored_definition(KEY, source, generation=3) == StoredDefinition(
        "apps/app", definition={"values": {"a": 1}}, path_prefix="spec.environment", generation=3
    )


def test_a_text_is_stored_to_the_letter() -> None:
    text = "# why\nvalues: {a: on}\n"
    source = parse_source({"definition": text})
    stored = stored_definition(KEY, source, trusted=frozenset({"red"}))
    assert stored == StoredDefinition("apps/app", text=text, path_prefix="spec.definition", trusted=frozenset({"red"}))


@pytest.mark.parametrize("text", ["", " ", "\n\t\n"])
def test_a_text_without_anything_in_it_is_refused(text: str) -> None:
    failed = stored_definition(KEY, TextSource(text))
    assert failed == Failed(
        "spec.definition is empty: write the environment's text, such as `values: {}`", "InvalidSpec"
    )


def test_a_spec_without_a_definition_is_refused() -> None:
    failed = stored_definition(KEY, parse_source({"suspend": False}))
    assert isinstance(failed, Failed)
    assert failed.message == (
        'EscEnvironment "apps/app" has no definition: set one of spec.definition and spec.environment'
    )
    assert failed.reason == "InvalidSpec"


@pytest.mark.parametrize(
    "spec", [{"environment": {"values": {"a": "hunter2"}}}, {"definition": "values: {a: hunter2}"}]
)
def test_no_source_shows_what_is_in_it(spec: dict[str, object]) -> None:
    assert "hunter2" not in repr(parse_source(spec))
    assert "hunter2" not in repr(stored_definition(KEY, parse_source(spec)))
