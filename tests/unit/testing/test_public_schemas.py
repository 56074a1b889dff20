"""The public schemas as facts, and what a comparison with them finds."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from esc_operator.testing.public_schemas import PROVIDERS, ROTATORS, Fact, compare, facts


def test_the_catalogue_is_that_of_the_public_file_and_the_bare_token() -> None:
    assert (len(PROVIDERS), len(ROTATORS)) == (20, 8)
    assert len({name for name in PROVIDERS if name.endswith("-login")}) == 8


def test_facts_are_read_as_they_are_written() -> None:
    aws = facts("aws-login")
    assert aws["inputs.oidc.roleArn"].required
    assert aws["inputs.oidc.duration"] == Fact("string", default='"2h"', pattern="^([0-9]+h)?([0-9]+m)?([0-9]+s)?$")
    assert aws["inputs.static.sessionToken"] == Fact("string")
    assert aws["outputs.accessKeyId"] == Fact("string", required=True)
    assert facts("aws-iam", rotator=True)["inputs.login"] == Fact("object", required=True, rotate_only=True)
    assert facts("gcp-secrets")["inputs.access.*.version"] == Fact("number")
    assert facts("password", rotator=True)["inputs.overrideSpecial"].default == '"!@#$%&*()-_=+[]{}<>:?"'
    assert facts("1password-secrets")["inputs.get.*.ref"] == Fact("string", required=True, pattern="op://.+")
    assert facts("postgres", rotator=True)["inputs.database.connector.awsLambda.login.accessKeyId"].required


def test_every_text_of_facts_can_be_read() -> None:
    assert all(facts(name) for name in PROVIDERS)
    assert all(facts(name, rotator=True) for name in ROTATORS)


class Doppler:
    name = "doppler-login"
    inputs: ClassVar[dict[str, Any]] = {
        "type": "object",
        "required": ["oidc"],
        "properties": {
            "oidc": {
                "type": "object",
                "required": ["identityId"],
                "properties": {
                    "identityId": {
                        "type": "string",
                        "pattern": "^[a-fA-F0-9]{8}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{4}-[a-fA-F0-9]{12}$",
                    },
                    "subjectAttributes": {"type": "array", "items": {"type": "string"}},
                },
            }
        },
    }
    outputs: ClassVar[dict[str, Any]] = {
        "type": "object",
        "required": ["accessToken"],
        "properties": {"accessToken": {"type": "string"}, "expiresAt": {"type": "string", "added": True}},
    }


def with_identity(**fields: Any) -> type[Doppler]:
    oidc = Doppler.inputs["properties"]["oidc"]
    identity = {**oidc["properties"]["identityId"], **fields}
    properties = {**oidc["properties"], "identityId": {key: part for key, part in identity.items() if part is not None}}

    class Changed(Doppler):
        inputs: ClassVar[dict[str, Any]] = {
            **Doppler.inputs,
            "properties": {"oidc": {**oidc, "properties": properties}},
        }

    return Changed


def test_equal_schemas_have_no_difference_and_additions_are_named() -> None:
    assert compare(Doppler) == ({}, ("outputs.expiresAt",), (), ())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"type": "number"}, "type number instead of string"),
        ({"default": "x"}, 'default "x" instead of none'),
        ({"pattern": None}, "pattern none instead of"),
    ],
)
def test_a_part_that_is_another_is_told(fields: dict[str, Any], words: str) -> None:
    assert words in compare(with_identity(**fields)).differences["inputs.oidc.identityId"]


def test_what_is_missing_or_optional_is_told() -> None:
    class Missing(Doppler):
        outputs: ClassVar[dict[str, Any]] = {"type": "object", "properties": {}}

    class Optional(Doppler):
        outputs: ClassVar[dict[str, Any]] = {**Doppler.outputs, "required": []}

    assert compare(Missing).differences == {"outputs.accessToken": "missing"}
    assert compare(Optional).differences == {"outputs.accessToken": "required False instead of True"}


def test_an_addition_has_to_be_marked_and_optional_and_an_addition() -> None:
    class Unmarked(Doppler):
        outputs: ClassVar[dict[str, Any]] = {
            **Doppler.outputs,
            "properties": {**Doppler.outputs["properties"], "extra": {"type": "string"}},
        }

    class Required(Doppler):
        inputs: ClassVar[dict[str, Any]] = {
            **Doppler.inputs,
            "required": ["oidc", "host"],
            "properties": {**Doppler.inputs["properties"], "host": {"type": "string", "added": True}},
        }

    assert compare(Unmarked).unmarked == ("outputs.extra",)
    assert compare(Required).mismarked == ("inputs.host",)
    assert compare(with_identity(added=True)).mismarked == ("inputs.oidc.identityId",)
