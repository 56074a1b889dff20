"""What seems to be exported and is not: told with its name, and never with a value."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.projection.leftovers import NAMED, find_leftovers
from esc_operator.projection.secret import secret_data
from esc_operator.projection.variables import exported
from unit.evaluation.drive import World, evaluate

names = st.text(st.characters(codec="ascii"), min_size=1, max_size=12).filter(lambda name: not {"$", ":"} & set(name))

BECAUSE = "because a variable is a text: use fn::toJSON, or export the parts"
NOTHING = "and so nothing in it is exported: write an object of names and texts"


def told(text: str, world: World | None = None) -> list[tuple[str, str]]:
    """Reasons and messages, with their places, of a definition that has no error."""
    evaluation = evaluate(text, world or World())
    assert evaluation.ok, evaluation.diagnostics
    assert evaluation.value is not None
    found = find_leftovers(evaluation.value, opened=True)
    assert not any(one.is_error for one in found)
    return [(one.reason, f"{one.path}: {one.text}") for one in found]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "values: {environmentVariables: {FEATURES: {beta: true}, PORTS: [80, 443], OK: '1'}}",
            f'values.environmentVariables: "FEATURES" (an object) and "PORTS" (a list) are left out, {BECAUSE}',
        ),
        (
            "values: {environmentVariables: {A: []}}",
            f'values.environmentVariables: "A" (a list) is left out, {BECAUSE}',
        ),
        (
            "values: {files: {KUBECONFIG: {apiVersion: v1}}}",
            f'values.files: "KUBECONFIG" (an object) is left out, {BECAUSE.replace("variable", "file")}',
        ),
        (
            "values: {a: {b: [1]}, environmentVariables: {LIST: '${a.b}'}}",
            f'values.environmentVariables: "LIST" (a list) is left out, {BECAUSE}',
        ),
        (
            "values: {environmentVariables: [A=1]}",
            f'values.environmentVariables: "environmentVariables" is a list, {NOTHING}',
        ),
        (
            "values: {files: text}",
            f'values.files: "files" is a text, {NOTHING}',
        ),
        (
            "values: {environmentvariables: {A: '1'}}",
            (
                'values.environmentvariables: nothing below "environmentvariables" is exported, because that has to be '
                'called "environmentVariables": rename it'
            ),
        ),
        (
            "values: {Files: {A: '1'}}",
            'values.Files: nothing below "Files" is exported, because that has to be called "files": rename it',
        ),
    ],
)
def test_what_is_left_out_is_told_with_its_place_and_what_to_do(text: str, message: str) -> None:
    assert told(text) == [("NotExported", message)]


@pytest.mark.parametrize(
    "name",
    [
        "EnvironmentVariables",
        "ENVIRONMENT_VARIABLES",
        "environment-variables",
        "enviromentVariables",
        "environmentVariable",
    ],
)
def test_a_name_that_only_resembles_the_one_for_variables_is_told(name: str) -> None:
    ((reason, message),) = told(f"values: {{{name}: {{A: '1'}}}}")
    assert reason == "NotExported"
    assert 'has to be called "environmentVariables"' in message


@pytest.mark.parametrize(
    "text",
    [
        "values: {environmentVariables: {A: '1', B: 2, C: true, D: null}, files: {kube.yaml: x}}",
        "values: {environmentVariables: {}, files: {}}",
        "values: {environmentVariables: null}",
        "values: {environment: {a: 1}, variables: {b: 2}, file: {c: 3}, env: {}}",
        "values: {Files: 3, environmentvariables: text}",
        "values: {pulumiConfig: {aws: {region: x}}}",
    ],
)
def test_nothing_is_told_of_what_is_as_it_should_be(text: str) -> None:
    assert told(text) == []


def test_null_over_the_variables_of_an_import_is_told() -> None:
    world = World({"base": "values: {environmentVariables: {A: '1'}}"})
    ((reason, message),) = told("imports: [base]\nvalues: {environmentVariables: null}", world)
    assert (reason, '"environmentVariables" is null' in message) == ("NotExported", True)


def test_what_comes_from_an_import_is_told_without_the_name_of_the_import() -> None:
    world = World({"base": "values: {environmentVariables: {A: {b: 1}, C: '1'}}"})
    ((_, message),) = told("imports: [base]\nvalues: {environmentVariables: {D: []}}", world)
    assert '"A" (an object, from an import) and "D" (a list) are left out' in message
    assert "base" not in message


def test_a_name_that_only_resembles_in_an_import_is_told_as_one_of_an_import() -> None:
    world = World({"base": "values: {Files: {A: b}}"})
    ((_, message),) = told("imports: [base]\nvalues: {a: 1}", world)
    assert 'nothing below "Files" (from an import) is exported' in message


def test_a_name_that_no_shell_can_read_is_told() -> None:
    ((reason, message),) = told("values: {environmentVariables: {spring.port: 1, A: 1, my-var: 2}, files: {a.b: x}}")
    assert reason == "NotForShells"
    assert message.startswith('values.environmentVariables: no shell can read "my-var" and "spring.port": containers')
    assert message.endswith('; use letters, digits and "_", and do not start with a digit')


def test_many_are_counted() -> None:
    text = json.dumps({"values": {"environmentVariables": {f"V{number:02}": [] for number in range(NAMED + 5)}}})
    ((_, message),) = told(text)
    assert "and 5 more are left out" in message
    assert len(message) < 400


def test_a_name_from_a_secret_is_not_told() -> None:
    secret = json.dumps(json.dumps({"hunter2": [1], "hunter-3": "x"}))
    found = told(f"values: {{environmentVariables: {{fn::fromJSON: {{fn::secret: {secret}}}}}}}")
    assert "hunter" not in str(found)
    assert [reason for reason, _ in found] == ["NotExported"]


@given(st.dictionaries(names, st.just("s3cr3t-s3cr3t")))
def test_no_value_is_ever_told_and_what_a_secret_holds_is_not_left_out(parts: dict[str, str]) -> None:
    definition = {"values": {"environmentVariables": {**parts, "O": {"a": "s3cr3t-s3cr3t"}}}}
    evaluation = evaluate(json.dumps(definition), World())
    if not evaluation.ok or evaluation.value is None:
        return
    found = find_leftovers(evaluation.value, opened=True)
    assert "s3cr3t" not in str([(one.path, one.text) for one in found])
    assert all(one.text.isprintable() for one in found)
    assert "O" not in secret_data(exported(evaluation.value))[0]
