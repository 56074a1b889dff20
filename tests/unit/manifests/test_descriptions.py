"""`kubectl explain` answers for every field: what it is, in which unit, and what holds if it is left out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from esc_operator.formats import durations
from esc_operator.manifests.crds import definitions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Field(NamedTuple):
    """A field of a kind. `is_optional`: a person may set it, and may leave it out."""

    path: str
    schema: dict[str, Any]
    is_optional: bool

    @property
    def description(self) -> str:
        return str(self.schema.get("description", ""))


def fields_of(body: dict[str, Any]) -> Iterator[Field]:
    (version,) = body["spec"]["versions"]
    yield from walk(body["spec"]["names"]["singular"], version["schema"]["openAPIV3Schema"])


def walk(path: str, schema: dict[str, Any]) -> Iterator[Field]:
    required = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        below = f"{path}.{name}"
        if name == "metadata":
            assert inner == {"type": "object"}, "the API server refuses any more"
            continue
        is_optional = ".spec." in below and name not in required
        yield Field(below, inner, is_optional)
        yield from walk(below, inner)
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from walk(path, inner)


FIELDS = [field for body in definitions() for field in fields_of(body)]
OPTIONAL = [field for field in FIELDS if field.is_optional]
UNITS: dict[str, tuple[Callable[[dict[str, Any]], bool], str]] = {
    "a duration names its units": (
        lambda schema: any(durations.PATTERN in rule["rule"] for rule in schema.get("x-kubernetes-validations", ())),
        r"such as \d+[smh]",
    ),
    "a time names its zone": (lambda schema: schema.get("format") == "date-time", r"\bUTC\b"),
    "a number names what it counts": (
        lambda schema: schema.get("type") == "integer",
        r"(?i)\b(how many \w+|number|metadata\.generation)\b",
    ),
    "a flag says what true means": (
        lambda schema: schema.get("type") == "boolean",
        r"^(true: |Whether |It |The |More )",
    ),
}


def test_there_are_fields_of_all_kinds() -> None:
    kinds = {field.path.partition(".")[0] for field in FIELDS}
    assert kinds == {"escenvironment", "clusterescenvironment", "escrotation"}
    assert len(FIELDS) > 200
    assert len(OPTIONAL) > 60


def test_every_field_has_a_sentence() -> None:
    assert [field.path for field in FIELDS if not re.match(r"^\S+( \S+){3,}\.$", field.description)] == []


def test_every_kind_has_a_sentence() -> None:
    texts = [body["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] for body in definitions()]
    assert all(re.match(r"^[A-Z].{30,}\.$", text) for text in texts)


def test_every_field_that_may_be_left_out_says_what_holds_then() -> None:
    said = r"\bDefault: |\bWithout it |\bRequired (for|if) |\bSet either "
    assert [field.path for field in OPTIONAL if not re.search(said, field.description)] == []


@pytest.mark.parametrize("rule", UNITS)
def test_every_field_names_its_unit(rule: str) -> None:
    has_unit, pattern = UNITS[rule]
    found = [field for field in FIELDS if has_unit(field.schema)]
    assert found
    assert [field.path for field in found if not re.search(pattern, field.description)] == []


def test_nobody_reads_a_regular_expression() -> None:
    assert [field.path for field in FIELDS if "pattern" in field.schema] == []
    rules = [rule for field in FIELDS for rule in field.schema.get("x-kubernetes-validations", ())]
    assert len(rules) > 20
    assert [rule for rule in rules if not rule.get("message") or "matches" in rule["message"]] == []


def test_a_default_of_the_schema_is_the_one_that_is_described() -> None:
    found = [field for field in FIELDS if "default" in field.schema]
    assert found
    assert [field.path for field in found if f"Default: {field.schema['default']}." not in field.description] == []


def test_every_value_of_an_enumeration_is_explained() -> None:
    found = [(field, value) for field in FIELDS for value in field.schema.get("enum", ())]
    assert found
    assert [(field.path, value) for field, value in found if not re.search(rf"\b{value}\b", field.description)] == []


def test_a_description_names_no_field_of_another_kind() -> None:
    """An EscEnvironment has no namespaces to fill, and says nothing of them."""
    (status,) = (field.schema for field in FIELDS if field.path == "escenvironment.status")
    assert not {"namespaces", "seals", "rolloutDigest"} & set(status["properties"])
    assert [field.path for field in FIELDS if field.description.startswith("Of a ClusterEscEnvironment")] == []
