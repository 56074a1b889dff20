"""No secret leaves without its flag, and nothing shows one that was not asked to."""

from __future__ import annotations

import pytest

from esc_operator.evaluation import (
    Decrypted,
    Described,
    Evaluation,
    Login,
    Mode,
    Opened,
    OpenProvider,
    Rotated,
    Secret,
    Value,
)
from esc_operator.evaluation.rendering import to_json, to_json_data
from esc_operator.evaluation.trace import definitions_of
from unit.evaluation.drive import World, evaluate, sealed

HIDDEN = "hunter2!"
MAKERS = [
    "{fn::secret: hunter2!}",
    f"{{fn::secret: {{ciphertext: {sealed(HIDDEN)}}}}}",
    "{fn::open::keep: {}}",
    "'${plain}'",
]
USES = [
    "'${s}'",
    "x ${s} y",
    "{fn::join: [',', ['${s}', a]]}",
    "{fn::join: ['${s}', [a, b]]}",
    "{fn::toJSON: {a: ['${s}']}}",
    "{fn::toString: ['${s}']}",
    "{fn::toBase64: '${s}'}",
    "{fn::split: ['${s}', a]}",
    "{fn::final: {a: '${s}'}}",
    "{fn::fromBase64: {fn::toBase64: '${s}'}}",
    "{fn::fromJSON: {fn::toJSON: '${s}'}}",
    "{fn::fromJSON: {fn::toJSON: {a: {b: '${s}'}}}}",
    "{fn::concat: [['${s}']]}",
    "{fn::validate: {schema: true, value: ['${s}']}}",
    "{fn::open::echo: {a: '${s}'}}",
    "{b: ['${s}']}",
]


def keep(_: OpenProvider) -> Opened:
    return Opened(HIDDEN)


def world() -> World:
    return World({"base": f"values: {{plain: {{fn::secret: {HIDDEN}}}}}"}, {"keep": (Described(), keep)})


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("use", USES)
def test_whatever_a_secret_goes_into_is_secret(maker: str, use: str) -> None:
    evaluation = evaluate(f"imports: [base]\nvalues:\n  s: {maker}\n  r: {use}\n", world())
    assert evaluation.ok, evaluation.diagnostics
    assert evaluation.value is not None
    assert (
        HIDDEN in str(evaluation.value.reveal()) or "aHVudGVyMiE=" in str(evaluation.value.reveal()) or "split" in use
    )
    shown = to_json(evaluation.value)
    assert HIDDEN not in shown
    assert "aHVudGVyMiE=" not in shown


@pytest.mark.parametrize("text", ["hunter2!", "a,hunter2!"])
def test_the_pieces_of_a_split_secret_are_secret(text: str) -> None:
    # Upstream marks the array but not its elements: `${parts[0]}` shows the secret.
    evaluation = evaluate(
        f"values: {{p: {{fn::split: [',', {{fn::secret: '{text}'}}]}}, a: '${{p[0]}}', b: 'x${{p[0]}}'}}"
    )
    assert evaluation.value is not None
    assert to_json_data(evaluation.value) == {"p": "[secret]", "a": "[secret]", "b": "[secret]"}


@pytest.mark.parametrize(
    ("role", "told"), [("plain", Login("plain", "aud", gives_token=False)), ("{fn::secret: hunter2!}", None)]
)
def test_a_login_is_reported_unless_its_inputs_hold_a_secret(role: str, told: Login | None) -> None:
    def lend(effect: OpenProvider) -> Opened:
        return Opened("keys", login=Login(effect.inputs["role"], "aud", gives_token=False))

    outside = World(providers={"lend": (Described(), lend)})
    (record,) = evaluate(f"values: {{a: {{fn::open::lend: {{role: {role}}}}}}}", outside).opens
    assert (record.provider, record.login) == ("lend", told)


def test_everything_in_a_secret_json_is_secret() -> None:
    text = "values: {j: {fn::fromJSON: {fn::secret: '{\"a\": [\"hunter2!\"]}'}}, a: '${j.a}', b: '${j.a[0]}'}"
    evaluation = evaluate(text)
    assert evaluation.value is not None
    assert to_json_data(evaluation.value) == {"j": "[secret]", "a": "[secret]", "b": "[secret]"}


def test_an_object_is_not_secret_because_a_member_is() -> None:
    evaluation = evaluate("values: {a: {b: {fn::secret: hunter2!}, c: d}}")
    assert evaluation.value is not None
    assert to_json_data(evaluation.value) == {"a": {"b": "[secret]", "c": "d"}}


def _everything(value: Value) -> list[Value]:
    parts = [*value.elements, *value.properties.values(), *value.bases]
    return [value, *(found for part in parts for found in _everything(part))]


def test_no_repr_shows_a_secret() -> None:
    outside = world()
    evaluation = evaluate(
        f"imports: [base]\nvalues: {{a: {MAKERS[0]}, b: {MAKERS[1]}, c: {MAKERS[2]}, d: '${{a}}'}}", outside
    )
    assert evaluation.value is not None
    shown = [repr(evaluation), str(evaluation), *map(repr, outside.asked), *map(repr, _everything(evaluation.value))]
    shown += [repr(definitions_of(value)) + repr(value.definition) for value in _everything(evaluation.value)]
    shown += [repr(answer) for answer in (Opened(HIDDEN), Secret(HIDDEN), Decrypted(HIDDEN), Rotated({"a": HIDDEN}))]
    shown += [format(value) for value in _everything(evaluation.value)]
    assert not [text for text in shown if HIDDEN in text]


BROKEN = [
    "{fn::fromJSON: '${s}'}",
    "{fn::fromBase64: '${s}'}",
    "{fn::concat: ['${s}']}",
    "{fn::join: [',', '${s}']}",
    "'${s.x}'",
    "{fn::validate: {schema: {const: x}, value: '${s}'}}",
    "{fn::validate: {schema: {pattern: '^$'}, value: '${s}'}}",
    "{fn::validate: {schema: {pattern: '(${s}'}, value: x}}",
    "{fn::validate: {schema: {const: '${s}'}, value: x}}",
    "{fn::validate: {schema: {enum: ['${s}', y]}, value: x}}",
    "{fn::validate: {schema: {additionalProperties: false}, value: {fn::fromJSON: '{\"${s}\": 1}'}}}",
    "{fn::open::gone: '${s}'}",
    "{fn::open::echo: '${s}'}",
]


@pytest.mark.parametrize("use", BROKEN)
def test_no_diagnostic_shows_a_secret(use: str) -> None:
    evaluation: Evaluation = evaluate(f"values: {{s: {{fn::secret: {HIDDEN}}}, r: {use}}}", world())
    assert not evaluation.ok
    assert not [found for found in evaluation.diagnostics if "hunter" in str(found)]


def test_a_check_shows_no_secret_either() -> None:
    evaluation = evaluate(f"imports: [base]\nvalues: {{a: {MAKERS[0]}, b: 'x ${{a}}'}}", world(), mode=Mode.CHECK)
    assert evaluation.value is not None
    assert HIDDEN not in to_json(evaluation.value)
    assert HIDDEN in to_json(evaluation.value, redact=False)
