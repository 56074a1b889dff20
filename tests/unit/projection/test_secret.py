from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.projection.secret import MAX_SIZE, secret_data
from esc_operator.projection.variables import Variable, exported
from unit.evaluation.drive import World, evaluate

OTHER = {"environmentVariables": "files", "files": "environmentVariables"}


def test_values_are_base64_sorted_by_key_and_the_last_of_a_name_counts() -> None:
    data, diagnostics = secret_data([Variable("B", "2"), Variable("A", "x"), Variable("A", "é", is_file=True)])
    assert list(data.items()) == [("A", base64.b64encode("é".encode()).decode()), ("B", "Mg==")]
    assert diagnostics == ()


@pytest.mark.parametrize("name", ["A", "_", ".env", "-x", "a.b-c_D9", "A" * 253])
def test_names_that_an_environment_can_carry_are_taken(name: str) -> None:
    assert secret_data([Variable(name, "")])[1] == ()


@pytest.mark.parametrize("name", ["", "9A", "A=B", "a b", "é", ".", "..", "..x", "A\0", "A" * 254, "a/b"])
def test_other_names_are_refused_and_reported(name: str) -> None:
    (problem,) = secret_data([Variable(name, "")])[1]
    assert problem.reason == "InvalidVariableName"
    assert problem.path.startswith("values.environmentVariables")
    assert "cannot be the name of a variable" in problem.summary
    assert problem.summary.isprintable()


def test_a_nul_byte_is_refused_in_a_variable_and_taken_in_a_file() -> None:
    assert secret_data([Variable("A", "a\0b", is_file=True)])[1] == ()
    (problem,) = secret_data([Variable("A", "hunter\0two")])[1]
    assert (problem.reason, problem.path) == ("InvalidVariableValue", "values.environmentVariables.A")
    assert problem.summary == 'the value of "A" contains a NUL byte, which no variable can hold'


def test_a_nul_byte_in_a_file_is_refused_beside_variables_that_a_pod_takes_whole() -> None:
    (problem,) = secret_data([Variable("A", "x"), Variable("B", "a\0b", is_file=True)])[1]
    assert problem.path == "values.files.B"
    assert "pods take a Secret with variables whole" in problem.summary


def test_a_value_that_is_not_text_is_refused_and_bytes_are_taken() -> None:
    assert secret_data([Variable("A", "\udcff")])[0] == {"A": "/w=="}
    (problem,) = secret_data([Variable("A", "\ud800")])[1]
    assert problem.reason == "InvalidVariableValue"


def test_too_much_for_a_secret_names_the_largest() -> None:
    half = MAX_SIZE // 2
    assert secret_data([Variable("A", "x" * half), Variable("B", "x" * half)])[1] == ()
    variables = [Variable("SMALL", "x"), *(Variable(name, "x" * half) for name in "ABCD")]
    (problem,) = secret_data(variables)[1]
    assert problem.reason == "SecretTooLarge"
    assert "at most 1 MiB (1048576 bytes), and these variables have 2097153" in problem.summary
    assert '"A" (524288 bytes), "B" (524288 bytes), "C" (524288 bytes)' in problem.summary
    assert "SMALL" not in problem.summary


def test_a_variable_does_not_show_its_value() -> None:
    assert "hunter2" not in repr(Variable("A", "hunter2"))


@given(st.lists(st.builds(Variable, st.text(max_size=5), st.text(max_size=5).map(lambda text: f"<{text}>"))))
def test_what_is_accepted_is_what_the_api_server_accepts(variables: list[Variable]) -> None:
    data, diagnostics = secret_data(variables)
    valid = all(re.fullmatch(r"(?!\.\.)(?!\.\Z)[-._a-zA-Z][-._a-zA-Z0-9]{0,252}", name) for name in data)
    carried = not any("\0" in variable.text for variable in variables)
    assert (not diagnostics) == (valid and carried) or any("\ud800" <= c <= "\udfff" for v in variables for c in v.text)
    assert not any("<" in problem.summary for problem in diagnostics if problem.reason == "InvalidVariableValue")


@pytest.mark.parametrize("group", ["environmentVariables", "files"])
@pytest.mark.parametrize("name", ["hunter two", "9hunter", "hunter"])
def test_a_name_that_was_read_from_a_secret_is_not_told(group: str, name: str) -> None:
    text = json.dumps({name: "a\0b"})
    secret = f"{{fn::fromJSON: {{fn::secret: {json.dumps(text)}}}}}"
    evaluation = evaluate(f"values: {{{group}: {secret}, {OTHER[group]}: {{B: b}}}}", World())
    assert evaluation.value is not None
    variables = exported(evaluation.value)
    (problem,) = secret_data(variables)[1]
    assert "(a name from a secret)" in problem.summary
    assert "hunter" not in f"{problem} {problem.path} {variables}"
