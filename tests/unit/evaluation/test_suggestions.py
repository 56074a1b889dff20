"""What is suggested for a name that means nothing; and that nobody is told a name that is not theirs to read."""

from __future__ import annotations

import time

import pytest

from esc_operator.evaluation import (
    Answer,
    Described,
    Evaluation,
    Evaluator,
    Failed,
    FindProvider,
    Loaded,
    LoadEnvironment,
    Mode,
    Opened,
    OpenProvider,
)
from esc_operator.evaluation.results import Batch
from esc_operator.formats.spelling import Known
from esc_operator.lang import parse_object, parse_text
from esc_operator.schema.compile import from_json

LOGIN = from_json({"type": "object", "properties": {"accessKeyId": {"type": "string"}}})


def texts(text: str, **imports: str) -> list[str]:
    """The errors of `red/web`, in the order of their places; an import has the name `blue_shared` for `blue/shared`."""
    environment, found = parse_text("red/web", text)
    evaluator = Evaluator(environment, name="red/web", mode=Mode.OPEN, place_of=lambda name: name.partition("/")[0])
    stored = {name.replace("_", "/"): text for name, text in imports.items()}
    result = evaluator.step()
    while isinstance(result, Batch):
        answers: dict[int, Answer] = {}
        for effect in result.effects:
            match effect:
                case LoadEnvironment() if effect.identity in stored:
                    loaded = parse_text(effect.identity, stored[effect.identity])
                    answers[effect.id] = Loaded(*loaded, effect.identity)
                case LoadEnvironment():
                    known = Known(["blue/shared", "red/base"], "the environments that it can import are")
                    message = f'environment "{effect.name}" not found'
                    answers[effect.id] = Failed(message, wanted=effect.name, known=known)
                case FindProvider():
                    answers[effect.id] = Described(outputs=LOGIN)
                case OpenProvider():
                    answers[effect.id] = Opened({"accessKeyId": "AKIA", "hunter2": "x"})
                case _:
                    raise AssertionError
        result = evaluator.step(answers)
    return [each.text for each in (*found, *result.diagnostics)]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("${hots}", 'unknown property "hots"; did you mean "host"?'),
        ("${zzz}", 'unknown property "zzz"; the properties are a, db, host'),
        ("${db.prot}", 'unknown property "prot"; did you mean "port"?'),
        ("${db.nothing}", 'unknown property "nothing"; the properties are port'),
        ("{fn::tojson: 1}", "'fn::' is a reserved prefix; did you mean \"fn::toJSON\"?"),
        ("{fn::opne::aws-login: {}}", "'fn::' is a reserved prefix; did you mean \"fn::open::aws-login\"?"),
        ("{fn::open:aws-login: {}}", "'fn::' is a reserved prefix; did you mean \"fn::open::aws-login\"?"),
        ("{fn::env: 1}", "'fn::' is a reserved prefix; the functions are fn::concat, fn::final, fn::fromBase64"),
        ("{fn::open: {provder: x, inputs: {}}}", "missing provider name ('provider'); write \"provider\" in place of"),
        (
            "{fn::open: {provider: x, input: {}}}",
            'missing provider inputs (\'inputs\'); write "inputs" in place of "inp',
        ),
        ("{fn::validate: {shcema: {}, value: 1}}", "missing required property 'schema'; write \"schema\" in place of"),
        ("{fn::validate: {zzz: {}, value: 1}}", "missing required property 'schema'"),
        (
            "{fn::secret: '${db.port}'}",
            "secret values must be string literals; a reference to a secret is secret already: write the reference it",
        ),
        (
            "{fn::secret: 'x-${db.port}'}",
            "secret values must be string literals; a text with a reference to a secret in it is secret already",
        ),
        (
            "{fn::secret: {fn::toJSON: '${db}'}}",
            "secret values must be string literals; what is made of a secret is secret already: write the call itself",
        ),
        ("{fn::secret: 5432}", "secret values must be string literals; write the value in quotes"),
        (
            "{fn::secret: {user: hunter2}}",
            "secret values must be string literals; give each text in it a fn::secret of its own",
        ),
    ],
)
def test_what_was_meant_is_said_or_what_there_is(value: str, words: str) -> None:
    (found, *_) = texts(f"values: {{host: h, db: {{port: 1}}, a: {value if value[0] == '{' else repr(value)}}}")
    assert found.startswith(words)
    assert "hunter2" not in found


def test_a_missing_import_is_told_with_what_was_meant() -> None:
    assert texts("imports: [red/bsae]") == ['environment "red/bsae" not found; did you mean "red/base"?']
    assert texts("imports: [nothing]") == [
        'environment "nothing" not found; the environments that it can import are blue/shared, red/base'
    ]


def test_no_property_of_a_secret_is_named() -> None:
    secret = "{fn::fromJSON: {fn::secret: '{\"hunter2\": 1}'}}"
    for access in ("hunter", "zzz"):
        assert texts(f"values: {{a: '${{b.{access}}}', b: {secret}}}") == [f'unknown property "{access}"']


def test_of_what_a_provider_gives_only_what_its_schema_declares_is_named() -> None:
    login = "b: {fn::open::aws-login: {}}"
    assert texts(f"values: {{a: '${{b.accesKeyId}}', {login}}}") == [
        'unknown property "accesKeyId"; did you mean "accessKeyId"?'
    ]
    assert texts(f"values: {{a: '${{b.hunter}}', {login}}}") == [
        'unknown property "hunter"; the properties are accessKeyId'
    ]


def test_a_mistake_in_an_import_of_another_place_tells_no_name_of_that_place() -> None:
    shared = "imports: [{blue/closed: {merge: false}}]\nvalues: {a: '${imports[\"blue/closed\"].passwrd}', b: '${c}'}"
    found = texts("imports: [blue/shared]", blue_shared=shared, blue_closed="values: {password: x}")
    assert found == ['unknown property "passwrd"', 'unknown property "c"']
    assert texts("imports: [blue/shared]", blue_shared="imports: [blue/closde]") == [
        'environment "blue/closde" not found'
    ]


def test_a_mistake_in_an_import_of_the_same_place_is_helped() -> None:
    assert texts("imports: [red/base]", red_base="values: {host: h, a: '${hots}'}") == [
        'unknown property "hots"; did you mean "host"?'
    ]


def test_thousands_of_misspelled_names_cost_little() -> None:
    known = {f"property-{number:05}": 1 for number in range(5_000)}
    wrong = {f"v{number:05}": f"${{proprety-{number:05}}}" for number in range(5_000)}
    environment, _ = parse_object("red/web", {"values": {**known, **wrong}})
    started = time.process_time()
    result = Evaluator(environment, name="red/web", mode=Mode.CHECK).step()
    took = time.process_time() - started
    assert isinstance(result, Evaluation)
    assert len(result.diagnostics) == 5_000
    assert took < 3.0  # without a limit: 5,000 times 10,000 comparisons, some minutes
