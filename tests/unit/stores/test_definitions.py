"""From the source of a definition to the definition as it is stored."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from esc_operator.resources.definition_source import (
    DefinitionSource,
    KeySource,
    ObjectSource,
    PulumiSource,
    TextSource,
    mark_of,
    parse_source,
)
from esc_operator.resources.environment import Key
from esc_operator.stores.definitions import referenced_definition, stored_definition, text_at
from esc_operator.stores.port import Failed, StoredDefinition

KEY = Key("apps", "app")
MAP = KeySource("ConfigMap", "defs", "env.yaml")
SECRET = KeySource("Secret", "defs", "env.yaml")
TEXT = "values: {a: on}\n"


def inline(source: DefinitionSource | None) -> ObjectSource | TextSource | None:
    assert not isinstance(source, KeySource | PulumiSource)
    return source


def secret(data: dict[str, bytes], **fields: Any) -> dict[str, Any]:
    encoded = {name: base64.b64encode(value).decode() for name, value in data.items()}
    return {"metadata": {}, "type": "Opaque", "data": encoded, **fields}


def test_an_object_is_stored_with_its_field() -> None:
    source = parse_source({"environment": {"values": {"a": 1}}})
    assert source == ObjectSource({"values": {"a": 1}})
    assert stored_definition(KEY, inline(source), generation=3) == StoredDefinition(
        "apps/app", definition={"values": {"a": 1}}, path_prefix="spec.environment", generation=3
    )


def test_a_text_is_stored_to_the_letter() -> None:
    text = "# why\nvalues: {a: on}\n"
    source = parse_source({"definition": text})
    stored = stored_definition(KEY, inline(source), trusted=frozenset({"red"}))
    assert stored == StoredDefinition("apps/app", text=text, path_prefix="spec.definition", trusted=frozenset({"red"}))


@pytest.mark.parametrize("text", ["", " ", "\n\t\n"])
def test_a_text_without_anything_in_it_is_refused(text: str) -> None:
    failed = stored_definition(KEY, TextSource(text))
    assert failed == Failed(
        "spec.definition is empty: write the text of an environment, such as `values: {}`", "InvalidSpec"
    )


def test_a_spec_without_a_definition_is_refused() -> None:
    failed = stored_definition(KEY, inline(parse_source({"suspend": False})))
    assert isinstance(failed, Failed)
    assert failed.message == (
        'EscEnvironment "apps/app" has no definition: set one of spec.environment, spec.definition and '
        "spec.environmentFrom"
    )
    assert failed.reason == "InvalidSpec"


@pytest.mark.parametrize(
    "spec", [{"environment": {"values": {"a": "hunter2"}}}, {"definition": "values: {a: hunter2}"}]
)
def test_no_source_shows_what_is_in_it(spec: dict[str, object]) -> None:
    assert "hunter2" not in repr(parse_source(spec))
    assert "hunter2" not in repr(stored_definition(KEY, inline(parse_source(spec))))


@pytest.mark.parametrize(
    ("field", "source"),
    [("configMapKeyRef", MAP), ("secretKeyRef", SECRET)],
)
def test_a_reference_names_a_key_of_an_object(field: str, source: KeySource) -> None:
    named = {"name": "defs", "key": "env.yaml"}
    assert parse_source({"environmentFrom": {field: named}}) == source
    body = {"metadata": {}, "data": {"env.yaml": TEXT}} if source is MAP else secret({"env.yaml": TEXT.encode()})
    stored = referenced_definition(KEY, source, "apps", body, generation=2)
    assert stored == StoredDefinition(
        "apps/app",
        text=TEXT,
        path_prefix=f"{source.kind} apps/defs, key env.yaml",
        generation=2,
        is_confidential=source is SECRET,
    )


WHERE = "spec.environmentFrom.configMapKeyRef: ConfigMap apps/defs"
SECRETLY = "spec.environmentFrom.secretKeyRef: Secret apps/defs"
AS_DATA = "store the definition as text, under `data` and not `binaryData`"
OPAQUE = "and a definition is read only from one of type Opaque: create one for it"
ANOTHER = "and holds no definition: name another one, or import its environment"
NO_TEXT: dict[str, tuple[KeySource, dict[str, Any] | None, str, str]] = {
    "no ConfigMap": (MAP, None, "DefinitionNotFound", f"{WHERE} does not exist: create it, or correct the name"),
    "no Secret": (SECRET, None, "DefinitionNotFound", f"{SECRETLY} does not exist: create it, or correct the name"),
    "another key": (
        MAP,
        {"metadata": {}, "data": {"prod.yaml": "", "dev.yaml": ""}},
        "DefinitionNotFound",
        f"{WHERE} has no key env.yaml: it has dev.yaml, prod.yaml; add the key, or correct it",
    ),
    "many keys": (
        MAP,
        {"metadata": {}, "data": {f"k{number}": "" for number in range(8)}},
        "DefinitionNotFound",
        f"{WHERE} has no key env.yaml: it has k0, k1, k2, k3, k4 and 3 more; add the key, or correct it",
    ),
    "no keys": (
        MAP,
        {"metadata": {}},
        "DefinitionNotFound",
        f"{WHERE} has no key env.yaml: it is empty; add the key, or correct the name",
    ),
    "another key of a Secret": (
        SECRET,
        secret({"hunter2": b"hunter2"}),
        "DefinitionNotFound",
        f"{SECRETLY} has no key env.yaml: add it, or correct the key",
    ),
    "binary data": (
        MAP,
        {"metadata": {}, "binaryData": {"env.yaml": "gAE="}},
        "DefinitionNotUsable",
        f"{WHERE} has at key env.yaml what is not a UTF-8 text: {AS_DATA}",
    ),
    "binary data of a Secret": (
        SECRET,
        secret({"env.yaml": b"\x80hunter2"}),
        "DefinitionNotUsable",
        f"{SECRETLY} has at key env.yaml what is not a UTF-8 text: store the definition as text",
    ),
    "an empty text": (
        MAP,
        {"metadata": {}, "data": {"env.yaml": " \n"}},
        "DefinitionNotUsable",
        f"{WHERE} is empty at key env.yaml: write the text of an environment, such as `values: {{}}`",
    ),
    "a token": (
        SECRET,
        secret({"env.yaml": b"hunter2"}, type="kubernetes.io/service-account-token"),
        "DefinitionNotUsable",
        f"{SECRETLY} has the type kubernetes.io/service-account-token, {OPAQUE}",
    ),
    "a Secret of the operator": (
        SECRET,
        secret({"env.yaml": b"hunter2"}, metadata={"labels": {"app.kubernetes.io/managed-by": "esc-operator"}}),
        "DefinitionNotUsable",
        f"{SECRETLY} is one that esc-operator fills, {ANOTHER}",
    ),
}


@pytest.mark.parametrize(("source", "body", "reason", "message"), NO_TEXT.values(), ids=NO_TEXT)
def test_what_holds_no_definition_is_told_with_place_and_remedy(
    source: KeySource, body: dict[str, Any] | None, reason: str, message: str
) -> None:
    assert text_at(source, "apps", body) == Failed(message, reason)
    assert referenced_definition(KEY, source, "apps", body) == Failed(message, reason)


def test_a_mark_changes_with_the_text_and_with_the_object_that_holds_it() -> None:
    marks = {mark_of("uid", "a"), mark_of("uid", "b"), mark_of("other", "a"), mark_of("uid", "a")}
    assert len(marks) == 3
