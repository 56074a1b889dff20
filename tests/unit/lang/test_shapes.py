"""Calls have the shape of their builtin, or say what is missing; a broken call is still a call."""

from __future__ import annotations

import pytest

from esc_operator.lang import parse_object, parse_text
from esc_operator.lang.builtins import BUILTINS
from esc_operator.lang.declarations import Call, Expression, Literal


def read(expression: str) -> tuple[Expression, list[str]]:
    environment, diagnostics = parse_text("test", f"values: {{a: {expression}}}")
    assert environment is not None, diagnostics
    return environment.root.entries[0].value, [diagnostic.summary for diagnostic in diagnostics]


@pytest.mark.parametrize(
    ("expression", "builtin", "operands", "provider"),
    [
        ("{fn::join: [a, b]}", "fn::join", ["delimiter", "values"], None),
        ("{fn::split: [a, b]}", "fn::split", ["delimiter", "string"], None),
        ("{fn::concat: []}", "fn::concat", ["arrays"], None),
        ("{fn::toJSON: a}", "fn::toJSON", ["value"], None),
        ("{fn::secret: a}", "fn::secret", ["plaintext"], None),
        ("{fn::secret: {ciphertext: a}}", "fn::secret", ["ciphertext"], None),
        ("{fn::validate: {schema: a, value: b, more: c}}", "fn::validate", ["schema", "value"], None),
        ("{fn::open: {provider: p, inputs: a, more: b}}", "fn::open", ["inputs"], "p"),
        ("{fn::open::p: a}", "fn::open", ["inputs"], "p"),
        ("{fn::rotate: {provider: p, inputs: a, state: {}}}", "fn::rotate", ["inputs", "state"], "p"),
        ("{fn::rotate::p: {inputs: a}}", "fn::rotate", ["inputs", "state"], "p"),
    ],
)
def test_a_call_knows_its_operands(expression: str, builtin: str, operands: list[str], provider: str | None) -> None:
    call, problems = read(expression)
    assert problems == []
    assert isinstance(call, Call)
    assert (call.builtin, list(call.operands), call.provider) == (builtin, operands, provider)
    assert all(operand is not None for operand in call.operands.values())


@pytest.mark.parametrize(
    ("expression", "problems"),
    [
        ("{fn::join: [a]}", ["the argument to fn::join must be a two-valued list"]),
        ("{fn::split: a}", ["the argument to fn::split must be a two-valued list"]),
        ("{fn::concat: {}}", ["the argument to fn::concat must be an array of arrays"]),
        ("{fn::validate: []}", ["the argument to fn::validate must be an object containing 'schema' and 'value'"]),
        ("{fn::validate: {}}", ["missing required property 'schema'", "missing required property 'value'"]),
        ("{fn::open: a}", ["the argument to fn::open must be an object containing 'provider' and 'inputs'"]),
        ("{fn::open: {inputs: a}}", ["missing provider name ('provider')"]),
        ("{fn::open: {provider: 5, inputs: a}}", ["provider name must be a string literal"]),
        ("{fn::open: {provider: p}}", ["missing provider inputs ('inputs')"]),
        (
            "{fn::rotate: a}",
            ["the argument to fn::rotate must be an object containing 'provider', 'inputs' and 'state'"],
        ),
        ("{fn::rotate::p: a}", ["the argument to fn::rotate must be an object containing 'inputs' and 'state'"]),
        ("{fn::rotate::p: {inputs: a, state: b}}", ["rotation state must be an object literal"]),
        ("{fn::secret: [a]}", ["secret values must be string literals"]),
        ("{fn::secret: {ciphertext: a, b: c}}", ["secret values must be string literals"]),
        ("{fn::secret: {cipher: a}}", ["secret values must be string literals"]),
    ],
)
def test_a_broken_call_says_what_is_wrong_and_stays_a_call(expression: str, problems: list[str]) -> None:
    call, found = read(expression)
    assert isinstance(call, Call)
    assert found == problems


def test_a_secret_that_is_none_is_the_empty_one() -> None:
    call, _ = read("{fn::secret: 5}")
    assert isinstance(call, Call)
    plaintext = call.operands["plaintext"]
    assert isinstance(plaintext, Literal)
    assert plaintext.value == ""


@pytest.mark.parametrize(
    ("expression", "problems"),
    [
        ("{fn::unknown: a}", ["'fn::' is a reserved prefix"]),
        ("{Fn::Join: a}", ["'fn::' is a reserved prefix"]),
        (
            "{fn::join: a, b: c}",
            ['illegal call to builtin function: "fn::join" must be the only key within its containing object'],
        ),
        ('{"${b}": c}', ["object keys must be strings"]),
        ("{other: a}", []),
    ],
)
def test_an_object_that_is_no_call_is_an_object(expression: str, problems: list[str]) -> None:
    found, summaries = read(expression)
    assert not isinstance(found, Call)
    assert summaries == problems


def test_every_builtin_has_a_meaning_and_every_meaning_a_shape() -> None:
    from esc_operator.evaluation.builtins import CLAUSES, clause_of

    assert set(CLAUSES) == set(BUILTINS)
    assert all(callable(clause_of(name)) for name in CLAUSES)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("description: [a]", "description must be a string"),
        ("imports: 5", "imports must be a list"),
        ("imports: [5]", "import must be a string or an object"),
        ("imports: [{}]", "import must have a single key"),
        ("imports: [a: 5]", "import must be an object"),
        ("imports: [a: {merge: 5}]", "merge must be a boolean value"),
        ("values: 5", "values must be an object"),
        ("values: {fn::join: a}", 'builtin function call "fn::join" not allowed at the top level'),
        ("values: {}\nvalues: {}", 'duplicate key "values"'),
        (
            "valuse: {}",
            (
                "Field 'valuse' does not exist on Object 'environment'. "
                "Existing fields are: 'values', 'imports', 'description'"
            ),
        ),
        ("- a", "environment must be an object"),
        ("x", "environment must be an object"),
        ("# nothing", "environment must be an object"),
        ("values: {a: !!int x}", "yaml: cannot decode !!str `x` as a !!int"),
        ("values: {a: .inf}", "yaml: cannot represent .inf as a number"),
        ("values: {1: x}", "mapping keys must be strings"),
    ],
)
def test_a_document_says_what_is_wrong_with_its_shape(text: str, problem: str) -> None:
    _, diagnostics = parse_text("test", text)
    assert [diagnostic.summary for diagnostic in diagnostics] == [problem]


@pytest.mark.parametrize("number", [1 << 63, -(1 << 63) - 1, 12345678901234567000, 1.2345678901234568e29])
def test_a_number_that_kubernetes_may_have_rounded_is_a_warning_where_it_stands(number: float) -> None:
    environment, found = parse_object("app", {"values": {"environmentVariables": {"ID": number}}}, "spec.environment")
    assert environment is not None
    ((severity, summary, path, *_),) = found
    assert (severity, path) == ("warning", "spec.environment.values.environmentVariables.ID")
    assert summary.startswith("the number does not fit into 64 bits")
    assert "12345" not in summary


@pytest.mark.parametrize("number", [(1 << 63) - 1, -(1 << 63), 9007199254740993, 1.5, -7, 1e10])
def test_a_number_of_64_bits_is_none(number: float) -> None:
    assert parse_object("app", {"values": {"a": number}})[1] == ()
