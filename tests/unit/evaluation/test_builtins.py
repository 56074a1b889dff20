"""What the builtins make of values."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esc_operator.evaluation import (
    Decrypted,
    Described,
    Evaluator,
    Failed,
    FindProvider,
    Mode,
    Opened,
    OpenProvider,
    Secret,
)
from esc_operator.evaluation.rendering import to_json, to_json_data
from esc_operator.lang import parse_text
from esc_operator.schema.compile import from_json
from unit.evaluation.drive import World, cipher, drive, echo, evaluate, revealed, sealed, summaries


def value(expression: str, **others: str) -> Any:
    lines = [f"  {key}: {text}" for key, text in {**others, "result": expression}.items()]
    return revealed(evaluate("\n".join(["values:", *lines])))["result"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ('{fn::join: [", ", [a, b, "${x}"]]}', "a, b, word"),
        ('{fn::join: ["", []]}', ""),
        ('{fn::split: [",", "a,b,,c"]}', ["a", "b", "", "c"]),
        ('{fn::split: [",", ""]}', [""]),
        ('{fn::split: ["", "añ💥"]}', ["a", "ñ", "💥"]),
        ('{fn::split: ["", ""]}', []),
        ('{fn::concat: [[1], "${list}", []]}', [1, "a", "b"]),
        ("{fn::concat: []}", []),
        ('{fn::toJSON: {b: [1, 1.50, null], a: "<${x}>"}}', '{"a":"\\u003cword\\u003e","b":[1,1.5,null]}'),
        ('{fn::fromJSON: \'{"a": [1.0, 1E5, true], "a": 2} rest\'}', {"a": 2}),
        ("{fn::fromJSON: ' 12abc'}", 12),
        ("{fn::toString: [a, 1, null, {c: d, b: true}]}", '"a","1","","\\"b\\"=\\"true\\",\\"c\\"=\\"d\\""'),
        ("{fn::toString: null}", ""),
        ("{fn::toString: 1.50}", "1.5"),
        ("{fn::toBase64: hi there}", "aGkgdGhlcmU="),
        ("{fn::fromBase64: aGkg dGhlcmU=}", None),
        ('{fn::fromBase64: "aGkg\\ndGhlcmU="}', "hi there"),
        ("{fn::final: [1]}", [1]),
        ("{fn::validate: {schema: {type: string}, value: a}}", "a"),
        ("{fn::secret: s$$x}", "s$x"),
    ],
)
def test_each_builtin_gives_what_the_language_says(expression: str, expected: Any) -> None:
    if expected is None:
        assert not evaluate(f"values: {{result: {expression}}}").ok
    else:
        assert value(expression, x="word", list="[a, b]") == expected


def test_the_text_of_a_number_survives_json() -> None:
    text = '{"a":1.0,"b":1E5,"c":[123456789012345678901234567890,-0]}'
    evaluation = evaluate(f"values: {{a: {{fn::toJSON: {{fn::fromJSON: '{text}'}}}}}}")
    assert revealed(evaluation) == {"a": text}


def test_the_text_of_a_number_survives_a_provider() -> None:
    world = World(providers={"copy": (Described(), lambda effect: Opened(effect.inputs, secret=False))})
    evaluation = evaluate("values: {a: {fn::open::copy: {b: {fn::fromJSON: '[1.0, 7]'}}}}", world)
    assert evaluation.value is not None
    assert to_json(evaluation.value) == '{"a":{"b":[1.0,7]}}'


@given(st.binary(max_size=20))
def test_bytes_that_are_no_text_survive_base64(data: bytes) -> None:
    import base64

    text = base64.b64encode(data).decode()
    assert revealed(evaluate(f"values: {{a: {{fn::toBase64: {{fn::fromBase64: '{text}'}}}}}}")) == {"a": text}


def test_bytes_that_are_no_text_are_replaced_in_json() -> None:
    evaluation = evaluate("values: {a: {fn::toJSON: {fn::fromBase64: /w==}}}")
    assert revealed(evaluation) == {"a": '"\ufffd"'}


def test_a_provider_is_found_once_and_opened_where_it_is_called() -> None:
    world = World()
    evaluation = evaluate(
        "values: {a: {fn::open::echo: {b: c}}, d: {fn::open: {provider: echo, inputs: {e: f}}}}", world
    )
    assert revealed(evaluation) == {"a": {"b": "c"}, "d": {"e": "f"}}
    assert len(world.asked_for(FindProvider)) == 1
    opened = world.asked_for(OpenProvider)
    assert [(effect.provider, effect.path, effect.environment) for effect in opened] == [
        ("echo", "values.a", "root"),
        ("echo", "values.d", "root"),
    ]
    assert [record.path for record in evaluation.opens] == ["values.a", "values.d"]


def test_what_a_provider_gives_is_secret_unless_it_says_otherwise() -> None:
    world = World(providers={"login": (Described(), lambda _: Opened({"id": "x", "list": ["y"]}))})
    evaluation = evaluate("values: {a: {fn::open::login: {}}, b: '${a.list[0]}', c: '${a.id}!'}", world)
    assert evaluation.value is not None
    assert to_json_data(evaluation.value) == {"a": "[secret]", "b": "[secret]", "c": "[secret]"}


def test_a_provider_may_mark_only_parts_as_secret() -> None:
    world = World(providers={"login": (Described(), lambda _: Opened({"id": "x", "key": Secret("y")}, secret=False))})
    evaluation = evaluate("values: {a: {fn::open::login: {}}, b: '${a.key}', c: '${a.id}'}", world)
    assert evaluation.value is not None
    assert to_json_data(evaluation.value) == {"a": {"id": "x", "key": "[secret]"}, "b": "[secret]", "c": "x"}


@pytest.mark.parametrize("answer", [b"bytes", {5: "x"}, float("nan"), [object()], 10**1000])
def test_an_answer_that_is_no_json_is_the_providers_mistake(answer: Any) -> None:
    world = World(providers={"odd": (Described(), lambda _: Opened(answer))})
    evaluation = evaluate("values: {a: {fn::open::odd: {}}}", world)
    (found,) = evaluation.diagnostics
    assert found.summary.startswith("internal error: the result ")
    assert found.reason == "ProviderFailed"


def test_an_answer_that_is_too_deep_is_refused() -> None:
    deep: Any = "x"
    for _ in range(500):
        deep = [deep]
    world = World(providers={"deep": (Described(), lambda _: Opened(deep))})
    assert summaries(evaluate("values: {a: {fn::open::deep: {}}}", world)) == [
        "internal error: the result is nested too deeply"
    ]


def test_a_foreign_reason_is_carried_over() -> None:
    refusal = Failed("not allowed", "AccessDenied", 30)
    world = World(providers={"closed": (Described(), lambda _: refusal)})
    (found,) = evaluate("values: {a: {fn::open::closed: {}}, b: '${a.x}'}", world).diagnostics
    assert (found.reason, found.cause, found.path) == ("AccessDenied", refusal, "values.a")


def test_a_check_opens_nothing_and_knows_what_would_come() -> None:
    outputs = from_json({"type": "object", "properties": {"token": {"type": "string"}}})
    world = World(providers={"login": (Described(outputs=outputs), echo)})
    evaluation = evaluate("values: {a: {fn::open::login: {}}, b: '${a.token.x}'}", world, mode=Mode.CHECK)
    assert world.asked_for(OpenProvider) == []
    assert summaries(evaluation) == ["receiver must be an array or an object"]


def test_inputs_that_are_not_known_open_nothing() -> None:
    world = World()
    evaluation = evaluate("values: {a: {fn::open::echo: {b: '${gone}'}}}", world)
    assert summaries(evaluation) == ['unknown property "gone"']
    assert world.asked_for(OpenProvider) == []


def test_validation_sees_what_a_value_inherits() -> None:
    # Upstream loses the inherited properties, both for the schema and for the result.
    schema = "{type: object, required: [a, b]}"
    text = f"imports: [base]\nvalues:\n  x: {{b: 2}}\n  y: {{fn::validate: {{schema: {schema}, value: '${{x}}'}}}}"
    assert revealed(evaluate(text, World({"base": "values: {x: {a: 1}}"})))["y"] == {"a": 1, "b": 2}


def test_the_schema_of_a_validation_may_be_computed() -> None:
    text = "values:\n  s: {fn::fromJSON: '{\"type\": \"string\"}'}\n  a: {fn::validate: {schema: '${s}', value: 5}}"
    assert summaries(evaluate(text)) == ["expected string, got number"]


def test_a_schema_that_is_not_known_validates_nothing() -> None:
    text = "values: {s: {fn::open::echo: {}}, a: {fn::validate: {schema: '${s}', value: 5}}}"
    assert evaluate(text, mode=Mode.CHECK).ok


def test_a_secret_schema_is_not_quoted() -> None:
    text = "values: {a: {fn::validate: {schema: {$ref: {fn::secret: hunter2}}, value: 5}}}"
    (found,) = evaluate(text).diagnostics
    assert "hunter2" not in found.summary
    assert found.reason == "InvalidSchema"


def test_a_ciphertext_is_decrypted_for_its_environment() -> None:
    world = World({"base": f"values: {{a: {{fn::secret: {{ciphertext: {sealed('theirs')}}}}}}}"})
    text = f"imports: [base]\nvalues: {{b: {{fn::secret: {{ciphertext: {sealed('mine!')}}}}}}}"
    evaluation = evaluate(text, world)
    assert revealed(evaluation) == {"a": "theirs", "b": "mine!"}
    assert evaluation.value is not None
    assert to_json_data(evaluation.value) == {"a": "[secret]", "b": "[secret]"}


def test_a_check_decrypts_only_to_show_secrets() -> None:
    text = f"values: {{a: {{fn::secret: {{ciphertext: {sealed('mine!')}}}}}}}"
    hidden, shown = evaluate(text, mode=Mode.CHECK), evaluate(text, mode=Mode.CHECK, show_secrets=True)
    assert hidden.value is not None
    assert shown.value is not None
    assert hidden.value.reveal() == {"a": "[unknown]"}
    assert to_json_data(hidden.value) == {"a": "[secret]"}
    assert shown.value.reveal() == {"a": "mine!"}


def test_an_access_into_a_ciphertext_is_an_ordinary_mistake() -> None:
    # Upstream reports an internal error.
    text = f"values: {{a: {{fn::secret: {{ciphertext: {sealed('mine!')}}}}}, b: '${{a.x}}'}}"
    for mode in (Mode.CHECK, Mode.OPEN):
        assert summaries(evaluate(text, mode=mode)) == ["receiver must be an array or an object"]


def test_a_failed_decryption_leaves_a_secret_unknown() -> None:
    class Keyless(World):
        def answer(self, effect: Any) -> Any:
            return Failed("no key", "KeyMissing")

    evaluation = evaluate(f"values: {{a: {{fn::secret: {{ciphertext: {sealed('mine!')}}}}}}}", Keyless())
    (found,) = evaluation.diagnostics
    assert (found.summary, found.reason) == ("decrypting: no key", "KeyMissing")
    assert evaluation.value is not None
    assert to_json_data(evaluation.value) == {"a": "[secret]"}


@pytest.mark.parametrize("mode", [Mode.CHECK, Mode.OPEN])
def test_a_damaged_ciphertext_is_reported_in_a_check_too(mode: Mode) -> None:
    evaluation = evaluate("values: {a: {fn::secret: {ciphertext: AAAA}}}", mode=mode)
    assert summaries(evaluation) == ["invalid ciphertext: EOF"]
    assert evaluation.value is not None
    assert to_json_data(evaluation.value) == {"a": "[secret]"}


def test_a_plaintext_may_come_as_text_and_each_secret_is_asked_for_once() -> None:
    class Texts(World):
        def answer(self, effect: Any) -> Any:
            self.asked.append(effect)
            return Decrypted(cipher(effect.ciphertext).decode())

    envelope, world = sealed("mine!"), Texts()
    text = f"values: {{a: {{fn::secret: {{ciphertext: {envelope}}}}}, b: {{fn::secret: {{ciphertext: {envelope}}}}}}}"
    assert revealed(evaluate(text, world)) == {"a": "mine!", "b": "mine!"}
    assert len(world.asked) == 1
    assert repr(world.asked[0]) == "Decrypt(id=1, environment='root')"


def test_a_call_without_a_provider_is_unknown() -> None:
    environment, _ = parse_text("root", "values: {a: {fn::open: {inputs: {}}}}")
    evaluation = drive(Evaluator(environment, name="root", mode=Mode.OPEN), World())
    assert evaluation.value is not None
    assert evaluation.value.reveal() == {"a": "[unknown]"}


@pytest.mark.parametrize("call", ["fn::final: {parts}", "fn::validate: {{schema: {{type: object}}, value: {parts}}}"])
def test_what_is_handed_on_is_unknown_and_secret_as_a_whole(call: str) -> None:
    parts = "{s: {fn::secret: x}, o: {fn::open::echo: {v: 1}}}"
    text = f"values: {{a: {{{call.format(parts=parts)}}}}}"
    checked = evaluate(text, mode=Mode.CHECK).value
    assert checked is not None
    assert to_json_data(checked) == {"a": "[secret]"}
    assert checked.reveal() == {"a": "[unknown]"}
    assert revealed(evaluate(text)) == {"a": {"s": "x", "o": {"v": 1}}}


def test_what_is_handed_on_with_a_mistake_in_it_is_opened_all_the_same() -> None:
    world = World()
    evaluation = evaluate("values: {a: {fn::final: {s: '${nope}', o: {fn::open::echo: {v: 1}}}}}", world)
    assert len(world.asked_for(OpenProvider)) == 1
    assert evaluation.value is not None
    assert evaluation.value.reveal() == {"a": "[unknown]"}
