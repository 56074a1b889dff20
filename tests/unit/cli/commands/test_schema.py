from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema  # type: ignore[import-untyped]  # moto brings it
import pytest

from esc_operator.providers.aws.iam import ROTATOR
from esc_operator.providers.aws.login import PROVIDER
from esc_operator.providers.registry import provider_registry, rotator_registry

if TYPE_CHECKING:
    from unit.cli.machine import Esc


def test_the_schema_of_files_holds_every_provider_and_rotator_that_is_installed(esc: Esc) -> None:
    answer = esc("schema")
    assert answer.status == 0
    schema = json.loads(answer.out)
    jsonschema.Draft202012Validator.check_schema(schema)
    calls = {call["required"][0] for call in schema["$defs"]["call"]["anyOf"]}
    assert {f"fn::open::{name}" for name in provider_registry().names()} <= calls
    assert {f"fn::rotate::{name}" for name in rotator_registry().names()} <= calls


def test_a_provider_is_described_by_what_it_takes_and_gives(esc: Esc) -> None:
    answer = esc("schema", "aws-login")
    assert answer.status == 0
    assert json.loads(answer.out) == {"fn::open::aws-login": {"inputs": PROVIDER.inputs, "outputs": PROVIDER.outputs}}


def test_a_rotator_is_described_by_its_state_as_well(esc: Esc) -> None:
    answer = esc("schema", "aws-iam")
    assert answer.status == 0
    described = {"inputs": ROTATOR.inputs, "state": ROTATOR.state, "outputs": ROTATOR.outputs}
    assert json.loads(answer.out) == {"fn::rotate::aws-iam": described}


@pytest.mark.parametrize("name", ["aws", "", "fn::open::aws-login"])
def test_for_another_name_it_says_which_there_are(esc: Esc, name: str) -> None:
    answer = esc("schema", name)
    assert (answer.status, answer.out) == (1, "")
    there = f"the providers are {', '.join(provider_registry().names()[:3])}"
    assert answer.err.startswith(f'Error: no provider or rotator "{name}" is installed; {there}')
    assert f", and the rotators {rotator_registry().names()[0]}" in answer.err
